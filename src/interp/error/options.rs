//! Secrets, mounts and privileges of commands.

use super::{Failure, fail, fail_hint};
use crate::diag::words::nearest;

/// Every key of `--mount`.
const MOUNT_KEYS: [&str; 11] = [
    "type", "target", "source", "id", "ro", "readonly", "mode", "chmod", "sharing", "uid", "gid",
];
/// Every type of mount.
const MOUNT_TYPES: [&str; 5] = [
    "cache",
    "tmpfs",
    "secret",
    "ssh-experimental",
    "bind-experimental",
];

pub(crate) fn no_secret(name: &str) -> Failure {
    fail_hint(
        "no-secret",
        format!("unable to lookup secret `{name}`: nobody gave one of this name"),
        format!(
            "give it with `--secret {name}` (taken from the environment), `--secret-file {name}=path`, or in the `.secret` file"
        ),
    )
}

pub(crate) fn secret_form(text: &str) -> Failure {
    fail_hint(
        "secret-form",
        format!("secret definition `{text}` is not supported in this VERSION"),
        "write `--secret NAME` or `--secret VARIABLE=+secrets/NAME`",
    )
}

/// `--secret +secrets/NAME`, from where no name of a variable follows.
pub(crate) fn secret_prefix_alone(name: &str, short: bool) -> Failure {
    let right = if short {
        format!("`--secret {name}`")
    } else {
        format!("`--secret {name}=+secrets/{name}`")
    };
    fail_hint(
        "secret-form",
        format!("`+secrets/{name}` is the old spelling of a secret, and says no variable"),
        format!("write {right}"),
    )
}

pub(crate) fn secret_variable(name: &str) -> Failure {
    fail_hint(
        "secret-variable",
        format!("invalid secret environment name `{name}`"),
        "letters, digits and `_` make a name: write `--secret VARIABLE=NAME` to give the secret another one",
    )
}

pub(crate) fn no_aws(variable: &str) -> Failure {
    fail_hint(
        "no-aws-credentials",
        format!("failed to load AWS credentials: there is no {variable}"),
        "set it in the environment, or run `aws configure`; `AWS_PROFILE` chooses a profile",
    )
}

pub(crate) fn privileges_not_allowed(what: &str) -> Failure {
    fail_hint(
        NOT_ALLOWED,
        format!(
            "`{what}` gives a command all rights on the engine's machine, and the flag `--allow-privileged` is required for that"
        ),
        "if you trust this build, run it with `bld -P`",
    )
}

/// The code of what was forbidden by the command line. The run ends with an exit code of its own.
pub(crate) const NOT_ALLOWED: &str = "privileged-not-allowed";

pub(crate) fn cache_sharing(value: &str) -> Failure {
    fail_hint(
        "invalid-sharing",
        format!("invalid cache sharing mode `{value}`"),
        "there are `locked`, `shared` and `private`",
    )
}

pub(crate) fn cache_mode(value: &str) -> Failure {
    fail_hint(
        "invalid-mode",
        format!("invalid mode `{value}`"),
        "write octal digits with a zero in front, `0755`",
    )
}

pub(crate) fn cache_of_everything() -> Failure {
    fail_hint(
        "cache-root",
        "the whole file system cannot be a cache",
        "name a directory: `CACHE /root/.npm`",
    )
}

pub(crate) fn bind_relative(source: &str) -> Failure {
    fail_hint(
        "bind-source",
        format!("the `source` of a mount, `{source}`, is not absolute"),
        "write the whole path, or bring the files in with `COPY`",
    )
}

pub(crate) fn bind_unreadable(source: &str, why: &std::io::Error) -> Failure {
    fail(
        "bind-source",
        format!("cannot mount the directory `{source}` of this machine: {why}"),
    )
}

pub(crate) fn mount_without_type() -> Failure {
    fail_hint(
        "mount-type",
        "the mount has no `type`",
        format!("there are {}", MOUNT_TYPES.join(", ")),
    )
}

pub(crate) fn mount_type(kind: &str, extended: bool) -> Failure {
    let mut types = MOUNT_TYPES.to_vec();
    if extended {
        types.extend(["bind", "ssh"]);
    }
    let hint = match nearest(kind, types.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", types.join(", ")),
    };
    fail_hint("mount-type", format!("invalid mount type `{kind}`"), hint)
}

pub(crate) fn mount_lacks(key: &str, text: &str) -> Failure {
    fail(
        "mount-incomplete",
        format!("the mount `{text}` has no `{key}`"),
    )
}

pub(crate) fn mount_without_value(piece: &str) -> Failure {
    fail_hint(
        "mount-piece",
        format!("invalid piece `{piece}` of a mount: it has no value"),
        format!("write `{piece}=…`"),
    )
}

pub(crate) fn mount_with_value(piece: &str) -> Failure {
    fail_hint(
        "mount-piece",
        format!("invalid piece `{piece}` of a mount: it takes no value"),
        "write `ro`, or leave it out",
    )
}

pub(crate) fn mount_mode(piece: &str) -> Failure {
    fail_hint(
        "mount-mode",
        format!("invalid mode in `{piece}` of a mount"),
        "write octal digits with a zero in front, `0755`",
    )
}

pub(crate) fn mount_sharing(piece: &str) -> Failure {
    fail_hint(
        "mount-sharing",
        format!("invalid mode of sharing in `{piece}` of a mount"),
        "there are `locked`, `shared` and `private`",
    )
}

pub(crate) fn mount_id(piece: &str) -> Failure {
    fail(
        "mount-owner",
        format!("invalid number in `{piece}` of a mount"),
    )
}

pub(crate) fn mount_from(piece: &str) -> Failure {
    fail_hint(
        "mount-from",
        format!("`{piece}` of a mount is not supported"),
        "copy what is needed with `COPY +target/path`; or turn it on with `VERSION --extended`, which only bld knows",
    )
}

pub(crate) fn mount_of_nothing(target: &str) -> Failure {
    fail_hint(
        "mount-from",
        format!("`{target}` has no file system that could be mounted"),
        "mount an artifact of it, `from=+target/path`, or give it a `FROM`",
    )
}

pub(crate) fn mount_key(piece: &str, key: &str) -> Failure {
    let message = format!("invalid piece `{piece}` of a mount: there is no key `{key}`");
    let hint = match nearest(key, MOUNT_KEYS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys are {}", MOUNT_KEYS.join(", ")),
    };
    fail_hint("mount-key", message, hint)
}

pub(crate) fn mount_not_for(piece: &str, kind: &str) -> Failure {
    fail(
        "mount-key",
        format!("`{piece}` is not supported for a mount of `type={kind}`"),
    )
}
