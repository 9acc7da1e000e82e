//! Build files and ignore files.

use std::io;

use super::{Failure, fail, fail_hint};

pub(crate) fn no_build_file(reference: &str, dir: &str) -> Failure {
    fail_hint(
        "no-build-file",
        format!("no build file found for target `{reference}`"),
        format!("`{dir}` would need a `Buildfile` or an `Earthfile`"),
    )
}

pub(crate) fn unreadable(path: &str, error: &io::Error) -> Failure {
    fail("unreadable", format!("cannot read `{path}`: {error}"))
}

pub(crate) fn leads_out(path: &str) -> Failure {
    fail_hint(
        "leads-out",
        format!("`{path}` is a symbolic link that leads out of its repository"),
        "a repository is built from its own files alone",
    )
}

pub(crate) fn two_ignore_files(first: &str, second: &str) -> Failure {
    fail_hint(
        "two-ignore-files",
        format!("both `{first}` and `{second}` exist in one directory"),
        format!("keep one of them, for example `{first}`, and remove the other"),
    )
}
