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

pub(crate) fn no_directory_in_repository(dir: &str, url: &str) -> Failure {
    fail_hint(
        "no-directory-in-repository",
        format!("there is no directory `{dir}` in {url}"),
        "behind the `#` of the address stand a branch, a tag or a commit, and behind a colon a directory: `#main:docs`",
    )
}

pub(crate) fn exclude_of_artifacts(pattern: &str) -> Failure {
    fail_hint(
        "exclude-of-artifacts",
        format!(
            "the pattern `{pattern}` of `--exclude` is only for files of the host, not for artifacts"
        ),
        "name what is left out without `**` and `!`, or save without it: `SAVE ARTIFACT` what is wanted",
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
