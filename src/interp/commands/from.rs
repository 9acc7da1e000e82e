//! `FROM`: an image, nothing, or where another target ends (language specification, 4.1).

use crate::{
    diag::Diagnostic,
    graph::{
        ledger::LinkKind,
        plan::{ImageSource, StepOp},
    },
    interp::{
        args::last_wins,
        call::is_reference,
        error::{self, Result},
        exec::Exec,
        expand::REFERENCE,
        probe::Answer,
        state::Current,
        value::Value,
    },
    oci::{ImageConfig, ImageRef},
    syntax::{
        ast::{Command, Word},
        dialect::Feature,
    },
};

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let (name, rest) = command
        .args
        .split_first()
        .ok_or_else(|| error::arguments(command.keyword, "<image or target>"))?;
    if rest.first().is_some_and(|w| w.text == "AS") {
        return Err(error::from_as());
    }
    exec.keep_state();
    let current = exec.platform_flag(command).await?;
    let value = exec.expand(name, REFERENCE).await?;
    let Some(text) = value.known() else {
        return undecided_base(exec, &value, name, current);
    };
    if is_reference(text) {
        from_target(exec, command, (name, text), rest, current).await
    } else {
        if !rest.is_empty() || command.flag("build-arg").is_some() {
            return Err(error::args_of_image());
        }
        exec.state.current = current;
        from_image(exec, &text.replace("\\+", "+"), name).await
    }
}

async fn from_target(
    exec: &mut Exec,
    command: &Command,
    (name, text): (&Word, &str),
    words: &[Word],
    current: Current,
) -> Result<()> {
    let place = exec.place(name);
    let target = Exec::target_ref(text).map_err(|e| e.at(&place))?;
    exec.note_allow_privileged(command, &target.place);
    let args = last_wins(exec.build_args(command, words).await?);
    let start = exec
        .start_of(command, &target, args, current, false)
        .await
        .map_err(|e| e.at(&place))?;
    let same_file = start.file.path == exec.frame().file.path
        && matches!(target.place, crate::graph::reference::Place::Here);
    match exec.reach_and_wait(start, LinkKind::From).await? {
        Some(finished) if finished.state.ended_interactive => {
            return Err(error::from_interactive(text).at(&place));
        }
        Some(finished) => exec.become_target(&finished, same_file),
        None => {
            let by = exec.undecided_by;
            let why = format!("whether `{text}` is needed again is decided by a condition");
            let fs = exec.push(StepOp::Undecided { by, why });
            exec.state.fs = Some(fs);
        }
    }
    Ok(())
}

async fn from_image(exec: &mut Exec, text: &str, word: &Word) -> Result<()> {
    let platform = exec.state.current.platform.clone();
    if text == "scratch" {
        let fs = exec.push(StepOp::Scratch);
        exec.state.become_image(fs, ImageConfig::scratch(&platform));
        return Ok(());
    }
    let place = exec.place(word);
    let image = ImageRef::parse(text).map_err(|why| error::bad_image(text, &why).at(&place))?;
    let answer = exec.session.probe.base_image(&image, &platform).await;
    let answer = answer.map_err(|e: Box<Diagnostic>| {
        let failure = error::Failure::from(e).at(&place);
        // The plus sign is easily forgotten, and a registry's answer would not make one think of it.
        match exec.frame().file.tree().target(text) {
            Some(_) => failure.hint(&format!("did you mean the target `+{text}`?")),
            None => failure,
        }
    })?;
    let (reference, config) = match answer {
        Answer::Known(base) => (base.reference, Some(base.config)),
        Answer::Undecided => (image.to_string(), None),
    };
    let name = text.to_owned();
    let fs = exec.push(StepOp::Image(ImageSource { name, reference }));
    let known = config.is_some();
    let config = config.unwrap_or_else(|| ImageConfig::scratch(&platform));
    exec.state.become_image(fs, config);
    if exec.has(Feature::Extended) {
        exec.state.shell_of_image();
    }
    exec.state.env_unknown = (!known).then_some(fs);
    Ok(())
}

/// An image or a target whose name nobody knows before something has run.
pub(super) fn undecided_base(
    exec: &mut Exec,
    value: &Value,
    name: &Word,
    current: Current,
) -> Result<()> {
    exec.state.current = current;
    let fs = exec.push(StepOp::Undecided {
        by: value.decided_by(),
        why: format!("what `{}` names is not known before", name.text),
    });
    let config = ImageConfig::scratch(&exec.state.current.platform);
    exec.state.become_image(fs, config);
    exec.state.env_unknown = Some(fs);
    Ok(())
}
