//! Runs the tree: executes statements, appends steps to the plan and entries to the ledger.
//!
//! What can only be learnt by running something is asked through [`probe::Probe`]; nothing else looks upward.

pub mod probe;
