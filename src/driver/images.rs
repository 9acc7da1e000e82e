//! Base images: the daemon's own first, then mirrors, then the registry.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::{
    base::Platform,
    diag::Diagnostic,
    docker::{self, DockerError, address::Surroundings},
    engine::buildkit::{
        Address,
        dial::{Peer, Place},
    },
    events::{Event, EventSink},
    interp::probe::BaseImage,
    oci::{DockerConfig, ImageRef, Registries, Resolver, cache::ContentCache},
};

use super::{executor::Executor, request::BuildRequest};

/// Looks base images up.
pub struct Images {
    resolver: Resolver,
    local: Option<Local>,
    events: Arc<dyn EventSink>,
}

/// The image store of the daemon that builds.
struct Local {
    executor: Arc<Executor>,
    docker: Arc<Daemon>,
}

/// A Docker daemon's REST side, reached at the first need.
pub struct Daemon {
    /// None: the one that Docker's own command would talk to.
    address: Option<docker::Address>,
    client: OnceCell<Result<Arc<docker::Client>, DockerError>>,
}

impl Daemon {
    /// The daemon that an engine is in; for an engine that stands alone the one beside it, which is there for its images.
    pub fn of(engine: &Address) -> Arc<Self> {
        let address = match (engine.peer, &engine.place) {
            (Peer::BuildKit, _) | (_, Place::Container(..)) => None,
            (Peer::Docker, Place::Unix(path)) => Some(docker::Address::Unix(path.clone())),
            (Peer::Docker, Place::Tcp(host, certificates)) => Some(docker::Address::Tcp {
                host: host.clone(),
                certificates: certificates.clone(),
            }),
        };
        Arc::new(Self {
            address,
            client: OnceCell::new(),
        })
    }

    /// Whether the engine is in it, and builds on its images.
    pub fn builds(&self) -> bool {
        self.address.is_some()
    }

    /// The client.
    pub async fn client(&self) -> Result<&Arc<docker::Client>, DockerError> {
        let connect = || async {
            let address = match &self.address {
                Some(address) => address.clone(),
                None => docker::Address::find(&Surroundings::of_this_process())?,
            };
            docker::Client::connect(address).await.map(Arc::new)
        };
        self.client
            .get_or_init(connect)
            .await
            .as_ref()
            .map_err(Clone::clone)
    }
}

/// The registries of a run, with this user's logins: one of each, so that helpers are asked and tokens fetched once.
#[derive(Clone)]
pub struct Outside {
    /// This user's logins.
    pub credentials: Arc<DockerConfig>,
    /// The way into all registries.
    pub registries: Arc<Registries>,
}

impl Outside {
    /// For one run.
    pub fn new(request: &BuildRequest, events: &Arc<dyn EventSink>) -> Self {
        let credentials = Arc::new(DockerConfig::of_this_user(Arc::clone(events)));
        let registries = Registries::new(
            request.registries.clone(),
            Arc::clone(&credentials) as Arc<_>,
        );
        Self {
            credentials,
            registries,
        }
    }
}

impl Images {
    /// For a plan: no daemon is asked.
    pub fn of_registries(
        request: &BuildRequest,
        outside: &Outside,
        events: &Arc<dyn EventSink>,
    ) -> Self {
        let registries = Arc::clone(&outside.registries);
        let cache = request
            .cache_dir
            .as_ref()
            .map_or_else(ContentCache::none, |dir| {
                ContentCache::in_dir(&dir.join("registry"))
            });
        let resolver = Resolver::new(registries, cache);
        Self {
            resolver,
            local: None,
            events: Arc::clone(events),
        }
    }

    /// For a build: what the daemon has counts, unless `--pull` was given.
    pub fn of_daemon(
        request: &BuildRequest,
        outside: &Outside,
        events: &Arc<dyn EventSink>,
        executor: &Arc<Executor>,
        docker: &Arc<Daemon>,
    ) -> Self {
        let local = Local {
            executor: Arc::clone(executor),
            docker: Arc::clone(docker),
        };
        let local = (docker.builds() && !request.pull).then_some(local);
        Self {
            local,
            ..Self::of_registries(request, outside, events)
        }
    }

    /// Looks an image up.
    pub async fn look_up(
        &self,
        image: &ImageRef,
        platform: &Platform,
    ) -> Result<BaseImage, Box<Diagnostic>> {
        if let Some(local) = &self.local
            && let Some(found) = local.look_up(image, platform).await
        {
            return Ok(found);
        }
        let resolved = self
            .resolver
            .resolve(image, platform)
            .await
            .map_err(|e| Box::new(e.diagnostic()))?;
        let is_for = resolved.config.platform();
        if resolved.single && is_for != *platform {
            let message = format!(
                "image `{}` is for {is_for}, not for {platform}",
                image.familiar()
            );
            if image.digest.is_some() {
                return Err(Box::new(Diagnostic::error("image-platform", message).hint(
                    "pin the digest of the index instead, or of the image for this platform",
                )));
            }
            self.events.emit(Event::Remark(Diagnostic::warning(
                "image-platform",
                message,
            )));
        }
        let reference = resolved.reference.clone();
        Ok(BaseImage {
            reference,
            config: resolved.config.clone(),
        })
    }
}

impl Local {
    /// An image of the daemon's store. Whatever goes wrong here, the registry is still to be asked.
    async fn look_up(&self, image: &ImageRef, platform: &Platform) -> Option<BaseImage> {
        if image.digest.is_some() {
            return None;
        }
        let client = self.docker.client().await.ok()?;
        let found = client.image(&image.familiar()).await.ok()??;
        if found.platform.as_ref().is_some_and(|p| p != platform) {
            return None;
        }
        let reference = image.to_string();
        let build = self.executor.build().await.ok()?;
        let resolved = build
            .resolve_image(&reference, platform, false)
            .await
            .ok()?;
        Some(BaseImage {
            reference,
            config: resolved.config,
        })
    }
}
