//! The files of one commit of a repository, in bld's cache directory.

use std::path::PathBuf;

use super::{
    metadata::{self, Metadata},
    refs::Kind,
};

/// The files of one commit. Nothing may write there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The directory, canonical; it holds a `.git`, too.
    pub dir: PathBuf,
    /// The commit.
    pub commit: String,
    /// Where it comes from, without a login.
    pub url: String,
    /// The same with `user:xxxxx@` if a password is used.
    pub masked_url: String,
    pub(crate) kind: Kind,
}

impl Checkout {
    /// What was asked for: the branch, the tag, or the commit; for nothing the branch that the repository has by default.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Commit => &self.commit,
            kind => kind.name(),
        }
    }

    /// What builtin arguments say of it.
    pub async fn metadata(&self) -> Metadata {
        let mut metadata = metadata::of_checkout(&self.dir).await;
        metadata.root = Some(self.dir.clone());
        metadata.origin.clone_from(&self.url);
        metadata.masked_origin.clone_from(&self.masked_url);
        // The files are those of a commit; what they were asked for by is the branch as far as anybody can tell.
        metadata.detached = false;
        metadata.branch = match &self.kind {
            Kind::Commit => String::new(),
            kind => kind.name().to_owned(),
        };
        metadata
    }
}
