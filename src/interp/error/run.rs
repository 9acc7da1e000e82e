//! `RUN` and what runs like it.

use super::{Failure, fail, fail_hint};

pub(crate) fn network(value: &str) -> Failure {
    fail(
        "network",
        format!("unsupported value `{value}` of `--network`: only `none` is supported"),
    )
}

pub(crate) fn after_push() -> Failure {
    fail_hint(
        "after-push",
        "no non-push commands allowed after a --push",
        "from VERSION 0.7 on this is allowed",
    )
}

pub(crate) fn no_entrypoint() -> Failure {
    fail(
        "no-entrypoint",
        "`--entrypoint` needs an ENTRYPOINT, or a command behind it",
    )
}
