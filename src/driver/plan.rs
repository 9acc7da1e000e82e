//! `bld plan`: interprets without running a step, and settles the ledger.

use std::sync::Arc;

use crate::{
    events::EventSink,
    graph::{
        Ledger, Plan,
        ledger::{Settled, Visit},
    },
};

use super::{
    Failure,
    build::{interpret, output_mode},
    images::Images,
    probe::Planning,
    request::BuildRequest,
};

/// A plan, ready to be shown.
pub struct Planned {
    /// The canonical name of the target.
    pub root: String,
    /// All steps.
    pub plan: Arc<Plan>,
    /// All targets that were visited.
    pub visits: Vec<Visit>,
    /// All outputs, and whether they count.
    pub outputs: Vec<Settled>,
}

/// Plans a run. Registries are asked for base images unless the request is offline; no engine is needed.
pub async fn plan(request: BuildRequest, events: Arc<dyn EventSink>) -> Result<Planned, Failure> {
    let images = (!request.offline).then(|| Images::of_registries(&request, &events));
    let plan = Arc::new(Plan::default());
    let ledger = Arc::new(Ledger::default());
    let probe = Arc::new(Planning { images });
    let interpreted = interpret(&request, &plan, &ledger, probe, &events).await?;
    let outputs = ledger.settle(output_mode(&request, &interpreted));
    let root = ledger.visit_of(interpreted.root).target;
    Ok(Planned {
        root,
        plan,
        visits: ledger.visits(),
        outputs,
    })
}
