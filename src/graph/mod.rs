//! What will be built, as values: references between targets, the plan of steps, and the ledger of outputs.

pub mod dump;
pub mod ledger;
pub mod plan;
pub mod reference;

pub use ledger::Ledger;
pub use plan::{Plan, Step, StepId};
pub use reference::{ArtifactRef, FunctionRef, Place, TargetRef};
