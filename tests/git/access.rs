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

#[test]
fn no_login_of_the_user_goes_over_plain_http_to_another_machine() {
    let server = served("ann:s3cret");
    // A name that is not taken for this machine, though it leads there.
    let config = server.config().replace("127.0.0.1", "git.localhost");
    let netrc = "machine git.localhost login ann password s3cret\n";
    let helper =
        "[credential]\n\thelper = \"!f() { echo username=ann; echo password=s3cret; }; f\"\n";
    let netrc = project(&config, "").file("../home/.netrc", netrc);
    let helper = project(&config, "").file("../home/.gitconfig", helper);
    for bld in [netrc, helper] {
        let ran = bld.fails(1, &["plan", "git.test/o/r+t"]);
        assert!(ran.stderr.contains("it needs a login"), "{}", ran.stderr);
    }
}

#[test]
fn the_login_of_an_entry_counts_more_than_that_of_netrc() {
    let server = served("ann:s3cret");
    let config = format!("{}    user: ann\n    password: s3cret\n", server.config());
    let netrc = "machine 127.0.0.1 login ann password old\n";
    let bld = project(&config, "").file("../home/.netrc", netrc);
    bld.ok(&["plan", "git.test/o/r+t"]);
}

#[test]
fn a_login_in_the_url_of_a_clone_is_shown_nowhere() {
    let server = served("ann:hunter2");
    let url = server.url().replace("http://", "http://ann:hunter2@");
    for (path, code) in [("o/r.git", 0), ("o/none.git", 1)] {
        let body = format!("GIT CLONE {url}/{path} /x");
        for args in [
            &["plan", "+t"][..],
            &["plan", "--json", "+t"],
            &["--progress=json", "plan", "+t"],
        ] {
            let bld = project("", &target(&body));
            let ran = match code {
                0 => bld.ok(args),
                code => bld.fails(code, args),
            };
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!all.contains("hunter2"), "{args:?}: {all}");
            assert!(all.contains("GIT CLONE http://ann:xxx"), "{args:?}: {all}");
        }
    }
}
