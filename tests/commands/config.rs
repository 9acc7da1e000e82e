//! `bld config`: one key of the config file.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::harness::Bld;

const FILE: &str = "\
# mine
global:
  engine: docker # the daemon
git:
  example.com:
    auth: ssh
";

fn bld() -> Bld {
    Bld::new()
        .file("config.yml", FILE)
        .env("BLD_CONFIG", "config.yml")
}

#[test]
fn a_key_is_set_and_taken_away_and_comments_stay() {
    let bld = bld();
    bld.ok(&["config", "global.conversion_parallelism", "4"])
        .says("updated config.yml");
    bld.ok(&["config", "git.\"example.com\".port", "2222"]);
    let expected = FILE
        .replace("daemon\n", "daemon\n  conversion_parallelism: 4\n")
        .replace("ssh\n", "ssh\n    port: 2222\n");
    assert_eq!(bld.read("config.yml"), expected);
    bld.ok(&["config", "global.conversion_parallelism", "--delete"]);
    bld.ok(&["config", "git.\"example.com\".port", "--delete"]);
    bld.ok(&["config", "git.\"other.com\".port", "--delete"])
        .says("so already");
    assert_eq!(bld.read("config.yml"), FILE);
}

#[test]
fn a_dry_run_prints_and_writes_nothing() {
    let bld = bld();
    let ran = bld.ok(&["config", "--dry-run", "global.engine", "tcp://a:1"]);
    assert_eq!(ran.stdout, FILE.replace(": docker", ": tcp://a:1"));
    assert_eq!(bld.read("config.yml"), FILE);
}

#[test]
fn what_does_not_fit_is_refused_without_being_shown() {
    let bld = bld();
    for (key, value, says) in [
        ("global.enigne", "x", "did you mean `global.engine`"),
        ("globl.engine", "x", "did you mean `global.engine`"),
        (
            "global.engine.deeper",
            "x",
            "unknown key `global.engine.deeper`",
        ),
        ("git.example.com.auth", "ssh", "a name with dots is quoted"),
        ("global.conversion_parallelism", "0", "a number, 1 or more"),
        ("global.conversion_parallelism", "-3", "a number, 1 or more"),
        ("global.tls_enabled", "hunter2", "`true` or `false`"),
        ("git", "{a.com: {aut: hunter2}}", "did you mean `auth`"),
        ("git", "{a.com: {auth: hunter2}}", "`ssh`"),
        ("git.\"a.com\".password", "{x: hunter2}", "text"),
        ("global.engine", "a: [hunter2", "YAML"),
    ] {
        bld.fails(1, &["config", key, value])
            .says(says)
            .never_says("hunter2");
    }
    bld.fails(1, &["config"]).says("no key was given");
    bld.fails(1, &["config", "global.engine"])
        .says("needs a value");
    assert_eq!(bld.read("config.yml"), FILE);
}

#[test]
fn a_file_of_an_unknown_shape_is_left_alone() {
    let bld = Bld::new()
        .file("config.yml", "{global: {engine: x}}\n")
        .env("BLD_CONFIG", "config.yml");
    bld.fails(1, &["config", "global.engine", "y"])
        .says("by hand");
    assert_eq!(bld.read("config.yml"), "{global: {engine: x}}\n");
}

#[test]
fn every_key_explains_itself() {
    let bld = bld();
    let engine = bld.ok(&["config", "global.engine", "--help"]).stdout;
    assert!(engine.contains("where to build"), "{engine}");
    let git = bld.ok(&["config", "git", "-h"]).stdout;
    assert!(git.contains("`strict_host_key_checking`"), "{git}");
    let none = bld.ok(&["config", "global.git_image", "--help"]).stdout;
    assert!(none.contains("without effect"), "{none}");
    let all = bld.ok(&["config", "--help"]).stdout;
    assert!(all.contains("--dry-run"), "{all}");
}

#[test]
fn file_and_directories_are_made_and_permissions_kept() {
    let bld = Bld::new();
    bld.ok(&["config", "global.engine", "docker"]);
    let made = bld.home().join(".bld/config.yml");
    let text = fs::read_to_string(&made).expect("it is there");
    assert_eq!(text, "global:\n  engine: docker\n");
    let mode = |path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&made), 0o600);
    fs::set_permissions(&made, fs::Permissions::from_mode(0o640)).expect("it is ours");
    bld.ok(&["config", "global.engine", "tcp://a:1"]);
    assert_eq!(mode(&made), 0o640);
    let files = fs::read_dir(bld.home().join(".bld")).expect("it is there");
    assert_eq!(files.count(), 1);
}

#[test]
fn the_file_that_counts_is_the_one_that_is_changed() {
    let bld = Bld::new();
    let theirs = bld.home().join(".earthly/config.yml");
    fs::create_dir_all(theirs.parent().expect("a directory")).expect("a directory");
    fs::write(&theirs, "global:\n  cache_size_mb: 1\n").expect("a file");
    bld.ok(&["config", "global.engine", "docker"]);
    let text = fs::read_to_string(&theirs).expect("it is there");
    assert_eq!(text, "global:\n  cache_size_mb: 1\n  engine: docker\n");
    assert!(!bld.home().join(".bld").exists());
    bld.ok(&[
        "--installation-name=other",
        "config",
        "global.engine",
        "docker",
    ]);
    assert!(bld.home().join(".other/config.yml").exists());
}
