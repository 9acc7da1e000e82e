use std::os::unix::fs::symlink;

use crate::{
    git::{project, target},
    harness::git_server::GitServer,
};

#[test]
fn links_of_a_repository_lead_to_no_file_of_this_machine() {
    let server = GitServer::start();
    let outside = tempfile::tempdir().expect("a directory");
    std::fs::write(
        outside.path().join("Earthfile"),
        target("RUN [\"/stolen\"]"),
    )
    .expect("a file");
    std::fs::write(outside.path().join("secret"), "").expect("a file");
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY secret ."))
        .file("ignores/Earthfile", &target("COPY . ."))
        .file("file/x", "");
    let tree = repository.tree();
    symlink(outside.path().join("secret"), tree.join("secret")).expect("a link");
    symlink(outside.path(), tree.join("dir")).expect("a link");
    symlink(
        outside.path().join("Earthfile"),
        tree.join("file/Earthfile"),
    )
    .expect("a link");
    symlink(
        outside.path().join("secret"),
        tree.join("ignores/.earthlyignore"),
    )
    .expect("a link");
    repository.commit("one");
    for (reference, expected) in [
        (
            "git.test/o/r+t",
            "outside of the directory of the build file",
        ),
        ("git.test/o/r/dir+t", "no build file found"),
        (
            "git.test/o/r/file+t",
            "is a symbolic link that leads out of its repository",
        ),
        (
            "git.test/o/r/ignores+t",
            "is a symbolic link that leads out of its repository",
        ),
    ] {
        let ran = project(&server.config(), "").fails(1, &["plan", reference]);
        assert!(ran.stderr.contains(expected), "{reference}: {}", ran.stderr);
        assert!(!ran.stderr.contains(".cache"), "{}", ran.stderr);
    }
}

#[test]
fn a_submodule_runs_no_program_and_reads_no_directory_of_this_machine() {
    let server = GitServer::start();
    let victim = server.repository("private").file("f", "");
    let commit = victim.commit("one");
    let marker = tempfile::tempdir().expect("a directory");
    let ran_it = marker.path().join("ran");
    let urls = [
        format!("ext::touch {}", ran_it.display()),
        format!("file://{}", victim.bare().display()),
        victim.bare().display().to_string(),
        format!("-u./evil;touch {}", ran_it.display()),
    ];
    for (number, url) in urls.iter().enumerate() {
        let repository = server
            .repository(&format!("o/r{number}"))
            .file("Earthfile", &target("COPY . ."));
        repository.git(&["config", "-f", ".gitmodules", "submodule.s.path", "s"]);
        repository.git(&["config", "-f", ".gitmodules", "submodule.s.url", url]);
        repository.git(&[
            "config",
            "-f",
            ".gitmodules",
            "submodule.s.update",
            "!touch /tmp/never",
        ]);
        repository.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{commit},s"),
        ]);
        repository.git(&["add", ".gitmodules", "Earthfile"]);
        repository.git(&["commit", "-q", "-m", "one"]);
        repository.push();
        let reference = format!("git.test/o/r{number}+t");
        let ran = project(&server.config(), "").fails(1, &["plan", &reference]);
        assert!(
            ran.stderr.contains("the submodules of"),
            "{url}: {}",
            ran.stderr
        );
        assert!(!ran_it.exists(), "{url}");
    }
}

#[test]
fn hooks_and_filters_that_only_a_repository_names_do_nothing() {
    let server = GitServer::start();
    let marker = tempfile::tempdir().expect("a directory");
    let ran_it = marker.path().join("ran");
    let hook = format!("#!/bin/sh\ntouch {}\n", ran_it.display());
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY f ."))
        .file("f", "")
        .file(".gitattributes", "* filter=evil\n")
        .file(".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:1/\n")
        .file("hooks/post-checkout", &hook);
    repository.commit("one");
    let home_config = "[core]\n\thooksPath = hooks\n[init]\n\ttemplateDir = templates\n";
    let bld = project(&server.config(), "").file("../home/.gitconfig", home_config);
    bld.ok(&["plan", "git.test/o/r+t"]);
    assert!(!ran_it.exists());
}
