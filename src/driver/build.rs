//! One build from request to outputs.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    base::{OnceMap, Platform},
    diag::{Diagnostic, Location, SourceFile, Span},
    engine::{Capability, EngineError, Sockets, buildkit::dial::Place, lent::HostSocket},
    events::{Event, EventSink, NoEvents},
    git::{Remotes, RemotesRequest},
    graph::{
        Ledger, Plan,
        ledger::{
            ArtifactOutput, Chain, Only, Output, OutputKind, OutputMode, Settled, Verdict, WaitId,
        },
        plan::{CopyFiles, CopyItem, Step, StepOp},
    },
    interp::{self, Interpreted, probe::Probe},
    llb::{Nonce, lower::Lowering},
    syntax::dialect::Feature,
};

use super::{
    attempts::Attempts,
    auto_skip::Skips,
    engines::{Connection, Terms},
    executor::Executor,
    failure::{DEFAULT_AGENT, Failure, FailureKind},
    host::Host,
    images::{Daemon, Images, Outside},
    outputs::{Delivery, artifact_label},
    probe::{Planning, Running},
    remote_cache::{self, Extent, NamedCaches},
    request::{BuildRequest, Goal},
    secrets::Secrets,
};

/// Interprets, executes and outputs. Everything that happens is told to `events`; `cancel` stops it all.
pub async fn build(
    request: BuildRequest,
    events: Arc<dyn EventSink>,
    cancel: CancellationToken,
) -> Result<(), Failure> {
    let skips = Arc::new(Skips::new(&request, &events));
    if skips.whole_run().await? {
        return Ok(());
    }
    let address = request.engine.address()?;
    let outside = Outside::new(&request, &events);
    let secrets = Secrets::new(&request);
    let sockets = Arc::new(Sockets::default());
    if let Some(socket) = &request.ssh_auth_sock {
        sockets.offer(DEFAULT_AGENT, Arc::new(HostSocket(socket.clone())));
    }
    let terms = Terms {
        no_cache: request.no_cache,
        allow_privileged: request.allow_privileged,
        secrets: Arc::clone(&secrets) as Arc<_>,
        sockets: Arc::clone(&sockets),
    };
    let connection = Arc::new(Connection::new(
        address,
        Arc::clone(&outside.credentials) as Arc<_>,
        Arc::clone(&events),
        terms,
    ));
    let docker = Daemon::of(connection.address());
    let plan = Arc::new(Plan::default());
    let ledger = Arc::new(Ledger::default());
    // A failed step stops the others, but is no cancelling by the user.
    let stop = cancel.child_token();
    let lowering = Lowering::new(Arc::clone(&plan), request.pull, request.no_cache);
    let named = NamedCaches::new(&ledger, &outside.registries, connection.caches(), &events);
    let executor = Arc::new(Executor::new(
        Arc::clone(&connection),
        named,
        lowering,
        request.parallelism,
        stop.clone(),
    ));
    let cache_dir = CacheDir::of(&request)?;
    let remotes = cache_dir.remotes(&request, &events);
    let delivery = Arc::new(Delivery {
        executor: Arc::clone(&executor),
        connection: Arc::clone(&connection),
        docker: Arc::clone(&docker),
        outside: outside.clone(),
        events: Arc::clone(&events),
        cwd: request.cwd.clone(),
        cache_dir: cache_dir.path().to_path_buf(),
        save_inline_cache: request.save_inline_cache,
        ledger: Arc::clone(&ledger),
    });
    let (begin, begun) = watch::channel(false);
    let host = Arc::new(Host {
        plan: Arc::clone(&plan),
        executor: Arc::clone(&executor),
        events: Arc::clone(&events),
        cwd: request.cwd.clone(),
        cancel: stop.clone(),
        nonce: Nonce::random(),
        begun,
        turn: Arc::default(),
    });
    let probe = Arc::new(Running {
        executor: Arc::clone(&executor),
        attempts: Attempts {
            plan: Arc::clone(&plan),
            events: Arc::clone(&events),
            build: secrets.build().to_owned(),
        },
        console: request.console.clone(),
        sitting: tokio::sync::Mutex::default(),
        host: Arc::clone(&host),
        images: Images::of_daemon(&request, &outside, &events, &executor, &docker),
        delivery: Arc::clone(&delivery),
        secrets,
        sockets,
        mode: output_mode(&request, false),
        skips: Arc::clone(&skips),
        looked_up: OnceMap::default(),
        plan: Arc::clone(&plan),
        events: Arc::clone(&events),
        said: Mutex::default(),
    });

    events.emit(Event::Phase("build"));
    let work = async {
        refuse_what_is_not_strict(&request, &remotes).await?;
        require_capabilities(&request, &connection).await?;
        for source in remote_cache::sources(&request, &outside, &remotes, &events).await {
            connection.caches().add(source);
        }
        let native = native_platform(&connection).await;
        let interpreted =
            interpret(&request, native, &plan, &ledger, probe, &remotes, &events).await?;
        executor.settle().await.map_err(Failure::from_engine)?;
        // What stands in `WAIT` blocks has taken effect at their ends.
        let older = !interpreted.features.has(Feature::ReferencedSaveOnly);
        let mut settled = ledger.settle_block(WaitId::default(), output_mode(&request, older));
        settled.extend(asked_artifact(&request, &plan, &interpreted)?);
        let check_duplicates = interpreted.features.has(Feature::CheckDuplicateImages);
        delivery.deliver(&settled, check_duplicates).await?;
        let all = Extent {
            root: interpreted.state,
            ledger: &ledger,
            mode: output_mode(&request, older),
        };
        remote_cache::write(&request, &executor, &all, &events).await
    };
    let outcome = tokio::select! {
        biased;
        error = missing(&connection, &request, &remotes, &begin) => Err(Failure::from_engine(error)),
        () = stop.cancelled() => Err(Failure::canceled()),
        outcome = work => outcome,
    };
    let outcome = match (outcome, executor.first_failure()) {
        (Err(failure), Some(error)) => {
            let way = match &error {
                EngineError::Step(failure) => plan.way_to(&failure.label),
                _ => None,
            };
            Err(failure.or_engine(error).by_way(way.as_deref()))
        }
        (outcome, _) => outcome,
    };
    if outcome.is_err() {
        stop.cancel();
        host.idle().await;
        let _ = executor.settle().await;
    }
    let _ = executor.finish().await;
    if outcome.is_ok() {
        skips.succeeded().await;
    }
    outcome
}

/// With `--strict`: what is forbidden then is found before anything runs, as far as that can be seen without running
/// anything. What is wrong with the file otherwise is told by the interpretation that counts.
async fn refuse_what_is_not_strict(
    request: &BuildRequest,
    remotes: &Arc<Remotes>,
) -> Result<(), Failure> {
    if !request.strict {
        return Ok(());
    }
    match interpret_only(request, remotes).await {
        Err(failure) if failure.diagnostics.iter().any(|d| d.code == interp::STRICT) => {
            Err(failure)
        }
        _ => Ok(()),
    }
}

/// What is known of a run before anything of it runs.
pub(super) struct Outlook {
    pub plan: Arc<Plan>,
    pub ledger: Arc<Ledger>,
}

/// Interprets without running anything or asking a registry.
pub(super) async fn interpret_only(
    request: &BuildRequest,
    remotes: &Arc<Remotes>,
) -> Result<Outlook, Failure> {
    let plan = Arc::new(Plan::default());
    let ledger = Arc::new(Ledger::default());
    let quiet: Arc<dyn EventSink> = Arc::new(NoEvents);
    let probe = Arc::new(Planning { images: None });
    let native = Platform::host();
    interpret(request, native, &plan, &ledger, probe, remotes, &quiet).await?;
    Ok(Outlook { plan, ledger })
}

/// Connects. Says that the engine cannot be reached, where the run needs one; else it never ends: it stands beside the
/// work, so that nothing is looked up in registries for an engine that is not there.
///
/// What only touches this machine runs without an engine. It begins when that is decided, so that nothing is done of what
/// would fail for want of an engine later.
async fn missing(
    connection: &Connection,
    request: &BuildRequest,
    remotes: &Arc<Remotes>,
    begin: &watch::Sender<bool>,
) -> EngineError {
    if let Err(error) = connection.engine().await
        && needs_engine(request, remotes).await
    {
        return error;
    }
    begin.send_replace(true);
    std::future::pending().await
}

/// Whether there is anything in a run that an engine has to do, whichever way its conditions go.
async fn needs_engine(request: &BuildRequest, remotes: &Arc<Remotes>) -> bool {
    if !matches!(request.goal, Goal::Target(_)) {
        return true;
    }
    match interpret_only(request, remotes).await {
        Ok(outlook) => outlook.plan.needs_engine() || outlook.ledger.has_images(),
        // The interpretation that counts tells what is wrong.
        Err(_) => false,
    }
}

/// What the command line alone needs of an engine is checked before any work starts.
async fn require_capabilities(
    request: &BuildRequest,
    connection: &Connection,
) -> Result<(), Failure> {
    let writes_cache = request.push && request.remote_cache.is_some();
    let needed = [
        (
            request.save_inline_cache,
            Capability::InlineCache,
            "`--save-inline-cache`",
        ),
        (
            writes_cache,
            Capability::RegistryCache,
            "`--remote-cache` with `--push`",
        ),
    ];
    for (_, capability, by) in needed.into_iter().filter(|(needed, ..)| *needed) {
        let engine = connection.engine().await.map_err(Failure::from_engine)?;
        let required = engine.describe().require(capability, by);
        required.map_err(Failure::from_engine)?;
    }
    Ok(())
}

/// Where steps run without emulation. A socket of this machine leads to this machine, so that nothing has to be asked.
async fn native_platform(connection: &Connection) -> Platform {
    if matches!(connection.address().place, Place::Unix(_)) {
        return Platform::host();
    }
    // Whether an engine that is not there is a failure depends on what there is to do.
    match connection.engine().await {
        Ok(engine) => engine.describe().native.clone(),
        Err(_) => Platform::host(),
    }
}

/// Where things are remembered from run to run. Without a place of the user's it is a directory that goes with the run.
pub(super) enum CacheDir {
    Users(PathBuf),
    OfThisRun(tempfile::TempDir),
}

impl CacheDir {
    pub(super) fn of(request: &BuildRequest) -> Result<Self, Failure> {
        Self::at(request.cache_dir.clone())
    }

    pub(super) fn at(users: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(dir) = users {
            return Ok(Self::Users(dir));
        }
        let made = tempfile::Builder::new().prefix("bld-").tempdir();
        made.map(Self::OfThisRun).map_err(|e| {
            let message = format!("cannot make a temporary directory: {e}");
            let hint = "set `XDG_CACHE_HOME` or `TMPDIR` to a directory that can be written to";
            Failure::new(
                FailureKind::Environment,
                Diagnostic::error("cache-directory", message).hint(hint),
            )
        })
    }

    /// The repositories that a run needs, kept here.
    pub(super) fn remotes(
        &self,
        request: &BuildRequest,
        events: &Arc<dyn EventSink>,
    ) -> Arc<Remotes> {
        let request = RemotesRequest {
            offline: request.offline,
            ..request.remotes.clone()
        };
        Arc::new(Remotes::new(self.kept(request), Arc::clone(events)))
    }

    /// Repositories that are kept here.
    pub(super) fn kept(&self, request: RemotesRequest) -> RemotesRequest {
        RemotesRequest {
            cache_dir: self.path().join("git"),
            ..request
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Users(dir) => dir,
            Self::OfThisRun(dir) => dir.path(),
        }
    }
}

/// Interprets the goal of a request.
pub(super) async fn interpret(
    request: &BuildRequest,
    native: Platform,
    plan: &Arc<Plan>,
    ledger: &Arc<Ledger>,
    probe: Arc<dyn Probe>,
    remotes: &Arc<Remotes>,
    events: &Arc<dyn EventSink>,
) -> Result<Interpreted, Failure> {
    let interpretation = interp::Request {
        file: request.file.clone(),
        args: request.args.clone(),
        // `--image` and `--artifact` output nothing else, so that `RUN --push` does not run for them.
        push: request.push && matches!(request.goal, Goal::Target(_)),
        images: match request.goal {
            Goal::Artifact { .. } => false,
            Goal::Target(_) | Goal::Image(_) => request.push || !request.no_output,
        },
        native,
        allow_privileged: request.allow_privileged,
        ci: request.ci,
        strict: request.strict,
        interactive: request.interactive,
        platform: request.platform.clone(),
        git_branch: request.git_branch.clone(),
        features: request.feature_overrides.clone(),
        options: request.options.clone(),
        remotes: Some(Arc::clone(remotes)),
        build_sha: option_env!("BLD_BUILD_SHA").unwrap_or("unknown").to_owned(),
        ..interp::Request::new(request.goal.target().clone(), &request.cwd)
    };
    interp::run(
        interpretation,
        Arc::clone(plan),
        Arc::clone(ledger),
        probe,
        Arc::clone(events),
    )
    .await
    .map_err(|diagnostics| Failure {
        kind: if diagnostics.iter().any(|d| d.code == interp::NOT_ALLOWED) {
            FailureKind::NotAllowed
        } else {
            FailureKind::BuildFile
        },
        diagnostics,
    })
}

/// What the request says about outputs; `every_visit` is the older rule, which the root's file chooses.
pub(super) fn output_mode(request: &BuildRequest, every_visit: bool) -> OutputMode {
    OutputMode {
        push: request.push,
        no_output: request.no_output,
        only: match request.goal {
            Goal::Target(_) => Only::Everything,
            Goal::Image(_) => Only::RootImages,
            Goal::Artifact { .. } => Only::Nothing,
        },
        every_visit,
    }
}

/// The one artifact that `--artifact` asks for, as an output of its own.
fn asked_artifact(
    request: &BuildRequest,
    plan: &Plan,
    interpreted: &Interpreted,
) -> Result<Option<Settled>, Failure> {
    let Goal::Artifact { artifact, dest } = &request.goal else {
        return Ok(None);
    };
    let Some(artifacts) = interpreted.artifacts else {
        let message = format!("{} saves no artifact", artifact.target);
        return Err(Failure::new(
            FailureKind::BuildFile,
            Diagnostic::error("no-artifact", message)
                .hint("a target gives files away with `SAVE ARTIFACT path`"),
        ));
    };
    let label = artifact_label(&artifact.to_string());
    let push = |op| {
        plan.push(Step {
            op,
            platform: Platform::host(),
            label: Arc::clone(&label),
            way: None,
        })
    };
    let on = push(StepOp::Scratch);
    let glob = artifact.path.contains(['*', '?', '[']);
    let item = CopyItem {
        from: artifacts,
        source: artifact.path.clone(),
        dest: "/".to_owned(),
        contents: false,
        wildcard: glob,
        if_exists: false,
        follow: true,
        unpack: false,
        exclude: Vec::new(),
    };
    let copy = CopyFiles {
        on,
        items: vec![item],
        owner: None,
        mode: None,
        keep_times: false,
    };
    let state = push(StepOp::Copy(Box::new(copy)));
    let nowhere = Arc::new(SourceFile::new("the command line", ""));
    let output = Output {
        owner: interpreted.root,
        at: Location::new(&nowhere, Span::default()),
        undecided_by: None,
        kind: OutputKind::Artifact(ArtifactOutput {
            artifact: artifact.to_string(),
            state,
            dest: destination(request, dest),
            dest_written: dest.clone(),
            within: request.cwd.display().to_string(),
            glob,
            force: true,
            if_exists: false,
        }),
    };
    let local = if request.no_output {
        Verdict::No(crate::graph::ledger::Reason::NoOutput)
    } else {
        Verdict::Counts
    };
    Ok(Some(Settled {
        output,
        chain: Chain::default(),
        local,
        push: None,
    }))
}

/// Absolute; `.` and a trailing slash mean: into this directory.
fn destination(request: &BuildRequest, dest: &str) -> String {
    let slash = dest.ends_with('/') || dest.ends_with("/.") || dest == "." || dest == "..";
    let joined = request.cwd.join(dest);
    let text = joined.display().to_string();
    if slash && !text.ends_with('/') {
        format!("{text}/")
    } else {
        text
    }
}
