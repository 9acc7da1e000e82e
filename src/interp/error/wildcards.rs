//! Patterns of directories.

use super::{Failure, fail_hint};
use crate::syntax::dialect::Feature;

pub(crate) fn wildcard_off(reference: &str, feature: Feature) -> Failure {
    let flag = feature.name();
    fail_hint(
        "wildcard-off",
        format!("`{reference}` is a pattern of directories, and those are not turned on"),
        format!("write `VERSION --{flag} …` at the top of the file"),
    )
}

pub(crate) fn wildcard_place(reference: &str) -> Failure {
    fail_hint(
        "wildcard-place",
        format!("a pattern has to be a directory, and `{reference}` names something else"),
        "begin it with `./`; in a repository, write the pattern into a build file there",
    )
}

pub(crate) fn globstar(reference: &str) -> Failure {
    fail_hint(
        "globstar",
        format!("`**` in `{reference}` is not yet supported"),
        "`*` matches one directory; write one `*` for each level",
    )
}

pub(crate) fn no_match(reference: &str) -> Failure {
    let name = reference.rsplit('+').next().unwrap_or_default();
    fail_hint(
        "no-match",
        format!("no matching targets found for pattern `{reference}`"),
        format!("a directory matches if it has a build file with a target `{name}`"),
    )
}
