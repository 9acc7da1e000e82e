//! `RUN` (language specification, 4.2).

use super::{documents, interactive};
use crate::{
    graph::{
        ledger::{OutputKind, PushCommand},
        plan::Keep,
    },
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
        value::UNDECIDED,
        with_docker,
    },
    syntax::ast::{Command, Keyword},
};

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    if exec.docker.is_some() {
        return with_docker::run(exec, command).await;
    }
    if exec.state.locally.is_some() {
        return super::locally::run_command(exec, command).await;
    }
    let fs = exec.fs("RUN")?;
    let options = exec.run_options(command).await?;
    if let Some(kind) = options.interactive {
        return interactive::run(exec, command, options, kind).await;
    }
    let push = exec.switch(command, "push").await?;
    if !push && exec.state.after_push {
        return Err(error::after_push());
    }
    let args = arguments(exec, command).await?;
    let on = match exec.state.pushed {
        Some(pushed) if push => pushed,
        _ => fs,
    };
    // What is pushed apart from the build has nobody who asks how it ended.
    let keep = if push && !exec.pushes_in_place() {
        Keep::FileSystem
    } else {
        exec.keep
    };
    let mut run = exec.run_step(on, args, keep);
    documents::lend(exec, command, &mut run);
    run.no_cache = push;
    if !push {
        let looked_after = exec.session.request.interactive && keep == Keep::FileSystem;
        if looked_after {
            run.keep = Keep::Attempt;
        }
        exec.apply(&options, &mut run).await?;
        let step = exec.push_run(run, &options).await?;
        exec.state.fs = Some(step);
        return if looked_after {
            exec.look_after(step).await
        } else {
            Ok(())
        };
    }
    let mut step = None;
    // What is not pushed needs no secret either.
    if exec.session.request.push && exec.chain {
        exec.apply(&options, &mut run).await?;
        step = Some(exec.push_run(run, &options).await?);
    }
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
        exec.state.push_left_out |= step.is_none();
    }
    Ok(())
}

/// Program and arguments.
pub(crate) async fn arguments(exec: &mut Exec, command: &Command) -> Result<Vec<String>> {
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
        return if all.is_empty() && exec.state.env_unknown.is_some() {
            // What nobody has looked up may have one.
            Ok(vec![UNDECIDED.to_owned()])
        } else if all.is_empty() {
            Err(error::no_entrypoint())
        } else {
            Ok(all)
        };
    }
    if words.is_empty() {
        return Err(error::arguments(Keyword::Run, "<command>"));
    }
    if let Some(words) = &command.exec {
        return Ok(words.clone());
    }
    Ok(match documents::script(command) {
        Some(script) => documents::program(script),
        None => exec.shell(&command.shell_text()),
    })
}
