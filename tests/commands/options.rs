//! Options: which exist, which exclude each other, and where a value may come from.

use crate::harness::Bld;

const NOTHING: &str = "VERSION 0.8\nt:\n    FROM scratch\n";

#[test]
fn options_that_say_the_opposite_of_each_other_are_refused() {
    let bld = Bld::with(NOTHING);
    for (line, one, other) in [
        ("--image --artifact +t/x", "--image", "--artifact"),
        ("--no-output --image +t", "--no-output", "--image"),
        ("--no-output --artifact +t/x", "--no-output", "--artifact"),
        ("--ci -i +t", "--ci", "--interactive"),
        ("--auto-skip --no-cache +t", "--auto-skip", "--no-cache"),
        (
            "--auto-skip --no-auto-skip +t",
            "--auto-skip",
            "--no-auto-skip",
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        bld.fails(1, &words).says(one).says(other);
    }
    bld.fails(
        1,
        &["--platform=linux/amd64", "--platform=linux/arm64", "+t"],
    )
    .says("`--platform` can be given once")
    .says("BUILD --platform");
    bld.fails(1, &["-i", "+t"]).says("needs a terminal");
}

#[test]
fn options_of_the_engine_that_the_reference_brings_along_are_accepted_with_one_note() {
    let bld = Bld::with(NOTHING).env("EARTHLY_VOLUME_NAME", "theirs");
    let ran = bld.ok(&[
        "--buildkit-image=x",
        "--no-buildkit-update",
        "plan",
        "--offline",
        "+t",
    ]);
    ran.says(
        "`--buildkit-image`, `--buildkit-volume-name` and `--no-buildkit-update` have no effect",
    );
    assert_eq!(ran.stderr.matches("note:").count(), 2, "{}", ran.stderr);
}

#[test]
fn what_concerns_the_insides_of_the_reference_alone_is_accepted_without_a_word() {
    let bld = Bld::with(NOTHING);
    let ran = bld.ok(&[
        "--no-fake-dep",
        "--global-wait-end",
        "--profiler",
        "--logstream-debug-file=x",
        "--logstream-debug-manifest-file=x",
        "--server-conn-timeout=5s",
        "--disable-remote-registry-proxy",
        "plan",
        "--offline",
        "+t",
    ]);
    assert_eq!(ran.stderr, "");
}

#[test]
fn hidden_options_are_shown_on_request() {
    let bld = Bld::new();
    let usual = bld.ok(&["--help"]).stdout;
    assert!(!usual.contains("--git-branch"), "{usual}");
    assert!(usual.contains("--auto-skip"), "{usual}");
    for prefix in ["BLD", "EARTHLY"] {
        let all = Bld::new()
            .env(&format!("{prefix}_SHOW_HIDDEN"), "1")
            .ok(&["--help"])
            .stdout;
        assert!(all.contains("--git-branch"), "{all}");
        assert!(all.contains("--server-conn-timeout"), "{all}");
        assert!(all.contains("debug"), "{all}");
    }
}

#[test]
fn a_mistyped_option_is_told_its_neighbour() {
    let bld = Bld::with(NOTHING);
    bld.fails(1, &["--puhs", "+t"])
        .says("unknown flag `--puhs`")
        .says("`--push`");
    bld.fails(1, &["+t", "--push"])
        .says("go in front of it: `bld --push");
    bld.fails(1, &["+t", "-P"])
        .says("go in front of it: `bld -P …`");
    for (line, near) in [
        ("docker-build --targt x .", "--target"),
        ("docker-build --puhs .", "--push"),
        ("prune --al", "--all"),
        ("check --jsn", "--json"),
        ("--puhs prune", "--push"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        bld.fails(1, &words)
            .says(&format!("did you mean `{near}`?"));
    }
    bld.fails(1, &[]).says("no target was given").says("Usage:");
}
