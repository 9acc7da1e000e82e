//! From steps of the plan to vertices: one function for each kind of step.
//!
//! The only file of this room that knows the plan. A step is lowered once; steps of equal content become vertices of
//! equal digest, which an engine executes once.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
};

use super::{
    CopyFile, Edge, Exec, FileOp, HttpSource, Local, MakeDir, MakeFile, Mount, MountKind, Nonce,
    Owner, Principal, State,
    exec::{self, Access, CacheSharing, SecretEnv, Security},
    image_with, secrets, select,
    source::ResolveMode,
    terminal,
};
use crate::{
    base::Platform,
    events::{Label, Told},
    graph::plan::{
        self, COPY_TIME, CopyFiles, CopyItem, Keep, Network, NewFile, Plan, Run, Sharing, Step,
        StepId, StepOp,
    },
};

/// Where the directory that takes a command's exit status and output is mounted.
const CAPTURE: &str = "/run/bld-capture";
/// The exit status, in the captured result.
pub const CAPTURED_STATUS: &str = "/out/status";
/// Standard output, in the captured result.
pub const CAPTURED_OUTPUT: &str = "/out/stdout";

/// Runs its arguments and writes down how they ended. The command is a process of its own, so that `exit` in a
/// condition ends the condition and not the writing down.
const STATUS_SCRIPT: &str = r#""$@"; echo $? >/run/bld-capture/out/status"#;
/// Where an attempt leaves its exit status. In `/dev`, which no result holds: a mount in the file system of a command
/// leaves an empty directory behind.
const ATTEMPT: &str = "/dev/bld-attempt";
/// Where an attempt finds out which build runs it.
const BUILD: &str = "/dev/bld-build";
/// Where nothing is, which tells attempts apart that are equal otherwise.
const AGAIN: &str = "/dev/bld-attempt-number";
/// Runs its arguments and writes down how they ended, and in which build.
const ATTEMPT_SCRIPT: &str = r#""$@"
__bld_status=$?
__bld_build=
[ ! -r /dev/bld-build ] || read -r __bld_build </dev/bld-build
echo "$__bld_status $__bld_build" >/dev/bld-attempt/out/status"#;
/// The secret that says which build asks for it. No secret's value is part of a cache key: so what is written down tells
/// whether it was written now.
pub const BUILD_SECRET: &str = "bld-build";
/// The same, with standard output in a file: an engine's log is clipped.
const OUTPUT_SCRIPT: &str =
    r#""$@" >/run/bld-capture/out/stdout; echo $? >/run/bld-capture/out/status"#;

/// Lowers the steps of one plan.
pub struct Lowering {
    plan: Arc<Plan>,
    nonce: Nonce,
    pull: bool,
    no_cache: bool,
    secret_env: OnceLock<bool>,
    own_program: OnceLock<PathBuf>,
    lowered: Mutex<HashMap<StepId, Lowered>>,
    /// What Dockerfiles gave: an engine says it, no step of the plan does.
    told: Mutex<HashMap<StepId, State>>,
    again: Mutex<HashMap<StepId, u32>>,
}

#[derive(Clone)]
struct Lowered {
    state: State,
    capture: State,
    /// Of a command.
    executed: Option<exec::Executed>,
}

impl Lowering {
    /// For one build; with `pull`, images in the engine's own store do not count, with `no_cache`, earlier results of
    /// commands do not.
    pub fn new(plan: Arc<Plan>, pull: bool, no_cache: bool) -> Self {
        Self {
            plan,
            nonce: Nonce::random(),
            pull,
            no_cache,
            secret_env: OnceLock::new(),
            own_program: OnceLock::new(),
            lowered: Mutex::default(),
            told: Mutex::default(),
            again: Mutex::default(),
        }
    }

    /// Says whether the engine puts secrets into environments itself. Counts if it is said before anything is lowered;
    /// otherwise the command's shell does it, which works everywhere where there is one.
    pub fn secret_env(&self, native: bool) {
        let _ = self.secret_env.set(native);
    }

    /// Says where the program itself is, which a command at a terminal has with it; before such a command is lowered. Gives
    /// the name under which it calls for the terminal, a socket of this build.
    pub fn own_program(&self, path: PathBuf) -> String {
        let _ = self.own_program.set(path);
        terminal::socket(&self.nonce)
    }

    /// Takes what a step gives that only an engine can tell. Comes before anything asks for the step.
    pub fn tell(&self, step: StepId, state: State) {
        let mut told = self.told.lock().expect("no holder of this lock panics");
        told.insert(step, state);
    }

    /// The file system that a step gives.
    pub fn state(&self, step: StepId) -> State {
        self.lower(step).state
    }

    /// What a step that keeps its exit status or its output has written down.
    pub fn capture(&self, step: StepId) -> State {
        self.lower(step).capture
    }

    /// Makes an attempt another one, with results of its own. Equal attempts become the same others in every build, so
    /// that what one build finds at last the next one finds, too. Nothing that needs it may have been lowered.
    pub fn again(&self, step: StepId) {
        let lock = "no holder of this lock panics";
        *self.again.lock().expect(lock).entry(step).or_default() += 1;
        self.lowered.lock().expect(lock).remove(&step);
    }

    /// What a command left in a mount of which that is kept.
    pub fn left(&self, step: StepId, target: &str) -> State {
        self.lower(step).executed?.output(target)
    }

    /// Lowers a step and all it needs, inputs first. A loop, not a recursion: chains may be ten thousand steps long.
    fn lower(&self, wanted: StepId) -> Lowered {
        let mut lowered = self.lowered.lock().expect("no holder of this lock panics");
        let mut open = vec![wanted];
        while let Some(id) = open.last().copied() {
            if lowered.contains_key(&id) {
                open.pop();
                continue;
            }
            let step = self.plan.step(id);
            let missing: Vec<StepId> = step
                .op
                .inputs()
                .into_iter()
                .filter(|input| !lowered.contains_key(input))
                .collect();
            if missing.is_empty() {
                let done = self.step(id, &step, &lowered);
                lowered.insert(id, done);
                open.pop();
            } else {
                open.extend(missing);
            }
        }
        lowered[&wanted].clone()
    }

    fn step(&self, id: StepId, step: &Step, done: &HashMap<StepId, Lowered>) -> Lowered {
        let state_of = |id: &StepId| done[id].state.clone();
        let label = Arc::clone(&step.label);
        let state = match &step.op {
            // What is done on the host has been done, and leaves nothing here.
            StepOp::Scratch | StepOp::HostRun(_) | StepOp::HostCopy(_) | StepOp::WriteBack(_) => {
                None
            }
            StepOp::Image(image) => {
                let mode = if self.pull {
                    ResolveMode::Pull
                } else {
                    ResolveMode::Default
                };
                Some(image_with(&image.reference, mode, &step.platform, label))
            }
            StepOp::Context(context) => {
                let local = Local {
                    dir: context.dir.clone(),
                    include: context.include.clone(),
                    exclude: context.exclude.clone(),
                };
                Some(local.build_again(&self.nonce, context.round, label))
            }
            StepOp::Files(files) => new_files(files, label),
            StepOp::Download(file) => {
                let file = HttpSource {
                    url: file.url.clone(),
                    name: file.name.clone(),
                    mode: 0o600,
                    checksum: file.checksum.clone(),
                };
                Some(file.build(label))
            }
            StepOp::Run(run) => {
                let again = self.again.lock().expect("no holder of this lock panics");
                let again = again.get(&id).copied();
                return self.run(run, again, &step.platform, &state_of, label);
            }
            StepOp::Copy(copy) => copy_files(copy, &state_of(&copy.on), &state_of, label),
            StepOp::MakeDir {
                on,
                path,
                owner,
                mode,
            } => {
                let spec = MakeDir {
                    parents: true,
                    owner: owner.as_deref().and_then(owner_of),
                    ..MakeDir::mode(*mode)
                };
                let file = FileOp::on(&state_of(on)).mkdir(path, spec);
                Some(file.build(label))
            }
            StepOp::Dockerfile(_) => {
                let told = self.told.lock().expect("no holder of this lock panics");
                let state = told.get(&id).cloned();
                state.expect("the probe was asked for the configuration, and told the state")
            }
            StepOp::Decision { .. } | StepOp::Undecided { .. } => {
                unreachable!("a plan that is executed has nothing undecided: the probe answered")
            }
        };
        Lowered {
            state,
            capture: None,
            executed: None,
        }
    }

    fn run(
        &self,
        run: &Run,
        again: Option<u32>,
        platform: &Platform,
        state_of: &dyn Fn(&StepId) -> State,
        label: Arc<Label>,
    ) -> Lowered {
        let on = &state_of(&run.on);
        let script = match run.keep {
            Keep::FileSystem => None,
            Keep::Attempt => Some(ATTEMPT_SCRIPT),
            Keep::ExitStatus => Some(STATUS_SCRIPT),
            Keep::Output => Some(OUTPUT_SCRIPT),
        };
        let native = self.secret_env.get().copied().unwrap_or_default();
        let wrapper = script
            .into_iter()
            .flat_map(|script| ["/bin/sh", "-c", script, "sh"]);
        let mut args: Vec<String> = wrapper.map(str::to_owned).collect();
        if !native {
            args.extend(secrets::exported(run));
        }
        args.extend(run.args.iter().cloned());
        let at_terminal = run.at_terminal.then(|| {
            let program = self.own_program.get();
            program.expect("whoever takes a command to a terminal said so before")
        });
        if at_terminal.is_some() {
            args = terminal::command_line(&args);
        }
        let mut exec = Exec::new(on, args)
            .env(run.env.iter().cloned())
            .cwd(&run.cwd)
            .user(&run.user)
            .hosts(&run.hosts)
            .network(match run.network {
                Network::Default => exec::Network::Default,
                Network::None => exec::Network::None,
            });
        if run.privileged {
            exec = exec.security(Security::Insecure);
        }
        for secret in run.secret_env.iter().filter(|_| native) {
            exec = exec.secret_env(SecretEnv {
                id: format!("{}{}", secrets::AS_VARIABLE, secret.id),
                name: secret.name.clone(),
                optional: secret.optional,
            });
        }
        for place in &run.mounts {
            exec = exec.mount(mount(place, state_of, native));
        }
        for place in at_terminal
            .iter()
            .flat_map(|p| terminal::mounts(p, &self.nonce))
        {
            exec = exec.mount(place);
        }
        if run.no_cache || self.no_cache {
            exec = exec.fresh(&self.nonce);
        }
        let place = |at| {
            let open = Some(writable_for_all());
            Mount::new(at, &open, MountKind::Writable { keep: true })
        };
        match run.keep {
            Keep::FileSystem => {
                let executed = exec.build(platform, label);
                Lowered {
                    state: Some(executed.root()),
                    capture: None,
                    executed: Some(executed),
                }
            }
            Keep::Attempt => {
                let secret = |at, id| {
                    let access = Access {
                        id,
                        uid: 0,
                        gid: 0,
                        mode: 0o444,
                        optional: true,
                    };
                    Mount::new(at, &None, MountKind::Secret(access))
                };
                // A secret that nobody has is left out, and its name makes the command another one.
                if let Some(again) = again {
                    exec = exec.mount(secret(AGAIN, format!("bld-attempt-{again}")));
                }
                let build = secret(BUILD, BUILD_SECRET.to_owned());
                let exec = exec.mount(build).mount(place(ATTEMPT));
                let executed = exec.build(platform, label);
                Lowered {
                    state: Some(executed.root()),
                    capture: executed.output(ATTEMPT),
                    executed: Some(executed),
                }
            }
            Keep::ExitStatus | Keep::Output => {
                let executed = exec.mount(place(CAPTURE)).build(platform, label);
                Lowered {
                    state: on.clone(),
                    capture: executed.output(CAPTURE),
                    executed: Some(executed),
                }
            }
        }
    }
}

/// A mount of the plan as one of the engine's.
///
/// What an old daemon mounts read-only can be written to, and then is in its cache for everybody. Unless read-only mounts are
/// `guarded`, the command gets a writable layer on top instead, which is looked up by content just the same.
fn mount(mount: &plan::Mount, state_of: &dyn Fn(&StepId) -> State, guarded: bool) -> Mount {
    let access = |id: &String, access: &plan::Access, optional: bool| Access {
        id: id.clone(),
        uid: access.uid,
        gid: access.gid,
        mode: access.mode,
        optional,
    };
    let read_only = mount.read_only;
    match &mount.kind {
        plan::MountKind::Cache {
            id,
            sharing,
            access,
        } => {
            let kind = MountKind::Cache {
                id: id.clone(),
                sharing: match sharing {
                    Sharing::Locked => CacheSharing::Locked,
                    Sharing::Shared => CacheSharing::Shared,
                    Sharing::Private => CacheSharing::Private,
                },
                read_only,
            };
            // What an engine makes by itself. It is no layer on top of another, so that a Docker daemon can have its
            // layers in it.
            if *access == ORDINARY {
                return Mount::new(&mount.target, &None, kind);
            }
            let mut cache = Mount::new(&mount.target, &Some(cache_directory(access)), kind);
            CACHE_DIR.clone_into(&mut cache.selector);
            cache
        }
        plan::MountKind::Tmpfs => {
            let kind = MountKind::Tmpfs {
                size: None,
                read_only,
            };
            Mount::new(&mount.target, &None, kind)
        }
        plan::MountKind::Secret {
            id,
            access: file,
            optional,
        } => {
            let kind = MountKind::Secret(access(id, file, *optional));
            Mount::new(&mount.target, &None, kind)
        }
        plan::MountKind::Ssh { id, access: socket } => {
            let kind = MountKind::Ssh(access(id, socket, false));
            Mount::new(&mount.target, &None, kind)
        }
        plan::MountKind::Host { from, .. } => {
            let kind = MountKind::Writable { keep: true };
            Mount::new(&mount.target, &state_of(from), kind)
        }
        plan::MountKind::Files { from, source } => {
            let kind = if read_only && guarded {
                MountKind::ReadOnly
            } else {
                MountKind::Writable { keep: false }
            };
            let mut files = Mount::new(&mount.target, &state_of(from), kind);
            // All of it: then an engine need not look for anything in it.
            if source != "/" {
                source.clone_into(&mut files.selector);
            }
            files
        }
    }
}

/// The path that the engine is given. Only a pattern may match nothing, and only where the directory in front of its first
/// special character is there: so what may be missing begins with a special character, `/[s]ub/file`.
fn source(item: &CopyItem) -> String {
    let path = item.source.trim_start_matches('/');
    if !item.if_exists || path.is_empty() {
        return item.source.clone();
    }
    if item.wildcard {
        format!("/{}", may_be_missing(path))
    } else {
        format!("/{}", may_be_missing(&escape(path)))
    }
}

/// The same pattern with a special character at its start, so that it may match nothing at all.
pub(super) fn may_be_missing(pattern: &str) -> String {
    let mut rest = pattern.chars();
    match rest.next() {
        None | Some('*' | '?' | '[' | '\\') => pattern.to_owned(),
        Some(c @ (']' | '^' | '-')) => format!("\\{c}{}", rest.as_str()),
        Some(c) => format!("[{c}]{}", rest.as_str()),
    }
}

/// A path as a pattern that matches nothing else.
pub(super) fn escape(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// `user[:group]`. The name `root` needs no look-up in `/etc/passwd`, which `scratch` does not have.
fn owner_of(text: &str) -> Option<Owner> {
    let mut owner: Owner = text.parse().ok()?;
    for principal in [&mut owner.user, &mut owner.group].into_iter().flatten() {
        if *principal == Principal::Name("root".to_owned()) {
            *principal = Principal::Id(0);
        }
    }
    Some(owner)
}

fn is_root(owner: &Owner) -> bool {
    let root = Principal::Id(0);
    let user = owner.user.as_ref().is_none_or(|user| *user == root);
    user && owner.group.as_ref().is_none_or(|group| *group == root)
}

/// What a directory is that nobody said anything about.
const ORDINARY: plan::Access = plan::Access {
    uid: 0,
    gid: 0,
    mode: 0o755,
};

/// The directory of [`cache_directory`].
const CACHE_DIR: &str = "/cache";

/// What a cache begins with: a directory with an owner and permission bits.
fn cache_directory(access: &plan::Access) -> Edge {
    let owner = Owner {
        user: Some(Principal::Id(access.uid)),
        group: Some(Principal::Id(access.gid)),
    };
    directory(CACHE_DIR, access.mode, Some(owner), "directory of a cache")
}

/// A file system with a directory `/out` that every user may write to.
fn writable_for_all() -> Edge {
    directory("/out", 0o777, None, "place for an answer")
}

/// A file system with one directory. Making a directory obeys the daemon's umask, copying one with a mode does not.
fn directory(path: &str, mode: u32, owner: Option<Owner>, label: &str) -> Edge {
    let spec = |mode, owner| MakeDir {
        owner,
        time: Some(COPY_TIME),
        ..MakeDir::mode(mode)
    };
    if mode & UMASK == 0 {
        let made = FileOp::on(&None).mkdir(path, spec(mode, owner));
        return made.build(own_label(label));
    }
    let made = FileOp::on(&None).mkdir("/dir", spec(0o755, None));
    let made = made.build(own_label(label));
    let open = CopyFile {
        mode: Some(mode),
        owner,
        time: Some(COPY_TIME),
        ..CopyFile::default()
    };
    FileOp::on(&None)
        .copy(&Some(made), "/dir", path, open)
        .build(own_label(label))
}

/// The bits of a mode that a daemon may take away from a new directory.
const UMASK: u32 = 0o077;

/// A step that no statement asked for.
pub(super) fn own_label(text: &str) -> Arc<Label> {
    Arc::new(Label {
        target: String::new(),
        text: text.to_owned(),
        platform: None,
        at: None,
        read_by: None,
        raw_output: false,
        told: Told::Everything,
    })
}

/// Files in an empty file system.
fn new_files(files: &[NewFile], label: Arc<Label>) -> State {
    let mut made = FileOp::on(&None);
    for file in files {
        let parent = file.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !parent.is_empty() {
            let spec = MakeDir {
                parents: true,
                time: Some(COPY_TIME),
                ..MakeDir::mode(0o755)
            };
            made = made.mkdir(parent, spec);
        }
        let spec = MakeFile {
            data: file.data.clone(),
            mode: file.mode,
            owner: None,
            time: Some(COPY_TIME),
        };
        made = made.mkfile(&file.path, spec);
    }
    (!made.is_empty()).then(|| made.build(label))
}

fn copy_files(
    copy: &CopyFiles,
    on: &State,
    state_of: &dyn Fn(&StepId) -> State,
    label: Arc<Label>,
) -> State {
    let mut file = FileOp::on(on);
    let owner = copy.owner.as_deref().and_then(owner_of);
    for item in &copy.items {
        // Directories that a copy makes on the way get the owner of what is copied; they are to be root's.
        let parent = item.dest.rsplit_once('/').map_or("", |(parent, _)| parent);
        if owner.as_ref().is_some_and(|owner| !is_root(owner)) && !parent.is_empty() {
            let spec = MakeDir {
                parents: true,
                time: Some(COPY_TIME),
                ..MakeDir::mode(0o755)
            };
            file = file.mkdir(parent, spec);
        }
        let mut spec = CopyFile {
            owner: owner.clone(),
            mode: copy.mode,
            follow: item.follow,
            unpack: item.unpack,
            contents: item.contents,
            make_dest: true,
            wildcard: item.wildcard || item.if_exists,
            allow_missing: item.if_exists,
            time: (!copy.keep_times).then_some(COPY_TIME),
            include: Vec::new(),
            exclude: Vec::new(),
        };
        let (mut from, mut source) = (state_of(&item.from), source(item));
        if !item.exclude.is_empty() {
            (from, source) = select::without(&from, &source, item, &label);
            spec.wildcard = true;
            spec.allow_missing = true;
            spec.follow = false;
            spec.contents |= item.source == "/";
        }
        file = file.copy(&from, &source, &item.dest, spec);
    }
    if file.is_empty() {
        on.clone()
    } else {
        Some(file.build(label))
    }
}
