//! Runs the tree: executes statements, appends steps to the plan and entries to the ledger.
//!
//! What can only be learnt by running something is asked through [`probe::Probe`]; nothing else looks upward.

pub mod dotenv;
pub mod probe;
mod request;
pub use request::{Interpreted, Request, Root};
/// temp
pub async fn run(
    _: Request,
    _: std::sync::Arc<crate::graph::Plan>,
    _: std::sync::Arc<crate::graph::Ledger>,
    _: std::sync::Arc<dyn probe::Probe>,
    _: std::sync::Arc<dyn crate::events::EventSink>,
) -> Result<Interpreted, Vec<crate::diag::Diagnostic>> {
    Err(vec![])
}
