//! The canonical bytes of an operation: those that `proto.MarshalOptions{Deterministic: true}` of Go writes.
//!
//! Newer daemons read an operation, write it again, and name it by the digest of what they wrote; a digest of other
//! bytes would then name nothing. What differs between Go and prost is the `oneof` of `Op`: Go writes it after all other
//! fields, prost by its tag. The golden files in `testdata/llb` were written by Go.

use bollard_buildkit_proto::pb;
use prost::Message;

use super::{
    exec::{self, CacheSharing, ExecOp, MountKind},
    file::{Action, FileOps, Owner, Principal},
    source::Nonce,
    vertex::{Edge, Op},
};
use crate::base::Platform;

/// `-1` in every place where 0 would mean the first one.
const NONE: i64 = -1;

/// The bytes of one operation.
pub(super) fn op(op: &Op, inputs: &[Edge], platform: Option<&Platform>) -> Vec<u8> {
    canonical(pb::Op {
        inputs: inputs
            .iter()
            .map(|edge| pb::Input {
                digest: edge.vertex.digest.to_string(),
                index: i64::from(edge.output),
            })
            .collect(),
        platform: platform.map(platform_pb),
        // Go writes the empty message, so it is there.
        constraints: Some(pb::WorkerConstraints::default()),
        op: Some(body(op, inputs.len())),
    })
}

/// A message in the order of Go: what the operation does comes last.
pub(super) fn canonical(mut head: pb::Op) -> Vec<u8> {
    let body = pb::Op {
        op: head.op.take(),
        ..pb::Op::default()
    };
    let mut bytes = head.encode_to_vec();
    body.encode(&mut bytes)
        .expect("a vector grows as it is needed");
    bytes
}

/// What makes a command one that never ran before, where its cache mounts have to stay.
pub(super) fn fresh_mount(nonce: &Nonce) -> pb::Mount {
    let mount = exec::fresh_mount(nonce);
    mount_pb(&exec::MountOp {
        input: None,
        selector: mount.selector,
        dest: mount.dest,
        output: None,
        kind: mount.kind,
    })
}

/// A platform as the protocol has it.
pub fn platform_pb(platform: &Platform) -> pb::Platform {
    pb::Platform {
        architecture: platform.arch.clone(),
        os: platform.os.clone(),
        variant: platform.variant.clone(),
        ..pb::Platform::default()
    }
}

fn body(op: &Op, inputs: usize) -> pb::op::Op {
    match op {
        Op::Image(source) => pb::op::Op::Source(source.to_pb()),
        Op::Local(source) => pb::op::Op::Source(source.to_pb()),
        Op::Http(source) => pb::op::Op::Source(source.to_pb()),
        Op::Exec(exec) => pb::op::Op::Exec(exec_pb(exec)),
        Op::File(file) => pb::op::Op::File(file_pb(file, inputs)),
        Op::Merge => pb::op::Op::Merge(pb::MergeOp {
            inputs: (0..inputs)
                .map(|n| pb::MergeInput {
                    input: index(Some(n)),
                })
                .collect(),
        }),
        Op::Diff { lower, upper } => pb::op::Op::Diff(pb::DiffOp {
            lower: Some(pb::LowerDiffInput {
                input: index(*lower),
            }),
            upper: Some(pb::UpperDiffInput {
                input: index(*upper),
            }),
        }),
        Op::Foreign(_) => unreachable!("what somebody else made comes with its bytes"),
    }
}

fn index(n: Option<usize>) -> i64 {
    n.map_or(NONE, |n| i64::try_from(n).expect("fewer than 2^63 inputs"))
}

/// A command with its mounts.
pub fn exec_pb(exec: &ExecOp) -> pb::ExecOp {
    let spec = &exec.spec;
    pb::ExecOp {
        meta: Some(pb::Meta {
            args: spec.args.clone(),
            env: spec.env.iter().map(|(k, v)| format!("{k}={v}")).collect(),
            cwd: spec.cwd.clone(),
            user: spec.user.clone(),
            hostname: spec.hostname.clone(),
            extra_hosts: spec
                .hosts
                .iter()
                .map(|(host, ip)| pb::HostIp {
                    host: host.clone(),
                    ip: ip.clone(),
                })
                .collect(),
            // Directories that were made only to mount something on them go again. Old daemons leave them, so this needs
            // no declared capability.
            remove_mount_stubs_recursive: true,
            ..pb::Meta::default()
        }),
        mounts: exec.mounts.iter().map(mount_pb).collect(),
        network: match spec.network {
            exec::Network::Default => pb::NetMode::Unset,
            exec::Network::Host => pb::NetMode::Host,
            exec::Network::None => pb::NetMode::None,
        }
        .into(),
        security: match spec.security {
            exec::Security::Sandbox => pb::SecurityMode::Sandbox,
            exec::Security::Insecure => pb::SecurityMode::Insecure,
        }
        .into(),
        secretenv: spec
            .secret_env
            .iter()
            .map(|secret| pb::SecretEnv {
                id: secret.id.clone(),
                name: secret.name.clone(),
                optional: secret.optional,
            })
            .collect(),
        ..pb::ExecOp::default()
    }
}

fn mount_pb(mount: &exec::MountOp) -> pb::Mount {
    let mut message = pb::Mount {
        input: index(mount.input),
        selector: mount.selector.clone(),
        dest: mount.dest.clone(),
        output: mount.output.map_or(NONE, i64::from),
        ..pb::Mount::default()
    };
    // Go leaves the number of the result at 0 where there can be none.
    if matches!(mount.kind, MountKind::Secret(_) | MountKind::Ssh(_)) {
        message.output = 0;
    }
    match &mount.kind {
        MountKind::Writable { .. } => {}
        MountKind::ReadOnly => message.readonly = true,
        MountKind::Cache {
            id,
            sharing,
            read_only,
        } => {
            message.readonly = *read_only;
            message.mount_type = pb::MountType::Cache.into();
            message.cache_opt = Some(pb::CacheOpt {
                id: id.clone(),
                sharing: match sharing {
                    CacheSharing::Shared => pb::CacheSharingOpt::Shared,
                    CacheSharing::Private => pb::CacheSharingOpt::Private,
                    CacheSharing::Locked => pb::CacheSharingOpt::Locked,
                }
                .into(),
            });
        }
        MountKind::Tmpfs { size, read_only } => {
            message.readonly = *read_only;
            message.mount_type = pb::MountType::Tmpfs.into();
            message.tmpfs_opt = Some(pb::TmpfsOpt {
                size: i64::try_from(size.unwrap_or(0)).unwrap_or(i64::MAX),
            });
        }
        MountKind::Secret(access) => {
            message.mount_type = pb::MountType::Secret.into();
            message.secret_opt = Some(pb::SecretOpt {
                id: access.id.clone(),
                uid: access.uid,
                gid: access.gid,
                mode: access.mode,
                optional: access.optional,
            });
        }
        MountKind::Ssh(access) => {
            message.mount_type = pb::MountType::Ssh.into();
            message.ssh_opt = Some(pb::SshOpt {
                id: access.id.clone(),
                uid: access.uid,
                gid: access.gid,
                mode: access.mode,
                optional: access.optional,
            });
        }
    }
    message
}

fn file_pb(file: &FileOps, inputs: usize) -> pb::FileOp {
    let last = file.actions.len().saturating_sub(1);
    let mut before = index(file.base);
    let mut actions = Vec::with_capacity(file.actions.len());
    for (n, action) in file.actions.iter().enumerate() {
        let owner = |owner: &Option<Owner>| owner.as_ref().map(|o| owner_pb(o, index(file.base)));
        let (secondary, action) = match action {
            Action::MakeDir { path, spec } => (
                None,
                pb::file_action::Action::Mkdir(pb::FileActionMkDir {
                    path: path.clone(),
                    mode: mode(spec.mode),
                    make_parents: spec.parents,
                    owner: owner(&spec.owner),
                    timestamp: time(spec.time),
                }),
            ),
            Action::MakeFile { path, spec } => (
                None,
                pb::file_action::Action::Mkfile(pb::FileActionMkFile {
                    path: path.clone(),
                    mode: mode(spec.mode),
                    data: spec.data.clone(),
                    owner: owner(&spec.owner),
                    timestamp: time(spec.time),
                }),
            ),
            Action::Remove { path, spec } => (
                None,
                pb::file_action::Action::Rm(pb::FileActionRm {
                    path: path.clone(),
                    allow_not_found: spec.allow_missing,
                    allow_wildcard: spec.wildcard,
                }),
            ),
            Action::Copy {
                from,
                src,
                dest,
                spec,
            } => (
                *from,
                pb::file_action::Action::Copy(pb::FileActionCopy {
                    src: src.clone(),
                    dest: dest.clone(),
                    owner: owner(&spec.owner),
                    mode: spec.mode.map_or(-1, mode),
                    follow_symlink: spec.follow,
                    attempt_unpack_docker_compatibility: spec.unpack,
                    dir_copy_contents: spec.contents,
                    create_dest_path: spec.make_dest,
                    allow_wildcard: spec.wildcard,
                    allow_empty_wildcard: spec.allow_missing,
                    timestamp: time(spec.time),
                    include_patterns: spec.include.clone(),
                    exclude_patterns: spec.exclude.clone(),
                    ..pb::FileActionCopy::default()
                }),
            ),
        };
        actions.push(pb::FileAction {
            input: before,
            secondary_input: index(secondary),
            output: if n == last { 0 } else { NONE },
            action: Some(action),
        });
        before = index(Some(inputs + n));
    }
    pb::FileOp { actions }
}

fn mode(bits: u32) -> i32 {
    i32::try_from(bits & 0o7777).expect("twelve bits fit")
}

/// Seconds as the nanoseconds of the protocol.
fn time(seconds: Option<i64>) -> i64 {
    seconds.map_or(NONE, |s| s.saturating_mul(1_000_000_000))
}

fn owner_pb(owner: &Owner, base: i64) -> pb::ChownOpt {
    let principal = |who: &Principal| pb::UserOpt {
        user: Some(match who {
            Principal::Id(id) => pb::user_opt::User::ById(*id),
            // A name is looked up in the file system as it is before all changes, as Go has it.
            Principal::Name(name) => pb::user_opt::User::ByName(pb::NamedUserOpt {
                name: name.clone(),
                input: base,
            }),
        }),
    };
    pb::ChownOpt {
        user: owner.user.as_ref().map(principal),
        group: owner.group.as_ref().map(principal),
    }
}
