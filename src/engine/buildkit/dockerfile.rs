//! Dockerfiles: read by the daemon's own front end, inside the open build. It answers with a definition, which becomes
//! part of the graph, and with the configuration of the image.
//!
//! The front end sees a Dockerfile whose image names are final. It is told that it has been chosen (`cmdline`), so that
//! it does not look for another one in a `# syntax` line: what would be loaded there is a program from a registry.

use std::{collections::HashMap, sync::Arc};

use bollard_buildkit_proto::moby::buildkit::v1::frontend::{self, result};

use super::{build::Site, client::of_build, gateway::Gateway};
use crate::{
    diag::Location,
    engine::{Dockerfile, EngineError, FromDockerfile, PinnedName},
    events::{Label, Told},
    llb::{Definition, FileOp, MakeDir, MakeFile, Nonce, Splice, foreign::Lines},
};

/// The key of the configuration in the answer. Source: BuildKit's `exptypes`.
const CONFIG: &str = "containerimage.config";
/// Constant, so that the same text is the same vertex.
const TIME: Option<i64> = Some(0);

impl Site {
    pub(super) async fn dockerfile(
        &self,
        gateway: &Gateway,
        wanted: &Dockerfile,
    ) -> Result<FromDockerfile, EngineError> {
        let context = context(wanted);
        let file = Definition::of(&file(wanted));
        let inputs = [
            ("context".to_owned(), self.admit(&context)),
            ("dockerfile".to_owned(), self.admit(&file)),
        ];
        let request = frontend::SolveRequest {
            frontend: "dockerfile.v0".to_owned(),
            frontend_opt: options(wanted),
            frontend_inputs: inputs.into(),
            allow_result_return: true,
            allow_result_array_ref: true,
            ..frontend::SolveRequest::default()
        };
        let mut bridge = self.client.bridge();
        let answer = bridge.solve(of_build(&gateway.id, request));
        let response = match self.call(gateway, answer).await {
            Ok(response) => response,
            Err(refused) => {
                return Err(match self.general(refused) {
                    Ok(error) => error,
                    Err(report) => refusal(&report.message),
                });
            }
        };
        let broken = |text: String| EngineError::Other(text);
        let mut result = response.result.unwrap_or_default();
        let config = result.metadata.remove(CONFIG).ok_or_else(|| {
            broken("the engine's answer to the Dockerfile has no image configuration".to_owned())
        })?;
        let config = serde_json::from_slice(&config)
            .map_err(|e| broken(format!("the image configuration of the Dockerfile: {e}")))?;
        let definition = match result.result {
            Some(result::Result::Ref(reference)) => reference.def.unwrap_or_default(),
            None => pb_nothing(),
            Some(_) => {
                let text = "the engine's answer to the Dockerfile is for several platforms";
                return Err(broken(text.to_owned()));
            }
        };
        let fresh = self.no_cache.then(|| Nonce::fixed(&gateway.id));
        let splice = Splice {
            known: context.vertices(),
            label: &|name, lines| label(wanted, name, lines),
            fresh: fresh.as_ref(),
        };
        let state = splice
            .state(&definition)
            .map_err(|e| broken(e.to_string()))?;
        Ok(FromDockerfile { state, config })
    }
}

fn pb_nothing() -> bollard_buildkit_proto::pb::Definition {
    bollard_buildkit_proto::pb::Definition::default()
}

/// The files. A daemon takes no definition of nothing.
fn context(wanted: &Dockerfile) -> Definition {
    match &wanted.context {
        Some(edge) => Definition::of(edge),
        None => {
            let spec = MakeDir {
                parents: true,
                time: TIME,
                ..MakeDir::mode(0o755)
            };
            let empty = FileOp::on(&None).mkdir("/", spec);
            Definition::of(&empty.build(internal("empty context")))
        }
    }
}

fn file(wanted: &Dockerfile) -> crate::llb::Edge {
    let spec = MakeFile {
        data: wanted.text.clone().into_bytes(),
        mode: 0o644,
        owner: None,
        time: TIME,
    };
    let label = internal(&wanted.source.name);
    FileOp::on(&None).mkfile("/Dockerfile", spec).build(label)
}

fn internal(text: &str) -> Arc<Label> {
    Arc::new(Label {
        target: String::new(),
        text: text.to_owned(),
        platform: None,
        at: None,
        read_by: None,
        raw_output: false,
        told: Told::Everything,
    })
}

/// Source: BuildKit's `frontend/dockerfile/builder`, from 0.8 on.
fn options(wanted: &Dockerfile) -> HashMap<String, String> {
    let own = [
        ("filename", "Dockerfile".to_owned()),
        ("platform", wanted.platform.to_string()),
        ("cmdline", "dockerfile.v0".to_owned()),
        ("target", wanted.target.clone().unwrap_or_default()),
    ];
    let args = wanted.args.iter();
    own.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .filter(|(_, value)| !value.is_empty())
        .chain(args.map(|(key, value)| (format!("build-arg:{key}"), value.clone())))
        .collect()
}

/// `[build 2/3] RUN make`, with images as people call them, and with its lines of the Dockerfile.
fn label(wanted: &Dockerfile, name: &str, lines: Option<Lines>) -> Arc<Label> {
    let span = lines.map(|(first, last)| wanted.source.lines(first as usize, last as usize));
    let mut text = name.to_owned();
    // Two names may stand for one image; what stands in these lines says which of them is meant.
    let is_here = |pinned: &&PinnedName| span.is_some_and(|span| span.contains(pinned.at));
    let here = wanted.pinned.iter().filter(is_here);
    for pinned in here.chain(&wanted.pinned) {
        text = text.replace(&pinned.reference, &pinned.name);
    }
    let at = span.map(|span| Location::new(&wanted.source, span));
    // A place in the Dockerfile does not say who reads it.
    let read_by = at.as_ref().map(|_| Arc::clone(&wanted.label));
    Arc::new(Label {
        read_by,
        text: if text.is_empty() {
            wanted.label.text.clone()
        } else {
            text
        },
        at: at.or_else(|| wanted.label.at.clone()),
        ..(*wanted.label).clone()
    })
}

/// What the front end says, without the names of the layers that it went through, and the line that it is about.
fn refusal(message: &str) -> EngineError {
    let mut text = message;
    loop {
        let before = text;
        for prefix in [
            "failed to solve with frontend dockerfile.v0: ",
            "failed to create LLB definition: ",
            "failed to solve: ",
        ] {
            text = text.strip_prefix(prefix).unwrap_or(text);
        }
        if text == before {
            break;
        }
    }
    let (line, text) = [
        "dockerfile parse error line ",
        "dockerfile parse error on line ",
    ]
    .iter()
    .find_map(|prefix| {
        // Its first letter is a capital one in some versions.
        let head = text.get(..prefix.len())?;
        let rest = &text[prefix.len()..];
        let (number, rest) = rest.split_once(": ")?;
        head.eq_ignore_ascii_case(prefix)
            .then(|| Some((number.parse().ok()?, rest)))?
    })
    .map_or((None, text), |(line, rest)| (Some(line), rest));
    EngineError::Dockerfile {
        line,
        message: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_its_line_in_the_words_of_every_version() {
        for (message, line, text) in [
            (
                "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 3: unknown instruction: RUNN",
                Some(3),
                "unknown instruction: RUNN",
            ),
            (
                "failed to solve: Dockerfile parse error on line 12: x: y",
                Some(12),
                "x: y",
            ),
            (
                "target stage x could not be found",
                None,
                "target stage x could not be found",
            ),
            (
                "dockerfile parse error line",
                None,
                "dockerfile parse error line",
            ),
        ] {
            let EngineError::Dockerfile {
                line: found,
                message,
            } = refusal(message)
            else {
                panic!()
            };
            assert_eq!((found, message.as_str()), (line, text));
        }
    }
}
