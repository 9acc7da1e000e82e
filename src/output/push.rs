//! Images to registries. What a daemon can push as well as we can, it pushes, because it keeps the compressed layers of
//! what it pulled; the rest goes through our own client.
//!
//! Ours are: indexes, images without a name in the daemon, and registries that the daemon refuses to talk to without a
//! trusted certificate. Blobs and manifests come first, names last, so a name never stands for half an image.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Failure,
    duplicates::by_name,
    image::ImageRequest,
    load::LoadPlan,
    upload::{UploadError, Uploaded, Uploader},
};
use crate::{
    base::Digest,
    diag::Diagnostic,
    docker::{Client, Info},
    events::{Event, EventSink, Label, OutputEvent, Told},
    oci::{
        Credentials, ImageRef, Registries,
        cache::ContentCache,
        layers::LayerRecords,
        manifest::{Descriptor, DescriptorPlatform, Index, media},
        registry::Repository,
    },
};

/// Images on their way at once.
const AT_ONCE: usize = 3;

/// Pushes images out of a daemon.
pub struct Pusher {
    /// Where the images are.
    pub docker: Arc<Client>,
    /// Where they go.
    pub registries: Arc<Registries>,
    /// For the daemon's own pushes; the same that `registries` has.
    pub credentials: Arc<dyn Credentials>,
    /// What is remembered from push to push, and where layers are spooled: a directory of bld's in the user's cache.
    pub cache_dir: PathBuf,
    /// Where progress and results go.
    pub events: Arc<dyn EventSink>,
}

/// An image that is in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its name.
    pub name: ImageRef,
    /// Of the manifest, or of the index.
    pub digest: Digest,
}

/// One name and what is to be behind it.
pub(super) struct Job<'a> {
    pub name: &'a ImageRef,
    /// More than one only in an index.
    pub images: Vec<(&'a ImageRequest, &'a Digest)>,
    index: bool,
    /// The daemon pushes it.
    by_daemon: bool,
    pub label: Arc<Label>,
}

/// A document that is in its repository under its digest, but not yet under its name.
struct Prepared<'a, 'b> {
    job: &'b Job<'a>,
    repository: Repository,
    bytes: Bytes,
    media_type: &'static str,
    digest: Digest,
}

impl Pusher {
    /// Pushes everything that is marked for it. `ids` are the images that were exported, in the order of the requests;
    /// `loaded` says which names they have in the daemon.
    pub async fn push(
        &self,
        requests: &[ImageRequest],
        ids: &[Option<Digest>],
        loaded: &LoadPlan,
    ) -> Result<Vec<Pushed>, Failure> {
        let daemon = self.about_daemon(requests).await?;
        let jobs = self.jobs(requests, ids, loaded, daemon)?;
        let prepared = self.prepare(&jobs).await?;
        let by_daemon = jobs.iter().filter(|job| job.by_daemon);
        let pushed = stream::iter(by_daemon)
            .map(|job| self.push_by_daemon(job))
            .buffer_unordered(AT_ONCE);
        let mut pushed: Vec<Pushed> = pushed.try_collect().await?;
        for prepared in prepared {
            pushed.push(self.name(prepared).await?);
        }
        pushed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(pushed)
    }

    fn jobs<'a>(
        &self,
        requests: &'a [ImageRequest],
        ids: &'a [Option<Digest>],
        loaded: &LoadPlan,
        daemon: Option<&Info>,
    ) -> Result<Vec<Job<'a>>, Failure> {
        let id_of: BTreeMap<*const ImageRequest, &Digest> = requests
            .iter()
            .zip(ids)
            .filter_map(|(request, id)| Some((std::ptr::from_ref(request), id.as_ref()?)))
            .collect();
        let in_daemon = |request: &ImageRequest, name: &ImageRef| {
            let mut named = requests.iter().zip(&loaded.names);
            named.any(|(other, names)| std::ptr::eq(request, other) && names.contains(name))
        };
        let mut jobs = Vec::new();
        for (name, images) in by_name(requests.iter().filter(|r| r.push)) {
            let first = images[0];
            let images: Result<Vec<_>, Failure> = images
                .iter()
                .map(
                    |image| match id_of.get(&std::ptr::from_ref::<ImageRequest>(image)) {
                        Some(id) => Ok((*image, *id)),
                        None => Err(failure(
                            name,
                            image,
                            Diagnostic::error("push", "the engine has not exported it"),
                        )),
                    },
                )
                .collect();
            let index = first.in_index();
            jobs.push(Job {
                name,
                by_daemon: !index
                    && in_daemon(first, name)
                    && self.daemon_can(name, first.insecure, daemon),
                images: images?,
                index,
                label: Arc::new(Label {
                    target: first.target.clone(),
                    text: format!("push {}", name.familiar()),
                    platform: None,
                    at: Some(first.at.clone()),
                    read_by: None,
                    raw_output: false,
                    told: Told::Everything,
                }),
            });
        }
        Ok(jobs)
    }

    /// What the daemon says of itself, where a push depends on it.
    async fn about_daemon(&self, requests: &[ImageRequest]) -> Result<Option<&Info>, Failure> {
        let insecure = |request: &ImageRequest, name: &ImageRef| {
            request.insecure || self.registries.settings.is_marked_insecure(&name.registry)
        };
        for request in requests.iter().filter(|request| request.push) {
            if let Some(name) = request.names.iter().find(|name| insecure(request, name)) {
                let info = self.docker.info().await;
                let info = info.map_err(|e| failure(name, request, e.diagnostic()))?;
                return Ok(Some(info));
            }
        }
        Ok(None)
    }

    /// Whether the daemon talks to the registry as it has to be talked to.
    fn daemon_can(&self, name: &ImageRef, insecure: bool, daemon: Option<&Info>) -> bool {
        let insecure = insecure || self.registries.settings.is_marked_insecure(&name.registry);
        !insecure || daemon.is_some_and(|info| info.allows_insecure(&name.registry))
    }

    /// Blobs and manifests of everything that is ours.
    async fn prepare<'a, 'b>(&self, jobs: &'b [Job<'a>]) -> Result<Vec<Prepared<'a, 'b>>, Failure> {
        let ours: Vec<&Job<'_>> = jobs.iter().filter(|job| !job.by_daemon).collect();
        // One image may go to several repositories: it is read and compressed once.
        let mut targets: BTreeMap<&Digest, Vec<&Job<'_>>> = BTreeMap::new();
        for job in &ours {
            for (_, id) in &job.images {
                targets.entry(id).or_default().push(job);
            }
        }
        let upload = |(id, jobs): (&'a Digest, Vec<&'b Job<'a>>)| async move {
            Ok::<_, Failure>((id, self.upload(id, &jobs).await?))
        };
        let targets: Vec<_> = targets.into_iter().collect();
        let uploaded = stream::iter(targets).map(upload).buffer_unordered(AT_ONCE);
        let uploaded: BTreeMap<&Digest, Uploaded> = uploaded.try_collect().await?;

        let mut prepared = Vec::new();
        for job in ours {
            let repository = self.repository(job);
            let mut manifests = Vec::new();
            for (request, id) in &job.images {
                let manifest = &uploaded[id];
                put(
                    &repository,
                    job,
                    &manifest.digest,
                    manifest.media_type,
                    &manifest.bytes,
                )
                .await?;
                manifests.push((*request, manifest));
            }
            let (bytes, media_type) = if job.index {
                index(&manifests)
            } else {
                let (_, manifest) = manifests[0];
                (manifest.bytes.clone(), manifest.media_type)
            };
            let digest = Digest::of(&bytes);
            if job.index {
                put(&repository, job, &digest, media_type, &bytes).await?;
            }
            prepared.push(Prepared {
                job,
                repository,
                bytes,
                media_type,
                digest,
            });
        }
        Ok(prepared)
    }

    async fn upload(&self, id: &Digest, jobs: &[&Job<'_>]) -> Result<Uploaded, Failure> {
        let mut repositories: Vec<Repository> = Vec::new();
        for job in jobs {
            let repository = self.repository(job);
            if !repositories
                .iter()
                .any(|known| known.endpoint() == repository.endpoint())
            {
                repositories.push(repository);
            }
        }
        let records = LayerRecords::in_dir(&self.cache_dir.join("layers"));
        let configs = ContentCache::in_dir(&self.cache_dir.join("registry"));
        let uploader = Uploader {
            docker: &self.docker,
            records: &records,
            configs: &configs,
            spool: &self.cache_dir.join("spool"),
            events: &self.events,
        };
        let job = jobs[0];
        let done = uploader.upload(id, &repositories, &job.label).await;
        done.map_err(|error: UploadError| failed(job, error.diagnostic()))
    }

    pub(super) fn repository(&self, job: &Job<'_>) -> Repository {
        let insecure = job.images.iter().any(|(request, _)| request.insecure);
        self.registries.origin(job.name, insecure)
    }

    /// The last step: the tag.
    async fn name(&self, prepared: Prepared<'_, '_>) -> Result<Pushed, Failure> {
        let Prepared {
            job,
            repository,
            bytes,
            media_type,
            digest,
        } = prepared;
        let tag = job.name.tag.as_deref().unwrap_or("latest");
        let put = repository.put_manifest(tag, media_type, &bytes).await;
        put.map_err(|e| failed(job, e.diagnostic()))?;
        let found = repository
            .digest_of(tag)
            .await
            .map_err(|e| failed(job, e.diagnostic()))?;
        self.done(job, found, digest)
    }

    pub(super) fn done(
        &self,
        job: &Job<'_>,
        found: Digest,
        digest: Digest,
    ) -> Result<Pushed, Failure> {
        check_pushed(job.name, job.images[0].0, &found, &digest, &self.events)?;
        Ok(Pushed {
            name: job.name.clone(),
            digest,
        })
    }
}

async fn put(
    repository: &Repository,
    job: &Job<'_>,
    digest: &Digest,
    media_type: &str,
    bytes: &Bytes,
) -> Result<(), Failure> {
    let put = repository
        .put_manifest(digest.as_str(), media_type, bytes)
        .await;
    put.map(|_| ()).map_err(|e| failed(job, e.diagnostic()))
}

/// The list of a name's images, of the same family of types as they are.
fn index(manifests: &[(&ImageRequest, &Uploaded)]) -> (Bytes, &'static str) {
    let docker = manifests
        .iter()
        .all(|(_, m)| m.media_type == media::DOCKER_MANIFEST);
    let media_type = if docker {
        media::DOCKER_LIST
    } else {
        media::OCI_INDEX
    };
    let entry = |(request, manifest): &(&ImageRequest, &Uploaded)| Descriptor {
        media_type: manifest.media_type.to_owned(),
        digest: manifest.digest.clone(),
        size: manifest.bytes.len() as u64,
        platform: Some(DescriptorPlatform::from(&request.platform)),
        annotations: BTreeMap::new(),
    };
    let mut entries: Vec<Descriptor> = manifests.iter().map(entry).collect();
    // The order in which concurrent targets ended must not show in the digest.
    entries.sort_by_key(|entry| {
        let platform = entry.platform.as_ref().expect("set above");
        (
            platform.os.clone(),
            platform.architecture.clone(),
            platform.variant.clone(),
        )
    });
    let index = Index {
        schema_version: 2,
        media_type: media_type.to_owned(),
        manifests: entries,
        annotations: BTreeMap::new(),
    };
    let bytes = serde_json::to_vec(&index).expect("an index has only text and numbers");
    (Bytes::from(bytes), media_type)
}

/// Tells of a push, unless the registry has something else under the name.
pub(super) fn check_pushed(
    name: &ImageRef,
    request: &ImageRequest,
    found: &Digest,
    digest: &Digest,
    events: &Arc<dyn EventSink>,
) -> Result<(), Failure> {
    if found != digest {
        let message = format!("the registry has {found} under the name after {digest} was pushed");
        let error = Diagnostic::error("push-verify", message)
            .hint("somebody else may have pushed the same name at the same time");
        return Err(failure(name, request, error));
    }
    events.emit(Event::Output(OutputEvent::Pushed {
        target: request.target.clone(),
        name: name.familiar(),
        digest: digest.clone(),
    }));
    Ok(())
}

pub(super) fn failed(job: &Job<'_>, diagnostic: Diagnostic) -> Failure {
    failure(job.name, job.images[0].0, diagnostic)
}

pub(super) fn failure(
    name: &ImageRef,
    request: &ImageRequest,
    mut diagnostic: Diagnostic,
) -> Failure {
    diagnostic.message = format!(
        "cannot push image `{}`: {}",
        name.familiar(),
        diagnostic.message
    );
    Box::new(diagnostic.at(request.at.clone()))
}
