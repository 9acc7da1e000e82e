//! What the command line resolved to: everything a run needs to know, as one value.

use std::{collections::HashMap, path::PathBuf};

use crate::{
    base::{Platform, Secret},
    graph::reference::{ArtifactRef, TargetRef},
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
    pub file: Option<PathBuf>,
    /// Arguments for the target: from behind the reference, `--build-arg`, and beneath them the `.arg` file.
    pub args: Vec<(String, String)>,
    /// Names of the options of the command line, to tell them from arguments.
    pub options: Vec<String>,
    /// Secrets by name.
    pub secrets: HashMap<String, Secret>,
    /// `--push`.
    pub push: bool,
    /// `--no-output`.
    pub no_output: bool,
    /// `--ci`.
    pub ci: bool,
    /// `--strict`.
    pub strict: bool,
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
    /// Features that are on in every file.
    pub feature_overrides: Vec<Feature>,
    /// Overrides the branch that git says.
    pub git_branch: Option<String>,
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
