use crate::{
    git::{project, target},
    harness::{git_server::GitServer, services},
};

#[test]
fn a_clone_is_a_context_and_a_copy_that_keep_to_the_commit() {
    let server = GitServer::start();
    let commit = server.repository("o/r").file("f", "").commit("one");
    let body = format!(
        "USER 7\n    GIT CLONE --branch main {}/o/r.git dir",
        server.url()
    );
    let ran = project("", &target(&body)).ok(&["plan", "+t"]);
    assert!(ran.stdout.contains(&commit), "{}", ran.stdout);
}

#[test]
fn only_urls_of_networks_are_cloned() {
    for url in [
        "file:///etc",
        "git://h.test/o/r",
        "ext::id",
        "/srv/git/r",
        "--upload-pack=id",
    ] {
        let ran = project("", &target(&format!("GIT CLONE {url} dir"))).fails(1, &["plan", "+t"]);
        assert!(
            ran.stderr.contains("is no URL that bld can clone from") || ran.stderr.contains("flag"),
            "{url}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("Buildfile:4:"), "{}", ran.stderr);
    }
}

#[test]
fn a_clone_keeps_its_repository_and_has_the_times_and_the_owner_of_a_copy() {
    let Some(services) = services("clone") else {
        return;
    };
    let server = GitServer::start();
    let repository = server.repository("o/r").file("sub/f", "text");
    repository.commit("one");
    repository.git(&["tag", "-a", "v1", "-m", "v1"]);
    repository.push();
    let buildfile = format!(
        "VERSION 0.8\nt:\n    FROM busybox:1.36\n    WORKDIR /w\n    RUN chown 12:34 /w\n    USER 12:34\n    \
         GIT CLONE --branch v1 {}/o/r.git in/dir\n    \
         RUN cat in/dir/sub/f in/dir/.git/HEAD > out && stat -c '%u:%g %Y' in/dir/sub/f >> out\n    \
         SAVE ARTIFACT out AS LOCAL out.txt\n",
        server.url()
    );
    let config = std::fs::read_to_string(&services.config).expect("a config file");
    let bld = project(&config, &buildfile).env("BLD_ENGINE", &services.docker);
    let commit = repository.git(&["rev-parse", "HEAD"]);
    bld.ok(&["+t"]);
    assert_eq!(
        bld.read("out.txt"),
        format!("text{commit}\n12:34 1587038400\n")
    );
    let again = bld.ok(&["+t"]);
    assert!(
        again.stderr.contains("*cached* --> GIT CLONE"),
        "{}",
        again.stderr
    );
}

#[test]
fn add_brings_the_files_of_a_commit_or_a_directory_of_them() {
    let Some(services) = services("ADD of a repository") else {
        return;
    };
    let server = GitServer::start();
    let repository = server.repository("o/r").file("sub/f", "text\n");
    std::os::unix::fs::symlink("/etc", repository.tree().join("out")).expect("a link");
    repository.commit("one");
    repository.git(&["tag", "-a", "v1", "-m", "v1"]);
    repository.push();
    let buildfile = format!(
        "VERSION --extended 0.8\nFROM busybox:1.36\nWORKDIR /w\nt:\n    \
         ADD {url}#v1 all\n    ADD --chown=12:34 {url}#:sub part/\n    ADD --keep-git-dir {url} with\n    \
         RUN (ls -A all part with && cat part/f && stat -c '%u:%g' part/f) > out\n    \
         SAVE ARTIFACT out AS LOCAL out.txt\nmissing:\n    ADD {url}#v1:none /x\nlink:\n    ADD {url}#:out /x\n\
         above:\n    ADD {url}#:../.. /x\n    RUN ls /x > out\n    SAVE ARTIFACT out AS LOCAL above.txt\n",
        url = format_args!("{}/o/r.git", server.url())
    );
    let config = std::fs::read_to_string(&services.config).expect("a config file");
    let bld = project(&config, &buildfile).env("BLD_ENGINE", &services.docker);
    bld.ok(&["+t"]);
    assert_eq!(
        bld.read("out.txt"),
        "all:\nout\nsub\n\npart:\nf\n\nwith:\n.git\nout\nsub\ntext\n12:34\n"
    );
    bld.fails(1, &["+missing"])
        .says("there is no directory `none` in http");
    // A link that leads out of the repository is none of its directories.
    bld.fails(1, &["+link"]).says("there is no directory `out`");
    bld.ok(&["+above"]);
    assert_eq!(bld.read("above.txt"), "out\nsub\n");
}
