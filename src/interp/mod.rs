//! Runs the tree: executes statements, appends steps to the plan and entries to the ledger.
//!
//! [`run`] interprets a target and everything that it needs. What can only be learnt by running something is asked
//! through [`probe::Probe`]; nothing else looks upward. The way through the room: `run` → `exec::Start` → `target` →
//! `block` → `commands/`; `visits` knows every target of the run, `project` every file.

mod args;
mod block;
mod builtins;
mod call;
mod check;
mod commands;
pub mod dotenv;
mod error;
mod exec;
mod expand;
mod fork;
mod host;
mod ignore;
pub mod manual;
mod origin;
mod owner;
mod posix;
mod privileges;
pub mod probe;
mod project;
mod run;
mod scope;
mod session;
mod state;
mod statics;
mod target;
#[cfg(test)]
mod tests;
mod value;
mod visits;
mod wildcard;
mod with_docker;

pub use builtins::COMPATIBLE_VERSION;
pub use check::{CheckRequest, Checked, check};
pub use error::{Failure, STRICT};
pub(crate) use error::{NOT_ALLOWED, not_among_artifacts};
pub use ignore::IGNORE_FILES;
pub use probe::Probe;
pub use project::{BASE, BUILD_FILES};
pub use run::{Interpreted, Request, RootFile, run};
