//! `bld ls` and `bld doc` of a repository.

use crate::{git::project, harness::git_server::GitServer};

#[test]
fn ls_and_doc_read_a_repository_as_the_build_does() {
    let server = GitServer::start();
    let repository = server
        .repository("o/r")
        .file("Earthfile", "VERSION 0.8\nroot:\n    FROM scratch\n");
    let repository = repository.file(
        "sub/Buildfile",
        "VERSION 0.8\n\n# t is documented.\nt:\n    FROM scratch\n    ARG x=1\n",
    );
    repository.commit("one");
    repository.git(&["tag", "v1"]);
    let repository = repository.file("sub/Buildfile", "VERSION 0.8\nlater:\n    FROM scratch\n");
    repository.commit("two");
    repository.push();
    let bld = project(&server.config(), "");
    assert_eq!(bld.ok(&["ls", "git.test/o/r"]).stdout, "+base\n+root\n");
    assert_eq!(
        bld.ok(&["ls", "git.test/o/r/sub"]).stdout,
        "+base\n+later\n"
    );
    let tagged = "git.test/o/r/sub:v1+base\ngit.test/o/r/sub:v1+t\n  --x\n";
    assert_eq!(bld.ok(&["ls", "-la", "git.test/o/r/sub:v1"]).stdout, tagged);
    let named = bld.ok(&["ls", "git.test/o/r/sub/Buildfile:v1"]).stdout;
    assert_eq!(named, "+base\n+t\n");
    let doc = bld.ok(&["doc", "git.test/o/r/sub:v1+t"]).stdout;
    assert!(
        doc.starts_with("+t [--x=1]\n    t is documented.\n"),
        "{doc}"
    );
    let list = bld.ok(&["doc", "git.test/o/r/sub:v1"]).stdout;
    assert_eq!(list, "TARGETS:\n  +t [--x=1]\n      t is documented.\n");
}

#[test]
fn what_is_wrong_with_the_place_is_said() {
    let server = GitServer::start();
    server.repository("o/r").file("x", "").commit("one");
    let bld = project(&server.config(), "");
    bld.fails(1, &["ls", "git.test/o/r"])
        .says("no build file")
        .never_says(".cache");
    bld.fails(1, &["ls", "git.test/o/r:nope"])
        .says("has no tag, branch or commit `nope`");
    bld.fails(1, &["doc", "git.test/o/none+t"])
        .says("cannot read the references of");
    bld.fails(1, &["doc", "alias+t"])
        .says("neither a local path nor in a repository");
}
