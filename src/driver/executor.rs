//! Executes steps of the plan on an engine: as soon as they are ready, each state once, and stops everything at the
//! first failure.

use std::{
    collections::HashSet,
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{OnceCell, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    base::{Digest, OnceMap, Platform},
    engine::{
        Build, Capability, Dockerfile, EngineError, FromDockerfile, Solved, buildkit::dial::Place,
    },
    graph::plan::StepId,
    llb::{Edge, State, Vertex, lower::Lowering},
};

use super::{engines::Connection, remote_cache::NamedCaches};

/// Runs what the plan says.
pub struct Executor {
    connection: Arc<Connection>,
    caches: NamedCaches,
    build: OnceCell<Arc<dyn Build>>,
    lowering: Lowering,
    solved: OnceMap<Option<(Digest, u32)>, Result<Solved, EngineError>>,
    /// What was solved, in the order in which it was.
    done: Mutex<Vec<Edge>>,
    running: Mutex<JoinSet<()>>,
    failure: Mutex<Option<EngineError>>,
    places: Semaphore,
    cancel: CancellationToken,
}

/// How often a solve is tried that the daemon's own bookkeeping broke off.
const TRIES: u32 = 4;

impl Executor {
    /// An executor that opens its build on `connection` when the first step is ready.
    ///
    /// At most `at_once` states are solved at the same time: a hundred at once make Docker 20.10 wait for itself until
    /// it gives up, and are no faster.
    pub fn new(
        connection: Arc<Connection>,
        caches: NamedCaches,
        lowering: Lowering,
        at_once: usize,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            connection,
            caches,
            build: OnceCell::new(),
            lowering,
            solved: OnceMap::default(),
            done: Mutex::default(),
            running: Mutex::default(),
            failure: Mutex::default(),
            places: Semaphore::new(at_once),
            cancel,
        }
    }

    /// The file system that a step gives, as this engine has to make it.
    pub async fn state(&self, step: StepId) -> Result<State, EngineError> {
        Ok(self.lowering().await?.state(step))
    }

    /// What a step that keeps its exit status or its output writes down.
    pub async fn capture(&self, step: StepId) -> Result<State, EngineError> {
        Ok(self.lowering().await?.capture(step))
    }

    /// Takes what a step gives that only the engine can tell.
    pub fn tell(&self, step: StepId, state: State) {
        self.lowering.tell(step, state);
    }

    /// Prepares for a command at a terminal: `program` is bld itself. Gives the name of the socket through which it will call.
    pub fn own_program(&self, program: PathBuf) -> String {
        self.lowering.own_program(program)
    }

    /// Makes an attempt another one, with results of its own.
    pub fn again(&self, step: StepId) {
        self.lowering.again(step);
    }

    /// What a command left in a mount of which that is kept.
    pub async fn left(&self, step: StepId, target: &str) -> Result<State, EngineError> {
        Ok(self.lowering().await?.left(step, target))
    }

    async fn lowering(&self) -> Result<&Lowering, EngineError> {
        let engine = self.connection.engine().await?;
        let native = engine
            .describe()
            .capabilities
            .contains(&Capability::SecretEnv);
        self.lowering.secret_env(native);
        Ok(&self.lowering)
    }

    /// An error if the engine gives no step all privileges.
    pub async fn require_privileged(&self) -> Result<(), EngineError> {
        let engine = self.connection.engine().await?;
        if engine.allows_privileged().await? {
            return Ok(());
        }
        Err(EngineError::Privileged {
            engine: engine.describe().name.clone(),
        })
    }

    /// An error if the engine is on another machine.
    pub async fn require_same_machine(&self) -> Result<(), EngineError> {
        if matches!(self.connection.address().place, Place::Unix(_)) {
            return Ok(());
        }
        Err(EngineError::MissingCapability {
            engine: self.connection.engine().await?.describe().name.clone(),
            capability: Capability::HostDirectories,
            needed_by: "`--mount type=bind-experimental`".to_owned(),
        })
    }

    /// The open build; opens it at the first call.
    pub async fn build(&self) -> Result<&Arc<dyn Build>, EngineError> {
        self.build
            .get_or_try_init(|| self.connection.open(self.cancel.clone()))
            .await
    }

    /// Executes everything up to a step, and waits for it. Gives the file system that came of it.
    pub async fn execute(&self, step: StepId) -> Result<State, EngineError> {
        let state = self.state(step).await?;
        self.solve(&state).await?;
        Ok(state)
    }

    /// Starts to execute a step and does not wait for it.
    pub fn start(self: &Arc<Self>, step: StepId) {
        let executor = Arc::clone(self);
        let task = async move {
            if let Err(error) = executor.execute(step).await {
                executor.fail(error);
            }
        };
        let mut running = self.running.lock().expect("no holder of this lock panics");
        // Finished tasks are taken out on the way, so that a long build does not pile them up.
        while running.try_join_next().is_some() {}
        running.spawn(task);
    }

    /// Executes up to a state; callers with the same state share the work.
    pub async fn solve(&self, state: &State) -> Result<Solved, EngineError> {
        let key = state
            .as_ref()
            .map(|edge| (edge.vertex.digest.clone(), edge.output));
        self.solved
            .get_or_run(key, || self.solve_patiently(state))
            .await
    }

    async fn solve_patiently(&self, state: &State) -> Result<Solved, EngineError> {
        self.caches.look().await;
        let solved = self
            .patiently(|| async { self.build().await?.solve(state).await })
            .await?;
        if let Some(edge) = state {
            let mut done = self.done.lock().expect("no holder of this lock panics");
            done.push(edge.clone());
        }
        Ok(solved)
    }

    /// The states that were solved and that no other one that was solved is built on: together they are the whole build.
    pub fn heads(&self) -> Vec<Edge> {
        let done = self.done.lock().expect("no holder of this lock panics");
        let mut beneath: HashSet<Digest> = HashSet::new();
        let mut below: Vec<Arc<Vertex>> = Vec::new();
        for edge in done.iter() {
            let inputs = edge.vertex.inputs().iter();
            below.extend(inputs.map(|input| Arc::clone(&input.vertex)));
        }
        while let Some(vertex) = below.pop() {
            if beneath.insert(vertex.digest.clone()) {
                let inputs = vertex.inputs().iter();
                below.extend(inputs.map(|input| Arc::clone(&input.vertex)));
            }
        }
        let mut heads: Vec<Edge> = done.clone();
        heads.retain(|edge| !beneath.contains(&edge.vertex.digest));
        heads
    }

    /// Has the engine read a Dockerfile.
    pub async fn dockerfile(&self, wanted: &Dockerfile) -> Result<FromDockerfile, EngineError> {
        self.patiently(|| async { self.build().await?.dockerfile(wanted).await })
            .await
    }

    /// Where the engine runs steps without emulation.
    pub async fn native(&self) -> Result<Platform, EngineError> {
        let engine = self.connection.engine().await?;
        Ok(engine.describe().native.clone())
    }

    /// Asks when there is a place, and again where the daemon's own bookkeeping broke it off.
    async fn patiently<T, F>(&self, ask: impl Fn() -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>> + Send,
    {
        let _place = tokio::select! {
            () = self.cancel.cancelled() => return Err(EngineError::Canceled),
            place = self.places.acquire() => place.expect("never closed"),
        };
        let mut tries = 1;
        loop {
            let answer = tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(EngineError::Canceled),
                answer = ask() => answer,
            };
            match answer {
                Err(error) if tries < TRIES && broke_off(&error) => {
                    tokio::time::sleep(Duration::from_millis(100) * tries).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Waits for everything that was started. The first failure is the one that counts.
    pub async fn settle(&self) -> Result<(), EngineError> {
        let mut running =
            std::mem::take(&mut *self.running.lock().expect("no holder of this lock panics"));
        while let Some(ended) = running.join_next().await {
            if let Err(e) = ended
                && e.is_panic()
            {
                std::panic::resume_unwind(e.into_panic());
            }
        }
        match self.first_failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The failure that stopped the run, if one did.
    pub fn first_failure(&self) -> Option<EngineError> {
        self.failure
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    /// Ends the build on the engine.
    pub async fn finish(&self) -> Result<(), EngineError> {
        match self.build.get() {
            Some(build) => build.finish().await,
            None => Ok(()),
        }
    }

    /// Keeps the first failure and stops everything else.
    pub fn fail(&self, error: EngineError) {
        let mut failure = self.failure.lock().expect("no holder of this lock panics");
        if failure.is_none()
            && !(self.cancel.is_cancelled() && matches!(error, EngineError::Canceled))
        {
            *failure = Some(error);
        }
        self.cancel.cancel();
    }
}

/// Whether the daemon lost its own thread, which is nobody's fault and goes away: its solver is shared by all builds, and
/// these are the words in which it says that two of them met.
fn broke_off(error: &EngineError) -> bool {
    let words = match error {
        EngineError::Step(failure) if failure.exit_code.is_none() => &failure.message,
        EngineError::Other(text) => text,
        _ => return false,
    };
    [
        "flightcontrol",
        "inconsistent graph state",
        "failed to get edge",
    ]
    .iter()
    .any(|known| words.contains(known))
}
