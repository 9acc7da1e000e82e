//! `bld plan`: what would be built and output.

use std::{fmt::Write as _, sync::Arc};

use serde_json::{Value, json};

use crate::{
    cli::{
        args::{BuildArgs, PlanArgs},
        config_file,
        env_vars::Environment,
        exit::Exit,
        printer::{self, Remarks, Streams},
        progress::one_line,
        settings,
    },
    diag::Diagnostic,
    driver::{self, Planned},
    events::Told,
    graph::{
        ledger::{OutputKind, Reason, Settled, Verdict},
        plan::{Mount, MountKind, Run, SecretEnv, Step, StepId, StepOp},
    },
};

/// Interprets without running anything, and prints what came of it.
pub fn plan(
    args: &PlanArgs,
    build: &BuildArgs,
    target: &[String],
    environment: Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    let (config, mut remarks) = config_file::load(build, &environment)?;
    let (mut request, more) = settings::resolve(build, target, &environment, config)?;
    request.offline = args.offline;
    remarks.extend(more);
    printer::diagnostics(&remarks, streams);
    let planned = super::runtime()?.block_on(driver::plan(request, Arc::new(Remarks(streams))));
    let planned = match planned {
        Ok(planned) => planned,
        Err(failure) => {
            printer::diagnostics(&failure.diagnostics, streams);
            return Ok(super::build::exit(&failure));
        }
    };
    let text = if args.json {
        format!("{:#}\n", as_json(&planned))
    } else {
        as_text(&planned)
    };
    printer::data(&text)?;
    Ok(Exit::Success)
}

/// The steps below their targets, then the outputs.
fn as_text(planned: &Planned) -> String {
    let mut text = format!("plan of {}\n", planned.root);
    let steps = planned.plan.snapshot();
    for target in &planned.order {
        let mut own: Vec<&(StepId, Arc<Step>)> = steps
            .iter()
            .filter(|(_, step)| {
                let label = &step.label;
                label.target == *target && !label.text.is_empty() && label.told != Told::Nothing
            })
            .collect();
        // Concurrent targets mix in the plan; within one target the file's order is what a reader expects.
        own.sort_by_key(|(id, step)| (step.label.at.as_ref().map(|at| at.span.start), *id));
        // One statement may be several steps.
        own.dedup_by(|(_, a), (_, b)| {
            a.label == b.label && !matches!(a.op, StepOp::Decision { .. })
        });
        if own.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{target}");
        for (at, (_, step)) in own.iter().enumerate() {
            let branch = if at + 1 == own.len() {
                "└─"
            } else {
                "├─"
            };
            let _ = writeln!(
                text,
                "  {branch} {}{}{}",
                describe(planned, step),
                lent(step),
                needs(&steps, target, step)
            );
        }
    }
    text.push_str("\noutputs\n");
    if planned.outputs.is_empty() {
        text.push_str("  none\n");
    }
    for output in &planned.outputs {
        let _ = writeln!(text, "  {:<8} {}", kind(output), names(output).join(", "));
        let owner = &planned.visits[output.output.owner.0 as usize].target;
        let _ = writeln!(text, "           by {owner} at {}", output.output.at);
        let _ = writeln!(text, "           {}", chain(planned, output));
        if !matches!(output.output.kind, OutputKind::Push(_)) {
            let _ = writeln!(
                text,
                "           output: {}",
                verdict(planned, &output.local)
            );
        }
        if let Some(push) = &output.push {
            let _ = writeln!(text, "           push: {}", verdict(planned, push));
        }
    }
    text
}

/// A step in one line.
fn describe(planned: &Planned, step: &Step) -> String {
    match &step.op {
        StepOp::Decision { by, branches } => {
            let names: Vec<&str> = branches.iter().map(|(name, _)| name.as_str()).collect();
            let by = one_line(&planned.plan.step(*by).label.text);
            format!("undecided until `{by}` has run: {}", names.join(" or "))
        }
        StepOp::Undecided { why, .. } => {
            format!("{} (undecided: {why})", one_line(&step.label.text))
        }
        _ => one_line(&step.label.text),
    }
}

/// What a command gets besides its file system: `   ◇ privileged, secret KEY, cache /root/.npm`.
fn lent(step: &Step) -> String {
    let StepOp::Run(run) = &step.op else {
        return String::new();
    };
    let mut things = Vec::new();
    if run.privileged {
        things.push("privileged".to_owned());
    }
    things.extend(run.secret_env.iter().map(|s| format!("secret {}", s.id)));
    for mount in &run.mounts {
        let shown = (mount_kind(&mount.kind), mount.target.as_str());
        // What is a variable as well was said.
        let said = |id: &String| run.secret_env.iter().any(|s| s.id == *id);
        match &mount.kind {
            MountKind::Secret { id, .. } if said(id) => {}
            MountKind::Secret { id, .. } => things.push(format!("secret {id} at {}", shown.1)),
            _ => things.push(format!("{} {}", shown.0, shown.1)),
        }
    }
    if things.is_empty() {
        String::new()
    } else {
        format!("   ◇ {}", things.join(", "))
    }
}

fn mount_kind(kind: &MountKind) -> &'static str {
    match kind {
        MountKind::Cache { .. } => "cache",
        MountKind::Tmpfs => "tmpfs",
        MountKind::Secret { .. } => "secret",
        MountKind::Ssh { .. } => "ssh",
        MountKind::Files { .. } => "files",
        MountKind::Host { .. } => "bind",
    }
}

/// The same for programs.
fn lent_json(run: &Run, object: &mut Value) {
    if run.privileged {
        object["privileged"] = json!(true);
    }
    if !run.secret_env.is_empty() {
        let secret = |s: &SecretEnv| json!({"variable": s.name, "secret": s.id});
        object["secrets"] = run.secret_env.iter().map(secret).collect();
    }
    if !run.mounts.is_empty() {
        let mount = |m: &Mount| {
            let mut mount = json!({"type": mount_kind(&m.kind), "target": m.target});
            let id = match &m.kind {
                MountKind::Cache { id, .. }
                | MountKind::Secret { id, .. }
                | MountKind::Ssh { id, .. } => Some(id),
                MountKind::Tmpfs | MountKind::Files { .. } | MountKind::Host { .. } => None,
            };
            if let Some(id) = id {
                mount["id"] = json!(id);
            }
            mount
        };
        object["mounts"] = run.mounts.iter().map(mount).collect();
    }
}

/// The other targets that a step takes something from.
fn needs(steps: &[(StepId, Arc<Step>)], target: &str, step: &Step) -> String {
    let mut from: Vec<&str> = step
        .op
        .inputs()
        .iter()
        .map(|input| steps[input.0 as usize].1.label.target.as_str())
        .filter(|other| *other != target && !other.is_empty())
        .collect();
    from.sort_unstable();
    from.dedup();
    if from.is_empty() {
        String::new()
    } else {
        format!("   ◀ {}", from.join(", "))
    }
}

fn kind(output: &Settled) -> &'static str {
    match &output.output.kind {
        OutputKind::Image(image) if image.names.is_empty() => "hint",
        OutputKind::Image(_) => "image",
        OutputKind::Artifact(_) => "file",
        OutputKind::Push(_) => "command",
    }
}

fn names(output: &Settled) -> Vec<String> {
    match &output.output.kind {
        OutputKind::Image(image) if image.names.is_empty() => {
            vec!["SAVE IMAGE without a name".into()]
        }
        OutputKind::Image(image) => image.names.clone(),
        OutputKind::Artifact(file) => vec![format!("{} -> {}", file.artifact, file.dest_written)],
        OutputKind::Push(push) => vec![one_line(&push.text)],
    }
}

/// `reached by the command line > BUILD +b`.
fn chain(planned: &Planned, output: &Settled) -> String {
    let links: Vec<String> = output
        .chain
        .links()
        .into_iter()
        .map(|link| {
            let target = &planned.visits[link.to.0 as usize].target;
            format!("{} {target}", link.kind.text())
        })
        .collect();
    format!("reached by {}", links.join(" > "))
}

fn verdict(planned: &Planned, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Counts => "yes".to_owned(),
        Verdict::No(reason) => format!("no, {}", why(reason)),
        Verdict::Undecided(step) => {
            format!(
                "undecided until `{}` has run",
                one_line(&planned.plan.step(*step).label.text)
            )
        }
    }
}

fn why(reason: &Reason) -> String {
    match reason {
        Reason::ReachedBy(kind) => format!("its target is reached by {}", kind.text()),
        Reason::PushNotGiven => "`--push` was not given".to_owned(),
        Reason::NoName => "it has no name".to_owned(),
        Reason::NoOutput => "`--no-output` was given".to_owned(),
        Reason::NotAskedFor => "something else was asked for".to_owned(),
        Reason::Replaced { by } => format!("{by} writes the same place later"),
    }
}

/// The stable form; documented in `docs/reference/json.md`.
fn as_json(planned: &Planned) -> Value {
    let steps: Vec<Value> = planned
        .plan
        .snapshot()
        .iter()
        .map(|(id, step)| {
            let mut object = json!({
                "id": id.0,
                "target": step.label.target,
                "text": step.label.text,
                "kind": step_kind(&step.op),
                "platform": step.platform.to_string(),
                "inputs": step.op.inputs().iter().map(|i| i.0).collect::<Vec<_>>(),
            });
            if let Some(at) = &step.label.at {
                object["at"] = json!(at.to_string());
            }
            if let StepOp::Run(run) = &step.op {
                lent_json(run, &mut object);
            }
            if let StepOp::Decision { by, branches } = &step.op {
                object["decidedBy"] = json!(by.0);
                object["branches"] = branches
                    .iter()
                    .map(|(name, id)| json!({"name": name, "step": id.0}))
                    .collect();
            }
            if let StepOp::Undecided { by, why } = &step.op {
                object["decidedBy"] = json!(by.map(|b| b.0));
                object["why"] = json!(why);
            }
            object
        })
        .collect();
    let outputs: Vec<Value> = planned
        .outputs
        .iter()
        .map(|o| output_json(planned, o))
        .collect();
    json!({"version": 1, "target": planned.root, "steps": steps, "outputs": outputs})
}

fn step_kind(op: &StepOp) -> &'static str {
    match op {
        StepOp::Scratch => "scratch",
        StepOp::Image(_) => "image",
        StepOp::Context(_) => "context",
        StepOp::Files(_) => "files",
        StepOp::Download(_) => "download",
        StepOp::Run(_) => "run",
        StepOp::Copy(_) => "copy",
        StepOp::HostRun(_) => "host-run",
        StepOp::HostCopy(_) => "host-copy",
        StepOp::WriteBack(_) => "write-back",
        StepOp::MakeDir { .. } => "directory",
        StepOp::Dockerfile(_) => "dockerfile",
        StepOp::Decision { .. } => "decision",
        StepOp::Undecided { .. } => "undecided",
    }
}

fn output_json(planned: &Planned, output: &Settled) -> Value {
    let chain: Vec<Value> = output
        .chain
        .links()
        .into_iter()
        .map(|link| {
            json!({
                "by": link.kind.text(),
                "target": planned.visits[link.to.0 as usize].target,
                "at": link.at.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    let mut object = json!({
        "kind": kind(output),
        "names": names(output),
        "target": planned.visits[output.output.owner.0 as usize].target,
        "at": output.output.at.to_string(),
        "chain": chain,
        "output": verdict_json(&output.local),
    });
    if let Some(push) = &output.push {
        object["push"] = verdict_json(push);
    }
    object
}

fn verdict_json(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Counts => json!({"counts": "yes"}),
        Verdict::No(reason) => json!({"counts": "no", "why": why(reason)}),
        Verdict::Undecided(step) => json!({"counts": "undecided", "decidedBy": step.0}),
    }
}
