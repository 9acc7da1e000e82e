//! What `bld ls` and `bld doc` cannot show.

use super::{Failure, fail, fail_hint};
use crate::diag::{Diagnostic, words};

pub(crate) fn nothing_to_document(name: &str, file: &str, names: &[&str]) -> Failure {
    let error = Diagnostic::error(
        "unknown-target",
        format!("there is no `+{name}` in `{file}`"),
    );
    match words::nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `+{near}`?")).into(),
        None => error.hint("`bld ls` lists the targets").into(),
    }
}

pub(crate) fn undocumented(name: &str, other_name: bool) -> Failure {
    let message = format!("no doc comment found for `+{name}`");
    let hint = match other_name {
        true => format!(
            "there is a comment, but its first word is another one: let it begin with `{name}`"
        ),
        false => {
            format!("add a comment that begins with the word `{name}`, directly above the target")
        }
    };
    fail_hint("no-doc", message, hint)
}

pub(crate) fn no_place(text: &str) -> Failure {
    fail_hint(
        "no-place",
        format!("`{text}` is neither a local path nor in a repository"),
        "a local path begins with `.` or `/`, a repository is `host/user/repository`",
    )
}

pub(crate) fn no_build_file_at(place: &str) -> Failure {
    fail(
        "no-build-file",
        format!("there is no build file at `{place}`"),
    )
}
