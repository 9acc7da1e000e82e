//! Outputs in their order: everything is executed, then files are written, then images loaded, then pushed.

use std::{path::PathBuf, sync::Arc};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    base::{Digest, Platform},
    diag::Diagnostic,
    engine::Export,
    events::{Event, EventSink, Label, OutputEvent},
    graph::{
        ledger::{ArtifactOutput, ImageOutput, OutputKind, Reason, Settled, Verdict, Visit},
        plan::StepId,
    },
    oci::{DockerConfig, ImageConfig, Registries},
    output::{
        FileRequest, ImageRequest, Pusher, Staging, duplicates, files, image, load::LoadPlan,
    },
};

use super::{
    executor::Executor,
    failure::{Failure, FailureKind},
    images::Daemon,
};

/// States that are exported at once.
const AT_ONCE: usize = 8;

/// What is needed to hand outputs over.
pub struct Delivery {
    /// Executes and exports.
    pub executor: Arc<Executor>,
    /// The daemon's REST side.
    pub docker: Arc<Daemon>,
    /// Where pushes go.
    pub registries: Arc<Registries>,
    /// This user's logins.
    pub credentials: Arc<DockerConfig>,
    /// Where results are told.
    pub events: Arc<dyn EventSink>,
    /// The engine's own platform.
    pub native: Platform,
    /// The working directory.
    pub cwd: PathBuf,
    /// What is remembered from run to run.
    pub cache_dir: PathBuf,
    /// Cache records go into images that are marked for pushing.
    pub save_inline_cache: bool,
    /// Whether one name may be given once only.
    pub check_duplicates: bool,
    /// What the visits are called.
    pub visits: Vec<Visit>,
}

/// An image that is output, with what it is made of.
struct Image<'a> {
    output: &'a ImageOutput,
    request: ImageRequest,
}

impl Delivery {
    /// Hands over everything that counts, and tells what does not for want of `--push`.
    pub async fn deliver(&self, settled: &[Settled]) -> Result<(), Failure> {
        let images = self.images(settled)?;
        let requests: Vec<ImageRequest> = images.iter().map(|i| i.request.clone()).collect();
        if self.check_duplicates {
            let problems = duplicates::check(&requests);
            if !problems.is_empty() {
                return Err(Failure {
                    kind: FailureKind::BuildFile,
                    diagnostics: problems,
                });
            }
        }
        let artifacts: Vec<(&Settled, &ArtifactOutput)> = settled
            .iter()
            .filter(|s| s.local == Verdict::Counts)
            .filter_map(|s| match &s.output.kind {
                OutputKind::Artifact(artifact) => Some((s, artifact)),
                _ => None,
            })
            .collect();
        self.execute(
            images
                .iter()
                .map(|i| i.output.state)
                .chain(artifacts.iter().map(|(_, a)| a.state)),
        )
        .await?;
        if !artifacts.is_empty() || !images.is_empty() {
            self.events.emit(Event::Phase("output"));
        }
        if !artifacts.is_empty() {
            self.write_files(&artifacts).await?;
        }
        if !images.is_empty() {
            self.hand_over_images(&images, &requests).await?;
        }
        self.tell_what_was_not_pushed(settled);
        Ok(())
    }

    /// Everything is executed before anything is output.
    async fn execute(&self, steps: impl Iterator<Item = StepId>) -> Result<(), Failure> {
        let solve = |step| async move {
            let state = self.executor.lowering().state(step);
            self.executor.solve(&state).await.map(|_| ())
        };
        stream::iter(steps)
            .map(solve)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
            .map_err(Failure::from_engine)
    }

    async fn write_files(&self, artifacts: &[(&Settled, &ArtifactOutput)]) -> Result<(), Failure> {
        let staging = Staging::new(&self.cwd).map_err(|e| {
            let message = format!("cannot make a temporary directory for artifacts: {e}");
            Failure::new(
                FailureKind::Environment,
                Diagnostic::error("staging", message),
            )
        })?;
        let export = |(settled, artifact): &(&Settled, &ArtifactOutput)| {
            let (at, artifact) = (settled.output.at.clone(), (*artifact).clone());
            let source = staging.directory();
            async move {
                let source = source.map_err(|e| {
                    let message = format!("cannot make a temporary directory for artifacts: {e}");
                    Failure::new(
                        FailureKind::Environment,
                        Diagnostic::error("staging", message),
                    )
                })?;
                self.export_files(artifact.state, source.clone()).await?;
                Ok::<_, Failure>(FileRequest {
                    artifact: artifact.artifact,
                    source,
                    dest: artifact.dest,
                    dest_written: artifact.dest_written,
                    within: PathBuf::from(artifact.within),
                    glob: artifact.glob,
                    force: artifact.force,
                    if_exists: artifact.if_exists,
                    at,
                })
            }
        };
        let requests: Vec<FileRequest> = stream::iter(artifacts.iter().map(export))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        files::write(requests, Arc::clone(&self.events))
            .await
            .map_err(|problem| Failure::new(FailureKind::Environment, *problem))
    }

    /// All files of a step below an empty directory.
    async fn export_files(&self, step: StepId, dest: PathBuf) -> Result<(), Failure> {
        let state = self.executor.lowering().state(step);
        if state.is_none() {
            return Ok(());
        }
        let build = self.executor.build().await.map_err(Failure::from_engine)?;
        build
            .export(&state, Export::Files { dest })
            .await
            .map_err(Failure::from_engine)?;
        Ok(())
    }

    fn images<'a>(&self, settled: &'a [Settled]) -> Result<Vec<Image<'a>>, Failure> {
        let mut images = Vec::new();
        for settled in settled {
            let OutputKind::Image(output) = &settled.output.kind else {
                continue;
            };
            let load = settled.local == Verdict::Counts;
            let push = settled.push == Some(Verdict::Counts);
            if !load && !push {
                continue;
            }
            let at = &settled.output.at;
            let names = output
                .names
                .iter()
                .map(|name| image::parse_name(name, at))
                .collect::<Result<_, _>>()
                .map_err(|problem| Failure::new(FailureKind::BuildFile, *problem))?;
            images.push(Image {
                output,
                request: ImageRequest {
                    target: self.visits[settled.output.owner.0 as usize].target.clone(),
                    names,
                    platform: output.platform.clone(),
                    platform_chosen: output.platform_chosen,
                    load,
                    push,
                    insecure: output.insecure,
                    no_manifest_list: output.no_manifest_list,
                    at: at.clone(),
                },
            });
        }
        Ok(images)
    }

    async fn hand_over_images(
        &self,
        images: &[Image<'_>],
        requests: &[ImageRequest],
    ) -> Result<(), Failure> {
        let Some(docker) = self.docker.client().await else {
            let message = "the engine is no Docker daemon, so there is no image store to load into";
            return Err(Failure::new(
                FailureKind::Environment,
                Diagnostic::error("no-image-store", message).hint(
                    "build on a Docker daemon, or write files with `SAVE ARTIFACT … AS LOCAL`",
                ),
            ));
        };
        let plan = LoadPlan::new(requests, &self.native);
        for remark in &plan.remarks {
            self.events.emit(Event::Remark(remark.clone()));
        }
        let docker_failed =
            |e: crate::docker::DockerError| Failure::new(FailureKind::Environment, e.diagnostic());
        let before = plan.look(docker).await.map_err(docker_failed)?;
        let export = |(image, names): (&Image<'_>, &Vec<crate::oci::ImageRef>)| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let config = finished_config(&image.output.config);
            let state = self.executor.lowering().state(image.output.state);
            let inline_cache = self.save_inline_cache && image.request.push;
            let at = image.request.at.clone();
            async move {
                let build = self.executor.build().await.map_err(Failure::from_engine)?;
                let export = Export::Image {
                    names,
                    config: Box::new(config),
                    inline_cache,
                };
                let exported = build.export(&state, export).await.map_err(|e| {
                    let mut failure = Failure::from_engine(e);
                    for diagnostic in &mut failure.diagnostics {
                        diagnostic.at.get_or_insert_with(|| at.clone());
                    }
                    failure
                })?;
                Ok::<Option<Digest>, Failure>(exported.image_id)
            }
        };
        let ids: Vec<Option<Digest>> = stream::iter(images.iter().zip(&plan.names).map(export))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let failed = |problem: Box<Diagnostic>| Failure::new(FailureKind::Environment, *problem);
        plan.verify(docker, requests, &ids, &before, &self.events)
            .await
            .map_err(failed)?;
        if requests.iter().any(|r| r.push) {
            self.events.emit(Event::Phase("push"));
            let pusher = Pusher {
                docker: Arc::clone(docker),
                registries: Arc::clone(&self.registries),
                credentials: Arc::clone(&self.credentials) as Arc<_>,
                cache_dir: self.cache_dir.clone(),
                events: Arc::clone(&self.events),
            };
            pusher.push(requests, &ids, &plan).await.map_err(failed)?;
            self.remove_nameless(docker, requests, &ids).await;
        }
        Ok(())
    }

    /// What was exported only to be pushed has no name in the daemon, and would lie there for ever.
    async fn remove_nameless(
        &self,
        docker: &crate::docker::Client,
        requests: &[ImageRequest],
        ids: &[Option<Digest>],
    ) {
        for (request, id) in requests.iter().zip(ids) {
            let Some(id) = id.as_ref().filter(|_| !request.load) else {
                continue;
            };
            if let Ok(Some(image)) = docker.image(id.as_str()).await
                && image.tags.is_empty()
            {
                // Nobody is harmed by an image that stays.
                let _ = docker.remove(id.as_str()).await;
            }
        }
    }

    fn tell_what_was_not_pushed(&self, settled: &[Settled]) {
        let not_given = Verdict::No(Reason::PushNotGiven);
        for settled in settled {
            if settled.push.as_ref() != Some(&not_given) {
                continue;
            }
            let target = self.visits[settled.output.owner.0 as usize].target.clone();
            match &settled.output.kind {
                OutputKind::Image(image) => {
                    for name in &image.names {
                        let event = OutputEvent::NotPushed { name: name.clone() };
                        self.events.emit(Event::Output(event));
                    }
                }
                OutputKind::Push(push) => {
                    let event = OutputEvent::NotRun {
                        target,
                        text: push.text.clone(),
                    };
                    self.events.emit(Event::Output(event));
                }
                OutputKind::Artifact(_) => {}
            }
        }
    }
}

/// The configuration as it is exported: layers and their times are the engine's to fill in.
fn finished_config(config: &ImageConfig) -> ImageConfig {
    ImageConfig {
        rootfs: None,
        ..config.clone()
    }
}

/// What the work for one artifact of the command line is called.
pub fn artifact_label(reference: &str) -> Arc<Label> {
    Arc::new(Label {
        target: String::new(),
        text: format!("--artifact {reference}"),
        platform: None,
        at: None,
    })
}
