//! The low-level build graph: what every engine takes, and nothing else does an engine take.
//!
//! A [`Vertex`] is encoded once, when it is made; its digest is the digest of exactly those bytes. Source:
//! BuildKit's `solver/pb/ops.proto`.

use std::sync::Arc;

use crate::{base::Digest, events::Label};

/// One operation with everything it needs.
#[derive(Debug)]
pub struct Vertex {
    /// Digest of the canonical bytes.
    pub digest: Digest,
    /// What it is called.
    pub label: Arc<Label>,
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
