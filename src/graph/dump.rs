//! Plan and ledger as compact text, for tests and for people who look into a build.
//!
//! Targets are interpreted at the same time, so the numbers of steps differ from run to run. Here they are given anew, by
//! what the steps are: equal builds have equal texts.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    fmt::Write as _,
};

use super::{
    ledger::{Ledger, OutputKind, OutputMode, Reason, Settled, Verdict},
    plan::{
        Access, CopyFiles, CopyItem, Dockerfile, DockerfileText, HostRun, Keep, Mount, MountKind,
        Network, Plan, Run, Sharing, StepId, StepOp,
    },
};
use crate::{base::Digest, oci::config::DEFAULT_PATH};

/// New numbers for steps.
type Numbers = HashMap<StepId, String>;

/// One line for each step: `s2 +build: run s1 ["/bin/sh", "-c", "make"] A=1`. Equal steps of one statement are one line.
pub fn plan(plan: &Plan) -> String {
    let (order, numbers) = order(plan);
    let mut text = String::new();
    for id in order {
        let step = plan.step(id);
        let target = &step.label.target;
        let platform = step.label.platform.as_ref();
        let platform = platform.map_or(String::new(), |p| format!(" [{p}]"));
        let _ = writeln!(
            text,
            "{} {target}{platform}: {}",
            numbers[&id],
            op(&step.op, &numbers)
        );
    }
    text
}

/// The steps in an order that does not depend on when they were found: inputs first, then by target, place and content.
fn order(plan: &Plan) -> (Vec<StepId>, Numbers) {
    let steps = plan.snapshot();
    let mut digests = Numbers::new();
    let mut waiting: HashMap<StepId, usize> = HashMap::new();
    let mut users: HashMap<StepId, Vec<StepId>> = HashMap::new();
    let mut keys = HashMap::new();
    let mut ready = BinaryHeap::new();
    for (id, step) in &steps {
        let label = &step.label;
        let text = format!(
            "{} {} {:?}",
            op(&step.op, &digests),
            label.text,
            step.platform
        );
        digests.insert(*id, Digest::of(text.as_bytes()).hex().to_owned());
        let at = label.at.as_ref();
        let place = at.map_or((String::new(), 0), |at| {
            (at.file.name.clone(), at.span.start)
        });
        keys.insert(*id, (label.target.clone(), place, digests[id].clone()));
        let inputs = step.op.inputs();
        waiting.insert(*id, inputs.len());
        if inputs.is_empty() {
            ready.push(Reverse((keys[id].clone(), *id)));
        }
        for input in inputs {
            users.entry(input).or_default().push(*id);
        }
    }
    let mut order = Vec::with_capacity(steps.len());
    let (mut numbers, mut given) = (Numbers::new(), HashMap::new());
    while let Some(Reverse((key, id))) = ready.pop() {
        // Equal steps are one: all of them come before what needs any of them, however their ids fell.
        let mut equal = vec![id];
        while ready.peek().is_some_and(|Reverse((next, _))| *next == key) {
            equal.extend(ready.pop().map(|Reverse((_, id))| id));
        }
        let number = given.entry(key).or_insert_with(|| {
            order.push(id);
            format!("s{}", order.len() - 1)
        });
        for id in equal {
            numbers.insert(id, number.clone());
            for user in users.remove(&id).unwrap_or_default() {
                if let Some(left) = waiting.get_mut(&user) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(Reverse((keys[&user].clone(), user)));
                    }
                }
            }
        }
    }
    (order, numbers)
}

fn op(op: &StepOp, n: &Numbers) -> String {
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
            if let Some(after) = &context.after {
                let _ = write!(text, " after {}", n[after]);
            }
            text
        }
        StepOp::HostRun(command) => host_run(command, n),
        StepOp::WriteBack(work) => {
            let (after, target) = (&n[&work.after], &work.target);
            format!("write {after}:{target} back to {}", work.dir.display())
        }
        StepOp::HostCopy(copy) => {
            let (from, dest) = (&n[&copy.from], &copy.dest_written);
            let dir = if copy.dir { " dir" } else { "" };
            format!("host copy after {}: {from} -> {dest}{dir}", n[&copy.after])
        }
        StepOp::Files(files) => {
            let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            format!("files {}", paths.join(" "))
        }
        StepOp::Download(file) => {
            let checksum = file.checksum.as_deref().unwrap_or("any");
            format!("download {} as {} {checksum}", file.url, file.name)
        }
        StepOp::Run(command) => run(command, n),
        StepOp::Copy(files) => copy(files, n),
        StepOp::MakeDir {
            on,
            path,
            owner,
            mode,
        } => {
            let owner = owner
                .as_ref()
                .map_or(String::new(), |o| format!(" owner {o}"));
            format!("mkdir {} {path} {mode:o}{owner}", n[on])
        }
        StepOp::Dockerfile(file) => dockerfile(file, n),
        StepOp::Decision { by, branches } => {
            let branches: Vec<String> = branches
                .iter()
                .map(|(name, id)| format!("{name} {}", n[id]))
                .collect();
            format!("decided by {}: {}", n[by], branches.join(", "))
        }
        StepOp::Undecided { by, why } => {
            let by = by.map_or(String::new(), |by| format!(" until {}", n[&by]));
            format!("undecided{by}: {why}")
        }
    }
}

fn dockerfile(file: &Dockerfile, n: &Numbers) -> String {
    let mut text = format!("dockerfile {} on {}", file.file.name(), n[&file.context]);
    if let DockerfileText::In { from, path, .. } = &file.file {
        let _ = write!(text, " from {}:{path}", n[from]);
    }
    if let Some(target) = &file.target {
        let _ = write!(text, " target {target}");
    }
    for (name, value) in &file.args {
        let _ = write!(text, " {name}={value}");
    }
    text
}

/// `host run after s1: `make` A=1`. The directory is not told: it differs from machine to machine.
fn host_run(run: &HostRun, n: &Numbers) -> String {
    let mut text = format!("host {} after {}:", verb(run.keep), n[&run.after]);
    command(&mut text, &run.args, &run.env);
    text
}

fn verb(keep: Keep) -> &'static str {
    match keep {
        Keep::FileSystem => "run",
        Keep::Attempt => "try",
        Keep::ExitStatus => "test",
        Keep::Output => "output of",
    }
}

fn command(text: &mut String, args: &[String], env: &[(String, String)]) {
    match args {
        [sh, c, script] if sh == "/bin/sh" && c == "-c" => {
            let _ = write!(text, " `{script}`");
        }
        args => {
            let _ = write!(text, " {args:?}");
        }
    }
    let usual = |name: &str, value: &str| name == "PATH" && value == DEFAULT_PATH;
    for (name, value) in env.iter().filter(|(n, v)| !usual(n, v)) {
        let _ = write!(text, " {name}={value}");
    }
}

fn run(run: &Run, n: &Numbers) -> String {
    let mut text = format!("{} {}", verb(run.keep), n[&run.on]);
    command(&mut text, &run.args, &run.env);
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
    if run.privileged {
        text.push_str(" privileged");
    }
    if run.at_terminal {
        text.push_str(" at-terminal");
    }
    for (name, address) in &run.hosts {
        let _ = write!(text, " host {name}={address}");
    }
    for secret in &run.secret_env {
        let _ = write!(text, " secret {}={}", secret.name, secret.id);
        if secret.optional {
            text.push('?');
        }
    }
    for place in &run.mounts {
        let _ = write!(text, " {}", mount(place, n));
    }
    text
}

/// `cache /root/.npm npm`, `secret /run/secrets/key key 444 ro`.
fn mount(mount: &Mount, n: &Numbers) -> String {
    let access = |access: &Access, default: u32| {
        let mut text = String::new();
        if access.mode != default {
            let _ = write!(text, " mode {:o}", access.mode);
        }
        if (access.uid, access.gid) != (0, 0) {
            let _ = write!(text, " owner {}:{}", access.uid, access.gid);
        }
        text
    };
    let target = &mount.target;
    let mut text = match &mount.kind {
        MountKind::Cache {
            id,
            sharing,
            access: directory,
        } => {
            let sharing = match sharing {
                Sharing::Locked => "",
                Sharing::Shared => " shared",
                Sharing::Private => " private",
            };
            format!("cache {target} {id}{sharing}{}", access(directory, 0o644))
        }
        MountKind::Tmpfs => format!("tmpfs {target}"),
        MountKind::Secret {
            id,
            access: file,
            optional,
        } => {
            let optional = if *optional { "?" } else { "" };
            format!("secret {target} {id}{optional}{}", access(file, 0o444))
        }
        MountKind::Ssh { id, access: socket } => {
            format!("ssh {target} {id}{}", access(socket, 0o666))
        }
        MountKind::Host { from, .. } => format!("bind {target} {}", n[from]),
        MountKind::Files { from, source } => format!("mount {target} {}:{source}", n[from]),
    };
    if mount.read_only && !matches!(mount.kind, MountKind::Secret { .. }) {
        text.push_str(" ro");
    }
    text
}

fn copy(files: &CopyFiles, n: &Numbers) -> String {
    let items: Vec<String> = files.items.iter().map(|i| item(i, n)).collect();
    let mut text = format!("copy {} {}", n[&files.on], items.join(", "));
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

fn item(item: &CopyItem, n: &Numbers) -> String {
    let mut text = format!("{}:{} -> {}", n[&item.from], item.source, item.dest);
    for (on, word) in [
        (item.contents, " contents"),
        (item.wildcard, " glob"),
        (item.if_exists, " if-exists"),
        (!item.follow, " no-follow"),
        (item.unpack, " unpack"),
    ] {
        if on {
            text.push_str(word);
        }
    }
    for pattern in &item.exclude {
        let _ = write!(text, " without {pattern}");
    }
    text
}

/// One line for each output with its fate and the way to it.
pub fn ledger(ledger: &Ledger, plan: &Plan, mode: OutputMode) -> String {
    let (_, numbers) = order(plan);
    let mut text = String::new();
    for settled in ledger.settle(mode) {
        let _ = writeln!(text, "{}", output(ledger, &settled, &numbers));
    }
    text
}

fn output(ledger: &Ledger, settled: &Settled, n: &Numbers) -> String {
    let visit = ledger.visit_of(settled.output.owner);
    let mut text = visit.target.clone();
    for (name, value) in &visit.args {
        let _ = write!(text, " --{name}={value}");
    }
    match &settled.output.kind {
        OutputKind::Image(image) => {
            let _ = write!(
                text,
                ": image {} {}",
                n[&image.state],
                image.names.join(" ")
            );
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
                ": artifact {} {} as {}",
                n[&artifact.state], artifact.artifact, artifact.dest_written
            );
        }
        OutputKind::Push(push) => {
            let _ = write!(
                text,
                ": push {} {}",
                push.step.map_or("nothing", |step| n[&step].as_str()),
                push.text
            );
        }
    }
    let _ = write!(text, " => {}", verdict(&settled.local, n));
    if let Some(push) = &settled.push {
        let _ = write!(text, ", push {}", verdict(push, n));
    }
    text
}

fn verdict(verdict: &Verdict, n: &Numbers) -> String {
    match verdict {
        Verdict::Counts => "yes".to_owned(),
        Verdict::Undecided(step) => format!("decided by {}", n[step]),
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
