//! A machine without git.

use crate::{
    git::{project, target},
    harness::{Bld, services},
};

fn without_git(bld: Bld) -> Bld {
    let empty = bld.path("../empty");
    std::fs::create_dir_all(&empty).expect("a directory");
    let empty = empty.to_str().expect("a UTF-8 path").to_owned();
    bld.env("PATH", &empty)
}

#[test]
fn what_needs_a_repository_says_what_to_install() {
    for command in [
        "BUILD git.test/o/r+t",
        "GIT CLONE https://git.test/o/r.git dir",
    ] {
        let bld = without_git(project("", &target(command)));
        bld.fails(1, &["plan", "+t"])
            .says("there is no `git` program")
            .says("hint: install git")
            .says("Buildfile:4:");
    }
    let bld = without_git(project("", ""));
    for args in [
        ["ls", "git.test/o/r"],
        ["doc", "git.test/o/r+t"],
        ["plan", "git.test/o/r+t"],
    ] {
        bld.fails(1, &args).says("there is no `git` program");
    }
}

#[test]
fn everything_else_is_built_with_builtin_arguments_that_are_empty() {
    let Some(services) = services("everything_else_is_built_with_builtin_arguments_that_are_empty")
    else {
        return;
    };
    let buildfile = "VERSION 0.8\nt:\n    FROM busybox:1.36\n    ARG BLD_GIT_HASH\n    \
                     RUN echo \"hash=$BLD_GIT_HASH\" > out\n    SAVE ARTIFACT out AS LOCAL out\n";
    let bld = without_git(Bld::with(buildfile).on(&services));
    bld.ok(&["+t"]).says("there is no `git` program");
    assert_eq!(bld.read("out"), "hash=\n");
}
