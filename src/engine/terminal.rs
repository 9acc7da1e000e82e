//! A terminal that somebody sits at, lent to one command.

use std::{fmt, io};

use tokio::sync::{mpsc, watch};

/// Height and width in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
}

/// Shows bytes.
pub type Show = dyn Fn(&[u8]) + Send + Sync;

/// A terminal while a command has it. What is typed is for the command, Ctrl-C too.
pub struct Terminal {
    /// What is typed.
    pub input: mpsc::Receiver<Vec<u8>>,
    /// Shows what the command writes.
    pub output: Box<Show>,
    /// Its size, as it changes.
    pub size: watch::Receiver<Size>,
    /// Its kind, for the variable `TERM`.
    pub kind: String,
    /// Gives the terminal back when it is dropped.
    pub guard: Box<dyn Send + Sync>,
}

/// The terminal of the user.
pub trait Console: Send + Sync + fmt::Debug {
    /// Takes it away from everything else that is shown there, until it is dropped.
    fn take(&self) -> io::Result<Terminal>;
}
