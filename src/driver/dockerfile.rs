//! From a Dockerfile to a state: its base images are looked up here, with bld's mirrors, and the engine is given a text
//! in which they are pinned.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::future::try_join_all;

use crate::{
    base::{Digest, Platform},
    diag::{Diagnostic, Location, SourceFile, Span, words::nearest},
    dockerfile::{ImageUse, Stages, Text, UnknownStage, stages::replaced},
    engine::{self, EngineError, PinnedName},
    events::{Event, Label},
    graph::plan::{Dockerfile, DockerfileText, StepId, StepOp},
    interp::probe::{Answer, FromDockerfile, Probe as _},
    llb::{Beyond, Definition, Foreign, Op, State},
    oci::ImageRef,
};

use super::{failure::engine_diagnostic, probe::Running};

impl Running {
    /// Reads the Dockerfile of a step, tells the lowering what it gives, and says what the interpreter has to know of that.
    pub(super) async fn read_dockerfile(
        &self,
        id: StepId,
    ) -> Result<FromDockerfile, Box<Diagnostic>> {
        let step = self.plan.step(id);
        let StepOp::Dockerfile(dockerfile) = &step.op else {
            unreachable!("the interpreter asks this of Dockerfiles only")
        };
        let source = self.source(dockerfile).await?;
        let text = Text::parse(&source.text);
        self.remark_on_syntax(&text, &source);
        let native = self.executor.native().await.map_err(|e| self.failed(e))?;
        let given = given(dockerfile, &step.platform, &native);
        let stages = Stages::of(&text);
        let images = stages
            .images(dockerfile.target.as_deref(), &given)
            .map_err(|e| Box::new(unknown_stage(&e)))?;
        let pinned = images
            .iter()
            .map(|image| self.pinned(image, &step.platform, &source));
        let pinned: Vec<_> = try_join_all(pinned).await?.into_iter().flatten().collect();
        let places = pinned.iter().map(|p| (p.at, p.reference.clone()));
        let context = self.executor.state(dockerfile.context).await;
        let context = context.map_err(|e| self.failed(e))?;
        let wanted = engine::Dockerfile {
            text: replaced(&source.text, text.escape, &Vec::from_iter(places)),
            pinned,
            context,
            target: dockerfile.target.clone(),
            args: dockerfile.args.clone(),
            platform: step.platform.clone(),
            label: Arc::clone(&step.label),
            source,
        };
        let read = self.executor.dockerfile(&wanted).await;
        let read = read.map_err(|error| self.not_read(error, &wanted.source, &text))?;
        let before = wanted.context.as_ref().map(Definition::of);
        let privileged = privileged(&read.state, before.as_ref(), &wanted.label)?;
        self.executor.tell(id, read.state);
        Ok(FromDockerfile {
            config: read.config,
            privileged,
        })
    }

    /// The text, wherever it is.
    async fn source(&self, dockerfile: &Dockerfile) -> Result<Arc<SourceFile>, Box<Diagnostic>> {
        let (from, path, shown) = match &dockerfile.file {
            DockerfileText::Host(source) => return Ok(Arc::clone(source)),
            DockerfileText::In { from, path, shown } => (*from, path, shown),
        };
        let read = async {
            let state = self.executor.state(from).await?;
            let solved = self.executor.solve(&state).await?;
            Ok((self.executor.build().await?, solved))
        };
        let (build, solved) = read.await.map_err(|e: EngineError| self.failed(e))?;
        let bytes = match build.read_file(&solved, path).await {
            Ok(bytes) => bytes,
            Err(EngineError::Other(why)) => {
                let message = if why.contains("no such file") {
                    format!("no Dockerfile at `{shown}`")
                } else {
                    format!("cannot read the Dockerfile `{shown}`: {why}")
                };
                let hint = "the target has to save it: `SAVE ARTIFACT Dockerfile`";
                return Err(Box::new(
                    Diagnostic::error("no-dockerfile", message).hint(hint),
                ));
            }
            Err(error) => return Err(self.failed(error)),
        };
        let text = String::from_utf8(bytes).map_err(|_| {
            let message = format!("the Dockerfile `{shown}` is not UTF-8");
            Box::new(Diagnostic::error("no-dockerfile", message))
        })?;
        Ok(Arc::new(SourceFile::new(shown, text)))
    }

    /// An image as the engine has to fetch it. One whose name makes no sense is left for the engine to complain about.
    async fn pinned(
        &self,
        image: &ImageUse,
        platform: &Platform,
        source: &Arc<SourceFile>,
    ) -> Result<Option<PinnedName>, Box<Diagnostic>> {
        let Ok(name) = ImageRef::parse(&image.name) else {
            return Ok(None);
        };
        let own = image.platform.as_ref().and_then(|p| p.parse().ok());
        let found = self.base_image(&name, own.as_ref().unwrap_or(platform));
        match found.await {
            Ok(Answer::Known(base)) => Ok(Some(PinnedName {
                reference: base.reference,
                name: image.name.clone(),
                at: image.span,
            })),
            Ok(Answer::Undecided) => Ok(None),
            Err(problem) => Err(Box::new(problem.at(Location::new(source, image.span)))),
        }
    }

    /// A front end of the file's own is not loaded: it would be a program from a registry.
    fn remark_on_syntax(&self, text: &Text, source: &Arc<SourceFile>) {
        let Some((name, span)) = &text.syntax else {
            return;
        };
        let message =
            format!("`# syntax={name}` has no effect: the engine's own front end reads it");
        let remark =
            Diagnostic::note("dockerfile-syntax", message).at(Location::new(source, *span));
        let mut said = self.said.lock().expect("no holder of this lock panics");
        if said.insert(remark.to_string()) {
            self.events.emit(Event::Remark(remark));
        }
    }

    /// The engine could not read the text.
    fn not_read(
        &self,
        error: EngineError,
        source: &Arc<SourceFile>,
        text: &Text,
    ) -> Box<Diagnostic> {
        let EngineError::Dockerfile { line, .. } = &error else {
            return self.failed(error);
        };
        let at = line.map(|line| {
            let line = usize::try_from(line).unwrap_or(usize::MAX);
            Location::new(source, source.lines(line, line))
        });
        let mut problem = engine_diagnostic(error);
        match at {
            Some(at) => problem = problem.at(at),
            None => problem.message = format!("`{}`: {}", source.name, problem.message),
        }
        if let Some((name, _)) = &text.syntax {
            problem = problem.hint(format!(
                "the file asks for `{name}`; what that knows, the front end of an older engine may not know"
            ));
        }
        Box::new(problem)
    }
}

/// Where the first command stands that wants all privileges. What the context was made by is somebody else's affair: it has
/// been asked for its privileges already.
fn privileged(
    state: &State,
    before: Option<&Definition>,
    label: &Label,
) -> Result<Option<Location>, Box<Diagnostic>> {
    let Some(edge) = state else {
        return Ok(None);
    };
    let before: HashSet<&Digest> = before
        .map(|definition| definition.vertices().iter().map(|v| &v.digest).collect())
        .unwrap_or_default();
    let mut first = None;
    for vertex in Definition::of(edge).vertices() {
        let Op::Foreign(Foreign::Exec {
            beyond: Some(beyond),
            ..
        }) = vertex.op()
        else {
            continue;
        };
        if before.contains(&vertex.digest) {
            continue;
        }
        let at = vertex.label.at.clone().or_else(|| label.at.clone());
        match beyond {
            Beyond::HostNetwork => {
                let message = "`RUN --network=host` of a Dockerfile is not supported: a step gets no network of the engine's machine";
                let hint = "leave the option out; `RUN --network=none` is the only other network";
                let mut problem = Diagnostic::error("host-network", message).hint(hint);
                problem.at = at;
                return Err(Box::new(problem));
            }
            Beyond::Privileges => {
                let nowhere = || {
                    Location::new(
                        &Arc::new(SourceFile::new("Dockerfile", "")),
                        Span::default(),
                    )
                };
                first = first.or_else(|| Some(at.unwrap_or_else(nowhere)));
            }
        }
    }
    Ok(first)
}

/// Values of arguments: those of the statement, and those that every Dockerfile knows.
fn given(dockerfile: &Dockerfile, target: &Platform, build: &Platform) -> HashMap<String, String> {
    let of = |prefix: &str, platform: &Platform| {
        [
            ("PLATFORM", platform.to_string()),
            ("OS", platform.os.clone()),
            ("ARCH", platform.arch.clone()),
            ("VARIANT", platform.variant.clone()),
        ]
        .map(|(name, value)| (format!("{prefix}{name}"), value))
    };
    let mut given: HashMap<String, String> = of("TARGET", target)
        .into_iter()
        .chain(of("BUILD", build))
        .collect();
    given.extend(dockerfile.args.iter().cloned());
    given
}

fn unknown_stage(unknown: &UnknownStage) -> Diagnostic {
    let problem = Diagnostic::error("dockerfile-stage", unknown.to_string());
    let names = unknown.names.iter().map(String::as_str);
    match nearest(&unknown.wanted, names) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None if unknown.names.is_empty() => problem.hint("stages get a name with `FROM … AS name`"),
        None => problem.hint(format!(
            "it has {}",
            crate::diag::words::all(&unknown.names)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llb::{
        Edge, Exec, Splice,
        exec::{Network, Security},
        image,
        tests_support::label,
    };

    /// What a front end would answer for a command on an image, read back.
    fn answered(change: impl Fn(Exec) -> Exec, known: Option<&Definition>) -> State {
        let platform = "linux/amd64".parse().unwrap();
        let base: Edge = image("docker.io/library/busybox:1.36", &platform, label("FROM"));
        let run = change(Exec::new(&Some(base), ["make"]));
        let run = run.build(&platform, label("RUN make")).root();
        let splice = Splice {
            known: known.map_or(&[], Definition::vertices),
            label: &|_, _| {
                let source = Arc::new(SourceFile::new("Dockerfile", "FROM a\nRUN make\n"));
                let at = Location::new(&source, Span::new(7, 10));
                Arc::new(Label {
                    at: Some(at),
                    ..(*label("RUN make")).clone()
                })
            },
            fresh: None,
        };
        let message = Definition::of(&run).to_pb(|_| false);
        splice.state(&message).unwrap()
    }

    #[test]
    fn a_command_with_all_privileges_is_told_with_its_place() {
        let asked = |state: &State, before: Option<&Definition>| {
            privileged(state, before, &label("FROM DOCKERFILE"))
        };
        assert_eq!(asked(&None, None).unwrap(), None);
        assert_eq!(asked(&answered(|run| run, None), None).unwrap(), None);
        let insecure = |run: Exec| run.security(Security::Insecure);
        let state = answered(insecure, None);
        let at = asked(&state, None).unwrap().expect("a place");
        assert_eq!(at.to_string(), "Dockerfile:2:1");
        // The context's commands were asked for when they were interpreted.
        let context = Definition::of(&state.unwrap());
        let state = answered(insecure, Some(&context));
        assert_eq!(asked(&state, Some(&context)).unwrap(), None);
    }

    #[test]
    fn a_command_in_the_network_of_the_engines_machine_is_refused() {
        let state = answered(|run| run.network(Network::Host), None);
        let problem = privileged(&state, None, &label("FROM DOCKERFILE")).unwrap_err();
        assert!(problem.message.contains("--network=host"));
        assert_eq!(problem.at.unwrap().to_string(), "Dockerfile:2:1");
    }
}
