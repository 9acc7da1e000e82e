//! The entrance: from a reference to the files of a commit, each fetched at most once in a run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use super::{
    checkout::Checkout,
    error::GitError,
    lookup::{Found, Lookup, Surroundings},
    metadata::is_installed,
    refs::{self, Kind, Resolved, Shape},
    settings::Settings,
    store::Store,
};
use crate::{
    base::{Digest, OnceMap, Secret},
    events::{Event, EventSink, Label, StepState, Told},
};

/// What has to be known to reach repositories.
#[derive(Debug, Clone, Default)]
pub struct RemotesRequest {
    /// The `git:` section of the config file.
    pub settings: Settings,
    /// Where copies are kept; a directory for this alone.
    pub cache_dir: PathBuf,
    /// The home directory: `.netrc`, `.ssh/known_hosts`.
    pub home: Option<PathBuf>,
    /// The name of the user, for SSH.
    pub user: Option<String>,
    /// `$NETRC_CONTENT`.
    pub netrc_content: Option<Secret>,
    /// `$NETRC`.
    pub netrc: Option<PathBuf>,
    /// The socket of the SSH agent.
    pub ssh_auth_sock: Option<PathBuf>,
    /// `--git-lfs-pull-include`.
    pub lfs_include: Option<String>,
    /// Ask nobody: only what is in the cache.
    pub offline: bool,
    /// References have to name a whole commit or a tag, `tags/…`: something that means the same tomorrow.
    pub pinned: bool,
}

/// A reference, resolved.
#[derive(Debug, Clone)]
pub struct Named {
    /// The files.
    pub checkout: Arc<Checkout>,
    /// The part of the reference that names the repository: `github.com/owner/repo`.
    pub repository: String,
    /// The directory in it; empty for its root.
    pub subdir: String,
}

/// Repositories, as far as a run needs them.
pub struct Remotes {
    lookup: Lookup,
    cache_dir: PathBuf,
    lfs: Option<String>,
    offline: bool,
    pinned: bool,
    events: Arc<dyn EventSink>,
    found: OnceMap<String, Result<Arc<Found>, GitError>>,
    checkouts: OnceMap<(String, String), Result<Arc<Checkout>, GitError>>,
}

impl Remotes {
    /// Nothing fetched yet.
    pub fn new(request: RemotesRequest, events: Arc<dyn EventSink>) -> Self {
        let around = Surroundings {
            home: request.home,
            user: request.user,
            netrc_content: request.netrc_content,
            netrc: request.netrc,
            agent: request.ssh_auth_sock,
        };
        let dir = request.cache_dir.clone();
        Self {
            lookup: Lookup::new(request.settings, around, dir),
            cache_dir: request.cache_dir,
            lfs: request.lfs_include.filter(|i| !i.is_empty()),
            offline: request.offline,
            pinned: request.pinned,
            events,
            found: OnceMap::default(),
            checkouts: OnceMap::default(),
        }
    }

    /// The files that a reference names: `host/owner/repo/dir`, and a tag, a branch, a commit or nothing.
    pub async fn reference(&self, path: &str, name: &str) -> Result<Named, GitError> {
        self.ready()?;
        if self.pinned && !refs::is_pinned(name) {
            let reference = match name {
                "" => path.to_owned(),
                name => format!("{path}:{name}"),
            };
            return Err(GitError::NotPinned { reference });
        }
        let found = self
            .found
            .get_or_run(path.to_owned(), || async {
                self.lookup.reference(path).await.map(Arc::new)
            })
            .await?;
        Ok(Named {
            checkout: self.checkout(&found, name).await?,
            repository: found.repository.clone(),
            subdir: found.subdir.clone(),
        })
    }

    /// The files of the repository at a URL, as `GIT CLONE` names it.
    pub async fn url(&self, url: &str, name: &str) -> Result<Arc<Checkout>, GitError> {
        self.ready()?;
        let found = self.lookup.url(url).await?;
        self.checkout(&found, name).await
    }

    fn ready(&self) -> Result<(), GitError> {
        if !is_installed() {
            return Err(GitError::NoGit);
        }
        private_dir(&self.cache_dir).map_err(|e| GitError::Cache {
            reason: format!("`{}`: {e}", self.cache_dir.display()),
        })
    }

    async fn checkout(&self, found: &Found, name: &str) -> Result<Arc<Checkout>, GitError> {
        let key = (found.url.to_string(), name.to_owned());
        let work = || async {
            let label = Arc::new(Label {
                target: found.repository.clone(),
                text: match name {
                    "" => format!("git clone {}", found.url),
                    name => format!("git clone {} ({name})", found.url),
                },
                platform: None,
                read_by: None,
                raw_output: false,
                told: Told::Everything,
                at: None,
            });
            let id = Digest::of(format!("git {}", label.text).as_bytes());
            let tell = |state| {
                self.events.emit(Event::Step {
                    id: id.clone(),
                    label: Arc::clone(&label),
                    state,
                });
            };
            tell(StepState::Started);
            let start = Instant::now();
            let made = self.make(found, name).await;
            tell(match &made {
                Ok((_, true)) => StepState::Cached,
                Ok((_, false)) => StepState::Done {
                    took: start.elapsed(),
                },
                Err(error) => StepState::Failed {
                    reason: error.to_string(),
                },
            });
            made.map(|(checkout, _)| Arc::new(checkout))
        };
        self.checkouts.get_or_run(key, work).await
    }

    /// The files, and whether they were there.
    async fn make(&self, found: &Found, name: &str) -> Result<(Checkout, bool), GitError> {
        let store = Store::open(&self.cache_dir, found, self.lfs.as_deref(), &self.events)?;
        let mut resolved = self.resolve(found, &store, name).await?;
        let mut there = store.there(&resolved);
        if there.is_none() && self.offline {
            return Err(offline(found, name));
        }
        let cached = there.is_some();
        let dir = match there.take() {
            Some(dir) => dir,
            None => store.files(&resolved).await?,
        };
        if !self.offline {
            store.remember(name, &resolved);
        }
        let dir = std::fs::canonicalize(&dir).map_err(|e| GitError::Cache {
            reason: format!("`{}`: {e}", dir.display()),
        })?;
        let checkout = Checkout {
            dir,
            commit: std::mem::take(&mut resolved.commit),
            url: found.url.to_string(),
            masked_url: found.masked.clone(),
            kind: resolved.kind,
        };
        Ok((checkout, cached))
    }

    async fn resolve(
        &self,
        found: &Found,
        store: &Store,
        name: &str,
    ) -> Result<Resolved, GitError> {
        let missing = || GitError::NoRef {
            url: found.url.to_string(),
            name: match name {
                "" => "HEAD".to_owned(),
                name => name.to_owned(),
            },
        };
        let shape = refs::shape(name);
        match shape {
            Shape::Commit => return Ok(Resolved::commit(name)),
            Shape::Impossible => return Err(missing()),
            Shape::MaybeDigits | Shape::Name => {}
        }
        if self.offline {
            return store.remembered(name).ok_or_else(|| offline(found, name));
        }
        if let Some(resolved) = refs::ask(found, name, &self.cache_dir).await? {
            return Ok(resolved);
        }
        if shape == Shape::MaybeDigits {
            // Digits mean the same commit for ever.
            if let Some(known) = store.remembered(name)
                && known.kind == Kind::Commit
            {
                return Ok(known);
            }
            if let Some(resolved) = store.digits(name).await? {
                return Ok(resolved);
            }
        }
        Err(missing())
    }
}

fn offline(found: &Found, name: &str) -> GitError {
    GitError::Offline {
        url: found.url.to_string(),
        name: name.to_owned(),
    }
}

impl std::fmt::Debug for Remotes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remotes({})", self.cache_dir.display())
    }
}

/// Makes a directory that nobody else looks into: repositories may be private.
fn private_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}
