//! The exit codes are an interface: the list in the documentation, and what each of them takes, in one table.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use crate::harness::{Bld, Proxy, Ran, services};

/// A code, when it is given, and how to get there. None where a test has to be skipped.
type Row = (i32, &'static str, fn() -> Option<Ran>);

const TABLE: &[Row] = &[
    (0, "everything is done", || Some(here("true").run(&["+t"]))),
    (0, "a question is answered", || {
        Some(here("true").run(&["ls"]))
    }),
    (1, "a command fails, whatever its own code", || {
        Some(here("exit 42").run(&["+t"]))
    }),
    (1, "there is no such target", || {
        Some(here("true").run(&["+u"]))
    }),
    (1, "the command line is wrong", || {
        Some(here("true").run(&["--no-such-option", "+t"]))
    }),
    (1, "the build file cannot be read", || {
        Some(Bld::with("VERSION 0.8\nt:\n  NONSENSE\n").run(&["+t"]))
    }),
    (1, "bld check finds a mistake", || {
        Some(Bld::with("VERSION 0.8\nt:\n  NONSENSE\n").run(&["check"]))
    }),
    (2, "Ctrl-C", || Some(signalled("sleep 60", &["-INT"]))),
    (2, "SIGTERM", || Some(signalled("sleep 60", &["-TERM"]))),
    (6, "the engine cannot be reached", || {
        Some(privileged(&[], "RUN true"))
    }),
    (7, "the engine goes away in mid-build", gone),
    (9, "a privileged step that is not allowed", || {
        Some(privileged(&[], "RUN --privileged true"))
    }),
    (9, "Ctrl-C twice", || {
        // The command does not end at the first one, and bld would wait for it.
        let stubborn = "trap '' INT TERM; for i in 1 2 3 4 5 6 7 8; do sleep 1; done";
        Some(signalled(stubborn, &["-INT", "-INT"]))
    }),
    (255, "a program of another processor", foreign),
];

#[test]
fn every_documented_exit_code_is_given_when_it_says_and_there_is_no_other() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/exit-codes.md");
    let page = fs::read_to_string(page).expect("a page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let mut documented: Vec<i32> = rows
        .filter_map(|row| row.split(' ').next()?.parse().ok())
        .collect();
    documented.dedup();
    let mut tried: Vec<i32> = TABLE.iter().map(|(code, ..)| *code).collect();
    tried.dedup();
    assert_eq!(documented, tried);
    for (code, when, how) in TABLE {
        let Some(ran) = how() else { continue };
        assert_eq!(ran.code, *code, "{when}:\n{}", ran.stderr);
    }
}

/// What needs no engine.
fn here(command: &str) -> Bld {
    let text = format!("VERSION 0.8\nt:\n    LOCALLY\n    RUN echo begun; {command}\n");
    Bld::with(&text).env("BLD_ENGINE", "unix:///nowhere/docker.sock")
}

/// A step on an engine that is not there.
fn privileged(options: &[&str], step: &str) -> Ran {
    let bld = Bld::with(&format!("VERSION 0.8\nt:\n    FROM scratch\n    {step}\n"));
    let bld = bld.env("BLD_ENGINE", "unix:///nowhere/docker.sock");
    bld.run(&[options, &["+t"]].concat())
}

/// Sends these signals one after another, the first as soon as the command runs.
fn signalled(command: &str, signals: &[&str]) -> Ran {
    let bld = here(command);
    let mut child = bld
        .command(&["+t"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bld starts");
    let pid = child.id().to_string();
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    let wait_for = ["| begun", "once more to leave at once"];
    for (signal, text) in signals.iter().zip(wait_for) {
        let from = said.len();
        while !said[from..].contains(text) {
            let read = stderr.read_line(&mut said).expect("text");
            assert!(read > 0, "`{text}` is missing in\n{said}");
        }
        let mut kill = std::process::Command::new("kill");
        let sent = kill.args([signal, pid.as_str()]).status();
        assert!(sent.expect("kill starts").success());
    }
    std::io::copy(&mut stderr, &mut std::io::sink()).expect("it ends");
    let status = child.wait().expect("it ends");
    Ran {
        code: status.code().unwrap_or(-1),
        stdout: String::new(),
        stderr: said,
    }
}

/// The engine is cut off while a step runs.
fn gone() -> Option<Ran> {
    let services = services("exit code 7")?;
    let text = "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN --no-cache echo begun; sleep 60\n";
    let bld = Bld::with(text).on(&services);
    let proxy = Proxy::before(&services.docker, &bld.home());
    let bld = bld.env("BLD_ENGINE", &proxy.address());
    let mut child = bld
        .command(&["+t"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bld starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("| begun") {
        let read = stderr.read_line(&mut said).expect("text");
        assert!(read > 0, "the step does not run:\n{said}");
    }
    proxy.cut();
    std::io::Read::read_to_string(&mut stderr, &mut said).expect("text");
    let status = child.wait().expect("it ends");
    Some(Ran {
        code: status.code().unwrap_or(-1),
        stdout: String::new(),
        stderr: said,
    })
}

/// Nothing but the head of a program, for a processor that is emulated nowhere.
fn foreign() -> Option<Ran> {
    use std::os::unix::fs::PermissionsExt as _;
    let services = services("exit code 255")?;
    let mut head = b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x16".to_vec();
    head.resize(320, 0);
    let text = "VERSION 0.8\nt:\n    FROM scratch\n    COPY foreign /\n    RUN [\"/foreign\"]\n";
    let bld = Bld::with(text).on(&services).file("foreign", head);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(bld.path("foreign"), mode).expect("a file of ours");
    Some(bld.run(&["+t"]))
}
