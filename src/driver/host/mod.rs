//! What a build does on this machine (`LOCALLY`): commands and copies, one at a time, in the order in which the
//! interpreter comes to them.
//!
//! Before something may change files here, everything that the build has named of them so far is read: what a `COPY`
//! saw stays what it was, and what follows is read anew.

mod command;
mod copy;
mod write_back;

use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    base::Digest,
    diag::Diagnostic,
    engine::{EngineError, StepFailure},
    events::{Event, EventSink, Label, StepState},
    graph::{Plan, StepId, plan::StepOp},
    interp::probe::Captured,
    llb::Nonce,
};

use super::{executor::Executor, failure::engine_diagnostic};

/// The machine that bld runs on.
pub struct Host {
    /// Knows the steps.
    pub plan: Arc<Plan>,
    /// Executes what has to be there before.
    pub executor: Arc<Executor>,
    /// Where progress goes.
    pub events: Arc<dyn EventSink>,
    /// The working directory.
    pub cwd: std::path::PathBuf,
    /// Cancelled: what runs is ended.
    pub cancel: CancellationToken,
    /// Tells this run's steps from those of every other.
    pub nonce: Nonce,
    /// True as soon as it is known that the run has what it needs; before that nothing is changed here.
    pub begun: watch::Receiver<bool>,
    /// Whose turn it is; and how far the plan has been looked through for files that have to be read.
    pub turn: Arc<Mutex<usize>>,
}

/// What is told about one step.
#[derive(Clone)]
struct Telling {
    events: Arc<dyn EventSink>,
    id: Digest,
    label: Arc<Label>,
}

impl Host {
    /// Does what a step says.
    pub async fn act(self: &Arc<Self>, step: StepId) -> Result<Captured, Box<Diagnostic>> {
        // Nobody is there to say it only where the run is over.
        let _ = self.begun.clone().wait_for(|begun| *begun).await;
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        self.read_what_was_named(&mut turn)
            .await
            .map_err(|e| self.failed(e))?;
        // On a task of its own: whoever waits may be stopped at any time, and then there must still be somebody who ends
        // what runs.
        let host = Arc::clone(self);
        let work = tokio::spawn(async move { host.act_in_turn(step, turn).await });
        work.await.unwrap_or_else(|e| match e.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Box::new(engine_diagnostic(EngineError::Canceled))),
        })
    }

    /// Waits for the end of what runs. Afterwards nothing begins any more, if the run was cancelled.
    pub async fn idle(&self) {
        drop(self.turn.lock().await);
    }

    async fn act_in_turn(
        &self,
        step: StepId,
        turn: OwnedMutexGuard<usize>,
    ) -> Result<Captured, Box<Diagnostic>> {
        if self.cancel.is_cancelled() {
            return Err(Box::new(engine_diagnostic(EngineError::Canceled)));
        }
        let planned = self.plan.step(step);
        let id = format!("host {} {}", self.nonce.as_str(), step.0);
        let telling = Telling {
            events: Arc::clone(&self.events),
            id: Digest::of(id.as_bytes()),
            label: Arc::clone(&planned.label),
        };
        let done = match &planned.op {
            StepOp::HostRun(run) => command::run(run, &telling, &self.cancel)
                .await
                .map_err(|e| self.failed(e)),
            StepOp::WriteBack(work) => self
                .write_back(work, &telling)
                .await
                .map(|()| Captured::default()),
            StepOp::HostCopy(files) => self
                .copy(files, &telling)
                .await
                .map(|()| Captured::default()),
            _ => unreachable!("only steps of this machine are done here"),
        };
        drop(turn);
        done
    }

    /// Has the engine read all files that steps up to now take from this machine.
    pub async fn read_everything_named(&self) -> Result<(), EngineError> {
        let mut turn = self.turn.lock().await;
        self.read_what_was_named(&mut turn).await
    }

    async fn read_what_was_named(&self, seen: &mut usize) -> Result<(), EngineError> {
        let steps = self.plan.since(*seen);
        *seen += steps.len();
        let contexts = steps
            .into_iter()
            .filter(|(_, step)| matches!(step.op, StepOp::Context(_)));
        let read = contexts.map(|(id, _)| self.executor.execute(id));
        try_join_all(read).await.map(|_| ())
    }

    /// A failure here stops the run like that of any other step.
    fn failed(&self, error: EngineError) -> Box<Diagnostic> {
        let diagnostic = Box::new(engine_diagnostic(error.clone()));
        self.executor.fail(error);
        diagnostic
    }
}

impl Telling {
    fn state(&self, state: StepState) {
        self.events.emit(Event::Step {
            id: self.id.clone(),
            label: Arc::clone(&self.label),
            state,
        });
    }

    fn log(&self, stderr: bool, data: Vec<u8>) {
        self.events.emit(Event::Log {
            id: self.id.clone(),
            label: Arc::clone(&self.label),
            stderr,
            data,
        });
    }

    fn failure(
        &self,
        exit_code: Option<i32>,
        tail: Vec<String>,
        message: impl Into<String>,
    ) -> EngineError {
        let message = message.into();
        self.state(StepState::Failed {
            reason: message.clone(),
        });
        EngineError::Step(Box::new(StepFailure {
            vertex: self.id.clone(),
            label: Arc::clone(&self.label),
            exit_code,
            tail,
            message,
        }))
    }
}
