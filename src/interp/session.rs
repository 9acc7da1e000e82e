//! What all targets of one run share.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use tokio::sync::OnceCell;

use super::{
    error::{self, Result},
    origin::Repository,
    probe::Probe,
    project::{Loaded, Project},
    run::Request,
    visits::Visits,
};
use crate::{
    base::OnceMap,
    diag::{Diagnostic, Location},
    events::{Event, EventSink},
    git::{self, Metadata},
    graph::{Ledger, Plan},
};

/// What all targets of one run share.
pub(crate) struct Session {
    /// What was asked for.
    pub request: Request,
    /// Takes the steps.
    pub plan: Arc<Plan>,
    /// Takes visits, links and outputs.
    pub ledger: Arc<Ledger>,
    /// Answers what only running can tell.
    pub probe: Arc<dyn Probe>,
    /// Takes remarks.
    pub remarks: Arc<dyn EventSink>,
    /// The build files.
    pub project: Project,
    /// The targets.
    pub visits: Arc<Visits>,
    git: OnceMap<PathBuf, Arc<Metadata>>,
    /// Host paths that `SAVE ARTIFACT … AS LOCAL` writes.
    outputs: Mutex<HashMap<PathBuf, Location>>,
    rounds: AtomicU32,
    /// Something that would change files of this machine was not run: what they will be nobody knows.
    host_unknown: AtomicBool,
    said: Mutex<HashSet<String>>,
    git_warned: OnceCell<()>,
}

impl Session {
    pub fn new(
        request: Request,
        plan: Arc<Plan>,
        ledger: Arc<Ledger>,
        probe: Arc<dyn Probe>,
        remarks: Arc<dyn EventSink>,
    ) -> Self {
        let project = Project::new(&request.cwd, request.features.clone());
        Self {
            request,
            plan,
            ledger,
            probe,
            remarks,
            project,
            visits: Arc::default(),
            git: OnceMap::default(),
            outputs: Mutex::default(),
            rounds: AtomicU32::default(),
            host_unknown: AtomicBool::default(),
            said: Mutex::default(),
            git_warned: OnceCell::new(),
        }
    }

    /// How often the build itself has changed files of this machine so far.
    pub fn round(&self) -> u32 {
        self.rounds.load(Ordering::SeqCst)
    }

    /// The build itself has changed files of this machine: what was read before does not count any more.
    pub fn host_changed(&self) {
        self.rounds.fetch_add(1, Ordering::SeqCst);
    }

    /// Something that would have changed files of this machine was not run.
    pub fn host_not_changed(&self) {
        self.host_unknown.store(true, Ordering::SeqCst);
    }

    /// Whether nobody can say which files will be on this machine.
    pub fn host_is_unknown(&self) -> bool {
        self.host_unknown.load(Ordering::SeqCst)
    }

    /// Says something that stops nothing; the same thing at the same place is said once.
    pub fn remark(&self, remark: Diagnostic) {
        let fresh = self
            .said
            .lock()
            .expect("no holder of this lock panics")
            .insert(remark.to_string());
        if fresh {
            self.remarks.emit(Event::Remark(remark));
        }
    }

    /// The repository that a remote reference names, `host/owner/repo/dir:tag`, and the directory in it.
    pub async fn repository(&self, remote: &str) -> Result<(Arc<Repository>, PathBuf)> {
        let remotes = self.request.remotes.as_ref();
        let remotes = remotes.ok_or_else(error::no_cache_directory)?;
        let (path, name) = remote.split_once(':').unwrap_or((remote, ""));
        let named = remotes.reference(path, name).await;
        Ok(Repository::of(named.map_err(|e| error::remote(&e))?))
    }

    /// The git metadata of the directory of a build file, read once.
    pub async fn git_of(&self, file: &Loaded) -> Arc<Metadata> {
        let Some(repository) = &file.repository else {
            return self.git(&file.dir).await;
        };
        let checkout = &repository.checkout;
        self.git
            .get_or_run(checkout.dir.clone(), || async {
                Arc::new(checkout.metadata().await)
            })
            .await
    }

    /// The git metadata of a directory, read once.
    async fn git(&self, dir: &Path) -> Arc<Metadata> {
        let metadata = self
            .git
            .get_or_run(dir.to_path_buf(), || async {
                Arc::new(git::metadata(dir).await)
            })
            .await;
        if metadata.root.is_none() && !git::is_installed() {
            self.git_warned
                .get_or_init(|| async {
                    self.remark(Diagnostic::warning(
                        "no-git",
                        "there is no `git` program: builtin arguments about git are empty",
                    ));
                })
                .await;
        }
        metadata
    }

    /// Remembers that a host path is written by the build.
    pub fn writes(&self, path: PathBuf, at: Location) {
        let mut outputs = self.outputs.lock().expect("no holder of this lock panics");
        outputs.entry(path).or_insert(at);
    }

    /// Which statement writes this host path.
    pub fn written_by(&self, path: &Path) -> Option<Location> {
        let outputs = self.outputs.lock().expect("no holder of this lock panics");
        outputs.get(path).cloned()
    }
}
