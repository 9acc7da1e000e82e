//! `--mount type=bind`: files of another target, of an image or of the build file's directory in a command, as a Dockerfile
//! has it. What the command writes to them is lost. Only with `VERSION --extended`.

use super::{copy_files, mount::MountText};
use crate::{
    diag::Location,
    graph::{
        ArtifactRef,
        ledger::LinkKind,
        plan::{Context, ImageSource, MountKind, StepId, StepOp},
        reference::{RefError, clean},
    },
    interp::{
        call::is_reference,
        error::{self, Failure, Result},
        exec::Exec,
        ignore::Ignore,
        probe::Answer,
        scope::Vars,
        value::UNDECIDED,
    },
    oci::ImageRef,
    syntax::ast::Command,
};

impl Exec {
    /// What is mounted for a text of `type=bind`.
    pub(super) async fn files_to_mount(
        &self,
        command: &Command,
        text: &MountText,
        at: &Location,
    ) -> Result<MountKind> {
        let (from, path) = match text.from.as_deref() {
            None if text.source.contains(UNDECIDED) => (self.nobody_knows(text), String::new()),
            None => {
                let ignore = self.home.ignore()?;
                let found = copy_files::find(self, &text.source, &ignore, true, false)?;
                let (path, include) = found.ok_or_else(|| error::not_found(&text.source, None))?;
                (self.own_files(&path, include, &ignore), format!("/{path}"))
            }
            Some(from) if from.contains(UNDECIDED) => (self.nobody_knows(text), String::new()),
            Some(from) if is_reference(from) => self.files_of_target(command, from).await?,
            Some(from) => (self.files_of_image(from, at).await?, String::new()),
        };
        let source = match &text.from {
            Some(_) => clean(&format!("{path}/{}", text.source)),
            None => clean(&path),
        };
        Ok(MountKind::Files { from, source })
    }

    fn nobody_knows(&self, text: &MountText) -> StepId {
        let why = format!("what is mounted at `{}` is not known before", text.target);
        self.push(StepOp::Undecided { by: None, why })
    }

    fn own_files(&self, path: &str, mut include: Vec<String>, ignore: &Ignore) -> StepId {
        if path.is_empty() {
            include.clear();
        }
        let context = Context {
            dir: self.home.dir.clone(),
            include,
            exclude: ignore.patterns.clone(),
            round: self.session.round(),
            after: None,
        };
        self.push_named(StepOp::Context(context), "context".to_owned())
    }

    /// `+target/path` is an artifact, and `+target` the file system in which the target ends.
    async fn files_of_target(&self, command: &Command, text: &str) -> Result<(StepId, String)> {
        let (target, path) = match ArtifactRef::parse(text) {
            Ok(artifact) => (artifact.target, Some(artifact.path)),
            Err(RefError::NoPath) => (Self::target_ref(text)?, None),
            Err(why) => return Err(error::bad_reference("artifact", text, &why)),
        };
        let current = self.platform(None)?;
        let start = self.start_of(command, &target, Vars::new(), current, false);
        let start = start.await?;
        let Some(finished) = self.reach_and_wait(start, LinkKind::Copy).await? else {
            let by = self.undecided_by;
            let why = format!("whether `{text}` is needed again is decided by a condition");
            return Ok((self.push(StepOp::Undecided { by, why }), String::new()));
        };
        let target = target.to_string();
        match (path, finished.state.artifacts, finished.state.fs) {
            (Some(path), Some(from), _) => Ok((from, format!("/{path}"))),
            (Some(path), None, _) => {
                let path = path.trim_start_matches('/');
                Err(error::artifact_not_found(
                    &format!("{target}/{path}"),
                    &target,
                ))
            }
            (None, _, Some(from)) => Ok((from, String::new())),
            (None, _, None) => Err(error::mount_of_nothing(&target)),
        }
    }

    async fn files_of_image(&self, text: &str, at: &Location) -> Result<StepId> {
        let text = text.replace("\\+", "+");
        if text == "scratch" {
            return Ok(self.push(StepOp::Scratch));
        }
        let platform = self.platform(None)?.platform;
        let image = ImageRef::parse(&text).map_err(|why| error::bad_image(&text, &why))?;
        let answer = self.session.probe.base_image(&image, &platform).await;
        let answer = answer.map_err(|e| match self.frame().file.tree().target(&text) {
            Some(_) => Failure::from(e)
                .at(at)
                .hint(&format!("did you mean the target `+{text}`?")),
            None => Failure::from(e).at(at),
        })?;
        let reference = match answer {
            Answer::Known(base) => base.reference,
            Answer::Undecided => image.to_string(),
        };
        let name = text.clone();
        let op = StepOp::Image(ImageSource { name, reference });
        Ok(self.push_for(platform, op, format!("--mount from={text}"), false))
    }
}
