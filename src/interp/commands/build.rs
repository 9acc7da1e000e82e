//! `BUILD`: another target for its outputs (language specification, 4.6).

use crate::{
    graph::{TargetRef, ledger::LinkKind, plan::StepOp, reference::Place},
    interp::{
        args::{BuildArg, matrix},
        error::{self, Result},
        exec::{Caller, Exec, Pending, Start},
        expand::{How, REFERENCE},
        probe::Work,
        scope::Vars,
        state::Current,
    },
    syntax::{
        ast::{Command, Word},
        dialect::Feature,
    },
};

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let (name, words) = command
        .args
        .split_first()
        .ok_or_else(|| error::arguments(command.keyword, "<target>"))?;
    if exec.state.locally.is_some() {
        refuse_shell_outs(exec, command, words)?;
    }
    let value = exec.expand(name, REFERENCE).await?;
    let platforms = platforms(exec, command).await?;
    let Some(text) = value.known() else {
        exec.push(StepOp::Undecided {
            by: value.decided_by(),
            why: format!("which target `{}` names is not known before", name.text),
        });
        return Ok(());
    };
    let args = exec.build_args(command, words).await?;
    let target = Exec::target_ref(text).map_err(|e| e.at(&exec.place(name)))?;
    exec.note_allow_privileged(command, &target.place);
    let place = exec.place(name);
    let targets = exec.matching(&target, Feature::WildcardBuilds);
    let targets = targets.map_err(|e| e.at(&place))?;
    for (target, current, row) in matrix_of(&targets, &platforms, args) {
        let start = exec.start_of(command, &target, row, current, true).await;
        let start = start.map_err(|e| e.at(&place))?;
        if command.is_on("auto-skip")
            && let Some(work) = work_of(&start)
        {
            let done = exec.session.probe.done_before(work).await;
            if done.map_err(error::Failure::from)? {
                continue;
            }
        }
        let at = exec.at.clone();
        if let Some((entry, edge)) = exec.reach(start, LinkKind::Build)? {
            exec.pending.push(Pending { entry, edge, at });
        }
    }
    Ok(())
}

/// The rule of the language; a variable says the same.
fn refuse_shell_outs(exec: &Exec, command: &Command, words: &[Word]) -> Result<()> {
    let flags = command.flags_named("build-arg");
    let flags = flags.filter_map(|flag| flag.value.as_ref());
    for word in words.iter().chain(flags) {
        if exec.has_shell_out(word)? {
            return Err(error::locally_shell_out().at(&exec.place(word)));
        }
    }
    Ok(())
}

/// Every build of the matrix: directories of a pattern vary slowest, then platforms.
fn matrix_of(
    targets: &[TargetRef],
    platforms: &[Current],
    args: Vec<BuildArg>,
) -> Vec<(TargetRef, Current, Vars)> {
    let rows = matrix(args);
    let mut all = Vec::with_capacity(targets.len() * platforms.len() * rows.len());
    for target in targets {
        for platform in platforms {
            let rows = rows.iter().cloned();
            all.extend(rows.map(|row| (target.clone(), platform.clone(), row)));
        }
    }
    all
}

async fn platforms(exec: &mut Exec, command: &Command) -> Result<Vec<Current>> {
    let mut platforms = Vec::new();
    for flag in command.flags_named("platform") {
        let Some(word) = &flag.value else { continue };
        let text = exec.expand(word, How::default()).await?;
        let place = exec.place(word);
        let platform = match text.known() {
            Some(text) => exec.platform(Some(text)).map_err(|e| e.at(&place))?,
            None => exec.state.outside().clone(),
        };
        platforms.push(platform);
    }
    if platforms.is_empty() {
        platforms.push(exec.state.outside().clone());
    }
    Ok(platforms)
}

/// What a start is, for whoever knows what has been done before. None where only a run would tell.
fn work_of(start: &Start) -> Option<Work> {
    let args = start.args.iter().map(|(name, value)| {
        let value = value.known()?;
        Some((name.clone(), value.to_owned()))
    });
    let current = &start.current;
    let remote = start.file.repository.is_some();
    let target = match remote {
        true => TargetRef::parse(&start.file.target(&start.target)).ok()?,
        false => TargetRef {
            place: Place::Here,
            name: start.target.clone(),
        },
    };
    Some(Work {
        target,
        file: (!remote).then(|| start.file.path.clone()),
        args: args.collect::<Option<_>>()?,
        platform: current.chosen.then(|| current.platform.clone()),
    })
}

/// Starts the targets of a `BUILD` that stands further down, if nothing in between can change what they are. Errors wait
/// until the statement itself runs.
pub(crate) fn start_early(exec: &Exec, command: &Command) {
    let starts = early(exec, command).unwrap_or_default();
    let at = exec.frame().file.at(command.span);
    for start in starts {
        start.start(&exec.session, Some(Caller::new(exec, &at)));
    }
}

fn early(exec: &Exec, command: &Command) -> Option<Vec<Start>> {
    let (name, words) = command.args.split_first()?;
    let text = exec.expand_stable(name, REFERENCE)?;
    let args = exec.stable_args(command, words)?;
    let mut platforms = Vec::new();
    for flag in command.flags_named("platform") {
        let text = exec.expand_stable(flag.value.as_ref()?, How::default())?;
        platforms.push(exec.platform(text.known()).ok()?);
    }
    if platforms.is_empty() {
        platforms.push(exec.state.outside().clone());
    }
    if command.is_on("auto-skip") {
        return None;
    }
    let target = Exec::target_ref(text.known()?).ok()?;
    let targets = exec.matching(&target, Feature::WildcardBuilds).ok()?;
    let all = matrix_of(&targets, &platforms, args).into_iter();
    all.map(|(target, current, row)| {
        exec.start_now(command, &target, row, current, true)
            .ok()
            .flatten()
    })
    .collect()
}
