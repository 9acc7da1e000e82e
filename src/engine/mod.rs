//! What a build engine is. An engine takes an LLB graph and nothing else; it knows nothing of syntax, graph or interp.
//!
//! A [`Build`] is open for one run of bld: states are solved and looked into, and exported while it is still open.

pub mod buildkit;
pub mod context;
pub mod fake;
pub mod lent;
pub mod relay;
pub mod terminal;

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    base::{Digest, Platform},
    diag::{SourceFile, Span, words},
    events::{EventSink, Label},
    llb::{Edge, State},
    oci::ImageConfig,
};

/// Something that not every engine can do. Checked by name before work starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Directories of this machine: the engine runs on it.
    HostDirectories,
    /// Secrets as environment variables, without a file.
    SecretEnv,
    /// Images into an image store of the engine.
    ImageStore,
    /// Images as archives.
    Archives,
    /// The image store holds one name for several platforms.
    MultiPlatformStore,
    /// The engine pushes images itself.
    Push,
    /// Cache records inside pushed images.
    InlineCache,
    /// Cache records as an image of their own in a registry.
    RegistryCache,
    /// Layers are merged without copying.
    Merge,
}

impl Capability {
    /// In words, for messages: "the engine has no …".
    pub fn text(self) -> &'static str {
        match self {
            Self::HostDirectories => "directories of this machine",
            Self::SecretEnv => "secrets in the environment",
            Self::ImageStore => "image store",
            Self::Archives => "archives of images",
            Self::MultiPlatformStore => "image store for several platforms under one name",
            Self::Push => "push of its own",
            Self::InlineCache => "inline cache",
            Self::RegistryCache => "cache in a registry",
            Self::Merge => "merging of layers",
        }
    }

    /// Which engines can do it, or what to do without it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::RegistryCache => {
                "Docker can with its containerd image store (`\"features\": {\"containerd-snapshotter\": true}` in \
                 `daemon.json`), and so can BuildKit (`--buildkit-host`); everywhere `--save-inline-cache` puts the cache \
                 into the pushed images"
            }
            _ => "use another engine with `--engine`, or leave the feature out",
        }
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone)]
pub struct Description {
    /// `Docker 20.10.24 at unix:///var/run/docker.sock`.
    pub name: String,
    /// Where steps run without emulation.
    pub native: Platform,
    /// Everything it can run, the native one first.
    pub platforms: Vec<Platform>,
    /// What it can do.
    pub capabilities: BTreeSet<Capability>,
}

impl Description {
    /// An error that names the capability and what needs it, if the engine lacks it.
    pub fn require(&self, capability: Capability, needed_by: &str) -> Result<(), EngineError> {
        if self.capabilities.contains(&capability) {
            return Ok(());
        }
        Err(EngineError::MissingCapability {
            engine: self.name.clone(),
            capability,
            needed_by: needed_by.to_owned(),
        })
    }
}

pub use self::{
    lent::{NoSecrets, SecretSource, Sockets},
    terminal::Terminal,
};
pub use crate::oci::auth::{Credential, Credentials};

/// What a build is opened with.
pub struct BuildRequest {
    /// For registries that the engine talks to.
    pub credentials: Arc<dyn Credentials>,
    /// Where progress goes.
    pub events: Arc<dyn EventSink>,
    /// Cancelled: everything stops on the engine, too, at once.
    pub cancel: CancellationToken,
    /// Nothing is reused (`--no-cache`); cache mounts stay.
    pub no_cache: bool,
    /// Caches that are used.
    pub cache_from: Arc<CacheSources>,
    /// Secrets that steps may have.
    pub secrets: Arc<dyn SecretSource>,
    /// Sockets of this machine that steps may have.
    pub sockets: Arc<Sockets>,
    /// Steps may have all privileges. An engine that does not allow it refuses the build as a whole: ask
    /// [`Engine::allows_privileged`] first.
    pub privileged: bool,
}

/// A cache to read: an image with records in it, or an image that is nothing but a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSource {
    /// As the engine has to fetch it.
    pub reference: String,
    /// Its registry may be talked to without a trusted certificate.
    pub insecure: bool,
}

/// The caches that a build reads. More may be named while it runs; they count for what is solved from then on.
#[derive(Debug, Default)]
pub struct CacheSources(Mutex<Vec<CacheSource>>);

impl CacheSources {
    /// Names one more.
    pub fn add(&self, source: CacheSource) {
        let mut sources = self.lock();
        if !sources.contains(&source) {
            sources.push(source);
        }
    }

    /// Those that are named so far.
    pub fn all(&self) -> Vec<CacheSource> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CacheSource>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

/// A cache in a registry to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheTarget {
    /// Its complete name.
    pub reference: String,
    /// Its registry may be talked to without a trusted certificate.
    pub insecure: bool,
    /// All that the states are built on is written, and not only the layers of the states themselves.
    pub everything: bool,
    /// What the engine is to be told besides, as it was given: `compression`, `image-manifest`.
    pub attributes: Vec<(String, String)>,
}

/// A state that has been executed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Solved(pub String);

/// A file in a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Base name.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// In bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Where a symbolic link points to.
    pub link: Option<String>,
}

/// An image's configuration, as the engine sees it.
#[derive(Debug, Clone)]
pub struct ResolvedImage {
    /// Of the manifest; none for an image that is only in the engine's own store.
    pub digest: Option<Digest>,
    /// Its configuration.
    pub config: ImageConfig,
}

/// A Dockerfile that is to become a state.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    /// What the engine reads: image names in it are what it has to fetch.
    pub text: String,
    /// The file as people have it, with the same lines: what its steps point at.
    pub source: Arc<SourceFile>,
    /// Image names in `text` that stand for others in `source`.
    pub pinned: Vec<PinnedName>,
    /// The files that it can copy from.
    pub context: State,
    /// The stage that is wanted; the last one, if none is named.
    pub target: Option<String>,
    /// Values of its `ARG`s.
    pub args: Vec<(String, String)>,
    /// For which platform.
    pub platform: Platform,
    /// Whose steps they are: target and platform are taken from it.
    pub label: Arc<Label>,
}

/// The name of an image, pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedName {
    /// What the engine has to fetch.
    pub reference: String,
    /// What people call it.
    pub name: String,
    /// Where they do.
    pub at: Span,
}

/// What a Dockerfile gave. Nothing has been executed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct FromDockerfile {
    /// The last file system of the wanted stage.
    pub state: State,
    /// The configuration of its image.
    pub config: ImageConfig,
}

/// What is to become of a state.
#[derive(Debug, Clone)]
pub enum Export {
    /// An image in the engine's own store.
    Image {
        /// Complete names; with none the image is there without a name.
        names: Vec<String>,
        /// Its configuration; `rootfs` is filled in.
        config: Box<ImageConfig>,
        /// Cache records go into the image.
        inline_cache: bool,
    },
    /// An image as an archive that a Docker daemon loads.
    Archive {
        /// Complete names.
        names: Vec<String>,
        /// Its configuration; `rootfs` is filled in.
        config: Box<ImageConfig>,
        /// Where its bytes go; when nobody takes them any more, the export fails.
        into: mpsc::Sender<Bytes>,
    },
    /// All files below an empty directory of this machine, with permissions and times. Bits that let a program be more than
    /// who starts it do not leave the engine.
    Files {
        /// The directory; it exists.
        dest: PathBuf,
        /// What becomes of what is no file, directory or link.
        special: Special,
    },
}

/// Devices, pipes and sockets among exported files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Special {
    /// They are an error.
    #[default]
    Refused,
    /// They stay away.
    LeftOut,
}

/// What an export gave.
#[derive(Debug, Clone, Default)]
pub struct Exported {
    /// The image's id in the store: the digest of its configuration, or on a containerd store of its manifest.
    pub image_id: Option<Digest>,
    /// The digest of its configuration, where the engine tells it.
    pub config: Option<Digest>,
}

/// An image that the engine itself pushes.
#[derive(Debug, Clone)]
pub struct Push {
    /// The complete name.
    pub name: String,
    /// Its registry may be talked to without a trusted certificate.
    pub insecure: bool,
    /// What it is made of: one image, or in an index one for each platform.
    pub images: Vec<PushedImage>,
    /// The name stands for an index.
    pub index: bool,
    /// Cache records go into the image.
    pub inline_cache: bool,
}

/// One image of a [`Push`].
#[derive(Debug, Clone)]
pub struct PushedImage {
    /// Its file system.
    pub state: State,
    /// Its configuration; `rootfs` is filled in.
    pub config: Box<ImageConfig>,
    /// What it is for.
    pub platform: Platform,
}

/// What an engine's cache takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskUsage {
    /// Bytes in all.
    pub total: u64,
    /// Bytes that could be freed.
    pub reclaimable: u64,
}

/// What to remove from a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PruneRequest {
    /// Internal records, too.
    pub all: bool,
    /// Only what has not been used for so many seconds.
    pub older_than_seconds: Option<u64>,
    /// Keep so many bytes.
    pub keep_bytes: Option<u64>,
}

/// A place where builds run.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What it is and can do.
    fn describe(&self) -> &Description;

    /// Whether steps may have all privileges here.
    async fn allows_privileged(&self) -> Result<bool, EngineError>;

    /// Opens a build.
    async fn open(&self, request: BuildRequest) -> Result<Box<dyn Build>, EngineError>;

    /// What the cache takes.
    async fn disk_usage(&self) -> Result<DiskUsage, EngineError>;

    /// Removes what is not used; gives the bytes freed.
    async fn prune(&self, request: PruneRequest) -> Result<u64, EngineError>;
}

/// One open build. All methods may be called concurrently.
#[async_trait]
pub trait Build: Send + Sync {
    /// Looks up an image. `reference` is complete; with `pull` a copy in the engine's own store does not count.
    async fn resolve_image(
        &self,
        reference: &str,
        platform: &Platform,
        pull: bool,
    ) -> Result<ResolvedImage, EngineError>;

    /// Reads a Dockerfile. The only place where a front end of bld's own would have to stand.
    async fn dockerfile(&self, wanted: &Dockerfile) -> Result<FromDockerfile, EngineError>;

    /// Executes everything up to this state. `scratch` is solved at once.
    async fn solve(&self, state: &State) -> Result<Solved, EngineError>;

    /// A file of a result, whole.
    async fn read_file(&self, solved: &Solved, path: &str) -> Result<Vec<u8>, EngineError>;

    /// The entries of a directory of a result.
    async fn list(&self, solved: &Solved, path: &str) -> Result<Vec<FileStat>, EngineError>;

    /// Exports a state. What has been solved before is not executed again.
    async fn export(&self, state: &State, export: Export) -> Result<Exported, EngineError>;

    /// Pushes an image, and gives what the registry is to have under its name then. Asked of engines with
    /// [`Capability::Push`].
    async fn push(&self, push: Push) -> Result<Digest, EngineError> {
        Err(EngineError::Other(format!(
            "this engine cannot push `{}`",
            push.name
        )))
    }

    /// Writes into a registry how these states came to be, and their layers, so that another engine need not execute
    /// them. Asked of engines with [`Capability::RegistryCache`].
    async fn save_cache(&self, states: &[Edge], to: &CacheTarget) -> Result<(), EngineError> {
        let _ = states;
        Err(EngineError::Other(format!(
            "this engine cannot write `{}`",
            to.reference
        )))
    }

    /// The last lines that the command which made this state has written in this build, oldest first.
    async fn tail(&self, state: &State) -> Vec<String> {
        let _ = state;
        Vec::new()
    }

    /// Runs the command that makes this state at a terminal, and gives its exit code. What it changes is lost.
    async fn at_terminal(&self, state: &State, terminal: Terminal) -> Result<i32, EngineError> {
        let _ = (state, terminal);
        Err(EngineError::Other(
            "this engine has no terminals".to_owned(),
        ))
    }

    /// Ends the build on the engine. Dropping a build without it cancels what still runs.
    async fn finish(&self) -> Result<(), EngineError>;
}

/// A step that failed.
#[derive(Debug, Clone)]
pub struct StepFailure {
    /// Which.
    pub vertex: Digest,
    /// What it is called, and where it stands.
    pub label: Arc<Label>,
    /// The exit code, if it was a command that ran.
    pub exit_code: Option<i32>,
    /// The last lines that it wrote, oldest first.
    pub tail: Vec<String>,
    /// The engine's own words.
    pub message: String,
}

/// What can go wrong in an engine.
#[derive(Debug, Clone)]
pub enum EngineError {
    /// It cannot be reached.
    Unreachable {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
    /// It was there, and went away.
    Gone {
        /// The address.
        address: String,
        /// What was seen.
        reason: String,
    },
    /// It cannot do what is needed.
    MissingCapability {
        /// Its name.
        engine: String,
        /// What is missing.
        capability: Capability,
        /// By what it is needed.
        needed_by: String,
    },
    /// It does not give steps all privileges.
    Privileged {
        /// Its name.
        engine: String,
    },
    /// A step failed.
    Step(Box<StepFailure>),
    /// An image cannot be had.
    Image {
        /// Its name.
        image: String,
        /// Why.
        reason: String,
    },
    /// A Dockerfile cannot be read.
    Dockerfile {
        /// The line that it is about, counted from 1.
        line: Option<u32>,
        /// Why.
        message: String,
    },
    /// The build was cancelled.
    Canceled,
    /// Anything else, in the engine's words.
    Other(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { address, reason } => {
                write!(f, "cannot reach the engine at {address}: {reason}")
            }
            Self::Gone { address, reason } => {
                write!(
                    f,
                    "the engine at {address} went away during the build: {reason}"
                )
            }
            Self::MissingCapability {
                engine,
                capability,
                needed_by,
            } => {
                write!(
                    f,
                    "{engine} has no {}, which {needed_by} needs",
                    capability.text()
                )
            }
            Self::Privileged { engine } => {
                write!(f, "{engine} does not allow privileged steps")
            }
            Self::Step(failure) => match failure.exit_code {
                Some(code) => write!(
                    f,
                    "{} did not complete successfully: exit code {code}",
                    words::all(&[&failure.label.text])
                ),
                None => write!(f, "`{}` failed: {}", failure.label.text, failure.message),
            },
            Self::Image { image, reason } => write!(f, "cannot get image `{image}`: {reason}"),
            Self::Dockerfile { message, .. } => f.write_str(message),
            Self::Canceled => f.write_str("the build was cancelled"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for EngineError {}
