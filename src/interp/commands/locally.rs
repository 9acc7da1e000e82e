//! `LOCALLY`, and commands that run on this machine (language specification, 4.16).

use std::path::PathBuf;

use crate::{
    graph::{
        StepId,
        plan::{HostRun, Keep, StepOp},
    },
    interp::{
        error::{self, Result},
        exec::Exec,
        probe::{Answer, Captured},
    },
    syntax::{
        ast::{Command, Flag, Keyword},
        truth,
    },
};

/// The options of `RUN` that have a meaning on this machine.
pub(crate) const RUN: &[&str] = &["no-cache", "raw-output"];
/// Those of `IF` and `ELSE IF`.
pub(crate) const IF: &[&str] = &["no-cache"];
/// Those of `FOR`.
pub(crate) const FOR: &[&str] = &["sep", "no-cache"];

/// `LOCALLY`: from here on there is no file system but this machine's.
pub(crate) async fn run(exec: &mut Exec) -> Result<()> {
    exec.permitted("LOCALLY")?;
    // Where a condition was not run, it may be the one that keeps it out of such a build.
    if exec.session.request.strict && exec.undecided_by.is_none() {
        return Err(error::locally_strict());
    }
    exec.keep_state();
    above(exec).await?;
    let fs = exec.push(StepOp::Scratch);
    let dir = exec.home.host_dir(exec.session.project.cwd());
    let dir = dir.display().to_string();
    let user = exec.session.request.user.clone();
    exec.state.become_host(fs, &dir, user);
    Ok(())
}

/// What this recipe says above `LOCALLY` has been done before anything is done to this machine: whoever writes a test
/// there wants it to have passed. What the base recipe says is needed by nothing here.
async fn above(exec: &Exec) -> Result<()> {
    let Some(fs) = exec.state.fs else {
        return Ok(());
    };
    let own = exec.session.plan.step(fs).label.target == exec.home.target(&exec.target);
    if own && exec.undecided_by.is_none() {
        exec.session.probe.executed(fs).await?;
    }
    Ok(())
}

/// `RUN` under `LOCALLY`.
pub(crate) async fn run_command(exec: &mut Exec, command: &Command) -> Result<()> {
    refuse_options(exec, command, RUN)?;
    let raw_output = exec.switch(command, "raw-output").await?;
    if super::documents::script(command).is_some() {
        return Err(error::script_on_host());
    }
    let args = match &command.exec {
        Some(words) => words.clone(),
        None => exec.shell(&command.shell_text()),
    };
    if command.args.is_empty() && command.exec.as_ref().is_none_or(Vec::is_empty) {
        return Err(error::arguments(Keyword::Run, "<command>"));
    }
    let text = exec.text.clone();
    let (step, _) = exec
        .on_host_labelled(args, Keep::FileSystem, text, raw_output)
        .await?;
    exec.state.fs = Some(step);
    Ok(())
}

/// Refuses every option but these.
pub(crate) fn refuse_options(exec: &Exec, command: &Command, allowed: &[&str]) -> Result<()> {
    match refused_option(command, allowed) {
        None => Ok(()),
        Some(flag) => {
            let at = exec.frame().file.at(flag.span);
            Err(error::locally_option(command.keyword, flag.name).at(&at))
        }
    }
}

/// The first option that is none of these. A switch that says that it is off is none.
pub(crate) fn refused_option<'a>(command: &'a Command, allowed: &[&str]) -> Option<&'a Flag> {
    command.flags.iter().find(|flag| {
        let off = |text: &str| truth(text) == Some(false);
        let switch = !matches!(flag.name, "secret" | "mount" | "network");
        let is_off = switch && flag.value.as_ref().is_some_and(|v| off(&v.text));
        !allowed.contains(&flag.name) && !is_off
    })
}

/// What is asked for anew by each statement that touches this machine. That a target of the user is `LOCALLY` does not say
/// that the functions which it calls may be.
pub(crate) const ON_HOST: &str = "a command on this machine (LOCALLY)";

impl Exec {
    /// Runs a command on this machine, in the directory that is in force there, as a step of the current statement.
    pub async fn on_host(
        &mut self,
        args: Vec<String>,
        keep: Keep,
    ) -> Result<(StepId, Answer<Captured>)> {
        let text = self.text.clone();
        self.on_host_labelled(args, keep, text, false).await
    }

    /// The same with a text of its own; with `raw_output` what it prints stands by itself.
    pub async fn on_host_labelled(
        &mut self,
        args: Vec<String>,
        keep: Keep,
        text: String,
        raw_output: bool,
    ) -> Result<(StepId, Answer<Captured>)> {
        let run = HostRun {
            after: self.fs(&text)?,
            args,
            env: self.frame().command_env(&self.state.env),
            dir: PathBuf::from(&self.state.cwd),
            keep,
        };
        let step = self.push_labelled(StepOp::HostRun(Box::new(run)), text, raw_output);
        let answer = self.do_on_host(step).await?;
        Ok((step, answer))
    }

    /// Has a step done that changes this machine, and takes note that it may have changed.
    pub async fn do_on_host(&self, step: StepId) -> Result<Answer<Captured>> {
        self.permitted(ON_HOST)?;
        // Which way a condition goes is not known, so nothing behind it may be done.
        let answer = if self.undecided_by.is_some() {
            Answer::Undecided
        } else {
            self.session.probe.on_host(step).await?
        };
        match answer {
            Answer::Known(_) => self.session.host_changed(),
            Answer::Undecided => self.session.host_not_changed(),
        }
        Ok(answer)
    }
}
