//! The directory that an engine exports artifacts into before they get their names.
//!
//! It is `.tmp-bld-out` in the working directory, so that mostly a rename is enough; it goes away with the run.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::tree;
use crate::output::runs;

/// The name that ignore files know.
pub const NAME: &str = ".tmp-bld-out";

/// A directory of this run alone, inside `.tmp-bld-out`.
#[derive(Debug)]
pub struct Staging {
    /// `.tmp-bld-out`, if it is in there.
    parent: Option<PathBuf>,
    own: Option<tempfile::TempDir>,
    count: std::sync::atomic::AtomicUsize,
}

impl Staging {
    /// Makes the directory in `cwd`, or, where that cannot be written to or `.tmp-bld-out` is not ours, among the
    /// system's temporary files.
    pub fn new(cwd: &Path) -> io::Result<Self> {
        let parent = cwd.join(NAME);
        let own = runs::directory(&parent)?;
        Ok(Self {
            parent: (own.path().parent() == Some(parent.as_path())).then_some(parent),
            own: Some(own),
            count: 0.into(),
        })
    }

    /// One more empty directory, for one artifact.
    pub fn directory(&self) -> io::Result<PathBuf> {
        let number = self
            .count
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let own = self.own.as_ref().expect("there until it is dropped");
        let path = own.path().join(number.to_string());
        fs::create_dir(&path)?;
        Ok(path)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            // The directory's own way of removing itself stops at directories without write permission.
            let _ = tree::remove(&own.keep());
        }
        // Only if no other run is using it.
        if let Some(parent) = &self.parent {
            let _ = fs::remove_dir(parent);
        }
    }
}
