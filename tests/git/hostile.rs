use std::os::unix::fs::symlink;

use crate::{
    git::{project, target},
    harness::{git_server::GitServer, services},
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

#[test]
fn a_dockerfile_and_its_context_keep_to_the_repository() {
    let outside = tempfile::tempdir().expect("a directory");
    std::fs::write(outside.path().join("Dockerfile"), "FROM scratch\n").expect("a file");
    let server = GitServer::start();
    let mut commands = vec![
        ("FROM DOCKERFILE ..", "`..` is outside of the repository"),
        ("FROM DOCKERFILE sub/../..", "is outside of the repository"),
        (
            "FROM DOCKERFILE /etc",
            "path `/etc` is not supported in a build file of a repository",
        ),
        ("FROM DOCKERFILE dir", "`dir` is outside of the repository"),
        ("FROM DOCKERFILE dir/.", "is outside of the repository"),
        ("FROM DOCKERFILE sub/dir", "is outside of the repository"),
        (
            "FROM DOCKERFILE linked",
            "is a symbolic link that leads out of its repository",
        ),
        (
            "FROM DOCKERFILE ignores",
            "is a symbolic link that leads out of its repository",
        ),
        (
            "FROM DOCKERFILE -f ../Dockerfile sub",
            "is outside of the repository",
        ),
        (
            "FROM DOCKERFILE -f /etc/passwd sub",
            "is not supported in a build file of a repository",
        ),
        (
            "FROM DOCKERFILE -f dir/Dockerfile sub",
            "is outside of the repository",
        ),
        (
            "FROM DOCKERFILE -f linked/Dockerfile sub",
            "is outside of the repository",
        ),
        ("FROM DOCKERFILE dir/nothing", "outside of the repository"),
        (
            "FROM DOCKERFILE -f dir/nothing sub",
            "outside of the repository",
        ),
    ];
    let mut buildfile = "VERSION 0.8\n".to_owned();
    for (number, (command, _)) in commands.iter().enumerate() {
        buildfile.push_str(&format!("t{number}:\n    {command}\n"));
    }
    let fine = commands.len();
    buildfile.push_str(&format!(
        "t{fine}:\n    FROM DOCKERFILE -f sub/../sub/Dockerfile sub\n"
    ));
    let repository = server
        .repository("o/r")
        .file("Earthfile", &buildfile)
        .file("sub/Dockerfile", "FROM scratch\n")
        .file("ignores/Dockerfile", "FROM scratch\n")
        .file("linked/x", "");
    let tree = repository.tree();
    let link = |to: std::path::PathBuf, name: &str| symlink(to, tree.join(name)).expect("a link");
    link(outside.path().to_path_buf(), "dir");
    link("../..".into(), "sub/dir");
    link(outside.path().join("Dockerfile"), "linked/Dockerfile");
    link(outside.path().join("Dockerfile"), "ignores/.dockerignore");
    repository.commit("one");
    let bld = project(&server.config(), "");
    for (number, (command, expected)) in commands.drain(..).enumerate() {
        let ran = bld.fails(1, &["plan", &format!("git.test/o/r+t{number}")]);
        assert!(ran.stderr.contains(expected), "{command}: {}", ran.stderr);
        assert!(!ran.stderr.contains(".cache"), "{command}: {}", ran.stderr);
    }
    bld.ok(&["plan", &format!("git.test/o/r+t{fine}")]);
}

#[test]
fn what_a_dockerfile_of_a_repository_copies_through_a_link_is_its_own() {
    let Some(services) =
        services("what_a_dockerfile_of_a_repository_copies_through_a_link_is_its_own")
    else {
        return;
    };
    let outside = tempfile::tempdir().expect("a directory");
    std::fs::write(outside.path().join("secret"), "stolen").expect("a file");
    let server = GitServer::start();
    let text = "VERSION 0.8\nfile:\n    FROM DOCKERFILE --target file .\n\
                dir:\n    FROM DOCKERFILE --target dir .\n    SAVE ARTIFACT /d AS LOCAL d\n";
    let repository = server
        .repository("o/r")
        .file("Earthfile", text)
        .file(
            "Dockerfile",
            "FROM scratch AS file\nCOPY secret /s\nFROM scratch AS dir\nCOPY sub /d\n",
        )
        .file("sub/own", "own");
    let secret = outside.path().join("secret");
    symlink(&secret, repository.tree().join("secret")).expect("a link");
    symlink(&secret, repository.tree().join("sub/link")).expect("a link");
    repository.commit("one");
    let config = std::fs::read_to_string(&services.config).expect("a config file");
    let config = format!("{config}{}", server.config());
    let bld = project(&config, "").env("BLD_ENGINE", &services.docker);
    bld.fails(1, &["git.test/o/r+file"]).says("not found");
    bld.ok(&["git.test/o/r+dir"]);
    assert_eq!(bld.read("d/own"), "own");
    let link = std::fs::read_link(bld.path("d/link")).expect("still a link");
    assert_eq!(link, secret);
}

#[test]
fn a_repository_of_this_machine_has_no_submodules_of_it() {
    let server = GitServer::start();
    let victim = server.repository("private").file("f", "");
    let commit = victim.commit("one");
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY . ."));
    let private = format!("file://{}", victim.bare().display());
    let set = |key: &str, value: &str| {
        repository.git(&["config", "-f", ".gitmodules", key, value]);
    };
    set("submodule.s.path", "s");
    set("submodule.s.url", &private);
    repository.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{commit},s"),
    ]);
    repository.git(&["add", ".gitmodules", "Earthfile"]);
    repository.git(&["commit", "-q", "-m", "one"]);
    repository.push();
    let config = format!(
        "git:\n  git.test:\n    pattern: 'git.test/o/r'\n    substitute: 'file://{}'\n",
        repository.bare().display()
    );
    let ran = project(&config, "").fails(1, &["plan", "git.test/o/r+t"]);
    ran.says("cannot fetch the submodules").says("not allowed");
}
