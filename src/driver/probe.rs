//! Answers the interpreter's questions: by executing a step, or by looking an image up. For a plan, by saying that
//! nothing is run.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;

use crate::{
    base::{OnceMap, Platform},
    diag::Diagnostic,
    engine::{EngineError, Sockets, terminal::Console},
    events::EventSink,
    graph::{
        Plan,
        ledger::{Output, OutputMode, Verdict, WaitId},
        plan::StepId,
    },
    interp::probe::{
        Answer, BaseImage, Captured, FromDockerfile, HostImage, Probe, SecretName, Work,
    },
    llb::lower::{CAPTURED_OUTPUT, CAPTURED_STATUS},
    oci::ImageRef,
};

use super::{
    attempts::Attempts,
    auto_skip::Skips,
    executor::Executor,
    failure::{Failure, engine_diagnostic, no_agent, silent_agent},
    host::Host,
    images::Images,
    outputs::Delivery,
    secrets::Secrets,
};

/// Answers by running.
pub struct Running {
    /// Runs the steps.
    pub executor: Arc<Executor>,
    /// Looks images up.
    pub images: Images,
    /// Reads how attempts ended.
    pub attempts: Attempts,
    /// The terminal that somebody sits at.
    pub console: Option<Arc<dyn Console>>,
    /// One command at a time has it.
    pub sitting: tokio::sync::Mutex<()>,
    /// Does what is to be done on this machine.
    pub host: Arc<Host>,
    /// Hands over what takes effect at the end of a `WAIT` block.
    pub delivery: Arc<Delivery>,
    /// Knows the secrets.
    pub secrets: Arc<Secrets>,
    /// Knows the sockets.
    pub sockets: Arc<Sockets>,
    /// What the command line says about outputs.
    pub mode: OutputMode,
    /// What succeeded before is left out.
    pub skips: Arc<Skips>,
    /// Each image and platform once.
    pub looked_up: OnceMap<(ImageRef, Platform), Result<BaseImage, Box<Diagnostic>>>,
    /// The steps.
    pub plan: Arc<Plan>,
    /// Where remarks go.
    pub events: Arc<dyn EventSink>,
    /// What was remarked of Dockerfiles: each thing once.
    pub said: Mutex<HashSet<String>>,
}

impl Running {
    async fn capture(&self, step: StepId, file: &str) -> Result<Vec<u8>, EngineError> {
        let state = self.executor.capture(step).await?;
        let solved = self.executor.solve(&state).await?;
        self.executor.build().await?.read_file(&solved, file).await
    }

    /// What the engine reported stops the run, and decides its exit code; the interpreter adds how it got there.
    pub(super) fn failed(&self, error: EngineError) -> Box<Diagnostic> {
        let diagnostic = Box::new(engine_diagnostic(error.clone()));
        self.executor.fail(error);
        diagnostic
    }

    async fn status(&self, step: StepId) -> Result<i32, EngineError> {
        let text = self.capture(step, CAPTURED_STATUS).await?;
        let text = String::from_utf8_lossy(&text);
        text.trim().parse().map_err(|_| {
            EngineError::Other(format!("a condition left `{text}` as its exit status"))
        })
    }
}

#[async_trait]
impl Probe for Running {
    async fn exit_status(&self, step: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        self.status(step)
            .await
            .map(Answer::Known)
            .map_err(|e| self.failed(e))
    }

    async fn output(&self, step: StepId) -> Result<Answer<Captured>, Box<Diagnostic>> {
        let status = self.status(step).await.map_err(|e| self.failed(e))?;
        let stdout = self
            .capture(step, CAPTURED_OUTPUT)
            .await
            .map_err(|e| self.failed(e))?;
        Ok(Answer::Known(Captured { status, stdout }))
    }

    async fn attempt(&self, step: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        let attempt = self.attempts.result(&self.executor, step).await;
        attempt.map(Answer::Known).map_err(|e| self.failed(e))
    }

    async fn rescue(&self, step: StepId, saved: Vec<Output>) -> Box<Diagnostic> {
        let failure = self.attempts.failure(&self.executor, step).await;
        self.delivery.rescue(saved, self.mode).await;
        self.failed(failure)
    }

    async fn at_terminal(&self, step: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        self.visit(step).await.map(Answer::Known)
    }

    async fn kept_at_terminal(&self, step: StepId) -> Result<(), Box<Diagnostic>> {
        self.sit(step).await
    }

    async fn on_host(&self, step: StepId) -> Result<Answer<Captured>, Box<Diagnostic>> {
        self.host.act(step).await.map(Answer::Known)
    }

    async fn executed(&self, step: StepId) -> Result<(), Box<Diagnostic>> {
        let executed = self.executor.execute(step).await;
        executed.map(|_| ()).map_err(|e| self.failed(e))
    }

    async fn load(&self, images: Vec<HostImage>) -> Result<(), Box<Diagnostic>> {
        let delivery = Arc::clone(&self.delivery);
        let runtime = tokio::runtime::Handle::current();
        apart(move || runtime.block_on(delivery.load(images))).await
    }

    async fn base_image(
        &self,
        image: &ImageRef,
        platform: &Platform,
    ) -> Result<Answer<BaseImage>, Box<Diagnostic>> {
        self.looked_up
            .get_or_run((image.clone(), platform.clone()), || {
                self.images.look_up(image, platform)
            })
            .await
            .map(Answer::Known)
    }

    async fn secret(&self, name: &SecretName) -> Result<Answer<bool>, Box<Diagnostic>> {
        self.secrets.promise(name).await.map(Answer::Known)
    }

    async fn agent(&self, id: &str) -> Result<(), Box<Diagnostic>> {
        match self.sockets.find(id) {
            Some(socket) => match socket.connect().await {
                Ok(_) => Ok(()),
                Err(e) => Err(Box::new(silent_agent(&e))),
            },
            None => Err(Box::new(no_agent(id))),
        }
    }

    async fn privileged(&self) -> Result<(), Box<Diagnostic>> {
        self.executor
            .require_privileged()
            .await
            .map_err(|error| match error {
                // No step failed: the statement is what is told of.
                EngineError::Privileged { .. } => Box::new(engine_diagnostic(error)),
                error => self.failed(error),
            })
    }

    async fn dockerfile(&self, step: StepId) -> Result<Answer<FromDockerfile>, Box<Diagnostic>> {
        self.read_dockerfile(step).await.map(Answer::Known)
    }

    async fn done_before(&self, work: Work) -> Result<bool, Box<Diagnostic>> {
        let skipped = self.skips.target(work).await;
        skipped.map_err(|failure| {
            let problem = failure.diagnostics.into_iter().next();
            Box::new(problem.unwrap_or_else(|| engine_diagnostic(EngineError::Canceled)))
        })
    }

    async fn same_machine(&self) -> Result<(), Box<Diagnostic>> {
        self.executor
            .require_same_machine()
            .await
            .map_err(|e| Box::new(engine_diagnostic(e)))
    }

    fn ready(&self, step: StepId) {
        self.executor.start(step);
    }

    async fn end_of_wait(&self, block: WaitId) -> Result<(), Box<Diagnostic>> {
        self.executor.settle().await.map_err(|e| self.failed(e))?;
        let settled = self.delivery.ledger.settle_block(block, self.mode);
        if settled.iter().any(|s| s.local == Verdict::Counts) {
            let read = self.host.read_everything_named().await;
            read.map_err(|e| self.failed(e))?;
        }
        let delivery = Arc::clone(&self.delivery);
        let runtime = tokio::runtime::Handle::current();
        apart(move || runtime.block_on(delivery.deliver(&settled, true))).await
    }
}

/// Hands outputs over on a thread of its own: the compiler cannot prove that the streams inside may move between threads
/// (rust-lang/rust#100013), and whoever asks for it waits in any case.
async fn apart(
    work: impl FnOnce() -> Result<(), Failure> + Send + 'static,
) -> Result<(), Box<Diagnostic>> {
    let delivered = tokio::task::spawn_blocking(work).await;
    let delivered = delivered.unwrap_or_else(|_| Err(Failure::canceled()));
    delivered.map_err(|failure| {
        let problem = failure.diagnostics.into_iter().next();
        Box::new(problem.unwrap_or_else(|| engine_diagnostic(EngineError::Canceled)))
    })
}

/// Answers for a plan: runs nothing. Images are looked up unless that is forbidden.
pub struct Planning {
    /// None with `--offline`.
    pub images: Option<Images>,
}

#[async_trait]
impl Probe for Planning {
    async fn exit_status(&self, _: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    async fn output(&self, _: StepId) -> Result<Answer<Captured>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    async fn base_image(
        &self,
        image: &ImageRef,
        platform: &Platform,
    ) -> Result<Answer<BaseImage>, Box<Diagnostic>> {
        match &self.images {
            Some(images) => images.look_up(image, platform).await.map(Answer::Known),
            None => Ok(Answer::Undecided),
        }
    }

    async fn dockerfile(&self, _: StepId) -> Result<Answer<FromDockerfile>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    fn ready(&self, _: StepId) {}
}
