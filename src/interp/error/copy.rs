//! `COPY`.

use super::{Failure, fail, fail_hint};
use crate::diag::{Diagnostic, Location, words};

pub(crate) fn copy_mixed() -> Failure {
    fail_hint(
        "copy-mixed",
        "combining artifacts and files in one COPY is not allowed",
        "write two COPY statements",
    )
}

pub(crate) fn copy_args() -> Failure {
    fail(
        "copy-args",
        "build arguments are not supported for non-artifact COPY sources",
    )
}

pub(crate) fn not_found(source: &str, why: Option<&str>) -> Failure {
    let error = Diagnostic::error("not-found", format!("\"{source}\": not found"));
    match why {
        Some(why) => error.hint(why.to_owned()).into(),
        None => error.into(),
    }
}

pub(crate) fn outside_context(source: &str, dir: &str) -> Failure {
    fail_hint(
        "outside-context",
        format!("`{source}` is outside of the directory of the build file, `{dir}`"),
        "COPY takes files from there only; save what another directory has with SAVE ARTIFACT in a target of its build file",
    )
}

/// What is worth knowing where a function does not find what it copies: whose files these are.
pub(crate) fn copies_of_caller(file: &str) -> String {
    format!(
        "a function copies files of the target that calls it, from the directory of `{file}`; from its own directory it takes artifacts: `COPY +target/path`"
    )
}

pub(crate) fn artifact_path_missing(text: &str) -> Failure {
    fail_hint(
        "artifact-path",
        format!("`{text}` names a target, and the path of the artifact is missing"),
        format!("write `{text}/<path>`; all it has saved is `{text}/*`"),
    )
}

pub(crate) fn artifact_not_found(text: &str, target: &str) -> Failure {
    fail_hint(
        "artifact-not-found",
        format!("artifact path not found: `{text}`"),
        format!("`{target}` has no SAVE ARTIFACT"),
    )
}

/// The words for a path that is not among the artifacts of its target.
pub(crate) fn not_among_artifacts(path: &str) -> String {
    format!("artifact path `{path}` not found in what the target saves")
}

/// The same, found without a build; `saved` is what there is.
pub(crate) fn artifact_not_saved(path: &str, target: &str, saved: &[String]) -> Failure {
    fail_hint(
        "artifact-not-found",
        not_among_artifacts(path),
        format!("`{target}` saves {}", words::all(saved)),
    )
}

pub(crate) fn output_elsewhere(source: &str, by: &Location) -> Failure {
    Diagnostic::error(
        "copy-of-output",
        format!("file `{source}` is output elsewhere in the build"),
    )
    .related(by.clone(), "it is written here")
    .hint("copy the artifact itself: `COPY +target/path`")
    .into()
}

pub(crate) fn bad_owner(text: &str) -> Failure {
    fail_hint(
        "bad-owner",
        format!("`{text}` is not an owner"),
        "write `user` or `user:group`, each a name or a number",
    )
}

pub(crate) fn bad_mode(value: &str) -> Failure {
    fail(
        "bad-chmod",
        format!("invalid value `{value}` of `--chmod`: expected an octal number such as `755`"),
    )
}

pub(crate) fn owner_in_scratch(owner: &str, name: &str) -> Failure {
    fail_hint(
        "owner-in-scratch",
        format!(
            "cannot give files to `{owner}`: `scratch` has no `/etc/passwd` to look `{name}` up in"
        ),
        "use numbers, `--chown=<uid>:<gid>` or `USER <uid>:<gid>`",
    )
}

pub(crate) fn bad_parens(text: &str, why: &str) -> Failure {
    fail("bad-parens", format!("cannot read `{text}`: {why}"))
}
