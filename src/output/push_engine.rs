//! Images that an engine pushes itself: one that stands alone has their layers, and no daemon beside it does.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Failure,
    duplicates::by_name,
    image::ImageRequest,
    push::{check_pushed, failure},
    push_daemon::classify,
};
use crate::{
    base::Digest,
    engine::{Build, Credentials, EngineError, Push, PushedImage},
    events::EventSink,
    oci::{Credential, ImageRef, Registries, registry::RetryPolicy, settings::is_loopback},
};

/// Images on their way at once.
const AT_ONCE: usize = 3;

/// Has an engine push images.
pub struct EnginePusher<'a> {
    /// What has the images.
    pub build: &'a dyn Build,
    /// To look at what has arrived.
    pub registries: &'a Arc<Registries>,
    /// For the words about a push that was denied; the engine asks for them itself.
    pub credentials: &'a dyn Credentials,
    /// Where results go.
    pub events: &'a Arc<dyn EventSink>,
    /// The engine's loopback is ours.
    pub same_machine: bool,
    /// Cache records go into the images.
    pub inline_cache: bool,
}

/// An image that is to be output, and what it is made of.
pub type Made = (ImageRequest, PushedImage);

impl EnginePusher<'_> {
    /// Pushes everything that is marked for it.
    pub async fn push(&self, made: &[Made]) -> Result<(), Failure> {
        let jobs = by_name(made.iter().map(|(request, _)| request).filter(|r| r.push));
        let mut pushes = Vec::new();
        for (name, requests) in jobs {
            let of = |request: &&ImageRequest| {
                let mut own = made
                    .iter()
                    .filter(|(other, _)| std::ptr::eq(other, *request));
                own.next().map(|(_, image)| image.clone())
            };
            let mut images: Vec<PushedImage> = requests.iter().filter_map(of).collect();
            // The order in which concurrent targets ended must not show in the digest.
            images.sort_by_key(|image| image.platform.to_string());
            let insecure = requests.iter().any(|r| r.insecure);
            pushes.push(self.push_one(name, requests[0], images, insecure));
        }
        stream::iter(pushes)
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
    }

    async fn push_one(
        &self,
        name: &ImageRef,
        request: &ImageRequest,
        images: Vec<PushedImage>,
        insecure: bool,
    ) -> Result<(), Failure> {
        let push = Push {
            name: name.to_string(),
            insecure: insecure || self.registries.settings.is_marked_insecure(&name.registry),
            images,
            index: request.in_index(),
            inline_cache: self.inline_cache,
        };
        let logged_in = self.credentials.credential(&name.registry).await != Credential::None;
        let try_it = || async {
            let pushed = self.build.push(push.clone()).await;
            pushed.map_err(|error| match error {
                EngineError::Other(message) => classify(&message, name, logged_in),
                error => classify(&error.to_string(), name, logged_in),
            })
        };
        let policy = RetryPolicy {
            // The engine has tried each blob several times by then.
            attempts: 3,
            ..RetryPolicy::default()
        };
        let pushed = policy.run(try_it).await;
        let digest = pushed.map_err(|e| failure(name, request, e.diagnostic()))?;
        let found = self.look(name, insecure).await;
        let found = found.unwrap_or_else(|| digest.clone());
        check_pushed(name, request, &found, &digest, self.events)
    }

    /// What the registry has now, as far as we can see: it may be in reach of the engine only.
    async fn look(&self, name: &ImageRef, insecure: bool) -> Option<Digest> {
        if is_loopback(&name.registry) && !self.same_machine {
            return None;
        }
        let repository = self.registries.origin(name, insecure);
        repository.digest_of(name.version()).await.ok()
    }
}
