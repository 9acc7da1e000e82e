//! Commands at the user's terminal: `RUN --interactive`, and the shell of `--interactive` where a `RUN` has failed
//! (language specification, 4.2).

use super::{
    options::{Interactive, RunOptions},
    run::arguments,
};
use crate::{
    graph::{
        StepId,
        plan::{Keep, Run, StepOp},
    },
    interp::{
        error::{self, Result},
        exec::Exec,
        probe::Answer,
    },
    syntax::ast::{Command, Keyword, Statement},
};

pub(super) async fn run(
    exec: &mut Exec,
    command: &Command,
    options: RunOptions,
    kind: Interactive,
) -> Result<()> {
    permitted(exec)?;
    let on = exec.fs("RUN")?;
    let args = arguments(exec, command).await?;
    let mut run = exec.run_step(on, args, Keep::FileSystem);
    exec.apply(&options, &mut run).await?;
    if kind == Interactive::Keep {
        return sit(exec, run, &options, kind).await;
    }
    let step = exec.push_run(run, &options).await?;
    exec.state.ended_interactive = true;
    // Where it is not known whether it runs at all, nobody is asked to sit down.
    if exec.undecided_by.is_some() {
        return Ok(());
    }
    match exec.session.probe.at_terminal(step).await? {
        Answer::Known(0) | Answer::Undecided => Ok(()),
        Answer::Known(status) => Err(error::interactive_failed(&exec.text, status)),
    }
}

/// An error where nobody may sit at a build.
pub(crate) fn permitted(exec: &Exec) -> Result<()> {
    // Where a condition was not run, it may be the one that keeps it out of such a build.
    if exec.session.request.strict && exec.undecided_by.is_none() {
        return Err(error::interactive_strict());
    }
    Ok(())
}

/// A command at the terminal that is a step like any other, so that what it changes can be kept.
pub(crate) async fn sit(
    exec: &mut Exec,
    mut run: Run,
    options: &RunOptions,
    kind: Interactive,
) -> Result<()> {
    run.at_terminal = true;
    run.no_cache = true;
    let step = exec.push_run(run, options).await?;
    exec.state.ended_interactive = true;
    if kind == Interactive::Keep {
        exec.state.fs = Some(step);
    }
    if exec.undecided_by.is_some() {
        return Ok(());
    }
    Ok(exec.session.probe.kept_at_terminal(step).await?)
}

impl Exec {
    /// Only what was there before an interactive command can still be saved behind it.
    pub(crate) fn check_after_interactive(&self, statement: &Statement) -> Result<()> {
        let saves = matches!(
            statement,
            Statement::Command(c) if matches!(c.keyword, Keyword::SaveImage | Keyword::SaveArtifact)
        );
        if self.state.ended_interactive && !saves {
            return Err(error::after_interactive());
        }
        Ok(())
    }

    /// With `--interactive`: waits for a command, and opens a shell where it has failed.
    pub(super) async fn look_after(&mut self, step: StepId) -> Result<()> {
        match self.session.probe.attempt(step).await? {
            Answer::Known(0) | Answer::Undecided => Ok(()),
            Answer::Known(_) => {
                self.open_shell(step).await?;
                Err(self.session.probe.rescue(step, Vec::new()).await.into())
            }
        }
    }

    /// A shell in what a failed command left, with everything that the command had. How it ends says nothing.
    pub(super) async fn open_shell(&self, failed: StepId) -> Result<()> {
        let planned = self.session.plan.step(failed);
        let StepOp::Run(run) = &planned.op else {
            return Ok(());
        };
        let shell = Run {
            on: failed,
            args: vec!["/bin/sh".to_owned()],
            keep: Keep::FileSystem,
            ..(**run).clone()
        };
        self.warn(error::shell_opens(&self.text));
        let step = self.push_named(StepOp::Run(Box::new(shell)), "a shell".to_owned());
        self.session.probe.at_terminal(step).await?;
        Ok(())
    }
}
