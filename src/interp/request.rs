//! What an interpretation is asked for, and what it gives.

use std::path::PathBuf;

use crate::{
    base::Platform,
    graph::{
        ledger::VisitId,
        plan::StepId,
        reference::{ArtifactRef, TargetRef},
    },
    syntax::dialect::{Feature, FeatureSet},
};

/// What is interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A target.
    Target(TargetRef),
    /// A target of which one artifact is wanted.
    Artifact(ArtifactRef),
}

impl Root {
    /// The target.
    pub fn target(&self) -> &TargetRef {
        match self {
            Self::Target(target) => target,
            Self::Artifact(artifact) => &artifact.target,
        }
    }
}

/// An interpretation.
#[derive(Debug, Clone)]
pub struct Request {
    /// Of what.
    pub root: Root,
    /// The working directory, absolute.
    pub cwd: PathBuf,
    /// The build file, where it is not the directory's own.
    pub file: Option<PathBuf>,
    /// Arguments of the command line; of two with one name the later one counts.
    pub args: Vec<(String, String)>,
    /// `--push`.
    pub push: bool,
    /// `--ci`.
    pub ci: bool,
    /// `--platform`.
    pub platform: Option<Platform>,
    /// The platform of the engine.
    pub native: Platform,
    /// The platform of this machine.
    pub user: Platform,
    /// Overrides the branch that git says.
    pub git_branch: Option<String>,
    /// Features that are on in every file.
    pub feature_overrides: Vec<Feature>,
}

/// What an interpretation gives besides plan and ledger.
#[derive(Debug, Clone)]
pub struct Interpreted {
    /// The root's visit.
    pub root: VisitId,
    /// Its file system at the end; none where it never had one.
    pub state: Option<StepId>,
    /// What it saved.
    pub artifacts: Option<StepId>,
    /// What the root's file turns on.
    pub features: FeatureSet,
}
