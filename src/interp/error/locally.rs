//! `LOCALLY`.

use super::{Failure, STRICT, fail_hint};
use crate::syntax::ast::Keyword;

pub(crate) fn locally_strict() -> Failure {
    fail_hint(
        STRICT,
        "LOCALLY cannot be used with `--strict`, nor with `--ci`, which implies it",
        "take it out of the build that has to give the same result everywhere, or leave the option away",
    )
}

pub(crate) fn locally_option(keyword: Keyword, option: &str) -> Failure {
    let keyword = keyword.text();
    let hint = match option {
        "privileged" => "what runs on this machine has the rights of the user who runs bld",
        "secret" => "what runs on this machine sees its environment and its files",
        "ssh" => "what runs on this machine has the SSH agent of its environment",
        "push" => "test `$EARTHLY_PUSH`, or end the mode with a FROM before the push",
        _ => "take it out, or end the mode with a FROM",
    };
    fail_hint(
        "locally-option",
        format!("option `--{option}` of {keyword} is not supported with LOCALLY"),
        hint,
    )
}

pub(crate) fn locally_command(keyword: Keyword) -> Failure {
    fail_hint(
        "locally-command",
        format!("{} is not supported with LOCALLY", keyword.text()),
        "LOCALLY works on this machine, without an image; a FROM ends it",
    )
}

pub(crate) fn locally_files() -> Failure {
    fail_hint(
        "locally-copy",
        "COPY of files is not supported with LOCALLY, only COPY of artifacts",
        "the files are on this machine already: `RUN cp …`",
    )
}

pub(crate) fn locally_as_local() -> Failure {
    fail_hint(
        "locally-as-local",
        "SAVE ARTIFACT … AS LOCAL is not supported with LOCALLY",
        "the file is on this machine already: `RUN cp …`",
    )
}

pub(crate) fn locally_shell_out() -> Failure {
    fail_hint(
        "locally-shell-out",
        "arguments of BUILD with a `$(…)` are not supported with LOCALLY",
        "set a variable first: `ARG x=$(…)`, then `BUILD +target --arg=$x`",
    )
}

pub(crate) fn locally_missing(path: &str) -> Failure {
    fail_hint(
        "locally-missing",
        format!("cannot save artifact `{path}`, since it does not exist on this machine"),
        "`--if-exists` allows for it to be missing",
    )
}
