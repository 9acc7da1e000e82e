//! From an image name to exactly one image: what `FROM` needs to know of its base.
//!
//! A tag is looked up once per run, so that all platforms and all targets of a build see the same image even if
//! somebody pushes meanwhile. What a digest names never changes and comes from the cache on disk.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    cache::ContentCache,
    config::ImageConfig,
    manifest::{Document, MAX_CONFIG, MAX_MANIFEST},
    reference::ImageRef,
    registry::{Registries, RegistryError, Repository},
};
use crate::{
    base::{Digest, OnceMap, Platform},
    diag::{Diagnostic, words},
};

/// One image for one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedBase {
    /// What an engine has to fetch: `host/repository@sha256:…`, with the mirror's host where the mirror served it, and
    /// the digest of the index where the name stands for one.
    pub reference: String,
    /// What the name stands for: an index or a manifest.
    pub top: Digest,
    /// The platform's manifest; the same as `top` where the name stands for one image.
    pub manifest: Digest,
    /// The image's configuration.
    pub config: ImageConfig,
    /// Whether the name stands for one image, which may be for another platform than the one asked for.
    pub single: bool,
}

/// A name that leads to no image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveError {
    /// The name.
    pub image: ImageRef,
    /// Why the last endpoint, the registry itself, has none.
    pub cause: ResolveCause,
    /// Why the mirrors have none.
    pub mirrors: Vec<String>,
}

/// The reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveCause {
    /// The registry.
    Registry(RegistryError),
    /// It is there, but not for this platform.
    Platform {
        /// The one that was asked for.
        wanted: Platform,
        /// Those that there are.
        offered: Vec<Platform>,
    },
}

impl ResolveError {
    /// For people; the place is the caller's to add.
    pub fn diagnostic(&self) -> Diagnostic {
        let image = self.image.familiar();
        let mut error = match &self.cause {
            ResolveCause::Registry(cause) => {
                let mut error = cause.diagnostic();
                error.message = format!("cannot get image `{image}`: {}", error.message);
                error
            }
            ResolveCause::Platform { wanted, offered } => {
                let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
                Diagnostic::error(
                    "image-platform",
                    format!("image `{image}` is not there for {wanted}"),
                )
                .with_note(format!("it is there for {}", words::all(&offered)))
            }
        };
        error.code = "image";
        error.notes.extend(self.mirrors.iter().cloned());
        error
    }
}

impl std::fmt::Display for ResolveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.diagnostic().message)
    }
}

impl std::error::Error for ResolveError {}

type Resolved = Result<Arc<ResolvedBase>, ResolveError>;

/// Looks up images, each name once.
pub struct Resolver {
    registries: Arc<Registries>,
    cache: ContentCache,
    tops: OnceMap<ImageRef, Result<Top, ResolveError>>,
    images: OnceMap<(ImageRef, Platform), Resolved>,
}

/// What a name stands for, and who said so.
#[derive(Clone)]
struct Top {
    repository: Arc<Repository>,
    digest: Digest,
    mirrors: Vec<String>,
}

impl Resolver {
    /// For one run of bld.
    pub fn new(registries: Arc<Registries>, cache: ContentCache) -> Self {
        Self {
            registries,
            cache,
            tops: OnceMap::default(),
            images: OnceMap::default(),
        }
    }

    /// The image behind a name, for a platform.
    pub async fn resolve(&self, image: &ImageRef, platform: &Platform) -> Resolved {
        let key = (image.clone(), platform.clone());
        let look_up = || async {
            let top = self
                .tops
                .get_or_run(image.clone(), || self.top(image))
                .await?;
            let found = self.image(&top, platform).await;
            found.map(Arc::new).map_err(|cause| ResolveError {
                image: image.clone(),
                cause,
                mirrors: top.mirrors,
            })
        };
        self.images.get_or_run(key, look_up).await
    }

    async fn top(&self, image: &ImageRef) -> Result<Top, ResolveError> {
        let mut mirrors = Vec::new();
        let cached = match &image.digest {
            Some(digest) => self.cache.get(digest, MAX_MANIFEST).await.and(Some(digest)),
            None => None,
        };
        for endpoint in self.registries.settings.endpoints(image) {
            let repository = self.registries.at(endpoint);
            let is_mirror = repository.endpoint().mirror;
            let found = match cached {
                // Nothing to find out but which mirror serves it, and the registry itself needs no asking.
                Some(digest) if !is_mirror => Ok(digest.clone()),
                _ => repository.digest_of(image.version()).await,
            };
            match found {
                Ok(digest) => {
                    return Ok(Top {
                        repository: Arc::new(repository),
                        digest,
                        mirrors,
                    });
                }
                // A mirror that cannot help must not keep anybody from the registry itself.
                Err(error) if is_mirror => mirrors.push(format!("mirror: {error}")),
                Err(error) => {
                    return Err(ResolveError {
                        image: image.clone(),
                        cause: ResolveCause::Registry(error),
                        mirrors,
                    });
                }
            }
        }
        unreachable!("the last endpoint is the registry itself, and it returns")
    }

    async fn image(&self, top: &Top, platform: &Platform) -> Result<ResolvedBase, ResolveCause> {
        let repository = &top.repository;
        let document = self.document(repository, &top.digest).await?;
        let (manifest, digest, single) = match document {
            Document::Manifest(manifest) => (manifest, top.digest.clone(), true),
            Document::Index(index) => {
                let descriptor = index
                    .select(platform)
                    .ok_or_else(|| ResolveCause::Platform {
                        wanted: platform.clone(),
                        offered: index.platforms(),
                    })?;
                match self.document(repository, &descriptor.digest).await? {
                    Document::Manifest(manifest) => (manifest, descriptor.digest.clone(), false),
                    Document::Index(_) => {
                        return Err(broken(repository, "an index inside an index".to_owned()));
                    }
                }
            }
        };
        let bytes = self.config(repository, &manifest.config.digest).await?;
        let config: ImageConfig = serde_json::from_slice(&bytes)
            .map_err(|e| broken(repository, format!("the configuration of the image: {e}")))?;
        Ok(ResolvedBase {
            reference: format!("{}@{}", repository.endpoint().name(), top.digest),
            top: top.digest.clone(),
            manifest: digest,
            config,
            single,
        })
    }

    async fn document(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Document, ResolveCause> {
        let bytes = match self.cache.get(digest, MAX_MANIFEST).await {
            Some(bytes) => bytes,
            None => {
                let raw = repository
                    .manifest(digest.as_str())
                    .await
                    .map_err(ResolveCause::Registry)?;
                self.cache.put(digest, &raw.bytes).await;
                raw.bytes
            }
        };
        repository.parse(&bytes).map_err(ResolveCause::Registry)
    }

    async fn config(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Bytes, ResolveCause> {
        if let Some(bytes) = self.cache.get(digest, MAX_CONFIG).await {
            return Ok(bytes);
        }
        let bytes = repository
            .blob(digest, MAX_CONFIG)
            .await
            .map_err(ResolveCause::Registry)?;
        self.cache.put(digest, &bytes).await;
        Ok(bytes)
    }
}

fn broken(repository: &Repository, reason: String) -> ResolveCause {
    ResolveCause::Registry(RegistryError::Protocol {
        registry: repository.endpoint().registry.clone(),
        reason,
    })
}
