//! bld in a pipeline: no terminal, no home, a read-only checkout, standard input closed.

use std::process::{Command, Stdio};

use crate::harness::{Bld, Docker, services, skip};

const BUILD: &str = "VERSION 0.8\nFROM busybox:1.36\nt:\n    COPY file /\n    RUN cat /file\n    SAVE IMAGE --push 127.0.0.1:5000/bld-test/pipeline:1\n";

#[test]
fn a_read_only_checkout_without_a_home_builds_and_pushes() {
    let Some(services) = services("pipeline") else {
        return;
    };
    let bld = Bld::with(BUILD).file("file", "text").on(&services);
    let dir = bld.path(".");
    let mount = |args: &[&str]| {
        let status = Command::new("mount")
            .args(args)
            .arg(&dir)
            .arg(&dir)
            .status();
        status.is_ok_and(|s| s.success())
    };
    if !(mount(&["--bind"]) && mount(&["-o", "remount,ro,bind"])) {
        return skip("a read-only checkout", "the right to mount");
    }
    let output = bld
        .command(&["--ci", "--push", "+t"])
        .env_remove("HOME")
        .env("CI", "true")
        .current_dir(&dir)
        .stdin(Stdio::null())
        .output();
    let _ = Command::new("umount").arg(&dir).status();
    let ran = bld.ran(output.expect("bld starts"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.says("Pushed image")
        .never_says("\u{1b}[")
        .never_says("output as");
    let docker = Docker::at(&services.docker);
    assert!(
        docker.image("127.0.0.1:5000/bld-test/pipeline:1").is_none(),
        "--ci outputs nothing"
    );
}

#[test]
fn every_line_of_a_pipe_names_its_target() {
    let Some(services) = services("pipe") else {
        return;
    };
    let bld =
        Bld::with("VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN --no-cache echo one; echo two\n");
    let ran = bld.on(&services).ok(&["+t"]);
    for line in ran.stderr.lines().filter(|l| !l.starts_with("===")) {
        assert!(
            line.contains("+t | ") || line.contains("+base | "),
            "{line}"
        );
    }
    ran.says("+t | --> RUN --no-cache echo one; echo two")
        .says("+t | one")
        .says("+t | two");
}

#[test]
fn progress_as_json_is_one_object_a_line() {
    let Some(services) = services("json progress") else {
        return;
    };
    let bld = Bld::with("VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN --no-cache echo one\n");
    let ran = bld.on(&services).ok(&["--progress=json", "+t"]);
    let events: Vec<serde_json::Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect();
    assert!(
        events
            .iter()
            .any(|e| e["event"] == "log" && e["data"] == "one\n"),
        "{events:?}"
    );
}
