//! What a daemon says when something fails, and what it means.
//!
//! Newer daemons attach details, each a JSON text in an `Any`; Docker 20.10 has only the message. Sources: BuildKit's
//! `solver/errdefs` and `util/grpcerrors`.

use bollard_buildkit_proto::google::rpc;
use prost::Message;
use serde_json::Value;
use tonic::{Code, Status};

/// A daemon's error, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// In the daemon's words, without what gRPC puts in front.
    pub message: String,
    /// The digest of the vertex that failed.
    pub vertex: Option<String>,
    /// The exit code of the command that failed.
    pub exit_code: Option<i32>,
}

/// Takes an error apart.
pub fn read(status: &Status) -> Report {
    let message = plain(status.message());
    let mut report = Report {
        exit_code: exit_code(&message),
        message,
        vertex: None,
    };
    let details = rpc::Status::decode(status.details()).unwrap_or_default();
    for detail in details.details {
        let Ok(value) = serde_json::from_slice::<Value>(&detail.value) else {
            continue;
        };
        let kind = detail.type_url.rsplit('/').next().unwrap_or_default();
        match kind {
            "errdefs.Vertex+json" => {
                report.vertex = value["digest"]
                    .as_str()
                    .map(str::to_owned)
                    .or(report.vertex);
            }
            "gatewayapi.ExitMessage+json" => {
                let code = value["Code"].as_i64().and_then(|c| i32::try_from(c).ok());
                report.exit_code = code.or(report.exit_code);
            }
            _ => {}
        }
    }
    report
}

/// Without `failed to solve:` and `rpc error: code = … desc =`, however often they stand there, and without the
/// directories of the daemon's machine in which it looked at a result.
pub fn plain(message: &str) -> String {
    let message = without_mounts(message);
    let mut text = message.trim();
    loop {
        let before = text;
        for prefix in ["failed to solve: ", "failed to solve with frontend : "] {
            text = text.strip_prefix(prefix).unwrap_or(text);
        }
        if let Some(rest) = text.strip_prefix("rpc error: code = ") {
            text = rest.split_once(" desc = ").map_or(text, |(_, desc)| desc);
        }
        if text == before {
            return text.to_owned();
        }
    }
}

/// What a daemon says of a command that failed, without the command: that may be longer than what was asked for, since
/// the shell that captures its output or reads its secrets stands in front of it.
pub fn of_command(message: &str) -> String {
    let text = plain(message);
    let rest = if text.starts_with("executor failed running [") {
        text.rsplit_once("]: ").map(|(_, rest)| rest)
    } else if text.starts_with("process \"") {
        text.rsplit_once("did not complete successfully: ")
            .map(|(_, rest)| rest)
    } else if text.contains("failed to calculate checksum of ref ") {
        // Newer daemons, of a file that is not there: the reference is a name of their own.
        text.find(": \"").map(|at| &text[at + 2..])
    } else {
        None
    };
    rest.map_or_else(|| text.clone(), str::to_owned)
}

/// Where Docker 20.10 means `/file`, it says `/var/lib/docker/tmp/buildkit-mount123/file`, or the same with the directory
/// of a layer.
fn without_mounts(message: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "\"'`:,".contains(c);
    message
        .split_inclusive(ends)
        .map(|word| inside(word).unwrap_or_else(|| word.to_owned()))
        .collect()
}

/// What a path of the daemon's machine is inside of the mount that it leads through.
fn inside(word: &str) -> Option<String> {
    if !word.starts_with('/') {
        return None;
    }
    let rest = if let Some((_, rest)) = word.split_once("/buildkit-mount") {
        rest.trim_start_matches(|c: char| c.is_ascii_digit())
    } else {
        let (_, layer) = word.split_once("/overlay2/")?;
        let (_, rest) = layer.split_once('/')?;
        rest.strip_prefix("merged").or(rest.strip_prefix("diff"))?
    };
    Some(if rest.starts_with('/') {
        rest.to_owned()
    } else {
        format!("/{rest}")
    })
}

/// The number behind the last `exit code: `.
pub fn exit_code(message: &str) -> Option<i32> {
    let (_, rest) = message.rsplit_once("exit code: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Whether the connection is gone, as opposed to a daemon that says no.
pub fn is_gone(status: &Status) -> bool {
    use std::error::Error;
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<tonic::transport::Error>() || error.is::<hyper::Error>() {
            return true;
        }
        source = error.source();
    }
    status.code() == Code::Unavailable && status.details().is_empty()
        || status.message().contains("transport error")
        || status.message().contains("h2 protocol error")
}

/// Why an image cannot be had, in words that help.
pub fn image_reason(message: &str) -> String {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&[
        "pull access denied",
        "insufficient_scope",
        "authorization failed",
        "no basic auth credentials",
        "401 Unauthorized",
        "403 Forbidden",
        "denied: ",
    ]) {
        "access denied, or it does not exist".to_owned()
    } else if has(&["no match for platform", "no matching manifest"]) {
        "there is none for this platform".to_owned()
    } else if has(&[
        "not found",
        "manifest unknown",
        "name unknown",
        "404 Not Found",
    ]) {
        "not found".to_owned()
    } else if has(&["no such host", "server misbehaving"]) {
        "the registry's name cannot be resolved".to_owned()
    } else if has(&["connection refused"]) {
        "the registry refuses the connection".to_owned()
    } else {
        message.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use bollard_buildkit_proto::google::protobuf::Any;

    use super::*;

    #[test]
    fn a_message_without_details_still_tells_the_exit_code() {
        let status = Status::unknown(
            "failed to solve: rpc error: code = Unknown desc = executor failed running [/bin/sh -c exit 3]: exit code: 3",
        );
        let report = read(&status);
        assert_eq!(report.exit_code, Some(3));
        assert_eq!(
            report.message,
            "executor failed running [/bin/sh -c exit 3]: exit code: 3"
        );
    }

    #[test]
    fn what_stands_in_front_of_a_command_is_not_shown_with_its_failure() {
        for (message, shown) in [
            (
                "executor failed running [/bin/sh -c [ -e x ]: ]: exit code: 3",
                "exit code: 3",
            ),
            (
                "process \"/bin/sh -c exit 3\" did not complete successfully: exit code: 3",
                "exit code: 3",
            ),
            ("failed to solve: no such file", "no such file"),
            (
                "failed to compute cache key: failed to calculate checksum of ref 8yg1::b37i: \"/w/x: y\": not found",
                "\"/w/x: y\": not found",
            ),
        ] {
            assert_eq!(of_command(message), shown);
        }
    }

    #[test]
    fn details_name_the_vertex_and_unknown_ones_do_no_harm() {
        let detail = |name: &str, json: &str| Any {
            type_url: format!("github.com/moby/buildkit/{name}"),
            value: json.as_bytes().to_vec(),
        };
        let details = rpc::Status {
            details: vec![
                detail("stack.Stack+json", "{}"),
                detail("errdefs.Vertex+json", r#"{"digest":"sha256:ab"}"#),
                detail("gatewayapi.ExitMessage+json", r#"{"Code":7}"#),
                detail("other", "not json"),
            ],
            ..rpc::Status::default()
        };
        let status = Status::with_details(Code::Unknown, "m", details.encode_to_vec().into());
        let report = read(&status);
        assert_eq!(
            (report.vertex.as_deref(), report.exit_code),
            (Some("sha256:ab"), Some(7))
        );
        let garbage = Status::with_details(Code::Unknown, "m", vec![0xff; 9].into());
        assert_eq!(read(&garbage).message, "m");
    }

    #[test]
    fn directories_of_the_daemon_are_not_shown() {
        for (message, shown) in [
            (
                "lstat /var/lib/docker/tmp/buildkit-mount812/a/b: no such file or directory",
                "lstat /a/b: no such file or directory",
            ),
            (
                "failed to walk /x/buildkit-mount1: lstat /x/buildkit-mount1/f: gone",
                "failed to walk /: lstat /f: gone",
            ),
            (
                "failed to walk /var/lib/docker/overlay2/85c/merged/a: gone",
                "failed to walk /a: gone",
            ),
            ("open /overlay2/mine: gone", "open /overlay2/mine: gone"),
            ("ä \"/t/buildkit-mount7/b\"", "ä \"/b\""),
            ("nothing", "nothing"),
        ] {
            assert_eq!(plain(message), shown);
        }
    }

    #[test]
    fn reasons_for_missing_images_are_told_apart() {
        for (message, reason) in [
            ("docker.io/library/nope:1: not found", "not found"),
            (
                "pull access denied, repository does not exist or may require authorization",
                "access denied, or it does not exist",
            ),
            (
                "no match for platform in manifest sha256:1: not found",
                "there is none for this platform",
            ),
        ] {
            assert_eq!(image_reason(message), reason);
        }
    }
}
