//! Vertices and edges: the graph itself. What an operation is and how it is written stands in the other files.

use std::{collections::BTreeSet, fmt, sync::Arc};

use super::{encode, exec::ExecOp, file::FileOps, foreign::Foreign, source};
use crate::{
    base::{Digest, Platform},
    events::Label,
};

/// What a vertex does. Inputs are named by their place in [`Vertex::inputs`].
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The file system of an image.
    Image(source::ImageSource),
    /// Files of the host.
    Local(source::LocalSource),
    /// A file behind an address.
    Http(source::HttpSource),
    /// A command.
    Exec(Box<ExecOp>),
    /// Files are copied, made and removed.
    File(FileOps),
    /// All inputs on top of each other, the last one wins.
    Merge,
    /// What the upper input has and the lower one has not; `None` is an empty file system.
    Diff {
        /// Index of the lower input.
        lower: Option<usize>,
        /// Index of the upper input.
        upper: Option<usize>,
    },
    /// An operation that somebody else made.
    Foreign(Foreign),
}

/// One operation with everything it needs. Made by the builders of this room, and never changed.
pub struct Vertex {
    /// Digest of the canonical bytes.
    pub digest: Digest,
    /// What it is called.
    pub label: Arc<Label>,
    pub(super) op: Op,
    pub(super) inputs: Vec<Edge>,
    pub(super) platform: Option<Platform>,
    pub(super) caps: BTreeSet<&'static str>,
    pub(super) ignore_cache: bool,
    pub(super) bytes: Vec<u8>,
}

/// One result of a vertex. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The vertex.
    pub vertex: Arc<Vertex>,
    /// Which of its results.
    pub output: u32,
}

/// A file system: the result of a vertex, or nothing at all (`scratch`).
pub type State = Option<Edge>;

impl PartialEq for Edge {
    fn eq(&self, other: &Self) -> bool {
        self.output == other.output && self.vertex.digest == other.vertex.digest
    }
}

impl Eq for Edge {}

impl std::hash::Hash for Edge {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.vertex.digest.hash(state);
        self.output.hash(state);
    }
}

impl Vertex {
    /// Encodes an operation.
    pub(super) fn new(
        op: Op,
        inputs: Vec<Edge>,
        platform: Option<Platform>,
        caps: BTreeSet<&'static str>,
        ignore_cache: bool,
        label: Arc<Label>,
    ) -> Arc<Self> {
        let bytes = encode::op(&op, &inputs, platform.as_ref());
        Self::of_bytes(op, inputs, platform, caps, ignore_cache, label, bytes)
    }

    /// An operation whose bytes are there already.
    pub(super) fn of_bytes(
        op: Op,
        inputs: Vec<Edge>,
        platform: Option<Platform>,
        mut caps: BTreeSet<&'static str>,
        ignore_cache: bool,
        label: Arc<Label>,
        bytes: Vec<u8>,
    ) -> Arc<Self> {
        if ignore_cache {
            caps.insert("meta.ignorecache");
        }
        Arc::new(Self {
            digest: Digest::of(&bytes),
            label,
            op,
            inputs,
            platform,
            caps,
            ignore_cache,
            bytes,
        })
    }

    /// What it does.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// What it needs, each result once.
    pub fn inputs(&self) -> &[Edge] {
        &self.inputs
    }

    /// Where it runs or what it is for; none for operations that have no platform.
    pub fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref()
    }

    /// What a daemon has to know so that nothing of the operation is silently left out.
    pub fn caps(&self) -> &BTreeSet<&'static str> {
        &self.caps
    }

    /// Whether an earlier result must not be used.
    pub fn ignore_cache(&self) -> bool {
        self.ignore_cache
    }

    /// The canonical bytes, of which [`Vertex::digest`] is the digest.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Vertex {
    /// Without the inputs: a graph printed as a tree may be exponentially large.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vertex({} `{}`)", self.digest, self.label.text)
    }
}

impl Drop for Vertex {
    /// A chain of ten thousand steps would overflow the stack if each vertex dropped its inputs from within itself.
    fn drop(&mut self) {
        let mut edges = std::mem::take(&mut self.inputs);
        while let Some(edge) = edges.pop() {
            if let Some(mut vertex) = Arc::into_inner(edge.vertex) {
                edges.append(&mut vertex.inputs);
            }
        }
    }
}

/// Collects the inputs of a vertex, each result once.
#[derive(Default)]
pub(super) struct Inputs(pub(super) Vec<Edge>);

impl Inputs {
    /// The index of a state; none for scratch.
    pub(super) fn index(&mut self, state: &State) -> Option<usize> {
        let edge = state.as_ref()?;
        let known = self.0.iter().position(|known| known == edge);
        Some(known.unwrap_or_else(|| {
            self.0.push(edge.clone());
            self.0.len() - 1
        }))
    }
}
