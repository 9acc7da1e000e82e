use std::fs;

use crate::{
    git::{project, target},
    harness::git_server::GitServer,
};

fn with_file(server: &GitServer) -> String {
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY f ."));
    repository.file("f", &"text ".repeat(5000)).commit("one")
}

#[test]
fn a_commit_is_fetched_once_and_needs_no_server_afterwards() {
    let server = GitServer::start();
    let commit = with_file(&server);
    let bld = project(&server.config(), "");
    bld.ok(&["plan", "git.test/o/r+t"]);
    bld.ok(&["plan", "git.test/o/r+t"]);
    assert_eq!(server.fetches(), 1);
    // Nobody is asked what a name stands for.
    let bld = bld.file(
        "../config.yml",
        server.config().replace("127.0.0.1", "127.0.0.2"),
    );
    bld.fails(1, &["plan", &format!("git.test/o/r:{commit}+t")]);
    let bld = bld.file("../config.yml", server.config());
    bld.ok(&["plan", &format!("git.test/o/r:{commit}+t")]);
    bld.ok(&["plan", "--offline", "git.test/o/r+t"]);
    let ran = bld.fails(1, &["plan", "--offline", "git.test/o/r:other+t"]);
    assert!(ran.stderr.contains("is not in the cache"), "{}", ran.stderr);
}

#[test]
fn several_bld_at_once_share_one_fetch() {
    let server = GitServer::start();
    with_file(&server);
    let bld = project(&server.config(), "");
    let children: Vec<_> = (0..3)
        .map(|_| {
            bld.command(&["plan", "git.test/o/r+t"])
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("bld starts")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    assert_eq!(server.fetches(), 1);
}

#[test]
fn a_fetch_that_breaks_off_leaves_nothing_that_the_next_one_could_stumble_over() {
    let server = GitServer::start();
    with_file(&server);
    let bld = project(&server.config(), &target("BUILD git.test/o/r+t"));
    server.cut_after(200);
    let ran = bld.fails(1, &["plan", "+t"]);
    assert!(
        ran.stderr.contains("cannot fetch from the repository"),
        "{}",
        ran.stderr
    );
    server.cut_after(usize::MAX);
    // And what a killed process leaves behind.
    let cache = bld.path("../home/.cache/bld/git");
    let store = fs::read_dir(&cache)
        .expect("a directory")
        .flatten()
        .find(|e| e.path().is_dir())
        .expect("a repository")
        .path();
    fs::create_dir_all(store.join("objects.git")).expect("a directory");
    fs::write(store.join("objects.git/shallow.lock"), "").expect("a file");
    fs::create_dir_all(store.join("tmp-dead/.git")).expect("a directory");
    bld.ok(&["plan", "+t"]);
    assert!(!store.join("tmp-dead").exists());
}

#[test]
fn a_spoilt_store_is_made_anew() {
    let server = GitServer::start();
    with_file(&server);
    let bld = project(&server.config(), "");
    bld.ok(&["plan", "git.test/o/r+t"]);
    let script = "cd home/.cache/bld/git/*/ && rm -rf [0-9a-f]*-* && find objects.git -type f -name '*.pack' -o -path '*objects/??/*' -type f | xargs truncate -s 0";
    let spoilt = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(bld.path(".."))
        .status()
        .expect("sh starts");
    assert!(spoilt.success());
    bld.ok(&["plan", "git.test/o/r+t"]);
}

#[test]
fn an_old_server_gives_a_commit_that_no_name_stands_for_with_all_the_rest() {
    let server = GitServer::start().of_the_old_kind();
    let repository = server
        .repository("o/s")
        .file("Earthfile", &target("COPY f ."));
    let old = repository.file("f", "old").commit("old");
    let repository = server
        .repository("o/s2")
        .file("Earthfile", &target("COPY f ."));
    let repository = repository.file("f", "1");
    let one = repository.commit("1");
    repository.file("f", "2").commit("2");
    let bld = project(&server.config(), "");
    bld.ok(&["plan", &format!("git.test/o/s:{old}+t")]);
    bld.ok(&["plan", &format!("git.test/o/s2:{one}+t")]);
    bld.ok(&["plan", &format!("git.test/o/s2:{}+t", &one[..8])]);
}
