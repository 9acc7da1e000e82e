//! `WITH DOCKER`.

use super::{Failure, fail, fail_hint};
use crate::{base::Platform, diag::Diagnostic};

const SHAPE: &str = "with-docker-shape";

pub(crate) fn docker_in_docker() -> Failure {
    fail(SHAPE, "a WITH DOCKER cannot stand inside another one")
}

pub(crate) fn docker_without_run() -> Failure {
    fail_hint(
        SHAPE,
        "no RUN was executed in WITH DOCKER",
        "whatever stands between `WITH DOCKER` and `END` has to come to exactly one `RUN`",
    )
}

pub(crate) fn docker_second_run() -> Failure {
    fail_hint(
        SHAPE,
        "only one RUN may be executed in WITH DOCKER, and this is the second",
        "join the commands with `&&`",
    )
}

pub(crate) fn docker_run_flag(flag: &str) -> Failure {
    fail(
        SHAPE,
        format!("`RUN --{flag}` cannot be used in WITH DOCKER"),
    )
}

pub(crate) fn docker_platform(current: &Platform, native: &Platform) -> Failure {
    fail_hint(
        "with-docker-platform",
        format!(
            "WITH DOCKER runs on the engine's own platform {native} only, and this target is for {current}"
        ),
        "write `FROM --platform=native …` above; images of other platforms can still be loaded and pulled",
    )
}

pub(crate) fn no_load_name(target: &str, names: &[String]) -> Failure {
    let why = match names {
        [] => format!("`{target}` saves no image with a name"),
        names => format!("`{target}` saves several: {}", names.join(", ")),
    };
    fail_hint(
        "load-name",
        format!("no tag specified for `--load`, and it cannot be inferred: {why}"),
        format!("write `--load name:tag={target}`"),
    )
}

pub(crate) fn nothing_to_load(target: &str) -> Failure {
    fail_hint(
        "load-nothing",
        format!("`{target}` has no file system that could be loaded"),
        "begin it with FROM",
    )
}

pub(crate) fn image_without_tag(image: &str) -> Failure {
    fail_hint(
        "image-tag",
        format!(
            "`{image}` names a content only, and what is loaded into a Docker daemon needs a tag"
        ),
        "write `name:tag@sha256:…`, and use it as `name:tag`",
    )
}

pub(crate) fn compose_config(code: i32, output: &str) -> Failure {
    let mut error = Diagnostic::error(
        "compose-config",
        format!("the compose files cannot be read: `compose config` ended with exit code {code}"),
    )
    .hint("paths are relative to WORKDIR, in the file system of the target: is the file copied there?");
    let lines: Vec<&str> = output.trim().lines().collect();
    if !lines.is_empty() {
        let last = &lines[lines.len().saturating_sub(WORDS)..];
        error = error.with_note(format!("it says:\n{}", last.join("\n")));
    }
    error.into()
}

/// So many lines of what `compose config` says are shown at most.
const WORDS: usize = 20;

pub(crate) fn compose_output(why: &str) -> Failure {
    fail(
        "compose-config",
        format!("what `compose config` prints cannot be read: {why}"),
    )
}

pub(crate) fn compose_service<'a>(
    service: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Failure {
    let message = format!("the compose files have no service `{service}`");
    match crate::diag::words::nearest(service, known.clone()) {
        Some(near) => fail_hint(
            "compose-service",
            message,
            format!("did you mean `{near}`?"),
        ),
        None => {
            let known: Vec<&str> = known.collect();
            fail_hint(
                "compose-service",
                message,
                format!("there are: {}", known.join(", ")),
            )
        }
    }
}
