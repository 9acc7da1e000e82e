//! What happens during a build, as plain data. Engines and outputs emit it; terminal, plain and JSON progress consume
//! it. Nothing here formats.

use std::{sync::Arc, time::Duration};

use crate::{
    base::Digest,
    diag::{Diagnostic, Location},
};

/// What a step is called where people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The target it belongs to, `+build` or `./lib+build`; empty for work of bld itself.
    pub target: String,
    /// The command as it stands in the file, `RUN make`; never with a secret's value.
    pub text: String,
    /// The platform, where it is not the engine's own.
    pub platform: Option<String>,
    /// The statement.
    pub at: Option<Location>,
    /// What the step of the build file is called, where `at` is a place in a file that it reads.
    pub read_by: Option<Arc<Label>>,
    /// Whether people see its output without the name of the target in front.
    pub raw_output: bool,
    /// What of it people are told.
    pub told: Told,
}

/// What people are told of a step. That it failed they are always told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Told {
    /// Everything.
    #[default]
    Everything,
    /// That it runs. What a result means that was there already somebody else has to find out, and says it.
    Runs,
    /// Nothing: another step of the same statement stands for it.
    Nothing,
}

/// How a step goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// It runs now. A step may start again after it was done: first its cache key is found, then its content.
    Started,
    /// Its result was there already.
    Cached,
    /// It ran.
    Done {
        /// For how long.
        took: Duration,
    },
    /// It failed.
    Failed {
        /// In one line.
        reason: String,
    },
    /// Something else failed, or the user stopped the build.
    Canceled,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A new part of the run begins: `build`, `output`, `push`.
    Phase(&'static str),
    /// A step changed its state.
    Step {
        /// Which; equal steps of several targets share one.
        id: Digest,
        /// What it is called.
        label: Arc<Label>,
        /// Its new state.
        state: StepState,
    },
    /// A step wrote something. Chunks are not aligned to lines or characters.
    Log {
        /// Which step.
        id: Digest,
        /// What it is called.
        label: Arc<Label>,
        /// Whether it came from standard error.
        stderr: bool,
        /// The bytes.
        data: Vec<u8>,
    },
    /// Bytes move: a layer, the context.
    Transfer {
        /// Which step, or the digest of what moves.
        id: Digest,
        /// What moves.
        label: Arc<Label>,
        /// What of it, `extracting sha256:…`.
        part: String,
        /// Bytes so far.
        current: u64,
        /// Bytes in all; 0 where that is unknown.
        total: u64,
    },
    /// Something to tell that stops nothing.
    Remark(Diagnostic),
    /// An output took effect, or did not and why: one line for the summary.
    Output(OutputEvent),
}

/// What became of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputEvent {
    /// An image is in the local store under this name.
    Loaded {
        /// The target it comes from.
        target: String,
        /// The name.
        name: String,
        /// Whether it was there already, so that nothing moved.
        unchanged: bool,
    },
    /// An image is in a registry.
    Pushed {
        /// The target it comes from.
        target: String,
        /// The name.
        name: String,
        /// What the registry calls it now.
        digest: Digest,
    },
    /// An image is marked for pushing, and `--push` was not given.
    NotPushed {
        /// The name.
        name: String,
    },
    /// A cache is in a registry.
    CacheWritten {
        /// The name, as it was given.
        name: String,
    },
    /// A file or a directory was written.
    Artifact {
        /// The artifact, `+build/app`.
        artifact: String,
        /// Where it is now.
        path: String,
        /// Whether it was there already with the same content.
        unchanged: bool,
    },
    /// A target was left out, because it has succeeded before and nothing that goes into it has changed.
    Skipped {
        /// The target.
        target: String,
        /// Of everything that goes into it.
        digest: Digest,
    },
    /// A `RUN --push` was left out, because `--push` was not given.
    NotRun {
        /// The target.
        target: String,
        /// The command.
        text: String,
    },
}

/// Where events go. Called from many tasks; must not block.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: Event);
}

/// A sink that drops everything.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&self, _: Event) {}
}
