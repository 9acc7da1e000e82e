//! What is remembered of layers that were compressed or pushed: so that the next push neither compresses nor sends them.
//!
//! One small file for each layer, `<dir>/v1/<hex of the diff id>`, written whole. It is only a hint: what it says is
//! checked with the registry before it is relied on.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::base::Digest;

/// Repositories that are remembered for one layer.
const REPOSITORIES: usize = 8;

/// The records of this user; without a directory nothing is remembered.
#[derive(Debug, Clone, Default)]
pub struct LayerRecords {
    dir: Option<PathBuf>,
}

/// One layer in its compressed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Digest of the compressed bytes.
    digest: String,
    /// Their number.
    pub size: u64,
    /// Where it was last seen, newest first: host and repository.
    pub repositories: Vec<(String, String)>,
}

impl LayerRecord {
    /// Digest of the compressed bytes.
    pub fn digest(&self) -> Option<Digest> {
        Digest::parse(&self.digest)
    }

    /// A repository on this host that is likely to have it.
    pub fn repository_on(&self, host: &str) -> Option<&str> {
        let found = self.repositories.iter().find(|(h, _)| h == host);
        found.map(|(_, repository)| repository.as_str())
    }
}

impl LayerRecords {
    /// In a directory of its own, made when something is first remembered.
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            dir: Some(dir.join("v1")),
        }
    }

    /// What is remembered of an uncompressed layer.
    pub fn get(&self, diff_id: &Digest) -> Option<LayerRecord> {
        let path = self.dir.as_ref()?.join(diff_id.hex());
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Remembers that a repository has a layer. A hint that cannot be written is no loss.
    pub fn put(&self, diff_id: &Digest, digest: &Digest, size: u64, host: &str, repository: &str) {
        let Some(dir) = &self.dir else { return };
        let place = (host.to_owned(), repository.to_owned());
        let known = self
            .get(diff_id)
            .filter(|known| known.digest == digest.as_str());
        let mut repositories = known.map(|known| known.repositories).unwrap_or_default();
        if repositories.first() == Some(&place) {
            return;
        }
        repositories.retain(|other| *other != place);
        repositories.insert(0, place);
        repositories.truncate(REPOSITORIES);
        let record = LayerRecord {
            digest: digest.as_str().to_owned(),
            size,
            repositories,
        };
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(dir)?;
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(&serde_json::to_vec(&record)?)?;
            file.persist(dir.join(diff_id.hex()))?;
            Ok(())
        };
        let _ = write();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_remembered_with_the_repositories_that_have_it() {
        let dir = tempfile::tempdir().unwrap();
        let records = LayerRecords::in_dir(dir.path());
        let (diff, digest) = (Digest::of(b"raw"), Digest::of(b"gz"));
        assert_eq!(records.get(&diff), None);
        records.put(&diff, &digest, 2, "r:1", "a");
        records.put(&diff, &digest, 2, "r:2", "b");
        records.put(&diff, &digest, 2, "r:1", "c");
        let record = records.get(&diff).unwrap();
        assert_eq!(record.digest(), Some(digest));
        assert_eq!(record.repository_on("r:1"), Some("c"));
        assert_eq!(record.repository_on("r:2"), Some("b"));
        assert_eq!(record.repository_on("r:3"), None);
        records.put(&diff, &Digest::of(b"other"), 3, "r:1", "a");
        assert_eq!(
            records.get(&diff).unwrap().repositories.len(),
            1,
            "another form, other places"
        );
        std::fs::write(dir.path().join("v1").join(diff.hex()), "{").unwrap();
        assert_eq!(records.get(&diff), None);
    }
}
