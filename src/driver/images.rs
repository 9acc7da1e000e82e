//! Base images: the daemon's own first, then mirrors, then the registry.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::{
    base::Platform,
    diag::Diagnostic,
    docker,
    events::{Event, EventSink},
    interp::probe::BaseImage,
    oci::{
        DockerConfig, ImageRef, Registries, Resolver, cache::ContentCache, layers::LayerRecords,
    },
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

/// The Docker daemon's REST side, reached at the first need. Not every engine has one.
pub struct Daemon {
    address: String,
    client: OnceCell<Option<Arc<docker::Client>>>,
}

impl Daemon {
    /// The daemon at an engine's address.
    pub fn at(address: &str) -> Arc<Self> {
        Arc::new(Self {
            address: address.to_owned(),
            client: OnceCell::new(),
        })
    }

    /// The client; none where there is no Docker daemon at this address.
    pub async fn client(&self) -> Option<&Arc<docker::Client>> {
        let connect = || async {
            let address = docker::Address::parse(&self.address, None).ok()?;
            docker::Client::connect(address).await.ok().map(Arc::new)
        };
        self.client.get_or_init(connect).await.as_ref()
    }
}

/// The registries of a request, with this user's logins.
pub fn registries(request: &BuildRequest, events: &Arc<dyn EventSink>) -> Arc<Registries> {
    let credentials = Arc::new(DockerConfig::of_this_user(Arc::clone(events)));
    Registries::new(request.registries.clone(), credentials)
}

impl Images {
    /// For a plan: no daemon is asked.
    pub fn of_registries(request: &BuildRequest, events: &Arc<dyn EventSink>) -> Self {
        let registries = registries(request, events);
        let resolver = match &request.cache_dir {
            Some(dir) => Resolver::new(registries, ContentCache::in_dir(&dir.join("registry")))
                .remembering(LayerRecords::in_dir(&dir.join("layers"))),
            None => Resolver::new(registries, ContentCache::none()),
        };
        Self {
            resolver,
            local: None,
            events: Arc::clone(events),
        }
    }

    /// For a build: what the daemon has counts, unless `--pull` was given.
    pub fn of_daemon(
        request: &BuildRequest,
        events: &Arc<dyn EventSink>,
        executor: &Arc<Executor>,
        docker: &Arc<Daemon>,
    ) -> Self {
        let local = Local {
            executor: Arc::clone(executor),
            docker: Arc::clone(docker),
        };
        let local = (!request.pull).then_some(local);
        Self {
            local,
            ..Self::of_registries(request, events)
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
        let client = self.docker.client().await?;
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
