//! Vertices that somebody else made: what an engine's own front end, given a Dockerfile, answers with.
//!
//! Their bytes are kept as they came, because the engine knows what it has done by their digests. Of what they do only
//! so much is read as this side has to know.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use bollard_buildkit_proto::pb;
use prost::Message;

use super::{
    encode,
    source::Nonce,
    vertex::{Edge, Op, State, Vertex},
};
use crate::{
    base::{Digest, Platform},
    events::Label,
};

/// What has to be known of an operation that somebody else made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreign {
    /// The file system of an image.
    Image(String),
    /// A command.
    Exec {
        /// Whether it has a cache mount.
        caches: bool,
        /// What it has beyond what every command has.
        beyond: Option<Beyond>,
    },
    /// Anything else.
    Other,
}

/// What gets a command out of its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// All privileges: `RUN --security=insecure`.
    Privileges,
    /// The network of the engine's machine: `RUN --network=host`.
    HostNetwork,
}

/// Why a definition is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpliceError(pub String);

impl fmt::Display for SpliceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the engine's answer to the Dockerfile cannot be read: {}",
            self.0
        )
    }
}

impl std::error::Error for SpliceError {}

/// Where an operation stands in the file that it comes from: lines counted from 1, the last one included.
pub type Lines = (u32, u32);

/// How a definition becomes part of a graph of ours.
pub struct Splice<'a> {
    /// Vertices of ours that it was made from; they are used instead of the ones with their digests.
    pub known: &'a [Arc<Vertex>],
    /// What an operation is called here, by the name that the front end gave it and its lines.
    pub label: &'a dyn Fn(&str, Option<Lines>) -> Arc<Label>,
    /// Commands run afresh.
    pub fresh: Option<&'a Nonce>,
}

impl Splice<'_> {
    /// The state that a definition describes; an empty one describes an empty file system.
    pub fn state(&self, definition: &pb::Definition) -> Result<State, SpliceError> {
        let Some((last, rest)) = definition.def.split_last() else {
            return Ok(None);
        };
        let bad = |text: &str| SpliceError(text.to_owned());
        let terminal = decode(last)?;
        let [root] = terminal.inputs.as_slice() else {
            return Err(bad("it does not say what its result is"));
        };
        let lines = lines(definition);
        let by_digest: BTreeMap<String, &Vec<u8>> = rest
            .iter()
            .map(|bytes| (Digest::of(bytes).to_string(), bytes))
            .collect();
        let mut made: HashMap<String, Arc<Vertex>> = self
            .known
            .iter()
            .map(|vertex| (vertex.digest.to_string(), Arc::clone(vertex)))
            .collect();
        // A digest cannot be in what it is the digest of, so that there are no circles and this ends.
        let mut open = vec![root.digest.clone()];
        while let Some(digest) = open.last().cloned() {
            if made.contains_key(&digest) {
                open.pop();
                continue;
            }
            let bytes = by_digest
                .get(&digest)
                .ok_or_else(|| bad(&format!("an operation needs {digest}, which is not there")))?;
            let op = decode(bytes)?;
            let missing = op.inputs.iter().map(|input| &input.digest);
            let missing: Vec<String> = missing
                .filter(|digest| !made.contains_key(*digest))
                .cloned()
                .collect();
            if !missing.is_empty() {
                open.extend(missing);
                continue;
            }
            let inputs = op
                .inputs
                .iter()
                .map(|input| edge(&made[&input.digest], input.index))
                .collect::<Result<Vec<_>, _>>()?;
            let metadata = definition.metadata.get(&digest);
            let name = metadata
                .and_then(|m| m.description.get("llb.customname"))
                .map_or("", String::as_str);
            let label = (self.label)(name, lines.get(&digest).copied());
            let ignore_cache = metadata.is_some_and(|m| m.ignore_cache);
            let vertex = self.vertex(op, bytes, inputs, ignore_cache, label);
            made.insert(digest, vertex);
            open.pop();
        }
        edge(&made[&root.digest], root.index).map(Some)
    }

    fn vertex(
        &self,
        mut op: pb::Op,
        bytes: &[u8],
        inputs: Vec<Edge>,
        mut ignore_cache: bool,
        label: Arc<Label>,
    ) -> Arc<Vertex> {
        let what = what(&op);
        let mut changed = false;
        for (input, edge) in op.inputs.iter_mut().zip(&inputs) {
            let digest = edge.vertex.digest.as_str();
            if input.digest != digest {
                digest.clone_into(&mut input.digest);
                changed = true;
            }
        }
        if let (Some(nonce), Foreign::Exec { caches, .. }) = (self.fresh, &what) {
            if *caches {
                if let Some(pb::op::Op::Exec(exec)) = &mut op.op {
                    exec.mounts.push(encode::fresh_mount(nonce));
                    changed = true;
                }
            } else {
                ignore_cache = true;
            }
        }
        let bytes = if changed {
            encode::canonical(op.clone())
        } else {
            bytes.to_vec()
        };
        let platform = op.platform.as_ref().map(|platform| Platform {
            os: platform.os.clone(),
            arch: platform.architecture.clone(),
            variant: platform.variant.clone(),
        });
        Vertex::of_bytes(
            Op::Foreign(what),
            inputs,
            platform,
            BTreeSet::new(),
            ignore_cache,
            label,
            bytes,
        )
    }
}

fn decode(bytes: &[u8]) -> Result<pb::Op, SpliceError> {
    pb::Op::decode(bytes).map_err(|e| SpliceError(e.to_string()))
}

fn edge(vertex: &Arc<Vertex>, output: i64) -> Result<Edge, SpliceError> {
    let output = u32::try_from(output).map_err(|_| SpliceError(format!("no result {output}")))?;
    Ok(Edge {
        vertex: Arc::clone(vertex),
        output,
    })
}

fn what(op: &pb::Op) -> Foreign {
    match &op.op {
        Some(pb::op::Op::Source(source)) => match source.identifier.strip_prefix("docker-image://")
        {
            Some(reference) => Foreign::Image(reference.to_owned()),
            None => Foreign::Other,
        },
        Some(pb::op::Op::Exec(exec)) => {
            let cache = i32::from(pb::MountType::Cache);
            let caches = exec.mounts.iter().any(|mount| mount.mount_type == cache);
            Foreign::Exec {
                caches,
                beyond: beyond(exec),
            }
        }
        _ => Foreign::Other,
    }
}

/// What a later version of the protocol may add counts as the most that there is.
fn beyond(exec: &pb::ExecOp) -> Option<Beyond> {
    if exec.security != i32::from(pb::SecurityMode::Sandbox) {
        return Some(Beyond::Privileges);
    }
    let harmless = [pb::NetMode::Unset, pb::NetMode::None].map(i32::from);
    (!harmless.contains(&exec.network)).then_some(Beyond::HostNetwork)
}

/// Where each operation stands in the file.
fn lines(definition: &pb::Definition) -> HashMap<String, Lines> {
    let Some(source) = &definition.source else {
        return HashMap::new();
    };
    let places = source.locations.iter().filter_map(|(digest, locations)| {
        let ranges = &locations.locations.first()?.ranges;
        let line = |position: &Option<pb::Position>| {
            let line = position.as_ref()?.line;
            u32::try_from(line).ok().filter(|line| *line > 0)
        };
        let first = ranges.iter().filter_map(|r| line(&r.start)).min()?;
        let last = ranges.iter().filter_map(|r| line(&r.end)).max()?;
        Some((digest.clone(), (first, last.max(first))))
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llb::{
        CopyFile, Definition, Exec, FileOp, Mount, MountKind,
        exec::{CacheSharing, Network, Security},
        image,
        tests_support::label,
    };

    fn given(name: &str, lines: Option<Lines>) -> Arc<Label> {
        label(&format!("{name} {lines:?}"))
    }

    fn splice<'a>(known: &'a [Arc<Vertex>], fresh: Option<&'a Nonce>) -> Splice<'a> {
        Splice {
            known,
            label: &given,
            fresh,
        }
    }

    fn chain(caches: bool) -> Edge {
        let platform = "linux/amd64".parse().unwrap();
        let base = image("docker.io/library/busybox:1.36", &platform, label("FROM"));
        let mut run = Exec::new(&Some(base), ["make"]);
        if caches {
            let kind = MountKind::Cache {
                id: "c".into(),
                sharing: CacheSharing::Shared,
                read_only: false,
            };
            run = run.mount(Mount::new("/c", &None, kind));
        }
        let run = run.build(&platform, label("RUN make")).root();
        FileOp::on(&None)
            .copy(&Some(run), "/a", "/a", CopyFile::default())
            .build(label("COPY"))
    }

    #[test]
    fn a_definition_that_comes_back_keeps_every_byte_and_its_names_and_lines() {
        let ours = chain(false);
        let mut message = Definition::of(&ours).to_pb(|_| false);
        let copy = ours.vertex.digest.to_string();
        let at = |line| pb::Position { line, character: 0 };
        let range = pb::Range {
            start: Some(at(3)),
            end: Some(at(4)),
        };
        let location = pb::Location {
            source_index: 0,
            ranges: vec![range],
        };
        let locations = pb::Locations {
            locations: vec![location],
        };
        message.source = Some(pb::Source {
            locations: [(copy, locations)].into(),
            infos: Vec::new(),
        });
        let back = splice(&[], None).state(&message).unwrap().unwrap();
        assert_eq!(back, ours);
        assert_eq!(back.vertex.bytes(), ours.vertex.bytes());
        assert_eq!(back.vertex.label.text, "COPY Some((3, 4))");
        let again = Definition::of(&back).to_pb(|_| false);
        assert_eq!(again.def, message.def);
        let kinds: Vec<_> = Definition::of(&back)
            .vertices()
            .iter()
            .map(|v| v.op().clone())
            .collect();
        assert_eq!(
            kinds,
            [
                Op::Foreign(Foreign::Image("docker.io/library/busybox:1.36".into())),
                Op::Foreign(Foreign::Exec {
                    caches: false,
                    beyond: None
                }),
                Op::Foreign(Foreign::Other)
            ]
        );
    }

    #[test]
    fn vertices_of_ours_come_back_as_ours() {
        let ours = chain(false);
        let message = Definition::of(&ours).to_pb(|_| false);
        let known = vec![Arc::clone(&ours.vertex.inputs()[0].vertex)];
        let back = splice(&known, None).state(&message).unwrap().unwrap();
        assert!(matches!(
            back.vertex.inputs()[0].vertex.op(),
            Op::Exec { .. }
        ));
    }

    #[test]
    fn a_fresh_command_with_a_cache_mount_becomes_another_command_and_its_users_follow() {
        let ours = chain(true);
        let message = Definition::of(&ours).to_pb(|_| false);
        let nonce = Nonce::fixed("n");
        let back = splice(&[], Some(&nonce)).state(&message).unwrap().unwrap();
        let run = &back.vertex.inputs()[0].vertex;
        assert!(!run.ignore_cache());
        assert_ne!(run.digest, ours.vertex.inputs()[0].vertex.digest);
        assert_ne!(back.vertex.digest, ours.vertex.digest);
        let plain = Definition::of(&chain(false)).to_pb(|_| false);
        let back = splice(&[], Some(&nonce)).state(&plain).unwrap().unwrap();
        assert!(back.vertex.inputs()[0].vertex.ignore_cache());
    }

    #[test]
    fn what_a_command_has_beyond_the_others_is_seen() {
        let platform = "linux/amd64".parse().unwrap();
        let base = image("docker.io/library/busybox:1.36", &platform, label("FROM"));
        let seen = |run: Exec| {
            let run = run.build(&platform, label("RUN")).root();
            let message = Definition::of(&run).to_pb(|_| false);
            let back = splice(&[], None).state(&message).unwrap().unwrap();
            match back.vertex.op() {
                Op::Foreign(Foreign::Exec { beyond, .. }) => *beyond,
                other => panic!("{other:?}"),
            }
        };
        let run = || Exec::new(&Some(base.clone()), ["make"]);
        assert_eq!(seen(run()), None);
        assert_eq!(seen(run().network(Network::None)), None);
        assert_eq!(
            seen(run().network(Network::Host)),
            Some(Beyond::HostNetwork)
        );
        assert_eq!(
            seen(run().security(Security::Insecure).network(Network::Host)),
            Some(Beyond::Privileges)
        );
    }

    #[test]
    fn an_answer_with_a_hole_or_of_garbage_is_an_error() {
        let mut message = Definition::of(&chain(false)).to_pb(|_| false);
        message.def.remove(0);
        let error = splice(&[], None).state(&message).unwrap_err();
        assert!(error.to_string().contains("is not there"), "{error}");
        let garbage = pb::Definition {
            def: vec![vec![0xff; 9]],
            ..pb::Definition::default()
        };
        assert!(splice(&[], None).state(&garbage).is_err());
        let nothing = pb::Definition::default();
        assert_eq!(splice(&[], None).state(&nothing), Ok(None));
    }
}
