//! `RUN` (language specification, 4.2).

use crate::{
    graph::{
        ledger::{OutputKind, PushCommand},
        plan::{Keep, Network, StepOp},
    },
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::{How, shell},
    },
    syntax::{
        ast::{Command, Keyword},
        truth,
    },
};

/// Flags that this version reads and does not execute.
const NOT_YET: &[&str] = &[
    "secret",
    "mount",
    "ssh",
    "privileged",
    "interactive",
    "interactive-keep",
    "aws",
    "oidc",
    "raw-output",
];

/// Refuses the flags that are not executed yet; none is ever skipped in silence.
pub(crate) fn refuse_flags(command: &Command) -> Result<()> {
    for flag in &command.flags {
        // A switch may say that it is off; a secret or a mount may be called `0`.
        let switch = !matches!(flag.name, "secret" | "mount");
        let off = switch
            && flag
                .value
                .as_ref()
                .is_some_and(|v| truth(&v.text) == Some(false));
        if NOT_YET.contains(&flag.name) && !off {
            let what = format!("{} --{}", command.keyword.text(), flag.name);
            return Err(error::not_yet(&what));
        }
    }
    Ok(())
}

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    refuse_flags(command)?;
    let fs = exec.fs("RUN")?;
    let push = exec.switch(command, "push").await?;
    if !push && exec.state.after_push {
        return Err(error::after_push());
    }
    let args = arguments(exec, command).await?;
    let on = match exec.state.pushed {
        Some(pushed) if push => pushed,
        _ => fs,
    };
    let mut run = exec.run_step(on, args, Keep::FileSystem);
    run.no_cache = push || exec.switch(command, "no-cache").await?;
    run.network = network(command)?;
    let op = StepOp::Run(Box::new(run));
    if !push {
        exec.state.fs = Some(exec.push(op));
        return Ok(());
    }
    let counts = exec.session.request.push && exec.chain;
    let step = counts.then(|| exec.push(op));
    exec.output(OutputKind::Push(PushCommand {
        text: command.shell_text(),
        step,
    }));
    if exec.pushes_in_place() {
        if let Some(step) = step {
            exec.state.fs = Some(step);
        }
    } else {
        exec.state.pushed = step.or(exec.state.pushed);
        exec.state.after_push = true;
    }
    Ok(())
}

/// Program and arguments.
async fn arguments(exec: &mut Exec, command: &Command) -> Result<Vec<String>> {
    let entrypoint = exec.switch(command, "entrypoint").await?;
    let words: Vec<String> = match &command.exec {
        Some(words) => words.clone(),
        None if entrypoint => {
            // No shell will see these words, so that quotes and variables are read here.
            let mut words = Vec::with_capacity(command.args.len());
            for word in &command.args {
                words.push(exec.expand_text(word, How::default()).await?);
            }
            words
        }
        None => command.args.iter().map(|w| w.text.clone()).collect(),
    };
    if entrypoint {
        let image = &exec.state.config.config;
        let mut all = image.entrypoint.clone().unwrap_or_default();
        if words.is_empty() {
            all.extend(image.cmd.clone().unwrap_or_default());
        } else {
            all.extend(words);
        }
        return if all.is_empty() {
            Err(error::no_entrypoint())
        } else {
            Ok(all)
        };
    }
    if words.is_empty() {
        return Err(error::arguments(Keyword::Run, "<command>"));
    }
    Ok(match &command.exec {
        Some(words) => words.clone(),
        None => shell(&command.shell_text()),
    })
}

fn network(command: &Command) -> Result<Network> {
    match command.flag("network").and_then(|f| f.value.as_ref()) {
        None => Ok(Network::Default),
        Some(word) if word.text == "none" => Ok(Network::None),
        Some(word) => Err(error::network(&word.text)),
    }
}
