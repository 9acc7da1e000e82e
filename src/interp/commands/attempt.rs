//! `TRY … FINALLY`: a command whose files are saved even if it fails (language specification, 4.14).
//!
//! The command runs as an attempt: it succeeds for the engine whatever its exit status is, so that there is a file system
//! to save from. A failure becomes the failure of the build here.

use super::save_artifact::{self, Options};
use crate::{
    graph::{
        StepId,
        ledger::{Output, OutputKind},
        plan::{Keep, StepOp},
    },
    interp::{error::Result, exec::Exec, expand::How, probe::Answer},
    syntax::ast::{Block, Command, Keyword, Statement, Try},
};

impl Exec {
    /// `TRY`, one command, `FINALLY`.
    pub(crate) async fn try_statement(&mut self, statement: &Try) -> Result<()> {
        self.refuse_locally(Keyword::Try)?;
        self.check_places(statement.finally.as_ref())?;
        self.stand_at_command(&statement.opener);
        let outer = std::mem::replace(&mut self.keep, Keep::Attempt);
        let body = self.block(&statement.body).await;
        self.keep = outer;
        body?;
        if let Some(step) = self.attempted() {
            match self.session.probe.attempt(step).await? {
                Answer::Known(0) | Answer::Undecided => {}
                Answer::Known(_) => {
                    if self.session.request.interactive {
                        self.open_shell(step).await?;
                    }
                    let saved = self.rescues(statement.finally.as_ref(), step).await?;
                    return Err(self.session.probe.rescue(step, saved).await.into());
                }
            }
        }
        match &statement.finally {
            Some(finally) => self.block(finally).await,
            None => Ok(()),
        }
    }

    /// What may not be written is told before anything runs, and not instead of the command's failure.
    fn check_places(&mut self, finally: Option<&Block>) -> Result<()> {
        for statement in finally.into_iter().flat_map(Block::statements) {
            let Statement::Command(command) = statement else {
                continue;
            };
            self.stand_at_command(command);
            let words = save_artifact::words(command);
            // A variable is not allowed there.
            let local = words.map(|words| words.local.map(|word| word.text.clone()));
            let place = match local {
                Ok(Some(local)) => save_artifact::place_of(self, &local, false, false),
                Ok(None) => continue,
                Err(failure) => Err(failure),
            };
            place.map_err(|failure| failure.at(&self.at))?;
        }
        Ok(())
    }

    /// The attempt that the file system is the result of.
    fn attempted(&self) -> Option<StepId> {
        let fs = self.state.fs?;
        match &self.session.plan.step(fs).op {
            StepOp::Run(run) if run.keep == Keep::Attempt => Some(fs),
            _ => None,
        }
    }

    /// What is saved although the command has failed: everything that `FINALLY` names, if it is there.
    async fn rescues(&mut self, finally: Option<&Block>, from: StepId) -> Result<Vec<Output>> {
        let from = self.with_caches(from);
        let mut saved = Vec::new();
        for statement in finally.into_iter().flat_map(Block::statements) {
            let Statement::Command(command) = statement else {
                continue;
            };
            self.stand_at_command(command);
            let at = self.at.clone();
            let output = self.rescued(command, from).await;
            saved.extend(output.map_err(|failure| failure.at(&at))?);
        }
        Ok(saved)
    }

    async fn rescued(&mut self, command: &Command, from: StepId) -> Result<Option<Output>> {
        let words = save_artifact::words(command)?;
        let Some(local) = words.local else {
            return Ok(None);
        };
        let src = self.expand_text(words.src, How::default()).await?;
        let dst = match words.dst {
            Some(word) => self.expand_text(word, How::default()).await?,
            None => "./".to_owned(),
        };
        let local = self.expand_text(local, How::default()).await?;
        let source = save_artifact::source_of(self, &src)?;
        let base = source.rsplit('/').next().unwrap_or_default();
        let dest = save_artifact::artifact_dest(&dst, base, false);
        let base = dest.rsplit('/').next().unwrap_or_default();
        let options = Options {
            keep_times: false,
            keep_owner: false,
            // What is missing is told of, and hides neither the other files nor the failure of the command.
            if_exists: true,
            follow: true,
            force: false,
            collected: false,
        };
        let mut output =
            save_artifact::local_output(self, from, &source, &dest, base, false, &local, &options)?;
        output.if_exists = command.is_on("if-exists");
        Ok(Some(self.output_of(OutputKind::Artifact(output))))
    }
}
