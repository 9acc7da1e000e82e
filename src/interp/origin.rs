//! Where a build file comes from, if not from the working directory's own machine: a commit of a repository.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{host, project::build_file_in};
use crate::git::{Checkout, Named};

/// The repository of a build file, at one commit.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// The files.
    pub checkout: Arc<Checkout>,
    /// `github.com/owner/repo`.
    pub name: String,
}

impl Repository {
    /// The repository of a reference, and the directory that it names in there.
    pub fn of(named: Named) -> (Arc<Self>, PathBuf) {
        let dir = named.checkout.dir.join(&named.subdir);
        let repository = Self {
            checkout: named.checkout,
            name: named.repository,
        };
        (Arc::new(repository), dir)
    }

    /// A path in it, canonical; none if nothing is there, or if it is outside: symbolic links of a repository may lead
    /// anywhere.
    pub fn inside(&self, path: &Path) -> Option<PathBuf> {
        let path = fs::canonicalize(path).ok()?;
        path.starts_with(&self.checkout.dir).then_some(path)
    }

    /// Whether a path stays in it, as far as there is anything on its way: whether something is elsewhere on this machine
    /// is none of its business.
    pub fn holds(&self, path: &Path) -> bool {
        let there = path.ancestors().find(|path| host::kind(path).is_some());
        there.is_some_and(|path| self.inside(path).is_some())
    }

    /// The build file of a directory of it, its directory canonical.
    pub fn build_file(&self, dir: &Path) -> Option<PathBuf> {
        build_file_in(&self.inside(dir)?)
    }

    /// A directory of it, without the tag: `github.com/owner/repo/dir`.
    pub fn place(&self, dir: &Path) -> String {
        match self.below(dir) {
            Some(below) => format!("{}/{}", self.name, below),
            None => self.name.clone(),
        }
    }

    /// A directory as references name it: `github.com/owner/repo/dir:main`.
    pub fn directory(&self, dir: &Path) -> String {
        format!("{}:{}", self.place(dir), self.checkout.name())
    }

    /// A file as messages name it: `github.com/owner/repo:main/dir/Earthfile`.
    pub fn file(&self, path: &Path) -> String {
        let whole = format!("{}:{}", self.name, self.checkout.name());
        match self.below(path) {
            Some(below) => format!("{whole}/{below}"),
            None => whole,
        }
    }

    fn below(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.checkout.dir).ok()?;
        let below = below.display().to_string();
        (!below.is_empty()).then_some(below)
    }
}
