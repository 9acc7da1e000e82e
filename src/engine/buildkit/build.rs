//! An open build.
//!
//! On the daemon's side it is one `Control.Solve` that waits until this side says what its result is (a "gateway
//! build"). Meanwhile this side solves states in it, one or hundreds at once, and looks into the results, which live as
//! long as it does. It is opened when the first answer is needed. Source: BuildKit's `frontend/gateway`.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, CacheOptionsEntry, SolveRequest, SolveResponse, StatusRequest,
    frontend::{
        self, CacheOptionsEntry as BridgeCacheEntry, FileRange, ReadDirRequest, ReadFileRequest,
        ResolveImageConfigRequest, ReturnRequest, result,
    },
};
use tokio::{
    sync::{Mutex, OnceCell, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Response, Status};

use super::{
    attach::{Attached, files::Contexts, gomode},
    client::{Client, of_build},
    error,
    hearth::Hearth,
    progress::Progress,
    session::Session,
};
use crate::{
    base::{Digest, Platform},
    engine::{Build, EngineError, Export, Exported, FileStat, ResolvedImage, Solved, StepFailure},
    llb::{Definition, Nonce, Op, State, Vertex, encode::platform_pb},
    oci::ImageConfig,
};

/// What is read of a file at once; a message must stay below 16 MiB.
const READ: i64 = 8 << 20;
/// How long the report of a failure may come behind the failure.
const REPORT: Duration = Duration::from_secs(2);

/// Everything that the tasks of one build share.
pub(super) struct Site {
    pub(super) hearth: Arc<Hearth>,
    pub(super) client: Client,
    pub(super) session: Session,
    pub(super) attached: Arc<Attached>,
    pub(super) progress: Arc<Progress>,
    pub(super) no_cache: bool,
    pub(super) cache_from: Vec<String>,
    /// Cancelled: everything stops.
    pub(super) stop: CancellationToken,
    /// Exports to directories run one at a time.
    pub(super) to_directory: Mutex<()>,
    /// Exporters differ.
    pub(super) image_exporter: Option<&'static str>,
    /// For operations that are made here.
    pub(super) native: Platform,
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

/// The daemon's side of the build.
struct Gateway {
    id: String,
    /// How it ended.
    over: watch::Receiver<Option<Result<(), Status>>>,
    /// Reads the reports.
    reports: Mutex<Option<JoinHandle<()>>>,
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

    async fn gateway(&self) -> &Gateway {
        let open = async || {
            let id = Nonce::random().as_str().to_owned();
            let request = SolveRequest {
                r#ref: id.clone(),
                session: self.site.session.id.clone(),
                cache: Some(CacheOptions::default()),
                ..SolveRequest::default()
            };
            let solving = self.site.start(request);
            let (sender, over) = watch::channel(None);
            self.site.hearth.spawn(async move {
                let result = solving.result.await;
                let result = result.unwrap_or_else(|_| Err(Status::cancelled("stopped")));
                let _ = sender.send(Some(result.map(|_| ())));
            });
            Gateway {
                id,
                over,
                reports: Mutex::new(Some(solving.reports)),
            }
        };
        self.gateway.get_or_init(open).await
    }

    /// Waits for an answer, for the end of the build, or for the user to stop it, whatever comes first.
    async fn call<T>(
        &self,
        gateway: &Gateway,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Refused> {
        let mut over = gateway.over.clone();
        tokio::select! {
            biased;
            () = self.site.stop.cancelled() => Err(Refused::Canceled),
            answer = answer => match answer {
                Ok(answer) => Ok(answer.into_inner()),
                Err(status) => match gateway.over.borrow().as_ref() {
                    // A build that ended explains more than a call that came too late.
                    Some(Err(end)) => Err(Refused::Status(Box::new(end.clone()))),
                    _ => Err(Refused::Status(Box::new(status))),
                },
            },
            end = over.wait_for(Option::is_some) => {
                let status = match end.as_deref() {
                    Ok(Some(Err(status))) => status.clone(),
                    _ => Status::failed_precondition("the build is over"),
                };
                Err(Refused::Status(Box::new(status)))
            }
        }
    }

    async fn solve_edge(&self, definition: &Definition) -> Result<String, EngineError> {
        let gateway = self.gateway().await;
        let site = &self.site;
        let cache_imports = site.cache_from.iter().map(|image| BridgeCacheEntry {
            r#type: "registry".to_owned(),
            attrs: [("ref".to_owned(), image.clone())].into(),
        });
        let request = frontend::SolveRequest {
            definition: Some(site.admit(definition)),
            allow_result_return: true,
            allow_result_array_ref: true,
            cache_imports: cache_imports.collect(),
            evaluate: true,
            ..frontend::SolveRequest::default()
        };
        let mut bridge = site.client.bridge();
        let answer = bridge.solve(of_build(&gateway.id, request));
        let response = match self.call(gateway, answer).await {
            Ok(response) => response,
            Err(refused) => return Err(site.explain(definition, refused).await),
        };
        let result = response.result.and_then(|r| r.result);
        Ok(match result {
            Some(result::Result::Ref(reference)) => reference.id,
            Some(result::Result::RefDeprecated(id)) => id,
            _ => response.r#ref,
        })
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
        match self.call(gateway, answer).await {
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

    async fn solve(&self, state: &State) -> Result<Solved, EngineError> {
        let Some(edge) = state else {
            return Ok(Solved(String::new()));
        };
        self.solve_edge(&Definition::of(edge)).await.map(Solved)
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
            let answer = self.call(gateway, answer).await;
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
        let answer = self.call(gateway, answer).await;
        let entries = answer
            .map_err(|refused| self.site.plainly(refused))?
            .entries;
        let stat = |entry: bollard_buildkit_proto::fsutil::types::Stat| FileStat {
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

    async fn finish(&self) -> Result<(), EngineError> {
        let finish = async || {
            let Some(gateway) = self.gateway.get() else {
                return Ok(());
            };
            let request = ReturnRequest {
                result: Some(frontend::Result::default()),
                error: None,
            };
            let mut bridge = self.site.client.bridge();
            let answer = bridge.r#return(of_build(&gateway.id, request));
            let answer = self.call(gateway, answer).await;
            let ended = async {
                let mut over = gateway.over.clone();
                match over.wait_for(Option::is_some).await.as_deref() {
                    Ok(Some(Err(status))) => Err(Refused::Status(Box::new(status.clone()))),
                    _ => Ok(()),
                }
            };
            let ended = match answer {
                Ok(_) => tokio::select! {
                    () = self.site.stop.cancelled() => Err(Refused::Canceled),
                    ended = ended => ended,
                },
                Err(refused) => Err(refused),
            };
            if let Some(reports) = gateway.reports.lock().await.take() {
                let _ = timeout(REPORT, reports).await;
            }
            self.site.progress.close();
            ended.map_err(|refused| self.site.plainly(refused))
        };
        self.finished.get_or_init(finish).await.clone()
    }
}

/// Why there is no answer.
pub(super) enum Refused {
    /// The user stopped the build.
    Canceled,
    /// The daemon said no, or nothing.
    Status(Box<Status>),
}

/// A `Control.Solve` that runs.
pub(super) struct Solving {
    pub(super) result: JoinHandle<Result<SolveResponse, Status>>,
    pub(super) reports: JoinHandle<()>,
}

impl Site {
    /// Starts a `Control.Solve` and reads its reports. Both end with the build, at the latest.
    pub(super) fn start(&self, request: SolveRequest) -> Solving {
        let id = request.r#ref.clone();
        let (mut control, stop) = (self.client.control.clone(), self.stop.clone());
        let result = self.hearth.spawn(async move {
            tokio::select! {
                // Dropping the call is what stops the daemon.
                () = stop.cancelled() => Err(Status::cancelled("stopped")),
                answer = control.solve(request) => answer.map(Response::into_inner),
            }
        });
        let (mut control, stop) = (self.client.control.clone(), self.stop.clone());
        let progress = Arc::clone(&self.progress);
        let reports = self.hearth.spawn(async move {
            let read = async {
                let stream = control.status(StatusRequest { r#ref: id }).await;
                // A solve that was refused has no reports; its own answer says why.
                let Ok(stream) = stream else { return };
                let mut stream = stream.into_inner();
                while let Ok(Some(report)) = stream.message().await {
                    progress.take(report);
                }
            };
            tokio::select! {
                () = stop.cancelled() => progress.close(),
                () = read => {}
            }
        });
        Solving { result, reports }
    }

    /// Makes everything known that a definition needs, and writes it for the daemon.
    pub(super) fn admit(&self, definition: &Definition) -> bollard_buildkit_proto::pb::Definition {
        self.progress.learn(definition);
        for vertex in definition.vertices() {
            if let Op::Local(local) = vertex.op() {
                self.attached.contexts.allow(&local.name, &local.files);
            }
        }
        definition.to_pb(|vertex| self.no_cache && may_ignore_cache(vertex))
    }

    pub(super) fn cache_imports(&self) -> Vec<CacheOptionsEntry> {
        let entry = |image: &String| CacheOptionsEntry {
            r#type: "registry".to_owned(),
            attrs: [("ref".to_owned(), image.clone())].into(),
        };
        self.cache_from.iter().map(entry).collect()
    }

    /// Errors that do not depend on what was asked; else the daemon's report.
    fn general(&self, refused: Refused) -> Result<EngineError, error::Report> {
        let status = match refused {
            Refused::Canceled => return Ok(EngineError::Canceled),
            Refused::Status(_) if self.stop.is_cancelled() => return Ok(EngineError::Canceled),
            Refused::Status(status) => status,
        };
        if let Some(text) = self.attached.trouble.take() {
            return Ok(EngineError::Other(text));
        }
        if error::is_gone(&status) {
            return Ok(EngineError::Gone {
                address: self.client.address.to_string(),
                reason: status.message().to_owned(),
            });
        }
        Err(error::read(&status))
    }

    fn plainly(&self, refused: Refused) -> EngineError {
        self.general(refused)
            .unwrap_or_else(|report| EngineError::Other(report.message))
    }

    /// Finds the step that an error is about. The reports may come behind it.
    pub(super) async fn explain(&self, definition: &Definition, refused: Refused) -> EngineError {
        let report = match self.general(refused) {
            Ok(error) => return error,
            Err(report) => report,
        };
        let find = async {
            loop {
                let news = self.progress.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                let named = report.vertex.as_deref();
                if let Some(failed) = self.progress.failed(definition, named, &report.message) {
                    return failed;
                }
                news.await;
            }
        };
        let Ok(failed) = timeout(REPORT, find).await else {
            return EngineError::Other(report.message);
        };
        let vertices = definition.vertices();
        let vertex = vertices.iter().find(|v| v.digest == failed.vertex);
        if let Some(Op::Image(source)) = vertex.map(|v| v.op()) {
            return EngineError::Image {
                image: source.reference.clone(),
                reason: error::image_reason(&error::plain(&failed.error)),
            };
        }
        let exit_code = report.exit_code.or_else(|| error::exit_code(&failed.error));
        EngineError::Step(Box::new(StepFailure {
            vertex: failed.vertex,
            label: failed.label,
            exit_code,
            tail: failed.tail,
            message: error::plain(&failed.error),
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
        _ => false,
    }
}
