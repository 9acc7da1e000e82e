//! Commands about this machine: `bld init`, `bld bootstrap`, `bld prune`, and completion in the shell.

use std::fs;

use crate::harness::Bld;

#[test]
fn a_first_build_file_is_made_for_every_known_kind_and_is_without_mistakes() {
    let projects = [
        ("go.mod", "module x\n\ngo 1.22\n", "FROM golang:1.22-alpine"),
        (
            "Cargo.toml",
            "[package]\nname = \"x\"\n",
            "cargo build --release",
        ),
        (
            "package.json",
            "{\"scripts\": {\"build\": \"x\", \"test\": \"y\"}}",
            "RUN npm run build",
        ),
        ("pyproject.toml", "[project]\n", "python -m pytest"),
        ("requirements.txt", "six\n", "-r requirements.txt"),
    ];
    for (file, text, says) in projects {
        let bld = Bld::new().file(file, text);
        bld.ok(&["init"]).says("wrote `Buildfile`");
        let made = bld.read("Buildfile");
        assert!(made.contains(says), "{made}");
        bld.ok(&["check"]).never_says("warning");
        let listed = bld.ok(&["doc"]).stdout;
        assert!(
            listed.contains("+test\n      test runs all tests."),
            "{listed}"
        );
        bld.ok(&["plan", "--offline", "+test"]);
    }
}

#[test]
fn what_is_there_is_never_replaced_and_nothing_is_written_by_half() {
    for file in ["Buildfile", "Earthfile", "build.earth"] {
        let bld = Bld::new().file("go.mod", "module x\n").file(file, "mine\n");
        bld.fails(1, &["init"])
            .says(&format!("there is a `{file}` already"));
        assert_eq!(bld.read(file), "mine\n");
    }
    let bld = Bld::new().file("README", "");
    bld.fails(1, &["init"])
        .says("no project of a known kind")
        .says("`go.mod`");
    assert!(!bld.path("Buildfile").exists());
    let bld = Bld::new()
        .file("go.mod", "go ../../x\n")
        .file("package.json", "no JSON");
    bld.fails(1, &["init"]).says("`bld init go`");
    bld.fails(1, &["init", "cobol"])
        .says("`cobol`")
        .says("`python`");
    bld.ok(&["init", "go"]);
    assert!(
        bld.read("Buildfile").contains("FROM golang:1-alpine"),
        "a version is a version"
    );
}

#[test]
fn bootstrap_makes_the_directory_and_installs_completion() {
    let bld = Bld::new();
    bld.ok(&["bootstrap", "--no-buildkit", "--with-autocomplete"])
        .says("completions/bld");
    assert!(bld.home().join(".bld").is_dir());
    let bash = bld
        .home()
        .join(".local/share/bash-completion/completions/bld");
    let script = fs::read_to_string(bash).expect("a script");
    assert_eq!(script, bld.ok(&["bootstrap", "--source", "bash"]).stdout);
    assert!(bld.home().join(".bld/zsh/_bld").is_file());
    let zsh = bld.ok(&["bootstrap", "--source=zsh"]).stdout;
    assert!(zsh.starts_with("#compdef bld"), "{zsh}");
    bld.fails(1, &["bootstrap", "--source=fish"]).says("`zsh`");
    bld.fails(6, &["--engine=unix:///nowhere/docker.sock", "bootstrap"])
        .says("/nowhere/docker.sock");
}

#[test]
fn a_shell_gets_targets_of_the_build_file() {
    let line = "bld --push +b";
    let bld = Bld::with("VERSION 0.8\nbuild:\n    FROM scratch\n")
        .env("COMP_LINE", line)
        .env("COMP_POINT", &line.len().to_string());
    assert_eq!(bld.ok(&["bld", "+b", "--push"]).stdout, "+base \n+build \n");
}

#[test]
fn prune_refuses_what_it_does_not_understand_before_it_asks_an_engine() {
    let bld = Bld::new().env("BLD_ENGINE", "unix:///nowhere/docker.sock");
    bld.fails(1, &["prune", "everything"])
        .says("`everything` is a word too many");
    bld.fails(1, &["prune", "--age", "3"])
        .says("`3` is no age")
        .says("`24h`");
    bld.fails(1, &["prune", "--size=much"])
        .says("`much` is no size");
    bld.fails(1, &["prune", "--reset", "--age=1h"])
        .says("`--reset`");
    bld.fails(6, &["prune", "--age=1h"])
        .says("/nowhere/docker.sock");
}
