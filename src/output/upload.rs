//! Gets the blobs of one image out of a daemon and into repositories, with as few bytes moved as can be.
//!
//! A layer that was compressed before is known by its record, and looked for in the registry; only if one is missing is
//! the image read from the daemon. Compressing and sending run beside the reading.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use super::archive::{self, Packing, RawLayer, Wanted};
use crate::{
    base::Digest,
    diag::Diagnostic,
    docker::{Client, DockerError, Image},
    events::{Event, EventSink, Label},
    oci::{
        cache::ContentCache,
        layers::{LayerRecord, LayerRecords},
        manifest::{Descriptor, MAX_CONFIG, Manifest, media},
        registry::{BlobSource, Progress, RegistryError, Repository},
    },
};

/// Blobs on their way at once.
const AT_ONCE: usize = 4;

/// An image whose blobs are in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its manifest.
    pub bytes: Bytes,
    /// What that is.
    pub media_type: &'static str,
    /// Which it is.
    pub digest: Digest,
}

/// Why an upload failed.
#[derive(Debug, Clone)]
pub enum UploadError {
    /// The daemon.
    Docker(DockerError),
    /// The registry.
    Registry(RegistryError),
    /// The archive, or the disk that it is spooled to.
    Archive(String),
}

impl UploadError {
    /// For people.
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::Docker(error) => error.diagnostic(),
            Self::Registry(error) => error.diagnostic(),
            Self::Archive(reason) => Diagnostic::error("push", reason.clone()),
        }
    }
}

impl From<DockerError> for UploadError {
    fn from(error: DockerError) -> Self {
        Self::Docker(error)
    }
}

impl From<RegistryError> for UploadError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

/// What uploads share.
pub struct Uploader<'a> {
    /// Where the image is.
    pub docker: &'a Client,
    /// What is known of layers.
    pub records: &'a LayerRecords,
    /// Configurations that were pushed before.
    pub configs: &'a ContentCache,
    /// A directory for layers on their way; on a disk, not in memory.
    pub spool: &'a Path,
    /// Where progress goes.
    pub events: &'a Arc<dyn EventSink>,
}

impl Uploader<'_> {
    /// Makes the blobs of an image be in all these repositories.
    pub async fn upload(
        &self,
        id: &Digest,
        repositories: &[Repository],
        label: &Arc<Label>,
    ) -> Result<Uploaded, UploadError> {
        let image = self
            .docker
            .image(id.as_str())
            .await?
            .ok_or_else(|| DockerError::NotFound {
                what: format!("image {id}"),
            })?;
        let there = self.find_layers(&image, repositories).await?;
        let all_there = image.layers.iter().all(|diff| there.contains_key(diff));
        let config = self.configs.get(id, MAX_CONFIG).await;
        let (config, layers) = match config {
            Some(config) if all_there => (config, in_order(&image, &there)),
            _ => {
                self.read(&image, there, all_there, repositories, label)
                    .await?
            }
        };
        let digest = Digest::of(&config);
        let source = BlobSource::Bytes(config.clone());
        for repository in repositories {
            repository
                .put_blob(&digest, &source, None, no_progress())
                .await?;
        }
        self.configs.put(&digest, &config).await;
        Ok(manifest(&config, digest, layers))
    }

    /// The layers that are known and that every repository has, or takes over from a neighbour.
    async fn find_layers(
        &self,
        image: &Image,
        repositories: &[Repository],
    ) -> Result<HashMap<Digest, Descriptor>, UploadError> {
        let distinct: HashSet<&Digest> = image.layers.iter().collect();
        let known = distinct.into_iter().filter_map(|diff| {
            let record = self.records.get(diff)?;
            Some((diff, record.descriptor()?, record))
        });
        let find = |(diff, layer, record): (&Digest, Descriptor, LayerRecord)| {
            let diff = diff.clone();
            async move {
                for repository in repositories {
                    let endpoint = repository.endpoint();
                    let neighbour = record.repository_on(&endpoint.host);
                    if repository
                        .find_blob(&layer.digest, neighbour)
                        .await?
                        .is_none()
                    {
                        return Ok(None);
                    }
                    self.records.put(&diff, &layer, endpoint);
                }
                Ok::<_, UploadError>(Some((diff, layer)))
            }
        };
        let known: Vec<_> = known.collect();
        let found = stream::iter(known).map(find).buffer_unordered(AT_ONCE);
        let found: Vec<_> = found.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Reads the image from the daemon; gives its configuration and its layers in order.
    async fn read(
        &self,
        image: &Image,
        there: HashMap<Digest, Descriptor>,
        all_there: bool,
        repositories: &[Repository],
        label: &Arc<Label>,
    ) -> Result<(Bytes, Vec<Descriptor>), UploadError> {
        if let Some(parent) = self.spool.parent() {
            std::fs::create_dir_all(parent).map_err(|e| self.disk(&e))?;
        }
        let dir = super::runs::directory(self.spool).map_err(|e| self.disk(&e))?;
        let by_config = self.docker.info().await?.store == crate::docker::Store::GraphDriver;
        let wanted = Wanted {
            without: there.keys().cloned().collect(),
            // Only with a graph driver is the id of an image that of its configuration.
            only_config: (all_there && by_config).then(|| image.id.clone()),
        };
        let only_config = wanted.only_config.is_some();
        let (sender, received) = mpsc::channel(1);
        let stream = self.docker.save(image.id.as_str());
        let reading = archive::read(stream, wanted, dir.path().to_owned(), sender);
        let known = &there;
        // If sending fails its end of the channel goes with it, and so the reading ends.
        let sending = async move {
            let mut received = received;
            let limit = Arc::new(Semaphore::new(AT_ONCE));
            let mut tasks = JoinSet::new();
            let mut sent: HashMap<String, Descriptor> = HashMap::new();
            while let Some(layer) = received.recv().await {
                if let Some(known) = known.get(&layer.digest) {
                    sent.insert(layer.name, known.clone());
                    let _ = tokio::fs::remove_file(&layer.file).await;
                    continue;
                }
                let permit = Arc::clone(&limit).acquire_owned().await;
                let job = Job {
                    records: self.records.clone(),
                    repositories: repositories.to_vec(),
                    events: Arc::clone(self.events),
                    label: Arc::clone(label),
                };
                tasks.spawn(async move {
                    let _permit = permit;
                    job.run(layer).await
                });
                while let Some(done) = tasks.try_join_next() {
                    sent.extend([joined(done)?]);
                }
            }
            while let Some(done) = tasks.join_next().await {
                sent.extend([joined(done)?]);
            }
            Ok::<_, UploadError>(sent)
        };
        let (archive, sent) = tokio::join!(reading, sending);
        let sent = sent?;
        let archive = archive.map_err(UploadError::Archive)?;
        if by_config && Digest::of(&archive.config) != image.id {
            return Err(UploadError::Archive(format!(
                "the archive of image {} has another configuration",
                image.id
            )));
        }
        if only_config {
            return Ok((archive.config, in_order(image, &there)));
        }
        let layers = archive
            .layers
            .iter()
            .zip(&image.layers)
            .map(|(name, diff)| sent.get(name).or_else(|| there.get(diff)).cloned());
        let layers: Option<Vec<Descriptor>> = layers.collect();
        match layers {
            Some(layers) if layers.len() == image.layers.len() => Ok((archive.config, layers)),
            _ => Err(UploadError::Archive(format!(
                "the archive of image {} lacks a layer",
                image.id
            ))),
        }
    }

    fn disk(&self, error: &std::io::Error) -> UploadError {
        UploadError::Archive(format!(
            "cannot write to `{}`: {error}",
            self.spool.display()
        ))
    }
}

fn joined<T>(
    done: Result<Result<T, UploadError>, tokio::task::JoinError>,
) -> Result<T, UploadError> {
    done.map_err(|e| UploadError::Archive(format!("an upload broke off: {e}")))?
}

fn in_order(image: &Image, layers: &HashMap<Digest, Descriptor>) -> Vec<Descriptor> {
    image
        .layers
        .iter()
        .filter_map(|diff| layers.get(diff).cloned())
        .collect()
}

/// One layer on its way.
struct Job {
    records: LayerRecords,
    repositories: Vec<Repository>,
    events: Arc<dyn EventSink>,
    label: Arc<Label>,
}

impl Job {
    async fn run(&self, raw: RawLayer) -> Result<(String, Descriptor), UploadError> {
        let diff_id = (raw.packing == Packing::Tar).then(|| raw.digest.clone());
        let (file, digest, size) = match raw.packing {
            Packing::Tar => pack(raw.file).await?,
            Packing::Gzip | Packing::Zstd => (raw.file, raw.digest, raw.size),
        };
        let media_type = match raw.packing {
            Packing::Tar | Packing::Gzip => media::DOCKER_LAYER_GZIP,
            Packing::Zstd => media::OCI_LAYER_ZSTD,
        };
        let layer = Descriptor::new(media_type, digest, size);
        let source = BlobSource::File(file.clone(), size);
        let mut before: Option<&Repository> = None;
        for repository in &self.repositories {
            let endpoint = repository.endpoint();
            let neighbour = before
                .filter(|before| before.endpoint().host == endpoint.host)
                .map(|before| before.endpoint().repository.as_str());
            let progress = self.progress(&layer.digest, size);
            repository
                .put_blob(&layer.digest, &source, neighbour, progress)
                .await?;
            if let Some(diff_id) = &diff_id {
                self.records.put(diff_id, &layer, endpoint);
            }
            before = Some(repository);
        }
        let _ = tokio::fs::remove_file(&file).await;
        Ok((raw.name, layer))
    }

    fn progress(&self, digest: &Digest, total: u64) -> Progress {
        let (id, events, label) = (
            digest.clone(),
            Arc::clone(&self.events),
            Arc::clone(&self.label),
        );
        Arc::new(move |current| {
            events.emit(Event::Transfer {
                id: id.clone(),
                label: Arc::clone(&label),
                part: format!("pushing {}", &id.hex()[..12]),
                current,
                total,
            });
        })
    }
}

async fn pack(raw: std::path::PathBuf) -> Result<(std::path::PathBuf, Digest, u64), UploadError> {
    let file = raw.with_extension("gz");
    let work = tokio::task::spawn_blocking(move || {
        let (digest, size) = archive::compress(&raw, &file)?;
        std::fs::remove_file(&raw)?;
        Ok::<_, std::io::Error>((file, digest, size))
    });
    let done = work
        .await
        .map_err(|e| UploadError::Archive(format!("compressing broke off: {e}")))?;
    done.map_err(|e| UploadError::Archive(format!("cannot compress a layer: {e}")))
}

fn no_progress() -> Progress {
    Arc::new(|_| {})
}

/// The manifest, in Docker's types; in those of OCI where a layer has a form that Docker's types do not know.
fn manifest(config: &Bytes, digest: Digest, mut layers: Vec<Descriptor>) -> Uploaded {
    let oci = layers
        .iter()
        .any(|layer| layer.media_type == media::OCI_LAYER_ZSTD);
    let (media_type, config_type, gzip) = if oci {
        (
            media::OCI_MANIFEST,
            media::OCI_CONFIG,
            media::OCI_LAYER_GZIP,
        )
    } else {
        (
            media::DOCKER_MANIFEST,
            media::DOCKER_CONFIG,
            media::DOCKER_LAYER_GZIP,
        )
    };
    // Layers of a base may come from an image of the other family; the bytes are the same in both.
    for layer in layers
        .iter_mut()
        .filter(|layer| layer.media_type != media::OCI_LAYER_ZSTD)
    {
        gzip.clone_into(&mut layer.media_type);
    }
    let manifest = Manifest {
        schema_version: 2,
        media_type: media_type.to_owned(),
        config: Descriptor::new(config_type, digest, config.len() as u64),
        layers,
        annotations: std::collections::BTreeMap::new(),
    };
    let bytes = serde_json::to_vec(&manifest).expect("a manifest has only text and numbers");
    Uploaded {
        digest: Digest::of(&bytes),
        bytes: Bytes::from(bytes),
        media_type,
    }
}
