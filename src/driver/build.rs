//! One build from request to outputs.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    base::{OnceMap, Platform},
    diag::{Location, SourceFile, Span},
    events::{Event, EventSink},
    graph::{
        Ledger, Plan,
        ledger::{ArtifactOutput, Only, Output, OutputKind, OutputMode, Settled, Verdict},
        plan::{CopyFiles, CopyItem, Step, StepOp},
    },
    interp::{self, Interpreted, probe::Probe},
    llb::lower::Lowering,
    oci::{DockerConfig, ImageRef, Registries},
    syntax::dialect::Feature,
};

use super::{
    engines::{self, Connection},
    executor::Executor,
    failure::{Failure, FailureKind},
    images::{Daemon, Images, registries},
    outputs::{Delivery, artifact_label},
    probe::{Planning, Running},
    request::{BuildRequest, Goal},
};

/// Interprets, executes and outputs. Everything that happens is told to `events`; `cancel` stops it all.
pub async fn build(
    request: BuildRequest,
    events: Arc<dyn EventSink>,
    cancel: CancellationToken,
) -> Result<(), Failure> {
    let credentials = Arc::new(DockerConfig::of_this_user(Arc::clone(&events)));
    let address = engines::address(request.engine.as_deref())
        .map_err(|e| Failure::new(FailureKind::EngineUnreachable, e.diagnostic()))?;
    let docker = Daemon::at(&address);
    let cache_from = cache_sources(&request, &events).await;
    let connection = Arc::new(Connection::new(
        address,
        Arc::clone(&credentials) as Arc<_>,
        Arc::clone(&events),
        request.no_cache,
        cache_from,
    ));

    let plan = Arc::new(Plan::default());
    let ledger = Arc::new(Ledger::default());
    // A failed step stops the others, but is no cancelling by the user.
    let stop = cancel.child_token();
    let lowering = Lowering::new(Arc::clone(&plan), request.pull, request.no_cache);
    let executor = Arc::new(Executor::new(
        Arc::clone(&connection),
        lowering,
        request.parallelism,
        stop.clone(),
    ));
    let images = Images::of_daemon(&request, &events, &executor, &docker);
    let probe = Arc::new(Running {
        executor: Arc::clone(&executor),
        images,
        looked_up: OnceMap::default(),
    });

    events.emit(Event::Phase("build"));
    let outcome = async {
        let interpreting = interpret(&request, &plan, &ledger, probe, &events);
        let interpreted = tokio::select! {
            biased;
            error = connection.failure() => return Err(Failure::from_engine(error)),
            () = stop.cancelled() => Err(Failure::canceled()),
            interpreted = interpreting => interpreted,
        };
        let interpreted = match (interpreted, executor.first_failure()) {
            // What the interpreter saw of a failed step is only that everything was stopped.
            (Err(_), Some(error)) => return Err(Failure::from_engine(error)),
            (interpreted, _) => interpreted?,
        };
        executor.settle().await.map_err(Failure::from_engine)?;
        let mut settled = ledger.settle(output_mode(&request, &interpreted));
        settled.extend(asked_artifact(&request, &plan, &interpreted)?);
        let engine = connection.engine().await.map_err(Failure::from_engine)?;
        let delivery = Delivery {
            executor: Arc::clone(&executor),
            docker,
            registries: registries(&request, &events),
            credentials,
            events: Arc::clone(&events),
            native: engine.describe().native.clone(),
            cwd: request.cwd.clone(),
            cache_dir: cache_dir(&request),
            save_inline_cache: request.save_inline_cache,
            check_duplicates: interpreted.features.has(Feature::CheckDuplicateImages),
            visits: ledger.visits(),
        };
        tokio::select! {
            delivered = delivery.deliver(&settled) => delivered,
            () = stop.cancelled() => Err(Failure::canceled()),
        }
    }
    .await;

    if outcome.is_err() {
        stop.cancel();
        let _ = executor.settle().await;
    }
    let _ = executor.finish().await;
    if cancel.is_cancelled() {
        return Err(Failure::canceled());
    }
    outcome
}

/// Interprets the goal of a request.
pub(super) async fn interpret(
    request: &BuildRequest,
    plan: &Arc<Plan>,
    ledger: &Arc<Ledger>,
    probe: Arc<dyn Probe>,
    events: &Arc<dyn EventSink>,
) -> Result<Interpreted, Failure> {
    let interpretation = interp::Request {
        file: request.file.clone(),
        args: request.args.clone(),
        push: request.push,
        ci: request.ci,
        platform: request.platform.clone(),
        git_branch: request.git_branch.clone(),
        features: request.feature_overrides.clone(),
        build_sha: option_env!("BLD_BUILD_SHA").unwrap_or_default().to_owned(),
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
        kind: FailureKind::BuildFile,
        diagnostics,
    })
}

/// What the request says about outputs.
pub(super) fn output_mode(request: &BuildRequest, interpreted: &Interpreted) -> OutputMode {
    OutputMode {
        push: request.push,
        no_output: request.no_output,
        only: match request.goal {
            Goal::Target(_) => Only::Everything,
            Goal::Image(_) => Only::RootImages,
            Goal::Artifact { .. } => Only::Nothing,
        },
        every_visit: !interpreted.features.has(Feature::ReferencedSaveOnly),
    }
}

/// Images whose cache records may help: those of the command line, and under `--use-inline-cache` every name that the
/// build is going to push and every `--cache-from`, as far as they are known without running anything.
async fn cache_sources(request: &BuildRequest, events: &Arc<dyn EventSink>) -> Vec<String> {
    let mut names = request.cache_from.clone();
    if request.use_inline_cache {
        let plan = Arc::new(Plan::default());
        let ledger = Arc::new(Ledger::default());
        let quiet: Arc<dyn EventSink> = Arc::new(crate::events::NoEvents);
        let probe = Arc::new(Planning { images: None });
        // What is wrong with the file is told by the interpretation that counts.
        let _ = interpret(request, &plan, &ledger, probe, &quiet).await;
        for settled in ledger.settle(OutputMode {
            push: true,
            ..OutputMode::default()
        }) {
            let OutputKind::Image(image) = settled.output.kind else {
                continue;
            };
            if image.push {
                names.extend(image.names);
            }
            names.extend(image.cache_from);
        }
    }
    let registries = registries(request, events);
    let names: BTreeSet<ImageRef> = names
        .iter()
        .filter_map(|name| ImageRef::parse(name).ok())
        .collect();
    let pinned = stream::iter(&names).map(|name| pinned_source(&registries, name));
    pinned
        .buffered(8)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// A cache source as the engine has to fetch it, pinned to what the registry has now: by its tag alone, Docker 20.10
/// would take an older image of that name out of its own store. An image that is not there yet is no source.
async fn pinned_source(registries: &Arc<Registries>, name: &ImageRef) -> Option<String> {
    for endpoint in registries.settings.endpoints(name) {
        let place = endpoint.name();
        if let Ok(digest) = registries.at(endpoint).digest_of(name.version()).await {
            return Some(format!("{place}@{digest}"));
        }
    }
    None
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
            crate::diag::Diagnostic::error("no-artifact", message)
                .hint("a target gives files away with `SAVE ARTIFACT path`"),
        ));
    };
    let label = artifact_label(&artifact.to_string());
    let push = |op| {
        plan.push(Step {
            op,
            platform: Platform::host(),
            label: Arc::clone(&label),
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
        chain: Vec::new(),
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

/// Where things are remembered; without a place of the user's, a directory that the next run does not find.
fn cache_dir(request: &BuildRequest) -> PathBuf {
    request
        .cache_dir
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("bld-{}", std::process::id())))
}
