//! `SAVE ARTIFACT` and `SAVE IMAGE`.

use super::{Failure, fail, fail_hint};

pub(crate) fn save_root() -> Failure {
    fail("save-root", "cannot save root dir as artifact")
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
