//! How commands ended whose failure does not end their step (`TRY`).
//!
//! An engine remembers an attempt like any step, also one that failed. What it wrote down names the build that ran it: a
//! failure of another build is not believed, and the next attempt looked at. So every build passes the failures of earlier
//! ones until it finds a success, or an attempt that nobody has made.

use std::sync::Arc;

use crate::{
    engine::{EngineError, StepFailure},
    events::{Event, EventSink, StepState},
    graph::{Plan, StepId},
    llb::lower::CAPTURED_STATUS,
};

use super::executor::Executor;

/// Reads how attempts ended.
pub struct Attempts {
    /// Knows the steps.
    pub plan: Arc<Plan>,
    /// Where failures are told.
    pub events: Arc<dyn EventSink>,
    /// What this build is called in what attempts write down.
    pub build: String,
}

impl Attempts {
    /// The exit status; if it is a failure, it is one of this build.
    pub async fn result(&self, executor: &Executor, step: StepId) -> Result<i32, EngineError> {
        loop {
            let (status, build) = written(executor, step).await?;
            if build == self.build {
                return Ok(status);
            }
            if status == 0 {
                self.cached(executor, step).await?;
                return Ok(status);
            }
            executor.again(step);
        }
    }

    /// The success of an earlier build is this one's, too. Of the failures on the way to it nobody was told.
    async fn cached(&self, executor: &Executor, step: StepId) -> Result<(), EngineError> {
        if let Some(edge) = executor.state(step).await? {
            self.events.emit(Event::Step {
                id: edge.vertex.digest.clone(),
                label: Arc::clone(&self.plan.step(step).label),
                state: StepState::Cached,
            });
        }
        Ok(())
    }

    /// The failure that a failed attempt is for the build.
    pub async fn failure(&self, executor: &Executor, step: StepId) -> EngineError {
        match self.told(executor, step).await {
            Ok(error) | Err(error) => error,
        }
    }

    async fn told(&self, executor: &Executor, step: StepId) -> Result<EngineError, EngineError> {
        let (status, _) = written(executor, step).await?;
        let state = executor.state(step).await?;
        let tail = executor.build().await?.tail(&state).await;
        let label = Arc::clone(&self.plan.step(step).label);
        let Some(edge) = state else {
            return Err(EngineError::Other("an attempt left nothing".to_owned()));
        };
        let vertex = edge.vertex.digest.clone();
        let message = format!("exit code {status}");
        self.events.emit(Event::Step {
            id: vertex.clone(),
            label: Arc::clone(&label),
            state: StepState::Failed {
                reason: message.clone(),
            },
        });
        Ok(EngineError::Step(Box::new(StepFailure {
            vertex,
            label,
            exit_code: Some(status),
            tail,
            message,
        })))
    }
}

/// Exit status, and the build that the attempt ran in.
async fn written(executor: &Executor, step: StepId) -> Result<(i32, String), EngineError> {
    let state = executor.capture(step).await?;
    let solved = executor.solve(&state).await?;
    let text = executor
        .build()
        .await?
        .read_file(&solved, CAPTURED_STATUS)
        .await?;
    let text = String::from_utf8_lossy(&text);
    let (status, build) = text
        .trim_end()
        .split_once(' ')
        .unwrap_or((text.trim_end(), ""));
    let status = status
        .parse()
        .map_err(|_| EngineError::Other(format!("an attempt left `{text}` as its exit status")))?;
    Ok((status, build.to_owned()))
}
