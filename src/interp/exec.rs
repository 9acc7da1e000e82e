//! One recipe while it is executed: its scopes, its state, and what it waits for.
//!
//! [`Exec`] is what every command changes. The commands themselves are in `commands/`, blocks in `block`, the way from
//! one target to another in [`Start`] and `call`.

use std::{path::PathBuf, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};

use super::{
    error::{self, Failure, Result},
    project::{BASE, Loaded},
    scope::{Frame, Vars},
    session::Session,
    state::{Current, State},
    target,
    visits::{Edge, Entry, Finished, Key, Outcome},
    with_docker::WithDocker,
};
use crate::{
    base::Platform,
    diag::{Diagnostic, Frame as DiagFrame, Location, Way},
    events::{Label, Told},
    graph::{
        StepId,
        ledger::{Link, LinkKind, Output, OutputKind, Visit, VisitId, WaitId},
        plan::{Keep, Step, StepOp},
        reference::Place,
    },
    syntax::{
        ast::{Keyword, Recipe},
        dialect::{Feature, FeatureSet},
    },
};

/// How often a target may stand on the way to itself, with other arguments each time.
const MAX_RECURSION: usize = 1000;

/// The same where a condition that was not run decides whether the recursion goes on.
const MAX_UNDECIDED_RECURSION: usize = 3;

/// A recipe while it is executed.
pub(crate) struct Exec {
    /// What all recipes share.
    pub session: Arc<Session>,
    /// This visit.
    pub id: VisitId,
    /// The file of the target. A function runs with its caller's.
    pub home: Arc<Loaded>,
    /// The name of the target.
    pub target: String,
    /// The statement that led here, and the way to that; none for the root.
    pub reached: Option<(Location, Arc<Way>)>,
    /// Whether it is reached from the root by `BUILD` alone.
    pub chain: bool,
    /// Scopes: the target's, then one for each call of a function.
    pub frames: Vec<Frame>,
    /// What the statements change.
    pub state: State,
    /// The condition that decides whether the current statement runs at all; only in plans that run nothing.
    pub undecided_by: Option<StepId>,
    /// The innermost `WAIT` block around the current statement.
    pub wait: WaitId,
    /// What a `RUN` leaves: within `TRY` its exit status, too.
    pub keep: Keep,
    /// Targets that were started by `BUILD`.
    pub pending: Vec<Pending>,
    /// States that will be needed when the recipe has been interpreted without an error.
    pub ready: Vec<StepId>,
    /// Host paths that the recipe and what it built write.
    pub writes: Vec<(PathBuf, Location)>,
    /// The current statement.
    pub at: Location,
    /// The text of the current statement, for labels.
    pub text: String,
    /// The `WITH DOCKER` that the current statement is in.
    pub docker: Option<Arc<WithDocker>>,
    /// How many times a command has run beside its daemon.
    pub docker_runs: usize,
    /// How many blocks the current statement is in, through all calls.
    pub depth: usize,
    /// How many loops the current statement is in.
    pub loops: usize,
}

/// A target that was started and whose end the recipe has to wait for.
pub(crate) struct Pending {
    pub entry: Arc<Entry>,
    pub edge: Edge,
    pub at: Location,
}

impl Exec {
    /// The scope of the code that runs.
    pub fn frame(&self) -> &Frame {
        self.frames.last().expect("a recipe has a scope")
    }

    /// The scope of the code that runs.
    pub fn frame_mut(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a recipe has a scope")
    }

    /// What is turned on: the calling file's, also in functions.
    pub fn features(&self) -> FeatureSet {
        self.home.features
    }

    /// Whether a feature is on.
    pub fn has(&self, feature: Feature) -> bool {
        self.features().has(feature)
    }

    /// The file system; an error before the first `FROM`.
    pub fn fs(&self, what: &str) -> Result<StepId> {
        self.state.fs.ok_or_else(|| error::needs_from(what))
    }

    /// Refuses a command that makes no sense on this machine.
    pub fn refuse_locally(&self, keyword: Keyword) -> Result<()> {
        match self.state.locally {
            Some(_) => Err(error::locally_command(keyword)),
            None => Ok(()),
        }
    }

    /// Appends a step of the current statement.
    pub fn push(&self, op: StepOp) -> StepId {
        self.push_named(op, self.text.clone())
    }

    /// Appends a step with a text of its own.
    pub fn push_named(&self, op: StepOp, text: String) -> StepId {
        self.push_labelled(op, text, false)
    }

    /// Appends a step; with `raw_output` what it prints stands by itself.
    pub fn push_labelled(&self, op: StepOp, text: String, raw_output: bool) -> StepId {
        let platform = self.state.current.platform.clone();
        self.push_for(platform, op, text, raw_output)
    }

    /// The same for another platform than that in force.
    pub fn push_for(
        &self,
        platform: Platform,
        op: StepOp,
        text: String,
        raw_output: bool,
    ) -> StepId {
        // What an attempt means that was made before, whoever reads its exit status finds out.
        let told = match &op {
            StepOp::Run(run) if run.keep == Keep::Attempt => Told::Runs,
            _ => Told::Everything,
        };
        self.push_told(platform, op, text, raw_output, told)
    }

    /// Appends a step of the current statement for which another one stands where people see it.
    pub fn push_beside(&self, op: StepOp) -> StepId {
        let platform = self.state.current.platform.clone();
        self.push_told(platform, op, self.text.clone(), false, Told::Nothing)
    }

    fn push_told(
        &self,
        platform: Platform,
        op: StepOp,
        text: String,
        raw_output: bool,
        told: Told,
    ) -> StepId {
        let shown = (platform != self.session.request.native).then(|| platform.to_string());
        self.session.plan.push(Step {
            op,
            platform,
            label: Arc::new(Label {
                target: self.home.target(&self.target),
                text,
                platform: shown,
                at: Some(self.at.clone()),
                read_by: None,
                raw_output,
                told,
            }),
            way: Some(self.way()),
        })
    }

    /// How the build came to the current statement.
    pub fn way(&self) -> Arc<Way> {
        let (at, outer) = self.reached.clone().unzip();
        let start = Arc::new(Way {
            frame: DiagFrame {
                what: self.frames[0].shown(),
                at,
            },
            outer,
        });
        self.frames[1..].iter().fold(start, |outer, frame| {
            Arc::new(Way {
                frame: DiagFrame {
                    what: frame.shown(),
                    at: frame.called_from.clone(),
                },
                outer: Some(outer),
            })
        })
    }

    /// Writes an output of this visit down.
    pub fn output(&self, kind: OutputKind) {
        let output = self.output_of(kind);
        self.session.ledger.output(output, self.wait);
    }

    /// An output of the current statement.
    pub fn output_of(&self, kind: OutputKind) -> Output {
        Output {
            owner: self.id,
            at: self.at.clone(),
            undecided_by: self.undecided_by,
            kind,
        }
    }

    /// Says that a state will be needed. An image by itself is not fetched for that: somebody may use it, or nobody.
    pub fn announce(&self, step: StepId) {
        if !matches!(
            self.session.plan.step(step).op,
            StepOp::Image(_)
                | StepOp::Scratch
                | StepOp::Context(_)
                | StepOp::Files(_)
                | StepOp::Download(_)
                | StepOp::HostRun(_)
                | StepOp::HostCopy(_)
                | StepOp::WriteBack(_)
        ) {
            self.session.probe.ready(step);
        }
    }

    /// What was done so far is needed even if nothing follows it: a command that fails fails the build.
    pub fn keep_state(&mut self) {
        self.ready.extend(self.state.fs);
    }

    /// The failure of a target that `BUILD` started, as soon as there is one: nothing else needs to begin then.
    pub fn failed_meanwhile(&self) -> Result<()> {
        if !self.session.visits.any_failed() {
            return Ok(());
        }
        for pending in &self.pending {
            if let Some(failure) = pending.entry.failure() {
                return Err(failure.called_from(&pending.at));
            }
        }
        Ok(())
    }

    /// Says what the text of a recipe, or of the base recipe, gives cause to say.
    pub fn remark_on(&self, recipe: Option<&Recipe>) {
        for remark in self.frame().file.remarks(recipe) {
            self.session.remark(remark);
        }
    }

    /// Refuses what touches the host, `RUN --privileged` or `LOCALLY`, in code of a repository unless every reference on
    /// the way to it allows for that.
    pub fn permitted(&self, what: &str) -> Result<()> {
        if !self.frame().permitted {
            return Err(error::not_permitted(what));
        }
        // Whoever names a repository on the command line may not expect that it does something to this machine.
        let remote_root = matches!(self.session.request.root.place, Place::Remote(_));
        if let (true, Some(repository), "LOCALLY") =
            (remote_root, &self.frame().file.repository, what)
        {
            self.warn(Diagnostic::warning(
                "remote-locally",
                format!("commands of `{}` run on this machine", repository.name),
            ));
        }
        Ok(())
    }

    /// Says something about the current statement that stops nothing.
    pub fn warn(&self, warning: Diagnostic) {
        self.session.remark(warning.at(self.at.clone()));
    }

    /// Starts a target, writes down how it was reached, and enters that this recipe waits for it. None where a condition
    /// that was not run guards an endless recursion: then nobody can say how often it happens.
    pub fn reach(&self, start: Start, kind: LinkKind) -> Result<Option<(Arc<Entry>, Edge)>> {
        self.reach_at(start, kind, self.at.clone())
    }

    /// The same with the place of the link.
    pub fn reach_at(
        &self,
        start: Start,
        kind: LinkKind,
        at: Location,
    ) -> Result<Option<(Arc<Entry>, Edge)>> {
        let session = &self.session;
        let limit = if self.undecided_by.is_some() {
            MAX_UNDECIDED_RECURSION
        } else {
            MAX_RECURSION
        };
        let depth = session
            .visits
            .depth(&start.key(session), Some(self.id), limit);
        if depth >= limit {
            if self.undecided_by.is_some() {
                return Ok(None);
            }
            return Err(error::too_deep(&start.file.target(&start.target), limit));
        }
        let entry = start.start(session, Some(Caller::new(self, &at)));
        let link = LinkTo {
            kind,
            at: Some(at),
            undecided_by: self.undecided_by,
        };
        let link = link.between(Some(self.id), entry.id);
        session.ledger.link(link, self.wait);
        match session.visits.wait_edge(self.id, &entry) {
            Ok(edge) => Ok(Some((entry, edge))),
            Err(_) if self.undecided_by.is_some() => Ok(None),
            Err(path) => Err(error::cycle(&entry.name, &path)),
        }
    }

    /// Starts a target and waits for its end.
    pub async fn reach_and_wait(
        &self,
        start: Start,
        kind: LinkKind,
    ) -> Result<Option<Arc<Finished>>> {
        match self.reach(start, kind)? {
            Some((entry, edge)) => Ok(Some(self.finished(&entry, edge).await?)),
            None => Ok(None),
        }
    }

    /// Waits for the end of a target that was reached.
    pub async fn finished(&self, entry: &Entry, edge: Edge) -> Result<Arc<Finished>> {
        let outcome = entry.outcome().await;
        drop(edge);
        outcome.map_err(|f| f.called_from(&self.at))
    }

    /// Waits for everything that `BUILD` started since the mark; the first failure ends the waiting.
    pub async fn join(&mut self, mark: usize) -> Result<()> {
        let mut waiting: FuturesUnordered<_> = self
            .pending
            .drain(mark..)
            .map(|pending| async move {
                let outcome = pending.entry.outcome().await;
                drop(pending.edge);
                outcome.map_err(|f| f.called_from(&pending.at))
            })
            .collect();
        while let Some(outcome) = waiting.next().await {
            self.writes.extend(outcome?.writes.iter().cloned());
        }
        Ok(())
    }

    /// The stack of calls for an error, innermost first.
    pub fn with_frames(&self, mut failure: Failure) -> Failure {
        for frame in self.frames.iter().rev() {
            failure = failure.frame(&frame.shown(), frame.called_from.as_ref());
        }
        failure
    }
}

/// The way a link is written down.
pub(crate) struct LinkTo {
    pub kind: LinkKind,
    pub at: Option<Location>,
    pub undecided_by: Option<StepId>,
}

impl LinkTo {
    pub fn between(self, from: Option<VisitId>, to: VisitId) -> Link {
        Link {
            from,
            to,
            kind: self.kind,
            at: self.at,
            undecided_by: self.undecided_by,
        }
    }
}

/// Who asks for a target first, and by which statement.
pub(crate) struct Caller {
    id: VisitId,
    at: Location,
    way: Arc<Way>,
}

impl Caller {
    /// The statement at `at` of what runs.
    pub fn new(exec: &Exec, at: &Location) -> Self {
        Self {
            id: exec.id,
            at: at.clone(),
            way: exec.way(),
        }
    }
}

/// Everything that is needed to begin with a target.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// Its file.
    pub file: Arc<Loaded>,
    /// Its name; `base` is the base recipe.
    pub target: String,
    /// Its overriding arguments.
    pub args: Vars,
    /// The platform it begins with.
    pub current: Current,
    /// Whether it is reached from the root by `BUILD` alone.
    pub chain: bool,
    /// Whether it may do what touches the host: `LOCALLY`, privileged steps.
    pub permitted: bool,
}

impl Start {
    /// What makes this the same work as another reference.
    pub fn key(&self, session: &Session) -> Key {
        let upfront = Feature::UseVisitedUpfrontHashCollection;
        let mut args = self.args.clone();
        // The base recipe has no output that could tell its visits apart, so only what it can see counts.
        if self.target == BASE || !self.file.features.has(upfront) {
            let names = self.args.keys().map(String::as_str);
            let relevant = self.file.statics.relevant(&self.target, names);
            args.retain(|name, _| relevant.contains(name.as_str()));
        }
        let matters = session.request.push && self.file.statics.depends_on_push(&self.target);
        Key {
            path: self.file.path.clone(),
            target: self.target.clone(),
            args,
            current: self.current.clone(),
            chain: matters.then_some(self.chain),
            permitted: self.permitted,
        }
    }

    /// Starts it, or finds that it was started.
    pub fn start(self, session: &Arc<Session>, caller: Option<Caller>) -> Arc<Entry> {
        let (parent, reached) = caller.map(|c| (c.id, (c.at, c.way))).unzip();
        let key = self.key(session);
        let name = self.file.target(&self.target);
        let visit = Visit {
            target: name.clone(),
            args: Vec::new(),
            at: self
                .file
                .recipe(&self.target)
                .ok()
                .flatten()
                .map(|recipe| self.file.at(recipe.name_span)),
        };
        let run = {
            let session = Arc::clone(session);
            |id| -> futures_util::future::BoxFuture<'static, Outcome> {
                Box::pin(target::visit(session, id, self, reached))
            }
        };
        session
            .visits
            .start(key, &name, parent, || session.ledger.visit(visit), run)
    }
}
