//! Image configuration and `HOST`.

use super::{Failure, fail, fail_hint};

pub(crate) fn no_labels() -> Failure {
    fail("arguments", "no labels provided in LABEL command")
}

pub(crate) fn reserved_label(key: &str) -> Failure {
    fail(
        "reserved-label",
        format!(
            "label `{key}` has a reserved prefix: `dev.bld.` and `dev.earthly.` are set by bld itself"
        ),
    )
}

pub(crate) fn bad_port(text: &str) -> Failure {
    fail_hint(
        "bad-port",
        format!("cannot read port `{text}`"),
        "for example `8080`, `53/udp` or `8000-8010`",
    )
}

pub(crate) fn bad_healthcheck() -> Failure {
    fail_hint(
        "healthcheck",
        "this form of HEALTHCHECK is not yet supported",
        "write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`",
    )
}

pub(crate) fn bad_duration(flag: &str, text: &str) -> Failure {
    fail_hint(
        "bad-duration",
        format!("invalid value `{text}` of flag `--{flag}`: expected a duration"),
        "for example `30s` or `1m30s`",
    )
}

pub(crate) fn bad_count(flag: &str, text: &str) -> Failure {
    fail(
        "bad-number",
        format!("invalid value `{text}` of flag `--{flag}`: expected a number"),
    )
}

pub(crate) fn bad_host_ip(ip: &str) -> Failure {
    fail("host-ip", format!("invalid HOST ip `{ip}`"))
}
