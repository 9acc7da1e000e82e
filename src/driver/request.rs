//! What the command line resolved to: everything a run needs to know, as one value.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use crate::{
    base::{Platform, SecretBytes},
    engine::terminal::Console,
    git::RemotesRequest,
    graph::reference::{ArtifactRef, TargetRef},
    interp::RootFile,
    oci::settings::RegistrySettings,
    syntax::dialect::Feature,
};

use super::engines::EngineChoice;

/// What the run is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// Everything that a target and its `BUILD` chain output.
    Target(TargetRef),
    /// The images of the target itself.
    Image(TargetRef),
    /// One artifact.
    Artifact {
        /// Which; the path may be a pattern.
        artifact: ArtifactRef,
        /// Where to; relative to the working directory.
        dest: String,
    },
}

impl Goal {
    /// The target that is interpreted.
    pub fn target(&self) -> &TargetRef {
        match self {
            Self::Target(target) | Self::Image(target) => target,
            Self::Artifact { artifact, .. } => &artifact.target,
        }
    }
}

/// A run of bld.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// What for.
    pub goal: Goal,
    /// The working directory, absolute.
    pub cwd: PathBuf,
    /// The build file, where it is not the directory's own (`-f`).
    pub file: Option<RootFile>,
    /// Arguments for the target: from behind the reference, `--build-arg`, and beneath them the `.arg` file.
    pub args: Vec<(String, String)>,
    /// The options of the command line with their dashes, to tell them from arguments.
    pub options: Vec<String>,
    /// Secrets by name.
    pub secrets: HashMap<String, SecretBytes>,
    /// `--push`.
    pub push: bool,
    /// `--no-output`.
    pub no_output: bool,
    /// `--ci`.
    pub ci: bool,
    /// `--strict`.
    pub strict: bool,
    /// `--interactive`: after a failed `RUN` a shell is opened where it failed.
    pub interactive: bool,
    /// The terminal that somebody sits at; none where nobody does.
    pub console: Option<Arc<dyn Console>>,
    /// `--allow-privileged`.
    pub allow_privileged: bool,
    /// `--platform`.
    pub platform: Option<Platform>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--pull`.
    pub pull: bool,
    /// `--use-inline-cache`.
    pub use_inline_cache: bool,
    /// `--save-inline-cache`.
    pub save_inline_cache: bool,
    /// `--cache-from`.
    pub cache_from: Vec<String>,
    /// `--remote-cache`: a reference, and attributes behind commas.
    pub remote_cache: Option<String>,
    /// `--max-remote-cache`.
    pub max_remote_cache: bool,
    /// `--auto-skip`.
    pub auto_skip: bool,
    /// `--no-auto-skip`: `BUILD --auto-skip` skips nothing, either.
    pub no_auto_skip: bool,
    /// Where it is written down what has succeeded; none for bld's own place.
    pub auto_skip_db: Option<PathBuf>,
    /// Features that are on in every file.
    pub feature_overrides: Vec<Feature>,
    /// Overrides the branch that git says.
    pub git_branch: Option<String>,
    /// How repositories are reached; where they are kept follows from `cache_dir`.
    pub remotes: RemotesRequest,
    /// The socket of the SSH agent.
    pub ssh_auth_sock: Option<PathBuf>,
    /// A command that is asked for secrets that were not given.
    pub secret_provider: Option<String>,
    /// The engine as it was asked for.
    pub engine: EngineChoice,
    /// Mirrors and insecure registries.
    pub registries: RegistrySettings,
    /// Where caches of this machine go; none where there is no place for them.
    pub cache_dir: Option<PathBuf>,
    /// How many states are solved at once.
    pub parallelism: usize,
    /// Ask no registry (`bld plan --offline`).
    pub offline: bool,
}
