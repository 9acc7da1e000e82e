//! References into repositories, against real servers: `git http-backend` and `sshd`. Most of it needs no engine:
//! `bld plan` fetches what it plans.

mod access;
mod cache;
mod clone;
mod hostile;
mod lfs;
mod manual;
mod no_git;
mod permissions;
mod references;
mod ssh;

use crate::harness::Bld;

/// A project whose config file has this `git:` section.
fn project(config: &str, buildfile: &str) -> Bld {
    let bld = Bld::with(buildfile).file("../config.yml", config);
    let path = bld.path("../config.yml");
    bld.env("BLD_CONFIG", path.to_str().expect("a UTF-8 path"))
}

/// A build file whose only target does this, from nothing.
fn target(body: &str) -> String {
    format!("VERSION 0.8\nt:\n    FROM scratch\n    {body}\n")
}
