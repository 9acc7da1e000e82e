//! The run as a whole: the only room that sees all the others.
//!
//! [`build`] interprets, executes what is ready meanwhile, settles the ledger and hands the outputs over. Each of these
//! is a file here; none of them knows how anything looks on a terminal.

mod attempts;
mod auto_skip;
mod build;
mod cache;
mod dockerfile;

mod engines;
mod executor;
mod failure;
mod handover;
mod host;
mod images;
mod manual;
mod outputs;
mod plan;
mod probe;
mod remote_cache;
mod request;
mod secrets;
mod syntax_tree;
mod terminal;

pub use build::build;
pub use cache::{forget, look_at_engine, prune};
pub use engines::EngineChoice;
pub use failure::{Failure, FailureKind};
pub use manual::manual;
pub use plan::{Planned, plan};
pub use request::{BuildRequest, Goal};
pub use syntax_tree::syntax_tree;
