//! An open build: what is asked of it, and how the answers are read.
//!
//! On the daemon's side it is a gateway build (`gateway.rs`), opened when the first answer is needed. States are
//! solved in it, one or hundreds at once, and it is looked into the results, which live as long as it does.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bollard_buildkit_proto::{
    fsutil::types::Stat,
    moby::buildkit::v1::frontend::{
        self, FileRange, ReadDirRequest, ReadFileRequest, ResolveImageConfigRequest,
    },
    pb,
};
use prost::Message;
use tokio::{
    sync::{Mutex, OnceCell},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    attach::{Attached, files::Contexts, gomode},
    client::{Client, of_build},
    error,
    gateway::{Gateway, Refused},
    hearth::Hearth,
    progress::Progress,
    session::Session,
};
use crate::{
    base::{Digest, Platform},
    engine::{
        Build, CacheSources, CacheTarget, Dockerfile, EngineError, Export, Exported, FileStat,
        FromDockerfile, Push, ResolvedImage, Solved, StepFailure, Terminal,
    },
    llb::{Definition, Edge, Foreign, Op, State, Vertex, encode::platform_pb},
    oci::ImageConfig,
};

/// Beyond this, a definition is written without what the daemon can do without: up to Docker 27.1 it takes 4 MiB.
const REQUEST: usize = 3 << 20;
/// What is read of a file at once; a message must stay below 16 MiB.
const READ: i64 = 8 << 20;
/// How long the report of a failure may come behind the failure.
const REPORT: Duration = Duration::from_secs(2);
/// After which silence nothing more is expected about it.
const QUIET: Duration = Duration::from_millis(120);

/// What a build has to be allowed in which steps have all privileges.
pub(super) const INSECURE: &str = "security.insecure";

/// Everything that the tasks of one build share.
pub(super) struct Site {
    pub(super) hearth: Arc<Hearth>,
    pub(super) client: Client,
    pub(super) session: Session,
    pub(super) attached: Arc<Attached>,
    pub(super) progress: Arc<Progress>,
    pub(super) no_cache: bool,
    pub(super) cache_from: Arc<CacheSources>,
    pub(super) privileged: bool,
    /// Cancelled: everything stops.
    pub(super) stop: CancellationToken,
    /// What is exported to this side comes one at a time.
    pub(super) receiving: Mutex<()>,
    /// Exporters differ.
    pub(super) image_exporter: Option<&'static str>,
    /// For errors.
    pub(super) engine: String,
}

/// A build of a daemon.
pub struct GatewayBuild {
    pub(super) site: Site,
    gateway: OnceCell<Gateway>,
    finished: OnceCell<Result<(), EngineError>>,
    _stop: DropGuard,
}

impl GatewayBuild {
    pub(super) fn new(site: Site) -> Self {
        let guard = site.stop.clone().drop_guard();
        Self {
            site,
            gateway: OnceCell::new(),
            finished: OnceCell::new(),
            _stop: guard,
        }
    }

    /// The directories of the host that were named so far.
    pub fn contexts(&self) -> Arc<Contexts> {
        Arc::clone(&self.site.attached.contexts)
    }

    pub(super) async fn gateway(&self) -> &Gateway {
        let open = async || self.site.gateway(self.site.request());
        self.gateway.get_or_init(open).await
    }
}

#[async_trait]
impl Build for GatewayBuild {
    async fn resolve_image(
        &self,
        reference: &str,
        platform: &Platform,
        pull: bool,
    ) -> Result<ResolvedImage, EngineError> {
        let gateway = self.gateway().await;
        let request = ResolveImageConfigRequest {
            r#ref: reference.to_owned(),
            platform: Some(platform_pb(platform)),
            resolve_mode: if pull { "pull" } else { "default" }.to_owned(),
            log_name: format!("looking up {reference}"),
            ..ResolveImageConfigRequest::default()
        };
        let mut bridge = self.site.client.bridge();
        let answer = bridge.resolve_image_config(of_build(&gateway.id, request));
        let image_error = |reason: String| EngineError::Image {
            image: reference.to_owned(),
            reason,
        };
        match self.site.call(gateway, answer).await {
            Ok(answer) => Ok(ResolvedImage {
                digest: Digest::parse(&answer.digest),
                config: serde_json::from_slice::<ImageConfig>(&answer.config)
                    .map_err(|e| image_error(format!("its configuration cannot be read: {e}")))?,
            }),
            Err(refused) => Err(match self.site.general(refused) {
                Ok(error) => error,
                Err(report) => image_error(error::image_reason(&report.message)),
            }),
        }
    }

    async fn dockerfile(&self, wanted: &Dockerfile) -> Result<FromDockerfile, EngineError> {
        self.site.dockerfile(self.gateway().await, wanted).await
    }

    async fn solve(&self, state: &State) -> Result<Solved, EngineError> {
        let Some(edge) = state else {
            return Ok(Solved(String::new()));
        };
        let definition = Definition::of(edge);
        let gateway = self.gateway().await;
        match self.site.solve(gateway, &definition, true).await {
            Ok(id) => Ok(Solved(id)),
            Err(refused) => Err(self.site.explain(&definition, refused).await),
        }
    }

    async fn read_file(&self, solved: &Solved, path: &str) -> Result<Vec<u8>, EngineError> {
        if solved.0.is_empty() {
            return Err(EngineError::Other(format!(
                "open {path}: no such file or directory"
            )));
        }
        let gateway = self.gateway().await;
        let mut data = Vec::new();
        loop {
            let request = ReadFileRequest {
                r#ref: solved.0.clone(),
                file_path: path.to_owned(),
                range: Some(FileRange {
                    offset: i64::try_from(data.len()).unwrap_or(i64::MAX),
                    length: READ,
                }),
                ..ReadFileRequest::default()
            };
            let mut bridge = self.site.client.bridge();
            let answer = bridge.read_file(of_build(&gateway.id, request));
            let answer = self.site.call(gateway, answer).await;
            let chunk = answer.map_err(|refused| self.site.plainly(refused))?.data;
            let last = i64::try_from(chunk.len()).unwrap_or(i64::MAX) < READ;
            data.extend_from_slice(&chunk);
            if last {
                return Ok(data);
            }
        }
    }

    async fn list(&self, solved: &Solved, path: &str) -> Result<Vec<FileStat>, EngineError> {
        if solved.0.is_empty() {
            return if path.trim_matches('/').is_empty() {
                Ok(Vec::new())
            } else {
                Err(EngineError::Other(format!(
                    "open {path}: no such file or directory"
                )))
            };
        }
        let gateway = self.gateway().await;
        let request = ReadDirRequest {
            r#ref: solved.0.clone(),
            dir_path: path.to_owned(),
            ..ReadDirRequest::default()
        };
        let mut bridge = self.site.client.bridge();
        let answer = bridge.read_dir(of_build(&gateway.id, request));
        let answer = self.site.call(gateway, answer).await;
        let entries = answer
            .map_err(|refused| self.site.plainly(refused))?
            .entries;
        let stat = |entry: Stat| FileStat {
            name: entry.path.rsplit('/').next().unwrap_or_default().to_owned(),
            is_dir: entry.mode & gomode::DIR != 0,
            size: u64::try_from(entry.size).unwrap_or(0),
            mode: gomode::permissions(entry.mode),
            link: (entry.mode & gomode::SYMLINK != 0).then_some(entry.linkname),
        };
        Ok(entries.into_iter().map(stat).collect())
    }

    async fn export(&self, state: &State, export: Export) -> Result<Exported, EngineError> {
        self.site.export(state, export).await
    }

    async fn push(&self, push: Push) -> Result<Digest, EngineError> {
        self.site.push(push).await
    }

    async fn save_cache(&self, states: &[Edge], to: &CacheTarget) -> Result<(), EngineError> {
        self.site.save_cache(states, to).await
    }

    async fn tail(&self, state: &State) -> Vec<String> {
        let Some(edge) = state else {
            return Vec::new();
        };
        self.site.quiet().await;
        self.site.progress.tail(&edge.vertex.digest)
    }

    async fn at_terminal(&self, state: &State, terminal: Terminal) -> Result<i32, EngineError> {
        let vertex = state.as_ref().map(|edge| &edge.vertex);
        match vertex.map(|vertex| (vertex, vertex.op())) {
            Some((vertex, Op::Exec(exec))) => {
                self.command_at_terminal(vertex, exec, terminal).await
            }
            _ => Err(EngineError::Other("there is nothing to run".to_owned())),
        }
    }

    async fn finish(&self) -> Result<(), EngineError> {
        let finish = async || {
            let Some(gateway) = self.gateway.get() else {
                return Ok(());
            };
            let ended = self
                .site
                .give_back(gateway, frontend::Result::default())
                .await;
            self.site.progress.close();
            ended
                .map(|_| ())
                .map_err(|refused| self.site.plainly(refused))
        };
        self.finished.get_or_init(finish).await.clone()
    }
}

impl Site {
    /// Makes everything known that a definition needs, and writes it for the daemon.
    pub(super) fn admit(&self, definition: &Definition) -> pb::Definition {
        self.progress.learn(definition);
        for vertex in definition.vertices() {
            if let Op::Local(local) = vertex.op() {
                self.attached.contexts.allow(&local.name, &local.files);
            }
        }
        let mut message = definition.to_pb(|vertex| self.no_cache && may_ignore_cache(vertex));
        if message.encoded_len() > REQUEST {
            // The names are for others that watch the daemon; this side has its own.
            for metadata in message.metadata.values_mut() {
                metadata.description.clear();
            }
        }
        message
    }

    /// Errors that do not depend on what was asked; else the daemon's report.
    pub(super) fn general(&self, refused: Refused) -> Result<EngineError, error::Report> {
        let status = match refused {
            Refused::Canceled => return Ok(EngineError::Canceled),
            Refused::Status(_) if self.stop.is_cancelled() => return Ok(EngineError::Canceled),
            Refused::Status(status) => status,
        };
        if error::is_gone(&status) {
            return Ok(EngineError::Gone {
                address: self.client.address.to_string(),
                reason: status.message().to_owned(),
            });
        }
        Err(error::read(&status))
    }

    pub(super) fn plainly(&self, refused: Refused) -> EngineError {
        self.general(refused)
            .unwrap_or_else(|report| EngineError::Other(report.message))
    }

    /// The last lines of a step may come in a report behind the one of its end.
    async fn quiet(&self) {
        let quiet = async { while timeout(QUIET, self.progress.news.notified()).await.is_ok() {} };
        let _ = timeout(REPORT, quiet).await;
    }

    /// Finds the step that an error is about. The reports may come behind it.
    pub(super) async fn explain(&self, definition: &Definition, refused: Refused) -> EngineError {
        let report = match self.general(refused) {
            Ok(error) => return error,
            Err(report) => report,
        };
        let context = |vertex: &Arc<Vertex>| match vertex.op() {
            Op::Local(local) => self.attached.trouble.with(&local.name),
            _ => None,
        };
        if let Some(text) = definition.vertices().iter().find_map(context) {
            return EngineError::Other(text);
        }
        let named = report.vertex.as_deref();
        let find = || self.progress.failed(definition, named, &report.message);
        let first = async {
            loop {
                let news = self.progress.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if find().is_some() {
                    return;
                }
                news.await;
            }
        };
        let _ = timeout(REPORT, first).await;
        self.quiet().await;
        let Some(failed) = find() else {
            return EngineError::Other(report.message);
        };
        let vertices = definition.vertices();
        let vertex = vertices.iter().find(|v| v.digest == failed.vertex);
        let image = match vertex.map(|v| v.op()) {
            Some(Op::Image(source)) => Some(&source.reference),
            Some(Op::Foreign(Foreign::Image(reference))) => Some(reference),
            _ => None,
        };
        if let Some(image) = image {
            return EngineError::Image {
                image: image.clone(),
                reason: error::image_reason(&error::plain(&failed.error)),
            };
        }
        let exit_code = report.exit_code.or_else(|| error::exit_code(&failed.error));
        EngineError::Step(Box::new(StepFailure {
            vertex: failed.vertex,
            label: failed.label,
            exit_code,
            tail: failed.tail,
            message: error::of_command(&failed.error),
        }))
    }
}

/// The flag also empties the cache mounts of a command, for everybody; see `llb::Exec::fresh` for those.
fn may_ignore_cache(vertex: &Vertex) -> bool {
    match vertex.op() {
        Op::Exec(exec) => !exec
            .mounts
            .iter()
            .any(|m| matches!(m.kind, crate::llb::MountKind::Cache { .. })),
        // One with a cache mount was made another command.
        Op::Foreign(Foreign::Exec { caches, .. }) => !caches,
        _ => false,
    }
}
