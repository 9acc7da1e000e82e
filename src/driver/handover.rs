//! Images on their way out: into a Docker daemon, and into registries.
//!
//! An engine inside of Docker exports into the daemon's own store, and what is pushed is taken from there. An engine that
//! stands alone has no store: it gives archives, which a daemon beside it loads, and it pushes itself.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    base::Digest,
    diag::Diagnostic,
    docker::{Client, DockerError, Store},
    engine::{Capability, Description, Export, PushedImage, buildkit::dial::Place},
    events::Event,
    graph::ledger::ImageOutput,
    oci::ImageRef,
    output::{
        ImageRequest, Pusher,
        load::LoadPlan,
        push_engine::{EnginePusher, Made},
    },
};

use super::{
    failure::{Failure, FailureKind},
    outputs::Delivery,
};

/// States that are exported at once.
const AT_ONCE: usize = 8;
/// Pieces of an archive that wait for the daemon to take them.
const PIECES: usize = 16;

/// An image that is output, with what it is made of.
pub(super) struct Image<'a> {
    pub output: &'a ImageOutput,
    pub request: ImageRequest,
}

impl Delivery {
    /// Loads and pushes images; all that they are made of has been executed.
    pub(super) async fn hand_over_images(
        &self,
        images: &[Image<'_>],
        requests: &[ImageRequest],
        statement: &str,
    ) -> Result<(), Failure> {
        let engine = self.connection.engine().await;
        let engine = engine.map_err(Failure::from_engine)?.describe();
        let plan = LoadPlan::new(requests, &engine.native);
        for remark in &plan.remarks {
            self.events.emit(Event::Remark(remark.clone()));
        }
        if engine.capabilities.contains(&Capability::ImageStore) {
            self.through_the_store(images, requests, &plan).await
        } else {
            let needed_by = format!("`{statement}` at {}", requests[0].at);
            self.beside_the_engine(images, requests, &plan, engine, &needed_by)
                .await
        }
    }

    async fn through_the_store(
        &self,
        images: &[Image<'_>],
        requests: &[ImageRequest],
        plan: &LoadPlan,
    ) -> Result<(), Failure> {
        let docker = self.docker.client().await.map_err(docker_failed)?;
        let before = plan.look(docker).await.map_err(docker_failed)?;
        let exports: Vec<_> = images
            .iter()
            .zip(&plan.names)
            .map(|(image, names)| self.export_image(image, names))
            .collect();
        let ids: Vec<Option<Digest>> = stream::iter(exports)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        plan.verify(docker, requests, &ids, &before, &self.events)
            .await
            .map_err(failed)?;
        if requests.iter().any(|r| r.push) {
            self.events.emit(Event::Phase("push"));
            let pusher = Pusher {
                docker: docker.clone(),
                registries: self.outside.registries.clone(),
                credentials: self.outside.credentials.clone(),
                cache_dir: self.cache_dir.clone(),
                events: self.events.clone(),
            };
            let pushed = pusher.push(requests, &ids, plan).await;
            self.remove_nameless(docker, requests, &ids).await;
            pushed.map_err(failed)?;
        }
        Ok(())
    }

    /// One image into the daemon's store, under the names that it is to have there.
    async fn export_image(
        &self,
        image: &Image<'_>,
        names: &[ImageRef],
    ) -> Result<Option<Digest>, Failure> {
        let export = Export::Image {
            names: names.iter().map(ToString::to_string).collect(),
            config: Box::new((*image.output.config).clone()),
            inline_cache: self.save_inline_cache && image.request.push,
        };
        let state = self.executor.state(image.output.state).await;
        let state = state.map_err(Failure::from_engine)?;
        let build = self.executor.build().await.map_err(Failure::from_engine)?;
        let exported = build.export(&state, export).await;
        let exported = exported.map_err(|error| about(image, Failure::from_engine(error)))?;
        Ok(exported.image_id)
    }

    /// What was exported only to be pushed has no name in the daemon, and would lie there for ever.
    async fn remove_nameless(
        &self,
        docker: &Client,
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

    async fn beside_the_engine(
        &self,
        images: &[Image<'_>],
        requests: &[ImageRequest],
        plan: &LoadPlan,
        engine: &Description,
        needed_by: &str,
    ) -> Result<(), Failure> {
        if plan.names.iter().any(|names| !names.is_empty()) {
            let archives = engine.require(Capability::Archives, needed_by);
            archives.map_err(Failure::from_engine)?;
            let docker = self.docker.client().await.map_err(|e| no_docker(&e))?;
            let store = docker.info().await.map_err(docker_failed)?.store;
            let before = plan.look(docker).await.map_err(docker_failed)?;
            let mut ids = Vec::with_capacity(images.len());
            // The engine sends one archive at a time.
            for (image, names) in images.iter().zip(&plan.names) {
                ids.push(self.load_archive(docker, store, image, names).await?);
            }
            plan.verify(docker, requests, &ids, &before, &self.events)
                .await
                .map_err(failed)?;
        }
        if requests.iter().any(|r| r.push) {
            let pushes = engine.require(Capability::Push, needed_by);
            pushes.map_err(Failure::from_engine)?;
            self.events.emit(Event::Phase("push"));
            self.push_from_the_engine(images).await?;
        }
        Ok(())
    }

    /// One image from the engine through bld into the daemon; nothing of it is kept on the way.
    async fn load_archive(
        &self,
        docker: &Client,
        store: Store,
        image: &Image<'_>,
        names: &[ImageRef],
    ) -> Result<Option<Digest>, Failure> {
        if names.is_empty() {
            return Ok(None);
        }
        let (into, pieces) = mpsc::channel(PIECES);
        let export = Export::Archive {
            names: names.iter().map(ToString::to_string).collect(),
            config: Box::new((*image.output.config).clone()),
            into,
        };
        let state = self.executor.state(image.output.state).await;
        let state = state.map_err(Failure::from_engine)?;
        let build = self.executor.build().await.map_err(Failure::from_engine)?;
        let pieces = ReceiverStream::new(pieces).map(Ok::<_, std::io::Error>);
        let (exported, loaded) = tokio::join!(build.export(&state, export), docker.load(pieces));
        // An archive that the engine broke off is one that the daemon cannot read, and one that the daemon does not take
        // is one that the engine cannot send.
        match (exported, loaded) {
            (Ok(exported), Ok(_)) => Ok(match store {
                Store::GraphDriver => exported.config,
                Store::Containerd => exported.image_id,
            }),
            (Err(_), Err(error @ DockerError::Failed { .. })) | (Ok(_), Err(error)) => {
                Err(about(image, docker_failed(error)))
            }
            (Err(error), _) => Err(about(image, Failure::from_engine(error))),
        }
    }

    async fn push_from_the_engine(&self, images: &[Image<'_>]) -> Result<(), Failure> {
        let mut made: Vec<Made> = Vec::new();
        for image in images.iter().filter(|image| image.request.push) {
            let state = self.executor.state(image.output.state).await;
            let pushed = PushedImage {
                state: state.map_err(Failure::from_engine)?,
                config: Box::new((*image.output.config).clone()),
                platform: image.request.platform.clone(),
            };
            made.push((image.request.clone(), pushed));
        }
        let build = self.executor.build().await.map_err(Failure::from_engine)?;
        let pusher = EnginePusher {
            build: build.as_ref(),
            registries: &self.outside.registries,
            credentials: self.outside.credentials.as_ref(),
            events: &self.events,
            same_machine: matches!(self.connection.address().place, Place::Unix(_)),
            inline_cache: self.save_inline_cache,
        };
        pusher.push(&made).await.map_err(failed)
    }
}

fn about(image: &Image<'_>, mut failure: Failure) -> Failure {
    for diagnostic in &mut failure.diagnostics {
        diagnostic
            .at
            .get_or_insert_with(|| image.request.at.clone());
    }
    failure
}

#[expect(clippy::boxed_local, reason = "it comes in a box")]
fn failed(problem: Box<Diagnostic>) -> Failure {
    Failure::new(FailureKind::Environment, *problem)
}

fn docker_failed(error: DockerError) -> Failure {
    Failure::new(FailureKind::Environment, error.diagnostic())
}

/// The engine works, and there is no place for its images.
fn no_docker(error: &DockerError) -> Failure {
    let problem = error
        .diagnostic()
        .with_note("BuildKit keeps no images: what is not pushed is loaded into a Docker daemon")
        .hint("`--no-output` loads nothing; with `--push`, pushes happen all the same");
    Failure::new(FailureKind::Environment, problem)
}
