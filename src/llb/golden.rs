//! The bytes of operations against those of BuildKit's own library.
//!
//! Each file in `testdata/llb` has the entries of one definition, a line of hexadecimal digits each, as
//! `client/llb` of BuildKit 0.20 writes them with deterministic marshalling.

use std::collections::BTreeSet;

use super::{
    Access, CacheSharing, CopyFile, Edge, Exec, FileOp, Local, LocalSource, MakeDir, MakeFile,
    Mount, MountKind, Network, Nonce, Op, Remove, ResolveMode, Security, State, diff, image,
    image_with, merge, tests_support::label, vertex::Vertex,
};
use crate::base::Platform;

/// Go's library orders vertices in its own way, so the entries are compared as a set, and the last one by itself.
fn check(name: &str, state: State) {
    let path = format!("{}/testdata/llb/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let golden: Vec<&str> = text.lines().collect();
    let definition = super::Definition::of(&state.unwrap()).to_pb(|_| false);
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let ours: Vec<String> = definition.def.iter().map(hex).collect();
    let set = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let of_ours = set(ours.iter().map(String::as_str).collect());
    let readable = || {
        use bollard_buildkit_proto::pb;
        use prost::Message;
        let decode = |line: &str| {
            let bytes: Vec<u8> = (0..line.len() / 2)
                .map(|n| u8::from_str_radix(&line[2 * n..2 * n + 2], 16).unwrap())
                .collect();
            format!("{:?}", pb::Op::decode(bytes.as_slice()).unwrap())
        };
        let golden: Vec<_> = golden.iter().map(|l| decode(l)).collect();
        let ours: Vec<_> = ours.iter().map(|l| decode(l)).collect();
        format!(
            "{name}\nGO: {}\nOURS: {}",
            golden.join("\n"),
            ours.join("\n")
        )
    };
    assert!(of_ours == set(golden.clone()), "{}", readable());
    assert_eq!(ours.last().unwrap(), golden.last().unwrap(), "{name}");
}

fn linux() -> Platform {
    "linux/amd64".parse().unwrap()
}

fn busybox() -> State {
    Some(image("docker.io/library/busybox:1.36", &linux(), label("")))
}

fn debian() -> State {
    Some(image("docker.io/library/debian:12", &linux(), label("")))
}

/// With a name that Go was told.
fn local() -> State {
    let source = LocalSource {
        files: Local {
            dir: "/x".into(),
            include: Vec::new(),
            exclude: Vec::new(),
        },
        name: "context-4f53cda18c2baa0c".to_owned(),
        kept_as: "context-4f53cda18c2baa0c".to_owned(),
        nonce: Nonce::fixed("nonce"),
    };
    let caps = BTreeSet::new();
    Some(Edge {
        vertex: Vertex::new(Op::Local(source), Vec::new(), None, caps, false, label("")),
        output: 0,
    })
}

fn files() -> State {
    let copy = CopyFile {
        owner: Some("root:0".parse().unwrap()),
        mode: Some(0o640),
        follow: true,
        unpack: false,
        contents: true,
        make_dest: true,
        wildcard: true,
        allow_missing: true,
        time: Some(1_587_038_400),
        ..CopyFile::default()
    };
    let directory = MakeDir {
        parents: true,
        owner: Some("daemon:1".parse().unwrap()),
        ..MakeDir::mode(0o755)
    };
    let file = MakeFile {
        data: b"text\n".to_vec(),
        mode: 0o600,
        owner: Some("0:5".parse().unwrap()),
        time: None,
    };
    let remove = Remove {
        allow_missing: true,
        wildcard: true,
    };
    let files = FileOp::on(&busybox())
        .mkdir("/app", directory)
        .copy(&local(), "/src/*.c", "/app/", copy)
        .mkfile("/f", file)
        .rm("/tmp/*", remove);
    Some(files.build(label("")))
}

#[test]
fn sources_are_written_as_by_go() {
    check("image", busybox());
    let arm = "linux/arm/v7".parse().unwrap();
    let name = "docker.io/library/busybox:1.36";
    check(
        "image-pull",
        Some(image_with(name, ResolveMode::Pull, &arm, label(""))),
    );
    check("local", local());
}

#[test]
fn commands_are_written_as_by_go() {
    let build = |exec: Exec| exec.build(&linux(), label(""));
    let plain = Exec::new(&busybox(), ["sh", "-c", "make"])
        .env([("B", "2"), ("A", "")])
        .cwd("/src")
        .user("daemon:1");
    check("exec", Some(build(plain).root()));

    let cache = MountKind::Cache {
        id: "id".to_owned(),
        sharing: CacheSharing::Locked,
        read_only: false,
    };
    let mut etc = Mount::read_only("/in", &debian());
    etc.selector = "/etc".to_owned();
    let keep = |keep| MountKind::Writable { keep };
    let mounts = Exec::new(&busybox(), ["true"])
        .network(Network::None)
        .hostname("box")
        .hosts(&[("db".to_owned(), "10.0.0.1".to_owned())])
        .mount(Mount::scratch("/out"))
        .mount(etc)
        .mount(Mount::new("/cache", &None, cache))
        .mount(Mount::new(
            "/tmp",
            &None,
            MountKind::Tmpfs {
                size: None,
                read_only: false,
            },
        ))
        .mount(Mount::new("/same", &busybox(), keep(true)))
        .mount(Mount::new("/gone", &busybox(), keep(false)));
    check("mounts", build(mounts).output("/out"));

    let access = |id: &str, uid, gid, mode, optional| Access {
        id: id.to_owned(),
        uid,
        gid,
        mode,
        optional,
    };
    let secret = MountKind::Secret(access("x", 1, 2, 0o440, true));
    let ssh = MountKind::Ssh(access("default", 3, 4, 0o600, false));
    let secrets = Exec::new(&busybox(), ["true"])
        .env([("SSH_AUTH_SOCK", "/run/ssh")])
        .network(Network::Host)
        .security(Security::Insecure)
        .mount(Mount::new("/run/secrets/x", &None, secret))
        .mount(Mount::new("/run/ssh", &None, ssh));
    check("secrets", Some(build(secrets).root()));
}

#[test]
fn file_operations_are_written_as_by_go() {
    check("files", files());
    let copy = FileOp::on(&None).copy(&busybox(), "/etc/passwd", "/p", CopyFile::default());
    check("scratch-copy", Some(copy.build(label(""))));
}

#[test]
fn merges_and_differences_are_written_as_by_go() {
    check("merge", merge(&[busybox(), debian(), None], label("")));
    check("diff", diff(&busybox(), &files(), label("")));
}
