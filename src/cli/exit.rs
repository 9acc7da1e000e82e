//! The exit codes, a documented interface (language specification, 5.7).

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for is done.
    Success = 0,
    /// A build, a build file, the command line or an output failed.
    Failure = 1,
    /// Cancelled: the first Ctrl-C or SIGTERM, or the engine said so.
    Canceled = 2,
    /// The engine cannot be reached.
    EngineUnreachable = 6,
    /// The engine went away in mid-build.
    EngineGone = 7,
    /// A privileged step without `--allow-privileged`; also a second Ctrl-C.
    NotAllowed = 9,
    /// A program of another processor, and no emulation for it.
    ForeignBinary = 255,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
