//! `FROM DOCKERFILE`.

use std::io;

use super::{Failure, fail, fail_hint};

pub(crate) fn no_dockerfile(path: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        return fail_hint(
            "no-dockerfile",
            format!("no Dockerfile at `{path}`"),
            "`-f <path>` names another one, relative to the build file and not to the context",
        );
    }
    fail(
        "no-dockerfile",
        format!("cannot read the Dockerfile `{path}`: {error}"),
    )
}

pub(crate) fn no_context(dir: &str, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such directory".to_owned(),
        _ => error.to_string(),
    };
    fail_hint(
        "no-context",
        format!("cannot take `{dir}` as context: {why}"),
        "the context is a directory relative to the build file, or an artifact: `+target/`",
    )
}

pub(crate) fn context_is_a_file(path: &str) -> Failure {
    fail_hint(
        "no-context",
        format!("`{path}` is a file, and the context of a Dockerfile is a directory"),
        format!("write `FROM DOCKERFILE -f {path} <directory>`"),
    )
}

pub(crate) fn outside_repository(path: &str) -> Failure {
    fail_hint(
        "outside-repository",
        format!("`{path}` is outside of the repository of the build file"),
        "a repository is built from its own files alone",
    )
}

pub(crate) fn args_of_directory() -> Failure {
    fail_hint(
        "args-of-directory",
        "arguments in parentheses belong to a target, and the context is a directory",
        "arguments of the Dockerfile stand behind the context: `FROM DOCKERFILE . --name=value`",
    )
}

pub(crate) fn artifact_directory_missing(text: &str) -> Failure {
    fail_hint(
        "artifact-path",
        format!("`{text}` names a target, and the path of the artifact is missing"),
        format!("write `{text}/<path>`; `{text}/` is all that it has saved"),
    )
}
