//! Small immutable things from registries, kept on disk by their digest: manifests and configurations.
//!
//! Layout: `<dir>/v1/sha256/<hex>`, each file complete from the moment it has its name. What is read is hashed again, so
//! a damaged or forged file is only a miss. It is a cache: whatever goes wrong with it is not worth an error.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::base::Digest;

/// The cache; without a directory it keeps nothing.
#[derive(Debug, Clone, Default)]
pub struct ContentCache {
    dir: Option<PathBuf>,
}

impl ContentCache {
    /// In a directory of its own, made when something is first kept.
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            dir: Some(dir.join("v1/sha256")),
        }
    }

    /// Keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// What has this digest.
    pub async fn get(&self, digest: &Digest, limit: usize) -> Option<Bytes> {
        let path = self.dir.as_ref()?.join(digest.hex());
        let length = tokio::fs::metadata(&path).await.ok()?.len();
        if length > limit as u64 {
            return None;
        }
        let bytes = tokio::fs::read(&path).await.ok()?;
        if Digest::of(&bytes) == *digest {
            return Some(Bytes::from(bytes));
        }
        // Otherwise it would be read and refused for ever.
        let _ = tokio::fs::remove_file(&path).await;
        None
    }

    /// Keeps what has been verified.
    pub async fn put(&self, digest: &Digest, bytes: &Bytes) {
        let Some(dir) = self.dir.clone() else { return };
        let (name, bytes) = (digest.hex().to_owned(), bytes.clone());
        let written = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
            std::fs::create_dir_all(&dir)?;
            let mut file = tempfile::NamedTempFile::new_in(&dir)?;
            file.write_all(&bytes)?;
            file.persist(dir.join(name))?;
            Ok(())
        });
        let _ = written.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_damaged_entry_is_a_miss_and_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ContentCache::in_dir(dir.path());
        let bytes = Bytes::from_static(b"{}");
        let digest = Digest::of(&bytes);
        assert_eq!(cache.get(&digest, 10).await, None);
        cache.put(&digest, &bytes).await;
        assert_eq!(cache.get(&digest, 10).await, Some(bytes));
        assert_eq!(
            cache.get(&digest, 1).await,
            None,
            "longer than its reader wants"
        );
        let path = dir.path().join("v1/sha256").join(digest.hex());
        std::fs::write(&path, b"{]").unwrap();
        assert_eq!(cache.get(&digest, 10).await, None);
        assert!(!path.exists());
    }
}
