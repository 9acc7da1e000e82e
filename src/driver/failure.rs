//! The handful of ways in which a run can fail, and the words for what an engine reports.

use crate::{
    base::Platform,
    diag::{Diagnostic, Frame, Way},
    engine::{EngineError, StepFailure},
    interp::not_among_artifacts,
};

/// What kind of failure it is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A build file.
    BuildFile,
    /// A step.
    Step,
    /// The machine around: engine capabilities, registry, disk.
    Environment,
    /// The engine cannot be reached.
    EngineUnreachable,
    /// The engine went away.
    EngineGone,
    /// The user stopped it.
    Canceled,
    /// A privileged step was not allowed.
    NotAllowed,
    /// A program of another processor.
    ForeignBinary,
}

/// Why a run failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// At least one problem, except for a cancelled run.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// A failure with one problem.
    pub fn new(kind: FailureKind, diagnostic: Diagnostic) -> Self {
        Self {
            kind,
            diagnostics: vec![diagnostic],
        }
    }

    /// The user stopped it.
    pub fn canceled() -> Self {
        Self {
            kind: FailureKind::Canceled,
            diagnostics: Vec::new(),
        }
    }

    /// This failure, if it is about what the engine reported first; else what the engine reported. Where a step has failed,
    /// everything else only saw that it was stopped.
    #[must_use]
    pub fn or_engine(self, error: EngineError) -> Self {
        let engine = Self::from_engine(error);
        let same = self.diagnostics.iter().any(|own| {
            engine.diagnostics.iter().any(|theirs| {
                own.code == theirs.code && own.at == theirs.at && own.message == theirs.message
            })
        });
        // The interpreter's words also tell how the build got there.
        if same {
            Self {
                kind: engine.kind,
                ..self
            }
        } else {
            engine
        }
    }

    /// What an engine reported.
    pub fn from_engine(error: EngineError) -> Self {
        let kind = match &error {
            EngineError::Unreachable { .. } => FailureKind::EngineUnreachable,
            EngineError::Gone { .. } => FailureKind::EngineGone,
            EngineError::Canceled => return Self::canceled(),
            EngineError::Step(failure) if is_foreign_binary(failure) => FailureKind::ForeignBinary,
            EngineError::Step(_) => FailureKind::Step,
            EngineError::Dockerfile { .. } => FailureKind::BuildFile,
            EngineError::MissingCapability { .. }
            | EngineError::Privileged { .. }
            | EngineError::Image { .. }
            | EngineError::Other(_) => FailureKind::Environment,
        };
        let target = match &error {
            EngineError::Step(failure) => failure.label.target.clone(),
            _ => String::new(),
        };
        let mut diagnostic = engine_diagnostic(error);
        if !target.is_empty() {
            diagnostic = diagnostic.frame(Frame {
                what: target,
                at: None,
            });
        }
        Self::new(kind, diagnostic)
    }

    /// Says by which way the build got to what failed, where the interpreter has not said so already.
    #[must_use]
    pub fn by_way(mut self, way: Option<&Way>) -> Self {
        if let Some(way) = way {
            let frames: Vec<Frame> = way.frames().cloned().collect();
            for diagnostic in &mut self.diagnostics {
                if diagnostic.frames.len() < frames.len() || diagnostic.frames.len() <= 1 {
                    diagnostic.frames.clone_from(&frames);
                }
            }
        }
        self
    }
}

/// An engine's error in words for a person.
pub fn engine_diagnostic(error: EngineError) -> Diagnostic {
    let message = error.to_string();
    match error {
        EngineError::Unreachable { reason, .. } if reason.contains("ermission denied") => {
            Diagnostic::error("engine-unreachable", message)
                .hint("the socket belongs to somebody else: join its group (`usermod -aG docker $USER`, then log in again), or run as root")
        }
        EngineError::Unreachable { .. } => Diagnostic::error("engine-unreachable", message)
            .hint("start Docker (`dockerd`, or `systemctl start docker`), or name another engine with `--engine`"),
        EngineError::Gone { .. } => Diagnostic::error("engine-gone", message)
            .hint("look at the daemon's log (`journalctl -u docker`), then run the same command again"),
        EngineError::MissingCapability { capability, .. } => {
            Diagnostic::error("missing-capability", message).hint(capability.remedy())
        }
        EngineError::Privileged { .. } => Diagnostic::error("privileged-engine", message)
            .with_note(format!("this in the daemon's configuration allows them:\n{ALLOW_PRIVILEGED}"))
            .hint(
                "put it into `/etc/docker/daemon.json`, beside what is there already (for a rootless daemon that is \
                 `~/.config/docker/daemon.json`), and restart the daemon: `systemctl restart docker`",
            ),
        EngineError::Step(failure) => step_diagnostic(&failure),
        EngineError::Image { .. } => Diagnostic::error("image", message)
            .hint("check the name; for a private image log in to its registry first (`docker login`)"),
        EngineError::Dockerfile { .. } => Diagnostic::error("dockerfile", message),
        EngineError::Canceled => Diagnostic::error("canceled", message),
        EngineError::Other(_) => Diagnostic::error("engine", message),
    }
}

/// What a daemon's configuration has to say.
const ALLOW_PRIVILEGED: &str = r#"{"builder":{"entitlements":{"security-insecure":true}}}"#;

/// There is no SSH agent of this name.
pub fn no_agent(id: &str) -> Diagnostic {
    if id == DEFAULT_AGENT {
        return Diagnostic::error(
            "no-ssh-agent",
            "there is no SSH agent: `SSH_AUTH_SOCK` is not set",
        )
        .hint("start one with `eval $(ssh-agent)`, and give it a key with `ssh-add`");
    }
    let message = format!("there is no SSH agent `{id}`");
    Diagnostic::error("no-ssh-agent", message)
        .hint("leave the `id` out: the agent of your session is the only one")
}

/// The SSH agent is gone, or forbidden.
pub fn silent_agent(why: &std::io::Error) -> Diagnostic {
    let message = format!("the SSH agent does not answer: {why}");
    Diagnostic::error("silent-ssh-agent", message)
        .hint("start one with `eval $(ssh-agent)`, or name its socket with `--ssh-auth-sock`")
}

/// The name of the agent of the user's session.
pub const DEFAULT_AGENT: &str = "default";

/// Beside the statement that names a file with a mistake in it.
const READ_BY: &str = "read by this statement";

/// A step's failure: its place, what it wrote last, and what that usually means.
fn step_diagnostic(failure: &StepFailure) -> Diagnostic {
    let command = first_line(&failure.label.text);
    let message = match (missing_path(failure), failure.exit_code) {
        (Some(path), _) if command.starts_with("SAVE ARTIFACT") => {
            format!("cannot save artifact `{path}`, since it does not exist")
        }
        (Some(path), _) if command.starts_with("COPY") && command.contains('+') => {
            not_among_artifacts(&path)
        }
        (Some(_), _) if command.starts_with("--artifact") => {
            let artifact = command.trim_start_matches("--artifact ");
            format!("cannot save artifact `{artifact}`, since it does not exist")
        }
        (Some(path), _) => format!("`{path}` not found"),
        (None, _) if no_shell(failure) => {
            format!("`{command}` needs a shell, and the image has no `/bin/sh`")
        }
        (None, Some(code)) => {
            format!("`{command}` did not complete successfully: exit code {code}")
        }
        (None, None) => format!("`{command}` failed: {}", failure.message),
    };
    let mut diagnostic = Diagnostic::error("step-failed", message);
    if let Some(at) = &failure.label.at {
        diagnostic = diagnostic.at(at.clone());
    }
    let reader = failure.label.read_by.as_ref();
    if let Some(reader) = reader.and_then(|reader| reader.at.as_ref()) {
        diagnostic = diagnostic.related(reader.clone(), READ_BY);
    }
    if !failure.tail.is_empty() {
        let lines = failure.tail.join("\n");
        diagnostic = diagnostic.with_note(format!("the last lines of its output:\n{lines}"));
    }
    match hint(failure) {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

fn hint(failure: &StepFailure) -> Option<&'static str> {
    let said = |words: &str| {
        failure.message.contains(words) || failure.tail.iter().any(|line| line.contains(words))
    };
    if is_foreign_binary(failure) {
        return Some(
            "it is for another processor than the engine's machine, which needs QEMU for that: on Debian install \
             `qemu-user-static`; with Docker run `docker run --privileged --rm tonistiigi/binfmt --install all` once after each start",
        );
    }
    if missing_path(failure).is_some() && failure.label.text.starts_with('[') {
        // A command of a Dockerfile.
        return Some(
            "check the path, and that nothing on the way leaves it out: an earlier command, an ignore file of the context",
        );
    }
    if missing_path(failure).is_some() {
        return Some(
            "check the path, and that nothing on the way leaves it out: an earlier command, an ignore file; \
             `--if-exists` allows for it to be missing",
        );
    }
    if no_shell(failure) {
        return Some(
            "use the exec form `RUN [\"program\", \"argument\"]`, or a base image with a shell",
        );
    }
    match failure.exit_code {
        Some(137) => {
            Some("exit code 137 means that the process was killed, mostly because memory ran out")
        }
        Some(127) => Some(
            "exit code 127 means that a program was not found: is it installed where the command runs?",
        ),
        Some(_) if said("unable to start container process") => {
            Some("the program could not be started: is it in this image, and executable?")
        }
        _ => None,
    }
}

/// The path that a copy did not find.
fn missing_path(failure: &StepFailure) -> Option<String> {
    let rest = failure.message.strip_suffix(": not found")?;
    // Docker 20.10 says it twice.
    let quoted = rest.strip_suffix(" not found").unwrap_or(rest);
    let path = quoted.strip_prefix('"')?.strip_suffix('"')?;
    failure.exit_code.is_none().then(|| path.to_owned())
}

/// Whether what failed was to start the shell itself.
fn no_shell(failure: &StepFailure) -> bool {
    let said = |text: &String| text.contains("exec: \"/bin/sh\"") && text.contains("no such file");
    said(&failure.message) || failure.tail.iter().any(said)
}

fn is_foreign_binary(failure: &StepFailure) -> bool {
    let said = |text: &String| text.to_ascii_lowercase().contains("exec format error");
    said(&failure.message) || failure.tail.iter().any(said)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end()
}

/// Nobody sits at a terminal.
pub fn no_terminal() -> Diagnostic {
    Diagnostic::error(
        "no-terminal",
        "an interactive command needs a terminal, and there is none",
    )
    .hint("call bld from a terminal, with its input and its error output not redirected")
}

/// A command whose changes are kept has bld itself with it.
pub fn foreign_terminal(platform: &Platform, own: &Platform) -> Diagnostic {
    let message = format!(
        "`RUN --interactive-keep` is not possible for {platform}: it needs a bld for that platform, and this one is for {own}"
    );
    Diagnostic::error("foreign-terminal", message).hint(format!(
        "build it for {own}, or use `--interactive`, which keeps no changes"
    ))
}

/// The terminal cannot be used.
pub fn broken_terminal(error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("no-terminal", format!("cannot use the terminal: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        base::Digest,
        diag::{Location, SourceFile, Span},
        events::{Label, Told},
    };

    fn failure(exit_code: Option<i32>, tail: &[&str]) -> StepFailure {
        let file = Arc::new(SourceFile::new("Buildfile", "t:\n    RUN make\n"));
        StepFailure {
            vertex: Digest::of(b"v"),
            label: Arc::new(Label {
                target: "+t".into(),
                text: "RUN make".into(),
                platform: None,
                at: Some(Location::new(&file, Span::new(7, 15))),
                read_by: None,
                raw_output: false,
                told: Told::Everything,
            }),
            exit_code,
            tail: tail.iter().map(|l| (*l).to_owned()).collect(),
            message: "process did not complete".into(),
        }
    }

    #[test]
    fn a_failed_step_shows_its_line_its_exit_code_and_its_last_words() {
        let failed = Failure::from_engine(EngineError::Step(Box::new(failure(Some(2), &["boom"]))));
        let drawn = crate::diag::render::draw(&failed.diagnostics[0], false);
        for expected in ["exit code 2", "Buildfile:2:5", "RUN make", "boom", "+t"] {
            assert!(
                drawn.contains(expected),
                "{expected} is missing in\n{drawn}"
            );
        }
    }

    #[test]
    fn memory_a_missing_shell_and_a_foreign_program_get_their_hints() {
        assert!(hint(&failure(Some(137), &[])).unwrap().contains("memory"));
        assert!(
            hint(&failure(Some(127), &["sh: gcc: not found"]))
                .unwrap()
                .contains("installed")
        );
        let foreign = failure(Some(1), &["exec /bin/sh: exec format error"]);
        let failed = Failure::from_engine(EngineError::Step(Box::new(foreign)));
        assert_eq!(failed.kind, FailureKind::ForeignBinary);
    }
}
