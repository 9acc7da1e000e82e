//! Commands in general, and words.

use super::{Failure, fail, fail_hint};
use crate::{
    diag::Diagnostic,
    syntax::{ast::Keyword, dialect::Feature},
};

pub(crate) fn not_yet(what: &str) -> Failure {
    fail(
        "not-executed-yet",
        format!("{what} is not executed by this version of bld yet"),
    )
}

pub(crate) fn not_supported(keyword: Keyword) -> Failure {
    fail(
        "not-supported",
        format!("command {} is not yet supported", keyword.text()),
    )
}

pub(crate) fn needs_from(what: &str) -> Failure {
    fail_hint(
        "needs-from",
        format!("{what} requires a FROM, FROM DOCKERFILE, or LOCALLY before it"),
        "begin the target, or the base recipe, with `FROM <image>`",
    )
}

pub(crate) fn arguments(keyword: Keyword, usage: &str) -> Failure {
    fail_hint(
        "arguments",
        format!("invalid number of arguments for {}", keyword.text()),
        format!("it is written `{} {usage}`", keyword.text()),
    )
}

pub(crate) fn bad_boolean(flag: &str, value: &str) -> Failure {
    fail(
        "bad-boolean",
        format!("invalid value `{value}` of flag `--{flag}`: expected `true` or `false`"),
    )
}

pub(crate) fn feature(what: &str, feature: Feature) -> Failure {
    fail_hint(
        "feature",
        format!("{what} must be enabled with `VERSION --{}`", feature.name()),
        "or raise the number on the VERSION line",
    )
}

pub(crate) fn bad_word(message: String, hint: Option<String>) -> Failure {
    let error = Diagnostic::error("expansion", message);
    match hint {
        Some(hint) => error.hint(hint).into(),
        None => error.into(),
    }
}

pub(crate) fn required_variable(name: &str, message: &str) -> Failure {
    let message = if message.is_empty() {
        "is not set"
    } else {
        message
    };
    fail("required-variable", format!("`{name}`: {message}"))
}

pub(crate) fn shell_out_failed(text: &str, status: i32, output: &[u8]) -> Failure {
    let mut error = Diagnostic::error(
        "shell-out",
        format!("`$({text})` did not complete successfully: exit code {status}"),
    );
    let output = String::from_utf8_lossy(output);
    if !output.trim().is_empty() {
        error = error.with_note(format!("it printed:\n{}", output.trim_end()));
    }
    if status == 127 {
        error = error.hint("127 means: a command was not found in the image at this point");
    }
    error.into()
}

/// `PROJECT` belongs to a service that no longer exists.
pub(crate) fn project_has_no_effect() -> Diagnostic {
    Diagnostic::note("project", "PROJECT has no effect and can be removed")
}
