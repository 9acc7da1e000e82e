//! The run as a whole: the only room that sees all the others.
//!
//! [`build`] interprets, executes what is ready meanwhile, settles the ledger and hands the outputs over. Each of these
//! is a file here; none of them knows how anything looks on a terminal.

mod build;
mod check;
mod engines;
mod executor;
mod failure;
mod images;
mod outputs;
mod plan;
mod probe;
mod request;

pub use build::build;
pub use check::{check, syntax_tree};
pub use failure::{Failure, FailureKind};
pub use plan::{Planned, plan};
pub use request::{BuildRequest, Goal};
