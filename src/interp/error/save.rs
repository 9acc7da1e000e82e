//! `SAVE ARTIFACT` and `SAVE IMAGE`.

use super::{Failure, fail, fail_hint};
use crate::diag::Diagnostic;

pub(crate) fn save_root() -> Failure {
    fail_hint(
        "save-root",
        "cannot save root dir as artifact",
        "where the whole file system is meant, say so: `SAVE ARTIFACT /. rootfs`",
    )
}

pub(crate) fn save_root_of_host() -> Failure {
    fail(
        "save-root",
        "cannot save root dir as artifact: under LOCALLY it is that of this machine",
    )
}

pub(crate) fn root_without_name(local: &str) -> Failure {
    fail_hint(
        "save-root",
        format!("the root directory has no name that it could have in `{local}`"),
        "give it one: `SAVE ARTIFACT /. rootfs AS LOCAL …`",
    )
}

pub(crate) fn unsafe_save(path: &str, within: &str) -> Failure {
    fail_hint(
        "unsafe-save",
        format!("unable to save to `{path}`; path must be located under `{within}`"),
        "allow it with `--force`",
    )
}

pub(crate) fn save_onto_root(path: &str) -> Failure {
    fail(
        "save-onto-root",
        format!(
            "unable to save to `{path}`: it would replace a directory that the build itself stands in"
        ),
    )
}

pub(crate) fn glob_needs_slash(path: &str) -> Failure {
    fail_hint(
        "glob-needs-slash",
        format!("the destination `{path}` of a pattern must end with `/`"),
        format!("write `AS LOCAL {path}/`"),
    )
}

pub(crate) fn push_without_name() -> Failure {
    fail(
        "arguments",
        "invalid number of arguments for SAVE IMAGE: `--push` needs a name",
    )
}

/// What a `RUN --push` that was left out makes impossible in 0.6.
pub(crate) fn image_after_push(name: &str, push: bool) -> Diagnostic {
    let also = if push {
        format!("did not push image `{name}`, and ")
    } else {
        String::new()
    };
    Diagnostic::note(
        "image-after-push",
        format!(
            "{also}did not output image `{name}`: it stands behind a `RUN --push` that did not run"
        ),
    )
    .hint("run with `--push`")
}
