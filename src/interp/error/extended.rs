//! What only files with `VERSION --extended` have.

use super::{Failure, fail, fail_hint};

pub(crate) fn bad_checksum(text: &str) -> Failure {
    fail_hint(
        "bad-checksum",
        format!("`{text}` is not a checksum"),
        "it is written `--checksum=sha256:` and 64 digits, as `sha256sum` prints them",
    )
}

pub(crate) fn checksum_of_files(source: &str) -> Failure {
    fail(
        "checksum-of-files",
        format!("`--checksum` is for addresses, and `{source}` is none"),
    )
}

pub(crate) fn nameless_address(url: &str) -> Failure {
    fail_hint(
        "nameless-address",
        format!("the path of `{url}` does not say what the file is called"),
        "write the name as destination: `ADD <address> directory/name`",
    )
}

pub(crate) fn add_repository(url: &str) -> Failure {
    fail_hint(
        "add-repository",
        format!("ADD of a repository is not supported: `{url}`"),
        "write `GIT CLONE <address> <directory>`",
    )
}

pub(crate) fn exclude_of_artifacts() -> Failure {
    fail_hint(
        "exclude-of-artifacts",
        "`--exclude` is for files of the host, not for artifacts",
        "save without them: `SAVE ARTIFACT` what is wanted, or remove the rest in the target",
    )
}

pub(crate) fn bad_exclude(pattern: &str, reason: &str) -> Failure {
    fail(
        "bad-exclude",
        format!("`--exclude` pattern `{pattern}`: {reason}"),
    )
}

pub(crate) fn parents_of_pattern(text: &str) -> Failure {
    fail_hint(
        "parents-of-pattern",
        format!(
            "`--parents` needs the directories written out, and those of the artifact `{text}` are a pattern"
        ),
        "only the last part of the path may be a pattern",
    )
}

pub(crate) fn script_on_host() -> Failure {
    fail_hint(
        "script-on-host",
        "a here-document that begins with `#!` cannot run under LOCALLY",
        "give it to the program: `RUN python3 - <<EOF`",
    )
}
