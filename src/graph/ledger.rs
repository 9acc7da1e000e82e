//! The ledger: every output that was met, by which ways its target was reached, and whether it therefore counts.
//!
//! The interpreter writes visits, links and outputs while it runs. Nothing is decided until [`Ledger::settle`], which is
//! a pure function of what was written: so the order in which concurrent targets were interpreted cannot matter.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use crate::{base::Platform, diag::Location, graph::plan::StepId, oci::ImageConfig};

/// One target with one set of arguments, as it was interpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitId(pub u32);

/// A `WAIT` block as it was executed; 0 is the one around the whole build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WaitId(pub u32);

/// What a visit is called.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The canonical reference.
    pub target: String,
    /// The arguments that the target declares and that were overridden.
    pub args: Vec<(String, String)>,
    /// Its header; none for a base recipe.
    pub at: Option<Location>,
}

/// How one target led to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkKind {
    /// Named on the command line.
    Root,
    /// `BUILD`, the only one that keeps the chain of outputs.
    Build,
    /// `FROM +t`, and every target's implicit `FROM +base`.
    From,
    /// `COPY +t/x`.
    Copy,
    /// `WITH DOCKER --load`.
    Load,
    /// `FROM DOCKERFILE +t/x`.
    Dockerfile,
    /// The base recipe of the file that defines a function.
    FunctionBase,
}

impl LinkKind {
    /// The command that makes it, as people know it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Root => "the command line",
            Self::Build => "BUILD",
            Self::From => "FROM",
            Self::Copy => "COPY",
            Self::Load => "WITH DOCKER --load",
            Self::Dockerfile => "FROM DOCKERFILE",
            Self::FunctionBase => "DO",
        }
    }
}

/// One way from one target to another.
#[derive(Debug, Clone)]
pub struct Link {
    /// None for the root.
    pub from: Option<VisitId>,
    /// The target that was reached.
    pub to: VisitId,
    /// By which command.
    pub kind: LinkKind,
    /// The statement.
    pub at: Option<Location>,
    /// The step that decides whether the statement runs at all; only in plans that run nothing.
    pub undecided_by: Option<StepId>,
}

/// Something a target wants to leave behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// Whose.
    pub owner: VisitId,
    /// The statement.
    pub at: Location,
    /// The step that decides whether the statement runs at all; only in plans that run nothing.
    pub undecided_by: Option<StepId>,
    /// What.
    pub kind: OutputKind,
}

/// The kinds of outputs.
#[derive(Debug, Clone)]
pub enum OutputKind {
    /// `SAVE IMAGE`. Without names it is only a cache hint.
    Image(ImageOutput),
    /// `SAVE ARTIFACT … AS LOCAL`.
    Artifact(ArtifactOutput),
    /// `RUN --push`.
    Push(PushCommand),
}

/// `SAVE IMAGE`.
#[derive(Debug, Clone)]
pub struct ImageOutput {
    /// The names, as written and expanded.
    pub names: Vec<String>,
    /// The file system.
    pub state: StepId,
    /// The configuration.
    pub config: Arc<ImageConfig>,
    /// What it is for.
    pub platform: Platform,
    /// Whether the platform was chosen by the command line, `BUILD` or `FROM`.
    pub platform_chosen: bool,
    /// `--push`.
    pub push: bool,
    /// `--cache-hint`.
    pub cache_hint: bool,
    /// `--cache-from`.
    pub cache_from: Vec<String>,
    /// `--insecure`.
    pub insecure: bool,
    /// `--no-manifest-list`.
    pub no_manifest_list: bool,
}

/// `SAVE ARTIFACT … AS LOCAL`.
#[derive(Debug, Clone)]
pub struct ArtifactOutput {
    /// The canonical name, `+build/app`.
    pub artifact: String,
    /// A file system with nothing in its root but what is to be written: one entry, or with a glob any number; none
    /// where `--if-exists` allows it.
    pub state: StepId,
    /// Where to, absolute; a trailing slash means: into this directory.
    pub dest: String,
    /// As written in the file.
    pub dest_written: String,
    /// The directory that `dest` has to be inside of, unless `force`.
    pub within: String,
    /// Whether the source was a pattern.
    pub glob: bool,
    /// `--force`.
    pub force: bool,
    /// `--if-exists`.
    pub if_exists: bool,
}

/// `RUN --push`.
#[derive(Debug, Clone)]
pub struct PushCommand {
    /// The command.
    pub text: String,
    /// The step, where it is part of the build.
    pub step: Option<StepId>,
}

/// Whether an output takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Counts,
    /// It does not.
    No(Reason),
    /// Only known when this step has run.
    Undecided(StepId),
}

/// Why an output does not take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The chain to its target is broken by this kind of link.
    ReachedBy(LinkKind),
    /// It would push, and `--push` was not given.
    PushNotGiven,
    /// `SAVE IMAGE` without a name.
    NoName,
    /// `--no-output`.
    NoOutput,
    /// `--image` or `--artifact` asked for something else.
    NotAskedFor,
    /// A later statement writes the same place.
    Replaced {
        /// That statement.
        by: Location,
    },
}

/// What the command line says about outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputMode {
    /// `--push`.
    pub push: bool,
    /// `--no-output`.
    pub no_output: bool,
    /// `--image`, `--artifact`.
    pub only: Only,
    /// The older rule (`referenced-save-only` off): every visited target outputs.
    pub every_visit: bool,
}

/// Restriction to one kind of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Only {
    /// None.
    #[default]
    Everything,
    /// `--image`: the images of the root target itself.
    RootImages,
    /// `--artifact`: nothing of what the files declare.
    Nothing,
}

/// An output with its fate.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The entry.
    pub output: Output,
    /// The best way to its target.
    pub chain: Chain,
    /// Whether it is written to this machine: loaded, saved, or executed in the case of `RUN --push`.
    pub local: Verdict,
    /// Whether it is pushed; none where it is not marked for pushing.
    pub push: Option<Verdict>,
}

/// All links, and for each visit the last one of its way.
type Shared = Arc<(Vec<Link>, Vec<Option<usize>>)>;

/// The way to a target. What all outputs share is there once: ten thousand targets in a row would else have fifty million
/// links.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    shared: Shared,
    visit: Option<VisitId>,
}

impl Chain {
    /// The links, from the root down.
    pub fn links(&self) -> Vec<&Link> {
        let (links, last) = &*self.shared;
        let mut way = Vec::new();
        let mut at = self.visit;
        while let Some(index) = at.and_then(|visit| *last.get(visit.0 as usize)?) {
            way.push(&links[index]);
            at = links[index].from;
        }
        way.reverse();
        way
    }
}

/// Visits, links and outputs of one build.
#[derive(Debug, Default)]
pub struct Ledger {
    inner: Mutex<Entries>,
}

#[derive(Debug, Default, Clone)]
struct Entries {
    visits: Vec<Visit>,
    links: Vec<Link>,
    outputs: Vec<Output>,
    /// For each link and each output the innermost `WAIT` block around its statement.
    link_blocks: Vec<WaitId>,
    output_blocks: Vec<WaitId>,
    blocks: u32,
}

impl Ledger {
    /// Numbers a `WAIT` block.
    pub fn wait_block(&self) -> WaitId {
        let mut entries = self.lock();
        entries.blocks += 1;
        WaitId(entries.blocks)
    }

    /// Whether any image is saved, whether or not that counts.
    pub fn has_images(&self) -> bool {
        let is_image = |output: &Output| matches!(output.kind, OutputKind::Image(_));
        self.lock().outputs.iter().any(is_image)
    }

    /// Opens a visit.
    pub fn visit(&self, visit: Visit) -> VisitId {
        let mut entries = self.lock();
        entries.visits.push(visit);
        VisitId(u32::try_from(entries.visits.len() - 1).expect("fewer than 2^32 visits"))
    }

    /// Adds the arguments that a visit turned out to declare.
    pub fn set_args(&self, visit: VisitId, args: Vec<(String, String)>) {
        self.lock().visits[visit.0 as usize].args = args;
    }

    /// Writes down a way; `block` is the innermost `WAIT` around the statement in its own recipe.
    pub fn link(&self, link: Link, block: WaitId) {
        let mut entries = self.lock();
        entries.links.push(link);
        entries.link_blocks.push(block);
    }

    /// Writes down an output; `block` is the innermost `WAIT` around the statement in its own recipe.
    pub fn output(&self, output: Output, block: WaitId) {
        let mut entries = self.lock();
        entries.outputs.push(output);
        entries.output_blocks.push(block);
    }

    /// The names that `SAVE IMAGE --cache-from` gives, of all outputs but the first `seen`; and how many outputs there are.
    pub fn caches_from(&self, seen: usize) -> (Vec<String>, usize) {
        let entries = self.lock();
        let new = entries.outputs.iter().skip(seen);
        let names = new.filter_map(|output| match &output.kind {
            OutputKind::Image(image) => Some(image.cache_from.iter().cloned()),
            _ => None,
        });
        (names.flatten().collect(), entries.outputs.len())
    }

    /// What a visit is called.
    pub fn visit_of(&self, id: VisitId) -> Visit {
        self.lock().visits[id.0 as usize].clone()
    }

    /// All visits.
    pub fn visits(&self) -> Vec<Visit> {
        self.lock().visits.clone()
    }

    /// All links.
    pub fn links(&self) -> Vec<Link> {
        self.lock().links.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.inner.lock().expect("no holder of this lock panics")
    }

    /// The visits as they are met on the way from the root, by the order of execution in each: the same however
    /// concurrently they were interpreted.
    pub fn walk(&self) -> Vec<VisitId> {
        let entries = self.lock().clone();
        let ways = Ways::find(&entries);
        let count = u32::try_from(entries.visits.len()).expect("fewer than 2^32 visits");
        let mut visits: Vec<VisitId> = (0..count).map(VisitId).collect();
        visits.sort_by_key(|visit| ways.order(*visit));
        visits
    }

    /// Decides every output by section 5.1 of the language. Outputs are in the order of their targets' chains, within a
    /// target in the order of execution.
    pub fn settle(&self, mode: OutputMode) -> Vec<Settled> {
        let settled = self.settle_all(mode).into_iter();
        settled.map(|(_, settled)| settled).collect()
    }

    /// The same for the outputs that take effect at the end of one `WAIT` block.
    pub fn settle_block(&self, block: WaitId, mode: OutputMode) -> Vec<Settled> {
        let settled = self.settle_all(mode).into_iter();
        let own = settled.filter(|(of, _)| *of == block);
        own.map(|(_, settled)| settled).collect()
    }

    /// Decides outputs that are not in the ledger, because their target has failed, by the ways that are known so far.
    pub fn settle_apart(&self, outputs: Vec<Output>, mode: OutputMode) -> Vec<Settled> {
        let entries = self.lock().clone();
        let ways = Ways::find(&entries);
        let shared = ways.shared();
        let settle = |output| ways.settle(output, &shared, mode).1;
        outputs.into_iter().map(settle).collect()
    }

    fn settle_all(&self, mode: OutputMode) -> Vec<(WaitId, Settled)> {
        let entries = self.lock().clone();
        let ways = Ways::find(&entries);
        let shared = ways.shared();
        let mut settled = Vec::with_capacity(entries.outputs.len());
        for (output, block) in entries.outputs.iter().zip(&entries.output_blocks) {
            let (way, entry) = ways.settle(output.clone(), &shared, mode);
            settled.push((way.order, way.block.inside(*block), entry));
        }
        // One visit writes in the order in which it executes, and the sort is stable. Where a statement stands says less:
        // functions stand elsewhere, and a loop comes to the same statement again.
        settled.sort_by_key(|(order, _, s)| (*order, s.output.owner));
        let mut settled: Vec<_> = settled.into_iter().map(|(_, b, s)| (b, s)).collect();
        later_statement_wins(&mut settled);
        settled
    }
}

impl WaitId {
    /// The innermost of this block and one inside it; none is inside where the number is 0.
    fn inside(self, inner: Self) -> Self {
        if inner == Self::default() {
            self
        } else {
            inner
        }
    }
}

fn judge(
    output: &Output,
    reached: &Verdict,
    is_root: bool,
    mode: OutputMode,
) -> (Verdict, Option<Verdict>) {
    let unless = |no: bool, reason: Reason, otherwise: &Verdict| {
        if no && *otherwise != Verdict::No(Reason::NoName) {
            match otherwise {
                // The first reason is the one a reader wants: a broken chain goes before a missing flag.
                Verdict::No(_) => otherwise.clone(),
                _ => Verdict::No(reason),
            }
        } else {
            otherwise.clone()
        }
    };
    let asked = match (mode.only, &output.kind) {
        (Only::Everything, _) => true,
        (Only::RootImages, OutputKind::Image(_)) => is_root,
        (Only::RootImages | Only::Nothing, _) => false,
    };
    match &output.kind {
        OutputKind::Image(image) if image.names.is_empty() => (Verdict::No(Reason::NoName), None),
        OutputKind::Image(image) => {
            let asked_for = unless(!asked, Reason::NotAskedFor, reached);
            let local = unless(mode.no_output, Reason::NoOutput, &asked_for);
            let push = image
                .push
                .then(|| unless(!mode.push, Reason::PushNotGiven, &asked_for));
            (local, push)
        }
        OutputKind::Artifact(_) => {
            let asked_for = unless(!asked, Reason::NotAskedFor, reached);
            (unless(mode.no_output, Reason::NoOutput, &asked_for), None)
        }
        OutputKind::Push(_) => {
            let asked_for = unless(!asked, Reason::NotAskedFor, reached);
            let verdict = unless(!mode.push, Reason::PushNotGiven, &asked_for);
            (verdict.clone(), Some(verdict))
        }
    }
}

/// Of two artifacts of one target that go to the same place, the one executed later wins.
fn later_statement_wins(settled: &mut [(WaitId, Settled)]) {
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for index in 0..settled.len() {
        let OutputKind::Artifact(artifact) = &settled[index].1.output.kind else {
            continue;
        };
        if settled[index].1.local != Verdict::Counts || artifact.dest.ends_with('/') {
            continue;
        }
        if let Some(earlier) = last.insert(artifact.dest.clone(), index)
            && settled[earlier].1.output.owner == settled[index].1.output.owner
        {
            let by = settled[index].1.output.at.clone();
            settled[earlier].1.local = Verdict::No(Reason::Replaced { by });
        }
    }
}

/// The best way from the root to every visit: unbroken before undecided before broken, then the shortest.
///
/// A visit knows the last link of its way; the rest is the way of the visit from which the link comes. That ends, because
/// the rank of a way is never better than that of its beginning, and only a better rank replaces a link.
struct Ways<'a> {
    entries: &'a Entries,
    last: Vec<Option<Last>>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    link: usize,
    rank: Rank,
    /// Position in the walk from the root; puts outputs in a stable order.
    order: usize,
}

/// Whether a way is broken, and whether it is undecided.
type Rank = (bool, bool);

struct Way {
    /// Whether it is the root itself.
    is_root: bool,
    broken: Option<LinkKind>,
    undecided: Option<StepId>,
    block: WaitId,
    order: usize,
}

impl Way {
    fn verdict(&self) -> Verdict {
        match (self.broken, self.undecided) {
            (Some(kind), _) => Verdict::No(Reason::ReachedBy(kind)),
            (None, Some(step)) => Verdict::Undecided(step),
            (None, None) => Verdict::Counts,
        }
    }
}

impl LinkKind {
    /// Whether outputs behind it take effect.
    fn keeps(self) -> bool {
        matches!(self, Self::Root | Self::Build)
    }
}

impl<'a> Ways<'a> {
    fn find(entries: &'a Entries) -> Self {
        let mut from: BTreeMap<Option<VisitId>, Vec<usize>> = BTreeMap::new();
        // Interpretation is concurrent; one visit's own links are in the order of its execution.
        for (index, link) in entries.links.iter().enumerate() {
            from.entry(link.from).or_default().push(index);
        }
        let mut last: Vec<Option<Last>> = vec![None; entries.visits.len()];
        let roots = from.get(&None).into_iter().flatten().copied();
        let mut queue: VecDeque<usize> = roots.collect();
        let mut order = 0;
        while let Some(index) = queue.pop_front() {
            let link = &entries.links[index];
            let before = link.from.and_then(|from| last[from.0 as usize]);
            let (broken, undecided) = before.map_or((false, false), |b| b.rank);
            let rank = (
                broken || !link.kind.keeps(),
                undecided || link.undecided_by.is_some(),
            );
            let known = &mut last[link.to.0 as usize];
            if known.is_none_or(|known| rank < known.rank) {
                *known = Some(Last {
                    link: index,
                    rank,
                    order: known.map_or(order, |known| known.order),
                });
                order += 1;
                queue.extend(from.get(&Some(link.to)).into_iter().flatten());
            }
        }
        Self { entries, last }
    }

    fn shared(&self) -> Shared {
        let last = self.last.iter().map(|last| last.map(|last| last.link));
        Arc::new((self.entries.links.clone(), last.collect()))
    }

    /// What becomes of an output, and by which way its target is reached.
    fn settle(&self, output: Output, shared: &Shared, mode: OutputMode) -> (Way, Settled) {
        let way = self.best(output.owner);
        let reached = if mode.every_visit {
            Verdict::Counts
        } else {
            way.verdict()
        };
        let reached = match (reached, output.undecided_by) {
            (Verdict::Counts, Some(step)) => Verdict::Undecided(step),
            (verdict, _) => verdict,
        };
        let (local, push) = judge(&output, &reached, way.is_root, mode);
        let chain = Chain {
            shared: Arc::clone(shared),
            visit: Some(output.owner),
        };
        let settled = Settled {
            output,
            chain,
            local,
            push,
        };
        (way, settled)
    }

    /// Where a visit stands in the walk from the root.
    fn order(&self, visit: VisitId) -> usize {
        self.last[visit.0 as usize].map_or(usize::MAX, |last| last.order)
    }

    fn best(&self, visit: VisitId) -> Way {
        let mut way = Way {
            broken: None,
            undecided: None,
            block: WaitId::default(),
            order: self.order(visit),
            is_root: false,
        };
        let mut at = Some(visit);
        let mut length = 0;
        // From the end: of several things of one kind the one nearest to the root counts, of blocks the innermost.
        while let Some(last) = at.and_then(|at| self.last[at.0 as usize]) {
            let link = &self.entries.links[last.link];
            if !link.kind.keeps() {
                way.broken = Some(link.kind);
            }
            way.undecided = link.undecided_by.or(way.undecided);
            way.block = self.entries.link_blocks[last.link].inside(way.block);
            way.is_root = length == 0 && link.kind == LinkKind::Root;
            length += 1;
            at = link.from;
        }
        if length == 0 {
            // A visit without any link was started ahead of a statement that never ran.
            way.broken = Some(LinkKind::From);
        }
        way
    }
}
