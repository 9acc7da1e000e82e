//! A definition: everything that leads to one result, each vertex once, inputs before what uses them.

use std::{collections::HashSet, sync::Arc};

use bollard_buildkit_proto::pb;
use prost::Message;

use super::vertex::{Edge, Vertex};
use crate::base::Digest;

/// A result with all vertices that lead to it.
#[derive(Debug, Clone)]
pub struct Definition {
    vertices: Vec<Arc<Vertex>>,
    root: Edge,
}

impl Definition {
    /// Walks the graph. Takes no more stack for a longer chain.
    pub fn of(root: &Edge) -> Self {
        enum Visit<'a> {
            Enter(&'a Arc<Vertex>),
            Leave(&'a Arc<Vertex>),
        }
        let mut seen: HashSet<&Digest> = HashSet::new();
        let mut vertices = Vec::new();
        let mut stack = vec![Visit::Enter(&root.vertex)];
        while let Some(visit) = stack.pop() {
            match visit {
                Visit::Enter(vertex) => {
                    if seen.insert(&vertex.digest) {
                        stack.push(Visit::Leave(vertex));
                        stack.extend(
                            vertex
                                .inputs()
                                .iter()
                                .rev()
                                .map(|e| Visit::Enter(&e.vertex)),
                        );
                    }
                }
                Visit::Leave(vertex) => vertices.push(Arc::clone(vertex)),
            }
        }
        Self {
            vertices,
            root: root.clone(),
        }
    }

    /// All vertices, inputs first.
    pub fn vertices(&self) -> &[Arc<Vertex>] {
        &self.vertices
    }

    /// The result.
    pub fn root(&self) -> &Edge {
        &self.root
    }

    /// The message for a daemon. `ignore_cache` adds to what the vertices themselves say.
    ///
    /// A daemon checks each capability wherever it is declared, so each stands only at the first vertex that needs it:
    /// a long definition must not become longer than a daemon takes (4 MiB up to Docker 27.1).
    ///
    /// The last entry is a terminal operation that only names the result; its bytes have the constraints that Go
    /// leaves out there, too: none.
    pub fn to_pb(&self, ignore_cache: impl Fn(&Vertex) -> bool) -> pb::Definition {
        let mut definition = pb::Definition::default();
        let mut declared: HashSet<&str> = HashSet::new();
        for vertex in &self.vertices {
            definition.def.push(vertex.bytes().to_vec());
            let label = &vertex.label;
            let name = if label.target.is_empty() {
                label.text.clone()
            } else {
                format!("[{}] {}", label.target, label.text)
            };
            let mut metadata = pb::OpMetadata {
                ignore_cache: vertex.ignore_cache() || ignore_cache(vertex),
                ..pb::OpMetadata::default()
            };
            metadata
                .description
                .insert("llb.customname".to_owned(), name);
            let platform = vertex.platform().map(|_| "platform");
            let caps = vertex.caps().iter().copied().chain(platform);
            for cap in caps.chain(["constraints", "meta.description"]) {
                if declared.insert(cap) {
                    metadata.caps.insert(cap.to_owned(), true);
                }
            }
            definition
                .metadata
                .insert(vertex.digest.to_string(), metadata);
        }
        let terminal = pb::Op {
            inputs: vec![pb::Input {
                digest: self.root.vertex.digest.to_string(),
                index: i64::from(self.root.output),
            }],
            ..pb::Op::default()
        };
        let bytes = terminal.encode_to_vec();
        definition
            .metadata
            .insert(Digest::of(&bytes).to_string(), pb::OpMetadata::default());
        definition.def.push(bytes);
        definition
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llb::{Exec, FileOp, image, tests_support::label};

    #[test]
    fn a_chain_of_a_hundred_thousand_steps_needs_no_deep_stack() {
        let platform = "linux/amd64".parse().unwrap();
        let mut edge = image("docker.io/library/busybox:1.36", &platform, label("FROM"));
        for n in 0..100_000 {
            edge = FileOp::on(&Some(edge))
                .mkdir(&format!("/{n}"), crate::llb::MakeDir::mode(0o755))
                .build(label("MKDIR"));
        }
        assert_eq!(Definition::of(&edge).vertices().len(), 100_001);
        drop(edge);
    }

    #[test]
    fn inputs_stand_before_their_users_and_equal_vertices_once() {
        let platform = "linux/amd64".parse().unwrap();
        let base = || image("docker.io/library/busybox:1.36", &platform, label("FROM"));
        let left = Exec::new(&Some(base()), ["a"])
            .build(&platform, label("a"))
            .root();
        let right = Exec::new(&Some(base()), ["b"])
            .build(&platform, label("b"))
            .root();
        let both = FileOp::on(&Some(left))
            .copy(&Some(right), "/x", "/x", crate::llb::CopyFile::default())
            .build(label("copy"));
        let definition = Definition::of(&both);
        let names: Vec<_> = definition
            .vertices()
            .iter()
            .map(|v| v.label.text.as_str())
            .collect();
        assert_eq!(names, ["FROM", "a", "b", "copy"]);
        let message = definition.to_pb(|_| false);
        assert_eq!(message.def.len(), 5);
        for bytes in &message.def {
            let op = pb::Op::decode(bytes.as_slice()).unwrap();
            let position = |digest: &str| {
                message
                    .def
                    .iter()
                    .position(|d| Digest::of(d).as_str() == digest)
            };
            let me = position(Digest::of(bytes).as_str()).unwrap();
            assert!(op.inputs.iter().all(|i| position(&i.digest).unwrap() < me));
        }
    }
}
