use crate::{
    git::{project, target},
    harness::git_server::GitServer,
};

/// A file that tells what builtin arguments say, by the name of what it saves.
const TELLS: &str = "VERSION 0.8\nt:\n    FROM scratch\n    COPY note.txt /\n    ARG EARTHLY_TARGET\n    \
    ARG EARTHLY_GIT_HASH\n    ARG EARTHLY_GIT_BRANCH\n    ARG EARTHLY_GIT_ORIGIN_URL\n    \
    SAVE ARTIFACT /note.txt AS LOCAL $EARTHLY_TARGET/$EARTHLY_GIT_HASH/$EARTHLY_GIT_BRANCH/$EARTHLY_GIT_ORIGIN_URL/\n";

#[test]
fn a_branch_a_tag_and_a_commit_name_the_files_of_their_commit() {
    let server = GitServer::start();
    let repository = server
        .repository("o/r")
        .file("note.txt", "one")
        .file("Earthfile", TELLS);
    let first = repository.commit("one");
    repository.git(&["tag", "-a", "v1", "-m", "first"]);
    repository.git(&["tag", "light"]);
    repository.git(&["checkout", "-q", "-b", "feature/x"]);
    let second = repository.file("note.txt", "two").commit("two");
    for (name, commit, called) in [
        ("", &first, "main"),
        (":main", &first, "main"),
        (":v1", &first, "v1"),
        (":light", &first, "light"),
        (":feature/x", &second, "feature/x"),
        (&format!(":{second}"), &second, second.as_str()),
        (&format!(":{}", &second[..9]), &second, second.as_str()),
    ] {
        let bld = project(
            &server.config(),
            &target(&format!("BUILD git.test/o/r{name}+t")),
        );
        let ran = bld.ok(&["plan", "--json", "+t"]);
        let said = format!(
            "-> git.test/o/r:{called}+t/{commit}/{}/{}",
            if called == commit { "" } else { called },
            server.url()
        );
        assert!(ran.stdout.contains(&said), "{name}: {said}\n{}", ran.stdout);
    }
}

#[test]
fn what_is_relative_in_a_repository_stays_in_its_commit() {
    let server = GitServer::start();
    let repository = server
        .repository("o/r")
        .file(
            "Earthfile",
            "VERSION 0.8\nIMPORT ./lib\nt:\n    FROM scratch\n    BUILD ./sub+s\n    BUILD lib+l\n",
        )
        .file(
            "sub/Earthfile",
            "VERSION 0.8\ns:\n    FROM scratch\n    COPY f .\n    BUILD ../lib+l\n",
        )
        .file("sub/f", "f")
        .file(
            "lib/Earthfile",
            "VERSION 0.8\nl:\n    FROM scratch\n    COPY old .\n",
        )
        .file("lib/old", "");
    repository.commit("one");
    repository.git(&["tag", "v1"]);
    repository.git(&["rm", "-q", "-r", "lib", "sub"]);
    repository.commit("two");
    let bld = project(&server.config(), &target("BUILD git.test/o/r:v1+t"));
    let ran = bld.ok(&["plan", "+t"]);
    assert!(
        ran.stdout.contains("git.test/o/r/sub:v1+s"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("git.test/o/r/lib:v1+l"),
        "{}",
        ran.stdout
    );
    // By its name alone it has become another one.
    let bld = project(&server.config(), &target("BUILD git.test/o/r+t"));
    let ran = bld.fails(1, &["plan", "+t"]);
    assert!(
        ran.stderr.contains("git.test/o/r:main/Earthfile:5:11"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_repository_imports_another_that_imports_a_third() {
    let server = GitServer::start();
    let third = server.repository("o/third").file(
        "Earthfile",
        "VERSION 0.8\nHELP:\n    FUNCTION\n    ARG WHO\n    ENV HELPED=$WHO\n    RUN [\"/help\"]\n",
    );
    third.commit("one");
    third.git(&["tag", "3.0.2"]);
    third.push();
    server
        .repository("o/second")
        .file(
            "fn/Earthfile",
            "VERSION 0.8\nIMPORT git.test/o/third:3.0.2 AS third\nGO:\n    FUNCTION\n    DO third+HELP --WHO=second\n",
        )
        .commit("one");
    let buildfile =
        "VERSION 0.8\nIMPORT git.test/o/second/fn\nt:\n    FROM scratch\n    DO fn+GO\n";
    let ran = project(&server.config(), buildfile).ok(&["plan", "--json", "+t"]);
    assert!(
        ran.stdout.contains("git.test/o/third:3.0.2/Earthfile:6:5"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_target_of_a_repository_can_stand_on_the_command_line() {
    let server = GitServer::start();
    server
        .repository("o/r")
        .file("sub/Earthfile", TELLS)
        .file("sub/note.txt", "")
        .commit("one");
    let bld = project(&server.config(), "");
    let ran = bld.ok(&["plan", "git.test/o/r/sub:main+t"]);
    // Artifacts go below the directory where bld is called.
    assert!(
        ran.stdout.contains("-> git.test/o/r/sub:main+t/"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains(".cache"), "{}", ran.stdout);
}

#[test]
fn what_is_not_there_is_told_with_its_place() {
    let server = GitServer::start();
    server
        .repository("o/r")
        .file("sub/Earthfile", "VERSION 0.8\n")
        .commit("one");
    let dead = "git:\n  git.test:\n    pattern: 'git.test/([^/]+)/([^/]+)'\n    substitute: 'http://127.0.0.1:1/$1/$2.git'\n";
    let config = server.config();
    for (config, reference, expected) in [
        (
            config.as_str(),
            "git.test/o/r:nope+t",
            "has no tag, branch or commit `nope`",
        ),
        (
            &config,
            "git.test/o/r:abcdef+t",
            "has no tag, branch or commit `abcdef`",
        ),
        (
            &config,
            "git.test/o/r:a..b+t",
            "has no tag, branch or commit `a..b`",
        ),
        (
            &config,
            "git.test/o/r+t",
            "no build file found for target `git.test/o/r+t`",
        ),
        (
            &config,
            "git.test/o/r/sub+t",
            "target `t` not found in `git.test/o/r:main/sub/Earthfile`",
        ),
        (
            &config,
            "git.test/o/missing+t",
            "cannot read the references of the repository",
        ),
        (
            &config,
            "git.test/o+t",
            "`git.test/o` does not name a repository",
        ),
        (
            dead,
            "git.test/o/r+t",
            "cannot read the references of the repository",
        ),
    ] {
        let bld = project(config, &target(&format!("BUILD {reference}")));
        let ran = bld.fails(1, &["plan", "+t"]);
        assert!(ran.stderr.contains(expected), "{reference}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("Buildfile:4:11"),
            "{reference}: {}",
            ran.stderr
        );
    }
}

#[test]
fn an_absolute_path_means_nothing_in_a_repository() {
    let server = GitServer::start();
    for (body, expected) in [
        (
            "BUILD /etc+t",
            "path `/etc` is not supported in a build file of a repository",
        ),
        (
            "BUILD ~/x+t",
            "path `~/x` is not supported in a build file of a repository",
        ),
        (
            "IMPORT /etc AS e",
            "path `/etc` is not supported in a build file of a repository",
        ),
        ("BUILD ../../../..+t", "no build file found"),
    ] {
        let name = format!("o/{}", body.len());
        server
            .repository(&name)
            .file("Earthfile", &target(body))
            .commit("one");
        let bld = project(&server.config(), "");
        let ran = bld.fails(1, &["plan", &format!("git.test/{name}+t")]);
        assert!(ran.stderr.contains(expected), "{body}: {}", ran.stderr);
        assert!(!ran.stderr.contains(".cache"), "{body}: {}", ran.stderr);
    }
}

#[test]
fn the_ignore_file_of_a_repository_counts() {
    let server = GitServer::start();
    server
        .repository("o/r")
        .file("Earthfile", &target("COPY hidden ."))
        .file("hidden", "")
        .file(".earthlyignore", "hidden\n")
        .commit("one");
    let ran = project(&server.config(), "").fails(1, &["plan", "git.test/o/r+t"]);
    assert!(
        ran.stderr.contains("`.earthlyignore` leaves it out"),
        "{}",
        ran.stderr
    );
}

#[test]
fn submodules_come_along_by_relative_urls_too() {
    let server = GitServer::start();
    server
        .repository("o/inner")
        .file("deep.txt", "deep")
        .commit("one");
    server
        .repository("o/other")
        .file("other.txt", "other")
        .commit("one");
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY in/deep.txt more/other.txt /"));
    let inner = format!("{}/o/inner.git", server.url());
    repository.git(&["submodule", "--quiet", "add", &inner, "in"]);
    repository.git(&[
        "config",
        "-f",
        ".gitmodules",
        "submodule.in.url",
        "../inner.git",
    ]);
    let other = format!("{}/o/other.git", server.url());
    repository.git(&["submodule", "--quiet", "add", &other, "more"]);
    repository.commit("one");
    project(&server.config(), "").ok(&["plan", "git.test/o/r+t"]);
}

#[test]
fn large_files_stay_pointers_until_they_are_asked_for() {
    let server = GitServer::start();
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY big.bin ."));
    let repository = repository.file(".gitattributes", "*.bin filter=lfs\n");
    repository
        .file("big.bin", "version https://git-lfs.github.com/spec/v1\n")
        .commit("one");
    let bld = project(&server.config(), "");
    let ran = bld.ok(&["plan", "git.test/o/r+t"]);
    assert!(
        ran.stderr.contains("are in Git LFS and were not fetched"),
        "{}",
        ran.stderr
    );
}
