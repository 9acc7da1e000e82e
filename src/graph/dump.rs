//! Plan and ledger as compact text, for tests and for people who look into a build.

use std::fmt::Write as _;

use super::{
    ledger::{Ledger, OutputKind, OutputMode, Reason, Settled, Verdict},
    plan::{CopyFiles, CopyItem, Keep, Network, Plan, Run, StepOp},
};

/// One line for each step: `s2 +build: run s1 ["/bin/sh", "-c", "make"] A=1`.
pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for (id, step) in plan.snapshot() {
        let target = &step.label.target;
        let platform = step.label.platform.as_ref();
        let platform = platform.map_or(String::new(), |p| format!(" [{p}]"));
        let _ = writeln!(text, "{id:?} {target}{platform}: {}", op(&step.op));
    }
    text
}

fn op(op: &StepOp) -> String {
    match op {
        StepOp::Scratch => "scratch".to_owned(),
        StepOp::Image(image) => format!("image {}", image.reference),
        StepOp::Context(context) => {
            let mut text = "context".to_owned();
            if !context.include.is_empty() {
                let _ = write!(text, " {}", context.include.join(" "));
            }
            if !context.exclude.is_empty() {
                let _ = write!(text, " without {}", context.exclude.join(" "));
            }
            text
        }
        StepOp::Run(command) => run(command),
        StepOp::Copy(files) => copy(files),
        StepOp::MakeDir {
            on,
            path,
            owner,
            mode,
        } => {
            let owner = owner
                .as_ref()
                .map_or(String::new(), |o| format!(" owner {o}"));
            format!("mkdir {on:?} {path} {mode:o}{owner}")
        }
        StepOp::Decision { by, branches } => {
            let branches: Vec<String> = branches
                .iter()
                .map(|(name, id)| format!("{name} {id:?}"))
                .collect();
            format!("decided by {by:?}: {}", branches.join(", "))
        }
        StepOp::Undecided { by, why } => {
            let by = by.map_or(String::new(), |by| format!(" until {by:?}"));
            format!("undecided{by}: {why}")
        }
    }
}

fn run(run: &Run) -> String {
    let mut text = match run.keep {
        Keep::FileSystem => "run",
        Keep::ExitStatus => "test",
        Keep::Output => "output of",
    }
    .to_owned();
    let _ = write!(text, " {:?}", run.on);
    match run.args.as_slice() {
        [sh, c, script] if sh == "/bin/sh" && c == "-c" => {
            let _ = write!(text, " `{script}`");
        }
        args => {
            let _ = write!(text, " {args:?}");
        }
    }
    for (name, value) in run.env.iter().filter(|(name, _)| name != "PATH") {
        let _ = write!(text, " {name}={value}");
    }
    if run.cwd != "/" {
        let _ = write!(text, " in {}", run.cwd);
    }
    if !run.user.is_empty() {
        let _ = write!(text, " as {}", run.user);
    }
    if run.no_cache {
        text.push_str(" no-cache");
    }
    if run.network == Network::None {
        text.push_str(" no-network");
    }
    for (name, address) in &run.hosts {
        let _ = write!(text, " host {name}={address}");
    }
    text
}

fn copy(files: &CopyFiles) -> String {
    let items: Vec<String> = files.items.iter().map(item).collect();
    let mut text = format!("copy {:?} {}", files.on, items.join(", "));
    match files.owner.as_deref() {
        Some("root:root") => {}
        Some(owner) => {
            let _ = write!(text, " owner {owner}");
        }
        None => text.push_str(" keep-own"),
    }
    if let Some(mode) = files.mode {
        let _ = write!(text, " mode {mode:o}");
    }
    if files.keep_times {
        text.push_str(" keep-ts");
    }
    text
}

fn item(item: &CopyItem) -> String {
    let mut text = format!("{:?}:{} -> {}", item.from, item.source, item.dest);
    for (on, word) in [
        (item.contents, " contents"),
        (item.wildcard, " glob"),
        (item.if_exists, " if-exists"),
        (!item.follow, " no-follow"),
    ] {
        if on {
            text.push_str(word);
        }
    }
    text
}

/// One line for each output with its fate and the way to it.
pub fn ledger(ledger: &Ledger, mode: OutputMode) -> String {
    let mut text = String::new();
    for settled in ledger.settle(mode) {
        let _ = writeln!(text, "{}", output(ledger, &settled));
    }
    text
}

fn output(ledger: &Ledger, settled: &Settled) -> String {
    let visit = ledger.visit_of(settled.output.owner);
    let mut text = visit.target.clone();
    for (name, value) in &visit.args {
        let _ = write!(text, " --{name}={value}");
    }
    match &settled.output.kind {
        OutputKind::Image(image) => {
            let _ = write!(text, ": image {:?} {}", image.state, image.names.join(" "));
            if image.platform_chosen {
                let _ = write!(text, " [{}]", image.platform);
            }
            for (on, word) in [
                (image.cache_hint, " cache-hint"),
                (image.insecure, " insecure"),
                (image.no_manifest_list, " no-manifest-list"),
            ] {
                if on {
                    text.push_str(word);
                }
            }
        }
        OutputKind::Artifact(artifact) => {
            let _ = write!(
                text,
                ": artifact {:?} {} as {}",
                artifact.state, artifact.artifact, artifact.dest_written
            );
        }
        OutputKind::Push(push) => {
            let _ = write!(text, ": push {:?} {}", push.step, push.text);
        }
    }
    let _ = write!(text, " => {}", verdict(&settled.local));
    if let Some(push) = &settled.push {
        let _ = write!(text, ", push {}", verdict(push));
    }
    text
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Counts => "yes".to_owned(),
        Verdict::Undecided(step) => format!("decided by {step:?}"),
        Verdict::No(reason) => match reason {
            Reason::ReachedBy(kind) => format!("no: reached by {}", kind.text()),
            Reason::PushNotGiven => "no: --push not given".to_owned(),
            Reason::NoName => "no: no name".to_owned(),
            Reason::NoOutput => "no: --no-output".to_owned(),
            Reason::NotAskedFor => "no: not asked for".to_owned(),
            Reason::Replaced { by } => format!("no: replaced at {by}"),
        },
    }
}
