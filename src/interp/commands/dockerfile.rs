//! `FROM DOCKERFILE`: what a Dockerfile gives (language specification, 4.22).
//!
//! The file is found and read here, so that a missing one is told before anything runs; what is in it is the engine's
//! affair, asked through the probe.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::from;
use crate::{
    diag::{Diagnostic, SourceFile},
    graph::{
        ArtifactRef,
        ledger::LinkKind,
        plan::{Context, CopyFiles, CopyItem, Dockerfile, DockerfileText, StepId, StepOp},
        reference::RefError,
    },
    interp::{
        args::{in_parens, last_wins},
        error::{self, Result},
        exec::Exec,
        expand::{How, REFERENCE},
        host,
        ignore::Ignore,
        probe::Answer,
        scope::Vars,
        state::{Current, absolute},
        value::Value,
    },
    oci::ImageConfig,
    syntax::{
        ast::{Command, Keyword, Word},
        dialect::Feature,
    },
};

/// What stands in a context directory if nothing else is said.
const DEFAULT: &str = "Dockerfile";
/// Longer than any Dockerfile, and shorter than what a daemon takes at once.
const LONGEST: u64 = 1 << 20;

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let (context, words) = command
        .args
        .split_first()
        .ok_or_else(|| error::arguments(Keyword::FromDockerfile, "<directory or artifact>"))?;
    exec.keep_state();
    let current = exec.platform_flag(command).await?;
    let target = flag(exec, command, "target", How::default()).await?;
    let file = flag(exec, command, "f", REFERENCE).await?;
    let args = last_wins(exec.build_args(command, words).await?);
    let (context, own_args) = parts(exec, context)?;
    let source = exec.expand(&context, REFERENCE).await?;
    for (word, value) in [&target, &file].into_iter().flatten() {
        if value.known().is_none() {
            return from::undecided_base(exec, value, word, current);
        }
    }
    let unknown = args.values().find(|value| value.known().is_none());
    if let Some(value) = unknown.or(source.known().is_none().then_some(&source)) {
        return from::undecided_base(exec, &value.clone(), &context, current);
    }
    let mut given = Given {
        exec,
        command,
        args,
        current,
    };
    let context = (&context, source.text(), own_args.as_slice());
    let file = file.as_ref().map(|(word, value)| (word, value.text()));
    let Some((context, text)) = given.read(context, file).await? else {
        let why = "whether its artifacts are needed again is decided by a condition";
        let by = exec.undecided_by;
        let why = why.to_owned();
        let fs = exec.push(StepOp::Undecided { by, why });
        exec.state.fs = Some(fs);
        return Ok(());
    };
    let args = given.args.iter();
    let args = args.map(|(name, value)| (name.clone(), value.text().to_owned()));
    let dockerfile = Dockerfile {
        context,
        file: text,
        target: target.map(|(_, value)| value.text().to_owned()),
        args: args.collect(),
    };
    become_dockerfile(exec, dockerfile).await
}

async fn flag(
    exec: &mut Exec,
    command: &Command,
    name: &str,
    how: How,
) -> Result<Option<(Word, Value)>> {
    let Some(word) = command.flag(name).and_then(|flag| flag.value.clone()) else {
        return Ok(None);
    };
    let value = exec.expand(&word, how).await?;
    // An empty variable is as good as no flag.
    Ok((value.known() != Some("")).then_some((word, value)))
}

/// The reference, and the arguments that stand in parentheses with it.
fn parts(exec: &Exec, word: &Word) -> Result<(Word, Vec<Word>)> {
    let Some(words) = in_parens(word) else {
        return Ok((word.clone(), Vec::new()));
    };
    let mut words = words.map_err(|e| e.at(&exec.place(word)))?;
    let reference = words.remove(0);
    Ok((reference, words))
}

/// What the statement says, as far as it concerns both context and file.
struct Given<'a> {
    exec: &'a mut Exec,
    command: &'a Command,
    args: Vars,
    current: Current,
}

/// Where something is in the artifacts of a target.
struct Artifact {
    from: StepId,
    path: String,
    shown: String,
}

impl Given<'_> {
    /// The context as a step, and the text. None where a condition that was not run decides whether there is any.
    async fn read(
        &mut self,
        (word, context, own_args): (&Word, &str, &[Word]),
        file: Option<(&Word, &str)>,
    ) -> Result<Option<(StepId, DockerfileText)>> {
        // A file of its own comes first: it may be a target that fails.
        let text = match file {
            None => None,
            Some((word, file)) => match self.file(word, file).await? {
                Some(text) => Some(text),
                None => return Ok(None),
            },
        };
        let place = self.exec.place(word);
        let Some(reference) = artifact_ref(context).map_err(|e| e.at(&place))? else {
            if !own_args.is_empty() {
                return Err(error::args_of_directory().at(&place));
            }
            let (context, text) = self.directory(context, text).map_err(|e| e.at(&place))?;
            return Ok(Some((context, text)));
        };
        let own = last_wins(self.exec.flag_args(own_args).await?);
        let Some(artifact) = self.artifact(word, &reference, own).await? else {
            return Ok(None);
        };
        let text = text.unwrap_or_else(|| DockerfileText::In {
            from: artifact.from,
            path: join(&artifact.path, DEFAULT),
            shown: join(&artifact.shown, DEFAULT),
        });
        self.exec.state.current = self.current.clone();
        let context = self.part(artifact);
        Ok(Some((context, text)))
    }

    /// `-f`: a file of the host, or an artifact.
    async fn file(&mut self, word: &Word, text: &str) -> Result<Option<DockerfileText>> {
        let place = self.exec.place(word);
        match artifact_ref(text).map_err(|e| e.at(&place))? {
            Some(reference) => {
                let artifact = self.artifact(word, &reference, Vars::new()).await?;
                Ok(artifact.map(|artifact| DockerfileText::In {
                    from: artifact.from,
                    path: artifact.path,
                    shown: artifact.shown,
                }))
            }
            None => {
                let path = host_path(self.exec, text).map_err(|e| e.at(&place))?;
                let read = host_file(self.exec, &path).map_err(|e| e.at(&place))?;
                Ok(Some(DockerfileText::Host(read)))
            }
        }
    }

    /// A directory of the host as context, with the file in it if no other was given.
    fn directory(
        &mut self,
        text: &str,
        file: Option<DockerfileText>,
    ) -> Result<(StepId, DockerfileText)> {
        let exec = &mut *self.exec;
        let path = host_path(exec, text)?;
        let shown = shown(exec, &path);
        let dir = fs::canonicalize(&path).map_err(|e| error::no_context(&shown, &e))?;
        if !dir.is_dir() {
            return Err(error::context_is_a_file(&shown));
        }
        let file = match file {
            Some(file) => file,
            None => DockerfileText::Host(host_file(exec, &path.join(DEFAULT))?),
        };
        let implicit = !exec.has(Feature::NoImplicitIgnore);
        let docker = exec.has(Feature::UseDockerIgnore);
        let repository = exec.frame().file.repository.as_deref();
        let ignore = Ignore::of_context(&dir, implicit, docker, repository)?;
        exec.state.current = self.current.clone();
        let context = Context {
            dir,
            include: Vec::new(),
            exclude: ignore.patterns,
            round: exec.session.round(),
            after: None,
        };
        let step = exec.push_named(StepOp::Context(context), "context".to_owned());
        Ok((step, file))
    }

    /// Interprets the target of an artifact. Arguments of the statement are the target's, too.
    async fn artifact(
        &mut self,
        word: &Word,
        artifact: &ArtifactRef,
        own: Vars,
    ) -> Result<Option<Artifact>> {
        let exec = &mut *self.exec;
        let place = exec.place(word);
        exec.note_allow_privileged(self.command, &artifact.target.place);
        let mut args = self.args.clone();
        args.extend(own);
        let start = exec
            .start_of(
                self.command,
                &artifact.target,
                args,
                self.current.clone(),
                false,
            )
            .await
            .map_err(|e| e.at(&place))?;
        let Some(finished) = exec.reach_and_wait(start, LinkKind::Dockerfile).await? else {
            return Ok(None);
        };
        let shown = artifact.to_string();
        let Some(from) = finished.state.artifacts else {
            let target = artifact.target.to_string();
            return Err(error::artifact_not_found(&shown, &target).at(&place));
        };
        let path = absolute("/", &artifact.path);
        let path = match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        };
        Ok(Some(Artifact { from, path, shown }))
    }

    /// The artifacts as context: all of them as they are, or a directory of them.
    fn part(&mut self, artifact: Artifact) -> StepId {
        if artifact.path == "/" {
            return artifact.from;
        }
        let text = format!("context {}", artifact.shown);
        let on = self.exec.push_named(StepOp::Scratch, String::new());
        let item = CopyItem {
            from: artifact.from,
            wildcard: host::is_pattern(&artifact.path),
            source: artifact.path,
            dest: "/".to_owned(),
            contents: true,
            if_exists: false,
            follow: true,
            unpack: false,
            exclude: Vec::new(),
        };
        let copy = CopyFiles {
            on,
            items: vec![item],
            owner: None,
            mode: None,
            keep_times: true,
        };
        self.exec.push_named(StepOp::Copy(Box::new(copy)), text)
    }
}

/// Asks what the Dockerfile gives, and goes on with it as with an image.
async fn become_dockerfile(exec: &mut Exec, dockerfile: Dockerfile) -> Result<()> {
    let fs = exec.push(StepOp::Dockerfile(Box::new(dockerfile)));
    let answer = exec.session.probe.dockerfile(fs).await;
    let answer = answer.map_err(|problem: Box<Diagnostic>| {
        // A place in the Dockerfile does not say who reads it.
        let elsewhere = problem.at.is_some();
        let failure = error::Failure::from(problem);
        if elsewhere {
            failure.related(&exec.at, "read by this statement")
        } else {
            failure.at(&exec.at)
        }
    })?;
    let config = match answer {
        Answer::Known(found) => {
            if let Some(at) = found.privileged {
                let what = "RUN --security=insecure";
                let allowed = exec.require_privileges(what).await;
                allowed.map_err(|e| e.at(&at).related(&exec.at, "read by this statement"))?;
            }
            Some(found.config)
        }
        Answer::Undecided => None,
    };
    let known = config.is_some();
    let config = config.unwrap_or_else(|| ImageConfig::scratch(&exec.state.current.platform));
    exec.state.become_image(fs, config);
    exec.state.env_unknown = (!known).then_some(fs);
    Ok(())
}

/// The artifact that a text names; none if it is a path of the host.
fn artifact_ref(text: &str) -> Result<Option<ArtifactRef>> {
    match ArtifactRef::parse(text) {
        Ok(artifact) => Ok(Some(artifact)),
        Err(RefError::NoPath) => Err(error::artifact_directory_missing(text)),
        Err(RefError::NotAReference) => Ok(None),
        Err(why) => Err(error::bad_reference("artifact", text, &why)),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("\\+", "+")
}

fn join(path: &str, name: &str) -> String {
    format!("{}/{name}", path.trim_end_matches('/'))
}

/// A path as written, seen from the build file. A repository has nothing but its own files.
fn host_path(exec: &Exec, text: &str) -> Result<PathBuf> {
    let file = &exec.frame().file;
    let path = host::clean(&file.dir.join(unescaped(text)));
    let Some(repository) = &file.repository else {
        return Ok(path);
    };
    if text.starts_with('/') {
        return Err(error::absolute_in_repository(text));
    }
    if !path.starts_with(&repository.checkout.dir) || !repository.holds(&path) {
        return Err(error::outside_repository(text));
    }
    Ok(path)
}

/// A path of the host as messages show it.
fn shown(exec: &Exec, path: &Path) -> String {
    match &exec.frame().file.repository {
        Some(repository) => repository.file(path),
        None => exec.session.project.show(path),
    }
}

/// Reads a Dockerfile of the host.
fn host_file(exec: &Exec, path: &Path) -> Result<Arc<SourceFile>> {
    let shown = shown(exec, path);
    let shown = shown.strip_prefix("./").unwrap_or(&shown);
    if let Some(repository) = &exec.frame().file.repository
        && host::kind(path).is_some()
        && repository.inside(path).is_none()
    {
        return Err(error::leads_out(shown));
    }
    let failed = |e: io::Error| error::no_dockerfile(shown, &e);
    let metadata = fs::metadata(path).map_err(failed)?;
    // Reading a pipe or a device could take for ever.
    if !metadata.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    if metadata.len() > LONGEST {
        return Err(failed(io::Error::other("it is longer than 1 MiB")));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    Ok(Arc::new(SourceFile::new(shown, text)))
}
