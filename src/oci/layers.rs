//! What is remembered of layers that bld compressed and pushed: so that the next push neither compresses nor sends them.
//!
//! Only bld's own compressing makes a record, since only then it is known that the compressed bytes hold the layer. What a
//! registry says of the layers of a base image is not remembered: it can name any bytes as the compressed form of any
//! layer, and whoever pushes an image with that layer would put them into it; that the registry has these bytes proves
//! nothing, not even for a repository of the same host. To find out, one would have to fetch and unpack the layer, which
//! costs more than to send it once.
//!
//! One small file for each layer, `<dir>/v2/<hex of the diff id>`, written whole. Where the layer is is only a hint, and
//! is checked with the registry before it is relied on. Records of `v1` may be a registry's and are not read.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    manifest::{Descriptor, media},
    settings::Endpoint,
};
use crate::base::Digest;

/// Repositories that are remembered for one layer.
const REPOSITORIES: usize = 8;

/// The records of this user, of layers that bld compressed; without a directory nothing is remembered.
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
    /// How they are compressed.
    pub media_type: String,
    /// Where it was last seen, newest first: host and repository.
    pub repositories: Vec<(String, String)>,
}

impl LayerRecord {
    /// As a manifest names it; none if its form is one that we do not push.
    pub fn descriptor(&self) -> Option<Descriptor> {
        let known = [
            media::DOCKER_LAYER_GZIP,
            media::OCI_LAYER_GZIP,
            media::OCI_LAYER_ZSTD,
        ];
        let digest = Digest::parse(&self.digest)?;
        let layer = Descriptor::new(&self.media_type, digest, self.size);
        known.contains(&self.media_type.as_str()).then_some(layer)
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
            dir: Some(dir.join("v2")),
        }
    }

    /// What is remembered of an uncompressed layer.
    pub fn get(&self, diff_id: &Digest) -> Option<LayerRecord> {
        let path = self.dir.as_ref()?.join(diff_id.hex());
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Remembers that a repository has a layer. A hint that cannot be written is no loss.
    pub fn put(&self, diff_id: &Digest, layer: &Descriptor, at: &Endpoint) {
        let Some(dir) = &self.dir else { return };
        let place = (at.host.clone(), at.repository.clone());
        let known = self
            .get(diff_id)
            .filter(|known| known.digest == layer.digest.as_str());
        let mut repositories = known.map(|known| known.repositories).unwrap_or_default();
        if repositories.first() == Some(&place) {
            return;
        }
        repositories.retain(|other| *other != place);
        repositories.insert(0, place);
        repositories.truncate(REPOSITORIES);
        let record = LayerRecord {
            digest: layer.digest.as_str().to_owned(),
            size: layer.size,
            media_type: layer.media_type.clone(),
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
    use super::{super::settings::Transport, *};

    fn at(host: &str, repository: &str) -> Endpoint {
        Endpoint {
            registry: host.to_owned(),
            host: host.to_owned(),
            transport: Transport::Verified,
            repository: repository.to_owned(),
            mirror: false,
        }
    }

    #[test]
    fn records_that_may_be_those_of_a_registry_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let records = LayerRecords::in_dir(dir.path());
        let diff = Digest::of(b"raw");
        let layer = Descriptor::new(media::OCI_LAYER_GZIP, Digest::of(b"gz"), 2);
        records.put(&diff, &layer, &at("r:1", "a"));
        std::fs::rename(dir.path().join("v2"), dir.path().join("v1")).unwrap();
        assert_eq!(records.get(&diff), None);
    }

    #[test]
    fn a_layer_is_remembered_with_the_repositories_that_have_it() {
        let dir = tempfile::tempdir().unwrap();
        let records = LayerRecords::in_dir(dir.path());
        let diff = Digest::of(b"raw");
        let layer = Descriptor::new(media::OCI_LAYER_GZIP, Digest::of(b"gz"), 2);
        assert_eq!(records.get(&diff), None);
        records.put(&diff, &layer, &at("r:1", "a"));
        records.put(&diff, &layer, &at("r:2", "b"));
        records.put(&diff, &layer, &at("r:1", "c"));
        let record = records.get(&diff).unwrap();
        assert_eq!(record.descriptor(), Some(layer));
        assert_eq!(record.repository_on("r:1"), Some("c"));
        assert_eq!(record.repository_on("r:2"), Some("b"));
        assert_eq!(record.repository_on("r:3"), None);
        let other = Descriptor::new("application/x-unknown", Digest::of(b"other"), 3);
        records.put(&diff, &other, &at("r:1", "a"));
        let record = records.get(&diff).unwrap();
        assert_eq!(record.repositories.len(), 1, "another form, other places");
        assert_eq!(record.descriptor(), None, "a form that we do not push");
        std::fs::write(dir.path().join("v2").join(diff.hex()), "{").unwrap();
        assert_eq!(records.get(&diff), None);
    }
}
