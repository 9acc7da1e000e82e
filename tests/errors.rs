//! Bad input: each gets a message worth reading, the right exit code, and leaves nothing behind.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use crate::harness::{Bld, Proxy, services, skip};

const SMALL: &str = "VERSION 0.8\nFROM busybox:1.36\nimage:\n    RUN true\ntest:\n    RUN false\n";

#[test]
fn an_unknown_target_gets_the_nearest_name() {
    let ran = Bld::with(SMALL).fails(1, &["+imgae"]);
    ran.says("target `imgae` not found in `Buildfile`")
        .says("did you mean `+image`?");
}

#[test]
fn a_misspelt_option_gets_the_nearest_one() {
    let ran = Bld::with(SMALL).fails(1, &["--pussh", "+image"]);
    ran.says("unknown flag `--pussh`")
        .says("did you mean `--push`?");
}

#[test]
fn an_option_behind_the_target_is_told_where_it_belongs() {
    Bld::with(SMALL)
        .fails(1, &["+image", "--push"])
        .says("go in front of it");
}

#[test]
fn a_misspelt_flag_of_a_command_is_shown_with_line_and_caret() {
    let ran = Bld::with("VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN --no-cahce true\n")
        .fails(1, &["+t"]);
    ran.says("Buildfile:4:9")
        .says("RUN --no-cahce true")
        .says("^")
        .says("did you mean `--no-cache`?");
}

#[test]
fn a_cycle_is_an_error_with_its_path_and_not_a_hang() {
    let bld = Bld::with(
        "VERSION 0.8\na:\n    BUILD +b\nb:\n    BUILD +c\nc:\n    FROM +a\nself:\n    BUILD +self\n",
    );
    let ran = bld.fails(1, &["+a"]);
    ran.says("infinite").says("+a").says("+b").says("+c");
    bld.fails(1, &["+self"]).says("infinite");
}

#[test]
fn a_directory_without_a_build_file_is_told_what_was_looked_for() {
    let ran = Bld::new().fails(1, &["+t"]);
    ran.says("no build file found")
        .says("Buildfile")
        .says("Earthfile");
    let ran = Bld::with("VERSION 0.8\nt:\n    BUILD ./nowhere+x\n").fails(1, &["+t"]);
    ran.says("Buildfile:3:").says("nowhere");
}

#[test]
fn no_version_is_an_error_that_names_the_file() {
    Bld::with("FROM busybox\n")
        .fails(1, &["+base"])
        .says("no version specified in");
    Bld::with("")
        .fails(1, &["+base"])
        .says("no version specified in");
}

#[test]
fn a_file_that_copy_wants_and_that_is_not_there_is_shown_at_its_line() {
    let Some(services) = services("missing file") else {
        return;
    };
    let bld =
        Bld::with("VERSION 0.8\nFROM busybox:1.36\nt:\n    COPY nothing.txt .\n").on(&services);
    bld.fails(1, &["+t"])
        .says("Buildfile:4:")
        .says("nothing.txt")
        .says("not found");
}

#[test]
fn a_failing_command_shows_its_line_its_exit_code_and_its_last_words() {
    let Some(services) = services("failing command") else {
        return;
    };
    let bld =
        Bld::with("VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN echo one; echo two >&2; exit 42\n")
            .on(&services);
    let ran = bld.fails(1, &["+t"]);
    ran.says("exit code 42")
        .says("Buildfile:4:5")
        .says("two")
        .says("+t");
}

#[test]
fn a_failing_command_of_any_length_is_no_crash_of_the_engine() {
    let Some(services) = services("long command") else {
        return;
    };
    let long = "y".repeat(200_000);
    let file = format!("VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN echo {long} | wc -c; exit 5\n");
    // The kernel takes at most 128 KiB in one argument; what it says is passed on.
    let ran = Bld::with(&file).on(&services).fails(1, &["+t"]);
    ran.says("Buildfile:4:5").never_says("went away");
    let file = file.replace(&long, &"y".repeat(100_000));
    Bld::with(&file)
        .on(&services)
        .fails(1, &["+t"])
        .says("exit code 5");
}

#[test]
fn an_image_without_a_shell_is_told_what_to_do() {
    let Some(services) = services("no shell") else {
        return;
    };
    let bld = Bld::with("VERSION 0.8\nt:\n    FROM scratch\n    COPY Buildfile /\n    RUN x\n")
        .on(&services);
    bld.fails(1, &["+t"])
        .says("needs a shell")
        .says("exec form");
}

#[test]
fn an_artifact_that_is_not_there_is_named() {
    let Some(services) = services("missing artifact") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\nFROM busybox:1.36\ns:\n    SAVE ARTIFACT /etc/passwd\nt:\n    COPY +s/nope .\nu:\n    SAVE ARTIFACT /nope\n",
    )
    .on(&services);
    bld.fails(1, &["+t"])
        .says("artifact path")
        .says("/nope")
        .says("Buildfile:6:5");
    bld.fails(1, &["+u"])
        .says("since it does not exist")
        .says("Buildfile:8:5");
}

#[test]
fn a_forgotten_plus_sign_is_thought_of() {
    let Some(services) = services("forgotten plus") else {
        return;
    };
    let bld = Bld::with("VERSION 0.8\nFROM busybox:1.36\ndeps:\n    RUN true\nt:\n    FROM deps\n");
    bld.on(&services)
        .fails(1, &["+t"])
        .says("did you mean the target `+deps`?");
}

#[test]
fn a_file_and_a_directory_are_not_named_at_once() {
    let bld = Bld::with(SMALL).file("sub/Buildfile", SMALL);
    bld.fails(1, &["-f", "Buildfile", "./sub+image"])
        .says("`-f`");
}

#[test]
fn a_context_that_cannot_be_read_names_the_file() {
    let Some(services) = services("unreadable context") else {
        return;
    };
    let bld = Bld::with("VERSION 0.8\nFROM busybox:1.36\nt:\n    COPY loop .\n").on(&services);
    // Root reads everything; a link that leads to itself is unreadable for root, too.
    std::os::unix::fs::symlink("loop", bld.path("loop")).expect("a link");
    bld.fails(1, &["+t"]).says("loop");
}

#[test]
fn an_engine_that_is_not_there_gives_its_address_and_exit_code_6() {
    let bld = Bld::with(SMALL).env("BLD_ENGINE", "unix:///nowhere/docker.sock");
    bld.fails(6, &["+image"])
        .says("unix:///nowhere/docker.sock")
        .says("hint");
}

#[test]
fn a_full_disk_at_as_local_leaves_nothing_half_written() {
    let Some(services) = services("full disk") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN head -c 3000000 /dev/zero > /big\n    SAVE ARTIFACT /big AS LOCAL small/big\n",
    )
    .on(&services);
    let small = bld.path("small");
    std::fs::create_dir(&small).expect("a mount point");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&small)
        .status()
        .is_ok_and(|s| s.success());
    if !mounted {
        return skip("a full disk", "the right to mount");
    }
    let ran = bld.run(&["+t"]);
    let left: Vec<_> = std::fs::read_dir(&small).expect("readable").collect();
    let _ = std::process::Command::new("umount").arg(&small).status();
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    ran.says("small/big").says("No space left");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn ctrl_c_stops_the_daemon_too_and_leaves_nothing_behind() {
    let Some(services) = services("ctrl-c") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN --no-cache sleep 97\n    SAVE ARTIFACT /etc/passwd AS LOCAL never\n",
    )
    .on(&services);
    let child = bld
        .command(&["+t"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bld starts");
    wait_for(|| sleeping("97"), "the step runs");
    let begun = Instant::now();
    let pid = child.id().to_string();
    let _ = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    let ran = bld.ran(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(5), "at once");
    wait_for(|| !sleeping("97"), "the step is gone");
    assert!(!bld.path("never").exists());
}

#[test]
fn a_daemon_that_goes_away_in_mid_build_is_exit_code_7_and_no_hang() {
    let Some(services) = services("daemon gone") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN --no-cache sleep 98\n    SAVE ARTIFACT /etc/passwd AS LOCAL never\n",
    )
    .on(&services);
    let proxy = Proxy::before(&services.docker, &bld.path("."));
    let bld = bld.env("BLD_ENGINE", &proxy.address());
    let child = bld
        .command(&["+t"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bld starts");
    wait_for(|| sleeping("98"), "the step runs");
    let begun = Instant::now();
    proxy.cut();
    let ran = bld.ran(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(10), "no hang");
    ran.says("docker.sock").says("went away");
    assert!(!bld.path("never").exists());
    wait_for(|| !sleeping("98"), "the step is gone");
}

/// Whether a `sleep` of so many seconds runs anywhere on this machine.
fn sleeping(seconds: &str) -> bool {
    let wanted = format!("sleep\0{seconds}\0");
    std::fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .any(|entry| {
            std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == wanted.as_bytes())
        })
}

fn wait_for(condition: impl Fn() -> bool, what: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_daemon_that_gives_no_privileges_is_told_of_before_anything_runs() {
    let Some(services) = services("errors") else {
        return;
    };
    let file = "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN --no-cache echo before\n    RUN --privileged true\nlater:\n    RUN --no-cache echo before\n    IF echo $(true)\n        RUN --privileged true\n    END\n";
    let bld = Bld::with(file).on(&services);
    bld.fails(1, &["-P", "+t"])
        .says("does not allow privileged steps")
        .says(r#"{"builder":{"entitlements":{"security-insecure":true}}}"#)
        .says("/etc/docker/daemon.json")
        .says("Buildfile:5:5")
        .never_says("--> RUN");
    // Where only a condition can tell, it is said once, at the statement.
    bld.fails(1, &["-P", "+later"])
        .says("does not allow privileged steps")
        .says("Buildfile:9:9");
    bld.ok(&["plan", "--offline", "+t"]);
}
