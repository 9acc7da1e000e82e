//! Every target that is interpreted, once for each set of arguments; who waits for whom; and that nobody waits for
//! himself.
//!
//! A visit runs in a task of its own from the moment that somebody asks for it, so that chains of any length need no
//! stack and look-ahead costs nothing. (`base::OnceMap` runs the work inside the first caller; here the work has to go on
//! when no caller polls it.) Before anybody waits, the edge is entered into the graph of waits, and an edge that would
//! close a circle is refused: two targets that are interpreted at the same time and wait for each other are an error and
//! never a hang.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::Future,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::watch, task::AbortHandle};

use super::{
    error::{self, Result},
    scope::{Frame, Vars},
    state::{Current, State},
};
use crate::{diag::Location, graph::ledger::VisitId};

/// What makes two references the same work.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The build file.
    pub path: PathBuf,
    /// The target; `base` is the base recipe.
    pub target: String,
    /// The overriding arguments, as far as they count.
    pub args: Vars,
    /// The platform it starts with.
    pub current: Current,
    /// Whether it is on the chain of `BUILD`s, where that matters.
    pub chain: Option<bool>,
    /// Whether it may do what touches the host.
    pub permitted: bool,
}

/// A target after its last statement.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The final state.
    pub state: State,
    /// The scope of its body: globals and base imports are taken over by `FROM` in the same file.
    pub frame: Frame,
    /// Host paths that it and what it built write, if it is on the chain of `BUILD`s.
    pub writes: Vec<(PathBuf, Location)>,
}

/// What became of a visit.
pub(crate) type Outcome = Result<Arc<Finished>>;

/// One visit.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its number in the ledger.
    pub id: VisitId,
    /// `+target`, for messages.
    pub name: String,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Entry {
    /// Waits for the end; whoever calls this has entered the edge with [`Visits::wait_edge`].
    pub async fn outcome(&self) -> Outcome {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(done) => done.clone().expect("waited for something"),
            Err(_) => Err(error::stopped(&self.name)),
        }
    }

    /// Its failure, if it has failed.
    pub fn failure(&self) -> Option<error::Failure> {
        match &*self.outcome.borrow() {
            Some(Err(failure)) => Some(failure.clone()),
            _ => None,
        }
    }

    /// Whether it has ended.
    pub fn is_done(&self) -> bool {
        self.outcome.borrow().is_some()
    }
}

/// All visits of a run.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    inner: Mutex<Inner>,
    /// Whether any has failed: what waits for thousands need not ask each of them after every statement.
    failed: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Key, Arc<Entry>>,
    names: HashMap<VisitId, String>,
    /// Who first asked for it, and of what file and target it is a visit.
    origins: HashMap<VisitId, Origin>,
    /// How often each target was visited.
    counts: HashMap<Name, usize>,
    waits: HashMap<VisitId, BTreeMap<VisitId, usize>>,
    tasks: Vec<AbortHandle>,
}

type Name = (PathBuf, String);

#[derive(Debug)]
struct Origin {
    parent: Option<VisitId>,
    name: Name,
}

impl Visits {
    /// The visit of `key`; if there is none, `open` numbers it and `run` is started as its task.
    pub fn start<F>(
        &self,
        key: Key,
        name: &str,
        parent: Option<VisitId>,
        open: impl FnOnce() -> VisitId,
        run: impl FnOnce(VisitId) -> F,
    ) -> Arc<Entry>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.get(&key) {
            return Arc::clone(entry);
        }
        let id = open();
        let (sender, outcome) = watch::channel(None);
        let entry = Arc::new(Entry {
            id,
            name: name.to_owned(),
            outcome,
        });
        let target = (key.path.clone(), key.target.clone());
        inner.entries.insert(key, Arc::clone(&entry));
        inner.names.insert(id, name.to_owned());
        *inner.counts.entry(target.clone()).or_default() += 1;
        let origin = Origin {
            parent,
            name: target,
        };
        inner.origins.insert(id, origin);
        let work = run(id);
        let failed = Arc::clone(&self.failed);
        let task = tokio::spawn(async move {
            let outcome = work.await;
            failed.fetch_or(outcome.is_err(), Ordering::Release);
            sender.send_replace(Some(outcome));
        });
        inner.tasks.push(task.abort_handle());
        entry
    }

    /// Whether any visit has failed.
    pub fn any_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// How often the target of `key` stands on the way to `parent`, `parent` included.
    pub fn depth(&self, key: &Key, parent: Option<VisitId>, at_least: usize) -> usize {
        let inner = self.lock();
        let name = (key.path.clone(), key.target.clone());
        // The walk is only worth while where the target was visited that often at all.
        if inner.counts.get(&name).copied().unwrap_or(0) < at_least {
            return 0;
        }
        let mut depth = 0;
        let mut next = parent;
        while let Some(origin) = next.and_then(|id| inner.origins.get(&id)) {
            depth += usize::from(origin.name == name);
            next = origin.parent;
        }
        depth
    }

    /// Enters that `from` waits for `to`. Refuses, with the way round, if `to` waits for `from` already.
    pub fn wait_edge(
        self: &Arc<Self>,
        from: VisitId,
        to: &Entry,
    ) -> std::result::Result<Edge, Vec<String>> {
        let mut inner = self.lock();
        if !to.is_done()
            && let Some(way) = inner.way(to.id, from)
        {
            let names = way.iter().map(|id| inner.names[id].clone());
            return Err(std::iter::once(inner.names[&from].clone())
                .chain(names)
                .collect());
        }
        *inner
            .waits
            .entry(from)
            .or_default()
            .entry(to.id)
            .or_default() += 1;
        Ok(Edge {
            visits: Arc::clone(self),
            from,
            to: to.id,
        })
    }

    /// Stops everything that still runs.
    pub fn abort(&self) {
        // Not under the lock: what a task drops may end an edge.
        let tasks = std::mem::take(&mut self.lock().tasks);
        for task in tasks {
            task.abort();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    /// A way from `from` to `to` by edges of waiting, both included.
    fn way(&self, from: VisitId, to: VisitId) -> Option<Vec<VisitId>> {
        let mut before: HashMap<VisitId, VisitId> = HashMap::new();
        let mut seen = HashSet::from([from]);
        let mut queue = vec![from];
        while let Some(at) = queue.pop() {
            if at == to {
                let mut way = vec![at];
                let mut next = at;
                while let Some(earlier) = before.get(&next) {
                    way.push(*earlier);
                    next = *earlier;
                }
                way.reverse();
                return Some(way);
            }
            for next in self.waits.get(&at).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(*next) {
                    before.insert(*next, at);
                    queue.push(*next);
                }
            }
        }
        None
    }
}

/// That one visit waits for another; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Edge {
    visits: Arc<Visits>,
    from: VisitId,
    to: VisitId,
}

impl Drop for Edge {
    fn drop(&mut self) {
        let mut inner = self.visits.lock();
        if let Some(waits) = inner.waits.get_mut(&self.from) {
            if let Some(count) = waits.get_mut(&self.to) {
                *count -= 1;
                if *count == 0 {
                    waits.remove(&self.to);
                }
            }
            if waits.is_empty() {
                inner.waits.remove(&self.from);
            }
        }
    }
}
