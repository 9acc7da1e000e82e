use crate::{
    git::{project, target},
    harness::git_server::GitServer,
};

fn served(login: &str) -> GitServer {
    let server = GitServer::start().with_login(login);
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY f ."));
    repository.file("f", "").commit("one");
    server
}

#[test]
fn a_login_comes_from_netrc_in_each_of_its_places() {
    let server = served("ann:s3cret/pw");
    let netrc = "machine 127.0.0.1 login ann password s3cret/pw\n";
    let project = || project(&server.config(), "");
    project()
        .file("../home/.netrc", netrc)
        .ok(&["plan", "git.test/o/r+t"]);
    project()
        .env("NETRC_CONTENT", netrc)
        .ok(&["plan", "git.test/o/r+t"]);
    let bld = project().file("logins", netrc);
    let path = bld.path("logins");
    let bld = bld.env("NETRC", path.to_str().expect("a UTF-8 path"));
    bld.ok(&["plan", "git.test/o/r+t"]);
}

#[test]
fn a_login_may_stand_in_the_substitute_and_shows_nowhere() {
    let server = served("ann:s3cret");
    let config = server.config_with("http://ann:s3cret@");
    let buildfile = "VERSION 0.8\nt:\n    FROM git.test/o/r+t\n    RUN [\"/x\"]\n";
    let bld = project(&config, buildfile);
    let ran = bld.ok(&["plan", "--json", "+t"]);
    assert!(!ran.stdout.contains("s3cret") && !ran.stderr.contains("s3cret"));
    let cache = bld.path("../home/.cache");
    let found = std::process::Command::new("grep")
        .args(["-r", "-l", "s3cret"])
        .arg(&cache)
        .output()
        .expect("grep starts");
    assert!(cache.exists() && found.stdout.is_empty(), "{found:?}");
}

#[test]
fn a_refused_login_is_told_without_its_password() {
    let server = served("ann:right");
    let config = server.config_with("http://ann:wr0ng@");
    let ran = project(&config, &target("BUILD git.test/o/r+t")).fails(1, &["plan", "+t"]);
    assert!(
        ran.stderr.contains("Authentication failed"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("user or the password is not accepted"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("wr0ng"), "{}", ran.stderr);
    let ran = project(&server.config(), &target("BUILD git.test/o/r+t")).fails(1, &["plan", "+t"]);
    assert!(ran.stderr.contains("it needs a login"), "{}", ran.stderr);
}

#[test]
fn a_password_in_the_config_file_is_never_sent_over_plain_http() {
    let config = "git:\n  h.test:\n    auth: http\n    password: hunter2\n";
    let ran = project(config, &target("COPY . .")).fails(1, &["plan", "+t"]);
    assert!(ran.stderr.contains("plain `http`"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn git_of_a_hook_is_not_confused_with_the_repository_that_is_cloned() {
    let server = GitServer::start();
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY f ."));
    repository.file("f", "").commit("one");
    let bld = project(&server.config(), "")
        .env("GIT_DIR", "/nonexistent")
        .env("GIT_INDEX_FILE", "/nonexistent/index");
    bld.ok(&["plan", "git.test/o/r+t"]);
}
