//! `.env`, `.arg` and `.secret` on disk: which file is read, and whether it has to be there.

use std::{fs, io, path::Path};

use crate::{
    diag::Diagnostic,
    interp::dotenv::{self, Entry, Shown},
};

/// What a file of variables is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableFile {
    /// Settings of bld.
    Settings,
    /// Arguments of the target.
    Args,
    /// Secrets.
    Secrets,
}

impl VariableFile {
    /// What it is called where the user has not named another one.
    fn default_name(self) -> &'static str {
        match self {
            Self::Settings => ".env",
            Self::Args => ".arg",
            Self::Secrets => ".secret",
        }
    }

    /// How much of it a message may show. Others, too, read `.env`, and what is in it for them may be a secret.
    fn shown(self) -> Shown {
        match self {
            Self::Settings => Shown::Names,
            Self::Args => Shown::Everything,
            Self::Secrets => Shown::Nothing,
        }
    }
}

/// Reads the named file, else the one of the usual name in `cwd`. A missing default file is no error, a missing named one
/// is.
pub fn read(
    named: Option<&Path>,
    cwd: &Path,
    file: VariableFile,
) -> Result<Vec<Entry>, Box<Diagnostic>> {
    let default = file.default_name();
    let name = named.map_or_else(|| default.to_owned(), |named| named.display().to_string());
    let text = match fs::read_to_string(cwd.join(&name)) {
        Ok(text) => text,
        Err(e) if named.is_none() && e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            let message = format!("cannot read `{name}`: {e}");
            return Err(Box::new(Diagnostic::error("variable-file", message)));
        }
    };
    dotenv::parse(&name, &text, file.shown())
}
