//! The plan: every step of a build as a value, in the order in which the interpreter came to it.
//!
//! Running a recipe appends steps; a step names the steps it needs by [`StepId`], always smaller than its own, so that
//! the plan has no cycles by construction. `bld plan` prints it, `llb::lower` turns it into a definition.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::SystemTime,
};

use crate::{
    base::Platform,
    diag::{SourceFile, Way},
    events::Label,
};

/// A step of one plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u32);

impl fmt::Debug for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// A step: what is done, for which platform, and what it is called.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is done.
    pub op: StepOp,
    /// For which platform.
    pub platform: Platform,
    /// Its target, text and place.
    pub label: Arc<Label>,
    /// How the build came to it; none for bld's own work.
    pub way: Option<Arc<Way>>,
}

/// What a step does. The result is a file system, except where it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOp {
    /// An empty file system.
    Scratch,
    /// The file system of an image.
    Image(ImageSource),
    /// Files of the host.
    Context(Context),
    /// Files whose content is in the plan.
    Files(Vec<NewFile>),
    /// A command.
    Run(Box<Run>),
    /// Files from one file system into another.
    Copy(Box<CopyFiles>),
    /// A file system that holds one file, which the engine fetches from an address.
    Download(Download),
    /// A directory is made with its parents, if it is not there.
    MakeDir {
        /// In which file system.
        on: StepId,
        /// Absolute.
        path: String,
        /// Of the directories that are made.
        owner: Option<String>,
        /// Permission bits.
        mode: u32,
    },
    /// A command on this machine (`LOCALLY`). It runs when the interpreter comes to it; the result is an empty file system.
    HostRun(Box<HostRun>),
    /// Files onto this machine (`COPY` under `LOCALLY`), when the interpreter comes to it; the result is an empty file
    /// system.
    HostCopy(Box<HostCopy>),
    /// What a Dockerfile gives.
    Dockerfile(Box<Dockerfile>),
    /// What a command left in a directory of this machine comes back to it, when the interpreter comes to it; the result is
    /// an empty file system.
    WriteBack(Box<WriteBack>),
    /// Only in plans that run nothing: one of several states, and which one is known only after `by` has run.
    Decision {
        /// The condition.
        by: StepId,
        /// The outcomes, each with a name: `then`, `else`, `else if …`.
        branches: Vec<(String, StepId)>,
    },
    /// Only in plans that run nothing: a state of which nothing is known until `by` has run (an image whose name comes
    /// from a `$(…)`, a base image that cannot be looked up offline).
    Undecided {
        /// What decides; none where it is not a step but something outside: the network.
        by: Option<StepId>,
        /// In words.
        why: String,
    },
}

/// An image as a source of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    /// As written in the file, for messages.
    pub name: String,
    /// What the engine is to fetch: complete, and pinned where the digest is known.
    pub reference: String,
}

/// A file whose content is known; root's, with the directories above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Absolute.
    pub path: String,
    /// What is in it.
    pub data: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
}

/// Files of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The directory, absolute.
    pub dir: PathBuf,
    /// Relative to it; only what matches travels. Empty: everything.
    pub include: Vec<String>,
    /// Patterns of the ignore file, in its order, with `!` for exceptions.
    pub exclude: Vec<String>,
    /// How often the build itself had changed files of the host before: what was read then is not read for good.
    pub round: u32,
    /// What has to have run on the host, where the files are its work.
    pub after: Option<StepId>,
}

/// A command on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRun {
    /// What came before it.
    pub after: StepId,
    /// Program and arguments.
    pub args: Vec<String>,
    /// Variables on top of the environment that bld itself was started with.
    pub env: Vec<(String, String)>,
    /// The directory it runs in, absolute; it is made if it is missing.
    pub dir: PathBuf,
    /// What is kept of it. It leaves no file system.
    pub keep: Keep,
}

/// Files from a step onto this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCopy {
    /// What came before it.
    pub after: StepId,
    /// A file system with nothing in it but what is copied, each under its name.
    pub from: StepId,
    /// Where to, absolute.
    pub dest: PathBuf,
    /// Things go into `dest`, which is a directory or becomes one.
    pub into: bool,
    /// Directories go there themselves, and not only what is in them.
    pub dir: bool,
    /// The artifact, for messages.
    pub artifact: String,
    /// `dest` as it was written.
    pub dest_written: String,
}

/// A Dockerfile with what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The files that it can copy from.
    pub context: StepId,
    /// The file itself.
    pub file: DockerfileText,
    /// The stage that is wanted; the last one, if none is named.
    pub target: Option<String>,
    /// Values of its `ARG`s, by name.
    pub args: Vec<(String, String)>,
}

/// Where the text of a Dockerfile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerfileText {
    /// A file of the host, read.
    Host(Arc<SourceFile>),
    /// A file of another step.
    In {
        /// Which.
        from: StepId,
        /// Absolute.
        path: String,
        /// As messages show it.
        shown: String,
    },
}

impl DockerfileText {
    /// As messages show it.
    pub fn name(&self) -> &str {
        match self {
            Self::Host(file) => &file.name,
            Self::In { shown, .. } => shown,
        }
    }
}

/// A file behind an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// `http://…`, `https://…`
    pub url: String,
    /// What it is called, in the root.
    pub name: String,
    /// What it must be, `sha256:…`; a file that is another is an error.
    pub checksum: Option<String>,
}

/// A command in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The file system it runs in.
    pub on: StepId,
    /// Program and arguments.
    pub args: Vec<String>,
    /// The environment, complete, in order; a later entry of one name wins.
    pub env: Vec<(String, String)>,
    /// Absolute.
    pub cwd: String,
    /// `user[:group]`; empty is root.
    pub user: String,
    /// What it can reach.
    pub network: Network,
    /// Never reuse an earlier result.
    pub no_cache: bool,
    /// What is kept of it.
    pub keep: Keep,
    /// Lines of `/etc/hosts`: name, address.
    pub hosts: Vec<(String, String)>,
    /// What is mounted into the file system while it runs.
    pub mounts: Vec<Mount>,
    /// Variables that take their value from a secret.
    pub secret_env: Vec<SecretEnv>,
    /// With all privileges.
    pub privileged: bool,
    /// At the terminal of the user, and what it changes is kept. It waits until somebody takes it there.
    pub at_terminal: bool,
}

/// A command had a directory of this machine for writing ([`MountKind::Host`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBack {
    /// The command.
    pub after: StepId,
    /// Where it had the directory.
    pub target: String,
    /// The directory, absolute.
    pub dir: PathBuf,
    /// What was in it before, relative to it.
    pub known: Arc<[PathBuf]>,
    /// When that was. What is younger was changed by somebody else meanwhile.
    pub since: SystemTime,
}

/// A variable whose value is a secret's. The value is in no step: a step knows only the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretEnv {
    /// The variable.
    pub name: String,
    /// The secret.
    pub id: String,
    /// A secret that nobody has leaves the variable out.
    pub optional: bool,
}

/// A mount of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, absolute.
    pub target: String,
    /// What.
    pub kind: MountKind,
    /// The command cannot write to it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// A directory that outlives the build.
    Cache {
        /// Its name; unique on the engine.
        id: String,
        /// Who may use it at one time.
        sharing: Sharing,
        /// Owner, group and permission bits of the directory when it is made.
        access: Access,
    },
    /// A directory in memory.
    Tmpfs,
    /// A file with a secret.
    Secret {
        /// Its name.
        id: String,
        /// Of the file.
        access: Access,
        /// Not having it leaves the file out.
        optional: bool,
    },
    /// The socket of an SSH agent of the user's.
    Ssh {
        /// Which agent; `default` is the one of the user's session.
        id: String,
        /// Of the socket.
        access: Access,
    },
    /// A directory of this machine. What the command leaves in it can be asked for ([`WriteBack`]).
    Host {
        /// The step that brings it in.
        from: StepId,
        /// The directory, absolute.
        dir: PathBuf,
        /// What was in it before, relative to it.
        known: Arc<[PathBuf]>,
        /// When that was.
        since: SystemTime,
    },
    /// Files of another step; what is written to them is lost.
    Files {
        /// Which.
        from: StepId,
        /// The path in it, absolute.
        source: String,
    },
}

/// Owner and permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// Who may use a cache at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One after the other.
    Locked,
    /// Everybody.
    Shared,
    /// Everybody has one of his own.
    Private,
}

/// What is kept of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The changed file system; a non-zero exit fails the build.
    FileSystem,
    /// The changed file system, whatever the exit status is, and the status beside it: whoever asks for the status says
    /// what becomes of a failure (`TRY`).
    Attempt,
    /// The exit status alone (a condition); the file system is that of `on`, unchanged.
    ExitStatus,
    /// Standard output and the exit status (a `$(…)`); the file system is that of `on`, unchanged.
    Output,
}

/// What a command can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// What the engine gives by default.
    Default,
    /// Nothing.
    None,
}

/// Files from one file system into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyFiles {
    /// The file system that is changed.
    pub on: StepId,
    /// The sources, in order; each with its own place to copy from.
    pub items: Vec<CopyItem>,
    /// `user[:group]` of everything copied; none keeps the source's.
    pub owner: Option<String>,
    /// Permission bits of everything copied; none keeps the source's.
    pub mode: Option<u32>,
    /// Keep modification times; otherwise every entry gets [`COPY_TIME`].
    pub keep_times: bool,
}

/// Modification time of copied files, seconds since 1970: 2020-04-16 12:00:00 UTC.
pub const COPY_TIME: i64 = 1_587_038_400;

/// One source of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyItem {
    /// The file system it comes from.
    pub from: StepId,
    /// The path in it, absolute; with `wildcard` a pattern.
    pub source: String,
    /// Absolute; a trailing slash means: into this directory.
    pub dest: String,
    /// A directory's contents are copied instead of the directory itself.
    pub contents: bool,
    /// `source` is a pattern of `*`, `?` and `[…]`.
    pub wildcard: bool,
    /// Nothing there is no error.
    pub if_exists: bool,
    /// A source that is a symbolic link is followed.
    pub follow: bool,
    /// A source that is an archive is unpacked.
    pub unpack: bool,
    /// What of it is left out: patterns of names, relative to a directory that is copied. Never `**`, nor an exception.
    pub exclude: Vec<String>,
}

/// The steps of one build. Shared by everything that interprets it; only grows.
#[derive(Debug, Default)]
pub struct Plan {
    steps: RwLock<Vec<Arc<Step>>>,
}

impl Plan {
    /// Appends a step.
    pub fn push(&self, step: Step) -> StepId {
        let mut steps = self.steps.write().expect("no holder of this lock panics");
        let id = StepId(u32::try_from(steps.len()).expect("a plan has fewer than 2^32 steps"));
        debug_assert!(
            step.op.inputs().iter().all(|input| *input < id),
            "inputs stand before"
        );
        steps.push(Arc::new(step));
        id
    }

    /// A step of this plan.
    pub fn step(&self, id: StepId) -> Arc<Step> {
        Arc::clone(&self.steps.read().expect("no holder of this lock panics")[id.0 as usize])
    }

    /// How the build came to the step that is called by this very label, or that reads the file in which it stands.
    pub fn way_to(&self, label: &Arc<Label>) -> Option<Arc<Way>> {
        let steps = self.steps.read().expect("no holder of this lock panics");
        let label = label.read_by.as_ref().unwrap_or(label);
        let step = steps.iter().find(|step| Arc::ptr_eq(&step.label, label))?;
        step.way.clone()
    }

    /// Whether an engine has anything to do: there is a step beside those of this machine. An image by itself is nothing,
    /// as long as no step uses it.
    pub fn needs_engine(&self) -> bool {
        let steps = self.steps.read().expect("no holder of this lock panics");
        !steps.iter().all(|step| {
            matches!(
                step.op,
                StepOp::Scratch
                    | StepOp::Image(_)
                    | StepOp::HostRun(_)
                    | StepOp::Decision { .. }
                    | StepOp::Undecided { .. }
            )
        })
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps
            .read()
            .expect("no holder of this lock panics")
            .len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The steps behind the first `count`, as they stand now.
    pub fn since(&self, count: usize) -> Vec<(StepId, Arc<Step>)> {
        let steps = self.steps.read().expect("no holder of this lock panics");
        (0..)
            .map(StepId)
            .zip(steps.iter().cloned())
            .skip(count)
            .collect()
    }

    /// All steps with their ids, as they stand now.
    pub fn snapshot(&self) -> Vec<(StepId, Arc<Step>)> {
        self.since(0)
    }
}

impl StepOp {
    /// The steps that this one needs.
    pub fn inputs(&self) -> Vec<StepId> {
        match self {
            Self::Scratch | Self::Image(_) | Self::Files(_) | Self::Download(_) => Vec::new(),
            Self::Context(context) => context.after.into_iter().collect(),
            Self::HostRun(run) => vec![run.after],
            Self::HostCopy(copy) => vec![copy.after, copy.from],
            Self::WriteBack(work) => vec![work.after],
            Self::Run(run) => {
                let mut inputs = vec![run.on];
                inputs.extend(run.mounts.iter().filter_map(|mount| match mount.kind {
                    MountKind::Files { from, .. } | MountKind::Host { from, .. } => Some(from),
                    _ => None,
                }));
                inputs
            }
            Self::Copy(copy) => {
                let mut inputs = vec![copy.on];
                for item in &copy.items {
                    if !inputs.contains(&item.from) {
                        inputs.push(item.from);
                    }
                }
                inputs
            }
            Self::MakeDir { on, .. } => vec![*on],
            Self::Dockerfile(dockerfile) => {
                let mut inputs = vec![dockerfile.context];
                if let DockerfileText::In { from, .. } = dockerfile.file
                    && from != dockerfile.context
                {
                    inputs.push(from);
                }
                inputs
            }
            Self::Decision { by, branches } => std::iter::once(*by)
                .chain(branches.iter().map(|(_, id)| *id))
                .collect(),
            Self::Undecided { by, .. } => by.iter().copied().collect(),
        }
    }
}
