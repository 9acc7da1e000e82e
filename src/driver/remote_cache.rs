//! Caches outside of this machine: which ones a build reads, and what it writes into one of its own.
//!
//! What the command line names is read from the first step on, what a build file names from when it is met
//! ([`NamedCaches`]). What is written is known at the end, when every output is there.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream};
use tokio::sync::Mutex;

use crate::{
    diag::{Diagnostic, Severity},
    engine::{CacheSource, CacheSources, CacheTarget},
    events::{Event, EventSink, OutputEvent},
    git::Remotes,
    graph::{
        Ledger,
        ledger::{OutputKind, OutputMode, Verdict},
        plan::StepId,
    },
    llb::Edge,
    oci::{ImageRef, Registries, RegistryError},
};

use super::{
    build::interpret_only,
    executor::Executor,
    failure::{Failure, FailureKind},
    images::Outside,
    request::BuildRequest,
};

/// Images whose cache records may help: those of the command line, and under `--use-inline-cache` every name that the
/// build is going to push and every `--cache-from`, as far as they are known without running anything.
pub(super) async fn sources(
    request: &BuildRequest,
    outside: &Outside,
    remotes: &Arc<Remotes>,
    events: &Arc<dyn EventSink>,
) -> Vec<CacheSource> {
    let mut names = request.cache_from.clone();
    let remote = request.remote_cache.as_deref();
    names.extend(remote.map(|cache| split(cache).0.to_owned()));
    if request.use_inline_cache {
        // What is wrong with the file is told by the interpretation that counts.
        let outlook = interpret_only(request, remotes).await;
        let mode = OutputMode {
            push: true,
            ..OutputMode::default()
        };
        let settled = outlook.map_or_else(|_| Vec::new(), |outlook| outlook.ledger.settle(mode));
        for settled in settled {
            let OutputKind::Image(image) = settled.output.kind else {
                continue;
            };
            if image.push {
                names.extend(image.names);
            }
            names.extend(image.cache_from);
        }
    }
    let names: BTreeSet<ImageRef> = names
        .iter()
        .filter_map(|name| ImageRef::parse(name).ok())
        .collect();
    let pinned = stream::iter(names).map(|name| pinned_source(&outside.registries, name, events));
    pinned
        .buffered(8)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// The caches that build files name with `SAVE IMAGE --cache-from`. A step is executed when its target has been read, so
/// that those of a target help with its own steps.
pub struct NamedCaches {
    ledger: Arc<Ledger>,
    registries: Arc<Registries>,
    sources: Arc<CacheSources>,
    events: Arc<dyn EventSink>,
    /// How many outputs were looked at, and the names in them.
    known: Mutex<(usize, BTreeSet<ImageRef>)>,
}

impl NamedCaches {
    /// Reads names in the ledger, and adds what is behind them to `sources`.
    pub fn new(
        ledger: &Arc<Ledger>,
        registries: &Arc<Registries>,
        sources: &Arc<CacheSources>,
        events: &Arc<dyn EventSink>,
    ) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            registries: Arc::clone(registries),
            sources: Arc::clone(sources),
            events: Arc::clone(events),
            known: Mutex::default(),
        }
    }

    /// Looks for names that have come since the last time.
    pub async fn look(&self) {
        let mut known = self.known.lock().await;
        let (names, seen) = self.ledger.caches_from(known.0);
        known.0 = seen;
        for name in names.iter().filter_map(|name| ImageRef::parse(name).ok()) {
            if known.1.insert(name.clone())
                && let Some(source) = pinned_source(&self.registries, name, &self.events).await
            {
                self.sources.add(source);
            }
        }
    }
}

/// A cache source as the engine has to fetch it, pinned to what the registry has now: by its tag alone, Docker 20.10
/// would take an older image of that name out of its own store. An image that is not there yet is no source; one that
/// cannot be asked for is remarked.
async fn pinned_source(
    registries: &Arc<Registries>,
    name: ImageRef,
    events: &Arc<dyn EventSink>,
) -> Option<CacheSource> {
    for endpoint in registries.settings.endpoints(&name) {
        let place = endpoint.name();
        let insecure = registries.settings.is_marked_insecure(&endpoint.registry);
        match registries.at(endpoint).digest_of(name.version()).await {
            Ok(digest) => {
                return Some(CacheSource {
                    reference: format!("{place}@{digest}"),
                    insecure,
                });
            }
            Err(RegistryError::NotFound { .. }) => {}
            Err(error) => {
                let mut remark = error.diagnostic();
                remark.severity = Severity::Warning;
                remark.message = format!("no cache from `{}`: {}", name.familiar(), remark.message);
                events.emit(Event::Remark(remark));
            }
        }
    }
    None
}

/// What there is to write of a build that has succeeded.
pub(super) struct Extent<'a> {
    /// The last file system of the root; none if it has none.
    pub root: Option<StepId>,
    /// What was saved.
    pub ledger: &'a Ledger,
    /// Which of it takes effect.
    pub mode: OutputMode,
}

/// Writes the cache of `--remote-cache` under `--push`: the root target, what is marked with `SAVE IMAGE --cache-hint`,
/// and pushed images; under `--max-remote-cache` all that was executed.
pub(super) async fn write(
    request: &BuildRequest,
    executor: &Executor,
    extent: &Extent<'_>,
    events: &Arc<dyn EventSink>,
) -> Result<(), Failure> {
    let Some(cache) = request.remote_cache.as_deref().filter(|_| request.push) else {
        return Ok(());
    };
    let target = target(request, cache)?;
    let states = states(request, executor, extent).await?;
    // A build in which nothing runs has nothing to remember.
    if states.is_empty() {
        return Ok(());
    }
    events.emit(Event::Phase("cache"));
    let build = executor.build().await.map_err(Failure::from_engine)?;
    let saved = build.save_cache(&states, &target).await;
    saved.map_err(|error| {
        let mut failure = Failure::from_engine(error);
        for problem in &mut failure.diagnostics {
            problem.message = format!(
                "cannot write the cache `{}`: {}",
                split(cache).0,
                problem.message
            );
        }
        failure
    })?;
    events.emit(Event::Output(OutputEvent::CacheWritten {
        name: split(cache).0.to_owned(),
    }));
    Ok(())
}

/// The states, each once.
async fn states(
    request: &BuildRequest,
    executor: &Executor,
    extent: &Extent<'_>,
) -> Result<Vec<Edge>, Failure> {
    let mut states = Vec::new();
    for step in extent.root.into_iter().chain(marked(extent)) {
        let state = executor.state(step).await.map_err(Failure::from_engine)?;
        states.extend(state);
    }
    if request.max_remote_cache {
        states.extend(executor.heads());
    }
    let mut seen = HashSet::new();
    states.retain(|edge| seen.insert(edge.clone()));
    Ok(states)
}

/// Steps that the build file marks.
fn marked(extent: &Extent<'_>) -> Vec<StepId> {
    let settled = extent.ledger.settle(extent.mode).into_iter();
    let marked = settled.filter_map(|settled| match settled.output.kind {
        OutputKind::Image(image) if image.cache_hint || settled.push == Some(Verdict::Counts) => {
            Some(image.state)
        }
        _ => None,
    });
    marked.collect()
}

fn target(request: &BuildRequest, cache: &str) -> Result<CacheTarget, Failure> {
    let (name, attributes) = split(cache);
    let name = ImageRef::parse(name).map_err(|why| {
        let message = format!("`--remote-cache {cache}`: {why}");
        Failure::new(
            FailureKind::Environment,
            Diagnostic::error("remote-cache", message),
        )
    })?;
    Ok(CacheTarget {
        insecure: request.registries.is_marked_insecure(&name.registry),
        reference: name.to_string(),
        everything: request.max_remote_cache,
        attributes,
    })
}

/// The name in front, and the attributes behind the commas.
fn split(cache: &str) -> (&str, Vec<(String, String)>) {
    let mut parts = cache.split(',');
    let name = parts.next().unwrap_or_default();
    let attributes = parts
        .filter_map(|part| part.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
    (name, attributes.collect())
}
