//! What a definition has to be. Everything here panics: a graph that is wrong is a mistake in bld.

use std::collections::HashSet;

use bollard_buildkit_proto::pb;
use prost::Message;

use crate::{
    base::Digest,
    llb::{Action, Definition, ExecOp, FileOps, MountKind, Op, Owner, Principal, Vertex},
    oci::ImageRef,
};

/// Inputs before their users, digests of the bytes, bytes in canonical order, and sense in every operation.
pub(super) fn definition(definition: &Definition) {
    let mut seen: HashSet<&Digest> = HashSet::new();
    for vertex in definition.vertices() {
        assert_eq!(Digest::of(vertex.bytes()), vertex.digest, "{vertex:?}");
        for input in vertex.inputs() {
            assert!(
                seen.contains(&input.vertex.digest),
                "{vertex:?} uses {input:?}, which does not stand before it"
            );
            assert!(
                input.output < outputs(&input.vertex),
                "{vertex:?} uses {input:?}, which has no such result"
            );
        }
        assert!(seen.insert(&vertex.digest), "{vertex:?} stands there twice");
        canonical(vertex);
        match vertex.op() {
            Op::Image(image) => reference(&image.reference),
            Op::Local(local) => {
                assert!(local.files.dir.is_absolute(), "{:?}", local.files.dir);
            }
            Op::Http(file) => assert!(!file.name.contains('/'), "{}", file.name),
            Op::Exec(exec) => command(exec),
            Op::File(file) => files(file),
            Op::Merge => assert!(vertex.inputs().len() > 1, "a merge of one"),
            Op::Diff { .. } | Op::Foreign(_) => {}
        }
    }
    let root = definition.root();
    assert!(root.output < outputs(&root.vertex), "{root:?} is no result");
    let message = definition.to_pb(|_| false);
    assert_eq!(message.def.len(), definition.vertices().len() + 1);
}

/// A complete name, as a daemon wants it.
pub(super) fn reference(name: &str) {
    let full = ImageRef::parse(name).map(|r| r.to_string());
    assert_eq!(full.as_deref(), Ok(name), "an image name is not complete");
}

fn outputs(vertex: &Vertex) -> u32 {
    match vertex.op() {
        Op::Exec(exec) => {
            let outputs = exec.mounts.iter().filter(|m| m.output.is_some());
            u32::try_from(outputs.count()).expect("few mounts")
        }
        _ => 1,
    }
}

/// The bytes say the same when they are read and written in the order of Go: the operation itself last.
fn canonical(vertex: &Vertex) {
    let mut op = pb::Op::decode(vertex.bytes()).expect("bytes of an operation");
    assert!(op.constraints.is_some(), "{vertex:?} has no constraints");
    let body = pb::Op {
        op: op.op.take(),
        ..pb::Op::default()
    };
    let again = [op.encode_to_vec(), body.encode_to_vec()].concat();
    assert_eq!(again, vertex.bytes(), "{vertex:?} is not canonical");
}

fn command(exec: &ExecOp) {
    let spec = &exec.spec;
    assert!(!spec.args.is_empty(), "a command without arguments");
    assert!(spec.cwd.starts_with('/'), "the directory `{}`", spec.cwd);
    for (name, _) in &spec.env {
        assert!(!name.is_empty() && !name.contains('='), "variable `{name}`");
    }
    let mut places = HashSet::new();
    let mut next = 0;
    for mount in &exec.mounts {
        let dest = &mount.dest;
        absolute(dest);
        assert!(places.insert(dest), "two mounts at {dest}");
        if let Some(output) = mount.output {
            assert_eq!(output, next, "results are not numbered by mounts");
            next += 1;
        }
        match &mount.kind {
            MountKind::Writable { .. } | MountKind::ReadOnly => {}
            MountKind::Cache { id, .. } => assert!(!id.is_empty(), "a cache without a name"),
            MountKind::Tmpfs { .. } => assert!(mount.input.is_none()),
            MountKind::Secret(access) | MountKind::Ssh(access) => {
                assert!(mount.input.is_none() && !access.id.is_empty());
            }
        }
    }
    assert!(places.contains(&"/".to_owned()), "a command without a root");
}

fn files(file: &FileOps) {
    assert!(!file.actions.is_empty(), "a file operation without actions");
    let named = |owner: &Option<Owner>| {
        let principals = owner.iter().flat_map(|o| [&o.user, &o.group]).flatten();
        let mut names = principals.filter(|p| matches!(p, Principal::Name(_)));
        assert!(
            file.base.is_some() || names.next().is_none(),
            "scratch has no names of users"
        );
    };
    for action in &file.actions {
        match action {
            Action::MakeDir { path, spec } => {
                absolute(path);
                named(&spec.owner);
            }
            Action::MakeFile { path, spec } => {
                absolute(path);
                named(&spec.owner);
            }
            Action::Remove { path, .. } => absolute(path),
            Action::Copy {
                from,
                src,
                dest,
                spec,
            } => {
                assert!(from.is_some(), "a copy from scratch");
                absolute(src);
                absolute(dest);
                named(&spec.owner);
                assert!(
                    !spec.allow_missing || spec.wildcard,
                    "a copy of `{src}` may find nothing, but only a wildcard may"
                );
            }
        }
    }
}

fn absolute(path: &str) {
    let clean = !path.split('/').any(|name| matches!(name, "." | ".."));
    assert!(path.starts_with('/') && clean, "`{path}` is not absolute");
}
