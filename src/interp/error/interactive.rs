//! Commands at a terminal.

use super::{Failure, STRICT, fail, fail_hint};
use crate::diag::Diagnostic;

pub(crate) fn interactive_strict() -> Failure {
    fail_hint(
        STRICT,
        "interactive commands are not allowed with `--strict`, nor with `--ci`, which implies it",
        "take the command out of the build that has to give the same result everywhere, or leave the option away",
    )
}

pub(crate) fn after_interactive() -> Failure {
    fail_hint(
        "after-interactive",
        "an interactive command must be the last command of the target",
        "only SAVE IMAGE and SAVE ARTIFACT may follow it",
    )
}

pub(crate) fn from_interactive(target: &str) -> Failure {
    fail_hint(
        "from-interactive",
        format!("cannot FROM `{target}`: it ends with `RUN --interactive`"),
        "move the interactive command to a target of its own",
    )
}

pub(crate) fn interactive_failed(command: &str, status: i32) -> Failure {
    fail(
        "step-failed",
        format!("`{command}` did not complete successfully: exit code {status}"),
    )
}

/// Said before a shell opens.
pub(crate) fn shell_opens(command: &str) -> Diagnostic {
    Diagnostic::note(
        "shell",
        format!("`{command}` failed: a shell opens where it ran, with what it has written"),
    )
    .hint("the build fails when the shell ends; nothing of what is done there is kept")
}
