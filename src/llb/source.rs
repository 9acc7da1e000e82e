//! Sources: vertices without inputs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use bollard_buildkit_proto::pb;

use super::vertex::{Edge, Op, Vertex};
use crate::{
    base::{Digest, Platform},
    events::Label,
};

/// A value of which there is one in the world.
///
/// Two builds that run at once on one daemon share vertices of equal digest. That must not happen with files of the
/// host, so a [`Local`] carries the nonce of its build; it is made once for each build, so that digests are stable
/// within it, and so does a command that must run afresh ([`super::Exec::fresh`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A new one.
    pub fn random() -> Self {
        use std::hash::{BuildHasher, Hasher};
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut seed = Vec::new();
        // `RandomState` is seeded by the operating system once for each thread.
        for n in 0..4 {
            let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
            hasher.write_u64(n);
            hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
            seed.extend(hasher.finish().to_le_bytes());
        }
        seed.extend(std::process::id().to_le_bytes());
        Self(Digest::of(&seed).hex()[..25].to_owned())
    }

    /// A chosen one, for tests.
    pub fn fixed(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where an image may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResolveMode {
    /// The engine's own store, if it is there.
    #[default]
    Default,
    /// Always the registry.
    Pull,
    /// Only the engine's own store.
    Local,
}

impl ResolveMode {
    /// The word of the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Pull => "pull",
            Self::Local => "local",
        }
    }
}

/// The file system of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    /// Complete, best pinned to a digest.
    pub reference: String,
    /// Where it may come from.
    pub mode: ResolveMode,
}

/// An image; `reference` is a complete name. See [`image_with`].
pub fn image(reference: &str, platform: &Platform, label: Arc<Label>) -> Edge {
    image_with(reference, ResolveMode::Default, platform, label)
}

/// An image, and where it may come from.
pub fn image_with(
    reference: &str,
    mode: ResolveMode,
    platform: &Platform,
    label: Arc<Label>,
) -> Edge {
    let mut caps = vec!["source.image"];
    if mode != ResolveMode::Default {
        caps.push("source.image.resolvemode");
    }
    let source = ImageSource {
        reference: reference.to_owned(),
        mode,
    };
    Edge {
        vertex: Vertex::new(
            Op::Image(source),
            Vec::new(),
            Some(platform.clone()),
            caps.into_iter().collect(),
            false,
            label,
        ),
        output: 0,
    }
}

impl ImageSource {
    pub(super) fn to_pb(&self) -> pb::SourceOp {
        let mut attrs = BTreeMap::new();
        if self.mode != ResolveMode::Default {
            attrs.insert(
                "image.resolvemode".to_owned(),
                self.mode.as_str().to_owned(),
            );
        }
        pb::SourceOp {
            identifier: format!("docker-image://{}", self.reference),
            attrs,
        }
    }
}

/// Files of the host, to be made into a vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The directory, absolute.
    pub dir: PathBuf,
    /// Relative to it; only what matches, and its parents. Empty: everything.
    pub include: Vec<String>,
    /// What is left out, with `!` for exceptions.
    pub exclude: Vec<String>,
}

/// Files of the host, as part of a vertex.
///
/// The daemon is told neither the directory nor the patterns, only a [name](LocalSource::name) made of both: choosing
/// the files is the work of this side, and a list of patterns may be longer than a daemon allows in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSource {
    /// Which files.
    pub files: Local,
    /// What the daemon calls them.
    pub name: String,
    /// Under what the daemon keeps them from build to build.
    pub kept_as: String,
    /// Of the build.
    pub nonce: Nonce,
}

impl Local {
    /// Makes the vertex.
    pub fn build(self, nonce: &Nonce, label: Arc<Label>) -> Edge {
        self.build_again(nonce, 0, label)
    }

    /// Makes the vertex of a later reading: `round` counts how often the build itself had changed files before.
    pub fn build_again(self, nonce: &Nonce, round: u32, label: Arc<Label>) -> Edge {
        // The daemon keeps one tree of files for each name and hint and deletes what the next listing has not: another
        // choice of files has to have another name.
        let mut identity = self.dir.as_os_str().as_encoded_bytes().to_vec();
        for patterns in [&self.include, &self.exclude] {
            identity.push(0);
            for pattern in patterns {
                identity.extend(pattern.as_bytes());
                identity.push(0);
            }
        }
        let kept_as = format!("context-{}", &Digest::of(&identity).hex()[..16]);
        // Within one session a daemon takes what has one name for one reading, whatever else differs.
        let name = match round {
            0 => kept_as.clone(),
            round => format!("{kept_as}-{round}"),
        };
        let source = LocalSource {
            files: self,
            name,
            kept_as,
            nonce: nonce.clone(),
        };
        let caps = [
            "source.local",
            "source.local.unique",
            "source.local.sharedkeyhint",
        ];
        Edge {
            vertex: Vertex::new(
                Op::Local(source),
                Vec::new(),
                None,
                caps.into_iter().collect(),
                false,
                label,
            ),
            output: 0,
        }
    }
}

impl LocalSource {
    pub(super) fn to_pb(&self) -> pb::SourceOp {
        let attrs = [
            ("local.sharedkeyhint", self.kept_as.as_str()),
            ("local.unique", self.nonce.as_str()),
        ];
        pb::SourceOp {
            identifier: format!("local://{}", self.name),
            attrs: attrs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        }
    }
}

/// A file behind an address, in the root of a file system of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSource {
    /// `http://…`, `https://…`
    pub url: String,
    /// What the file is called.
    pub name: String,
    /// Permission bits.
    pub mode: u32,
    /// What the content must be, `sha256:…`.
    pub checksum: Option<String>,
}

impl HttpSource {
    /// Makes the vertex, which is the same on every platform.
    pub fn build(self, label: Arc<Label>) -> Edge {
        let mut caps = BTreeSet::from(["source.http", "source.http.perm"]);
        if self.checksum.is_some() {
            caps.insert("source.http.checksum");
        }
        let op = Op::Http(self);
        Edge {
            vertex: Vertex::new(op, Vec::new(), None, caps, false, label),
            output: 0,
        }
    }

    pub(super) fn to_pb(&self) -> pb::SourceOp {
        let mut attrs = BTreeMap::from([
            ("http.filename".to_owned(), self.name.clone()),
            ("http.perm".to_owned(), format!("0{:o}", self.mode)),
        ]);
        if let Some(checksum) = &self.checksum {
            attrs.insert("http.checksum".to_owned(), checksum.clone());
        }
        pb::SourceOp {
            identifier: self.url.clone(),
            attrs: attrs.into_iter().collect(),
        }
    }
}
