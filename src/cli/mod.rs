//! The command line: arguments as typed, settings as resolved, one call into the driver, and how all of it looks.
//!
//! Data goes to standard output, everything about builds to standard error. No build logic lives here.

pub mod args;
pub mod commands;
mod completion;
pub mod config_file;
mod console;
pub mod env_vars;
pub mod exit;
pub mod printer;
pub mod progress;
mod run;
pub mod settings;
mod split;
mod variable_files;

pub use run::run;
