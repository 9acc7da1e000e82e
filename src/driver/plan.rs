//! `bld plan`: interprets without running a step, and settles the ledger.

use std::sync::Arc;

use crate::{
    base::Platform,
    events::EventSink,
    graph::{
        Ledger, Plan,
        ledger::{Settled, Visit},
    },
    syntax::dialect::Feature,
};

use super::{
    Failure,
    build::{CacheDir, interpret, output_mode},
    images::{Images, Outside},
    probe::Planning,
    request::BuildRequest,
};

/// A plan, ready to be shown.
pub struct Planned {
    /// The canonical name of the target.
    pub root: String,
    /// All steps.
    pub plan: Arc<Plan>,
    /// All targets that were visited, by their ids.
    pub visits: Vec<Visit>,
    /// Their names in the order in which they are met from the root.
    pub order: Vec<String>,
    /// All outputs, and whether they count.
    pub outputs: Vec<Settled>,
}

/// Plans a run. Registries are asked for base images unless the request is offline; no engine is needed.
pub async fn plan(
    mut request: BuildRequest,
    events: Arc<dyn EventSink>,
) -> Result<Planned, Failure> {
    // Nothing runs, so that nothing has to be allowed.
    request.allow_privileged = true;
    let outside = Outside::new(&request, &events);
    let images = (!request.offline).then(|| Images::of_registries(&request, &outside, &events));
    let plan = Arc::new(Plan::default());
    let ledger = Arc::new(Ledger::default());
    let probe = Arc::new(Planning { images });
    let cache_dir = CacheDir::of(&request)?;
    let remotes = cache_dir.remotes(&request, &events);
    let native = Platform::host();
    let interpreted = interpret(&request, native, &plan, &ledger, probe, &remotes, &events).await?;
    let older = !interpreted.features.has(Feature::ReferencedSaveOnly);
    let outputs = ledger.settle(output_mode(&request, older));
    let root = ledger.visit_of(interpreted.root).target;
    let visits = ledger.visits();
    let mut order: Vec<String> = Vec::new();
    for visit in ledger.walk() {
        let target = &visits[visit.0 as usize].target;
        if !order.contains(target) {
            order.push(target.clone());
        }
    }
    Ok(Planned {
        order,
        root,
        plan,
        visits,
        outputs,
    })
}
