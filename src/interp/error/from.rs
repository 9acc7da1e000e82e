//! `FROM` and platforms.

use super::{Failure, fail, fail_hint};

pub(crate) fn from_as() -> Failure {
    fail_hint(
        "from-as",
        "`FROM … AS name` is not supported",
        "use targets: what another target needs of this one is `FROM +target` or `COPY +target/path`",
    )
}

pub(crate) fn args_of_image() -> Failure {
    fail(
        "args-of-image",
        "arguments are not supported for a FROM of an image, only of a target",
    )
}

pub(crate) fn bad_image(text: &str, why: &str) -> Failure {
    fail("bad-image", format!("invalid image name `{text}`: {why}"))
}

pub(crate) fn bad_platform(why: &str) -> Failure {
    fail_hint(
        "bad-platform",
        why,
        "for example `linux/arm64`; `native` is the engine's, `user` this machine's",
    )
}

pub(crate) fn platform_conflict(here: &str, asked: &str) -> Failure {
    fail(
        "platform-conflict",
        format!("platform `{asked}` contradicts `{here}`, which is in force already"),
    )
}
