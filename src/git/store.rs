//! What is kept of one repository in bld's cache directory: its objects, and a directory of files for each commit that was
//! needed.
//!
//! Several processes share it. All work is done under a lock, which ends with its holder; a directory of files is made under
//! another name and appears when it is complete. Objects that a killed process may have left half-written are thrown away.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustix::fs::{FlockOperation, flock};

use super::{
    command::{Access, Git, OF_SERVERS},
    error::GitError,
    lookup::Found,
    refs::{self, Kind, Resolved},
};
use crate::{base::Digest, events::EventSink};

/// Files of commits that nobody asked for as long as that are removed.
const KEPT_UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// One repository in the cache.
pub(crate) struct Store {
    pub(super) dir: PathBuf,
    pub(super) found: Found,
    pub(super) lfs: Option<String>,
    pub(super) events: Arc<dyn EventSink>,
}

impl Store {
    /// Opens it, or begins it.
    pub fn open(
        cache: &Path,
        found: &Found,
        lfs: Option<&str>,
        events: &Arc<dyn EventSink>,
    ) -> Result<Self, GitError> {
        let url = found.url.to_string();
        let readable: String = super::repository(&url)
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .take(60)
            .collect();
        let digest = Digest::of(url.as_bytes());
        let name = format!(
            "{}-{}",
            readable.trim_matches(['-', '.']),
            &digest.hex()[..16]
        );
        let dir = cache.join(name);
        fs::create_dir_all(&dir).map_err(|e| cache_error(&dir, &e))?;
        Ok(Self {
            dir,
            found: found.clone(),
            lfs: lfs.map(str::to_owned),
            events: Arc::clone(events),
        })
    }

    /// The directory of the files of a commit, if it is there.
    pub fn there(&self, resolved: &Resolved) -> Option<PathBuf> {
        let place = self.place(resolved);
        if !place.is_dir() {
            return None;
        }
        // Says that it is in use; nothing depends on it beyond how long it is kept.
        if let Ok(dir) = fs::File::open(&place) {
            let _ = dir.set_modified(SystemTime::now());
        }
        Some(place)
    }

    /// The directory of the files of a commit.
    pub async fn files(&self, resolved: &Resolved) -> Result<PathBuf, GitError> {
        if let Some(place) = self.there(resolved) {
            return Ok(place);
        }
        let _lock = lock(&self.dir).await?;
        // Another process may have made it meanwhile.
        if let Some(place) = self.there(resolved) {
            return Ok(place);
        }
        self.tidy();
        self.fetch(resolved).await?;
        let made = match self.make(resolved).await {
            Err(GitError::Cache { .. }) => {
                // What is there cannot be read: a full disk, a machine that lost power. From the beginning, once.
                self.forget()?;
                self.fetch(resolved).await?;
                self.make(resolved).await?
            }
            made => made?,
        };
        let place = self.place(resolved);
        fs::rename(made.path(), &place).map_err(|e| cache_error(&place, &e))?;
        // It is not there any more.
        let _ = made.keep();
        Ok(place)
    }

    /// The commit that begins with these digits. None if there is none.
    pub async fn digits(&self, digits: &str) -> Result<Option<Resolved>, GitError> {
        let _lock = lock(&self.dir).await?;
        self.tidy();
        if self.objects().is_dir()
            && let Some(commit) = self.rev_parse(&self.objects(), digits).await?
        {
            return Ok(Some(Resolved::commit(&commit)));
        }
        // Commits alone, where the server can leave the rest away.
        let temporary = self.temporary()?;
        self.init(temporary.path()).await?;
        let fetched = self.fetch_all(temporary.path(), &["--filter=tree:0"]).await;
        if fetched.is_err() {
            self.fetch_all(temporary.path(), &[]).await?;
        }
        if let Some(commit) = self.rev_parse(temporary.path(), digits).await? {
            return Ok(Some(Resolved::commit(&commit)));
        }
        let several = self
            .local(temporary.path())
            .args(["rev-parse", &format!("--disambiguate={digits}")])
            .run()
            .await?;
        match several.stdout.lines().count() {
            0 | 1 => Ok(None),
            _ => Err(GitError::Ambiguous {
                url: self.found.url.to_string(),
                name: digits.to_owned(),
            }),
        }
    }

    /// What a name stood for when it was last asked for.
    pub fn remembered(&self, name: &str) -> Option<Resolved> {
        let text = fs::read_to_string(self.memory(name)).ok()?;
        let mut lines = text.lines();
        let (commit, object, kind) = (lines.next()?, lines.next()?, lines.next()?);
        let kind = match kind.split_once(' ')? {
            ("branch", name) => Kind::Branch(name.to_owned()),
            ("tag", name) => Kind::Tag(name.to_owned()),
            ("full", name) => Kind::Full(name.to_owned()),
            _ => Kind::Commit,
        };
        Some(Resolved {
            commit: commit.to_owned(),
            object: object.to_owned(),
            kind,
        })
    }

    /// Keeps what a name stands for, for times without a network.
    pub fn remember(&self, name: &str, resolved: &Resolved) {
        let kind = match &resolved.kind {
            Kind::Branch(name) => format!("branch {name}"),
            Kind::Tag(name) => format!("tag {name}"),
            Kind::Full(name) => format!("full {name}"),
            Kind::Commit => "commit -".to_owned(),
        };
        let text = format!("{}\n{}\n{kind}\n", resolved.commit, resolved.object);
        let path = self.memory(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return;
        }
        // A memory that cannot be written is none.
        if let Ok(file) = tempfile::NamedTempFile::new_in(&self.dir)
            && fs::write(file.path(), text).is_ok()
        {
            let _ = file.persist(path);
        }
    }

    fn memory(&self, name: &str) -> PathBuf {
        let digest = Digest::of(name.as_bytes());
        self.dir.join(format!("name-{}", &digest.hex()[..16]))
    }

    /// The name under which a commit was asked for is part of what is made: its branch or tag is in the repository there.
    fn place(&self, resolved: &Resolved) -> PathBuf {
        let what = format!(
            "{}\0{}",
            resolved.kind.refname().unwrap_or_default(),
            self.lfs.as_deref().unwrap_or_default()
        );
        let digest = Digest::of(what.as_bytes());
        let name = format!("{}-{}", resolved.commit, &digest.hex()[..12]);
        self.dir.join(name)
    }

    fn objects(&self) -> PathBuf {
        self.dir.join("objects.git")
    }

    pub(super) fn temporary(&self) -> Result<tempfile::TempDir, GitError> {
        tempfile::Builder::new()
            .prefix("tmp-")
            .tempdir_in(&self.dir)
            .map_err(|e| cache_error(&self.dir, &e))
    }

    fn local(&self, repository: &Path) -> Git {
        Git::bare(repository, &Arc::new(Access::local()))
    }

    fn remote(&self, repository: &Path) -> Git {
        Git::bare(repository, &self.found.access)
    }

    /// Under the lock nobody else works here: what is unfinished, nobody will finish.
    fn tidy(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let old = || {
                let modified = entry.metadata().and_then(|m| m.modified()).ok();
                let age = modified.and_then(|m| m.elapsed().ok());
                age.is_some_and(|age| age > KEPT_UNUSED)
            };
            let commit = name.len() > 40 && name.as_bytes()[..40].iter().all(u8::is_ascii_hexdigit);
            if name.starts_with("tmp-") || name.starts_with(".tmp") || (commit && old()) {
                remove(&entry.path());
            }
        }
        let objects = self.objects();
        if [
            "shallow.lock",
            "packed-refs.lock",
            "config.lock",
            "HEAD.lock",
        ]
        .iter()
        .any(|lock| objects.join(lock).exists())
        {
            let _ = self.forget();
        }
    }

    /// Takes the objects away. A git that a killed bld left behind may still write into them: it goes on under another name.
    fn forget(&self) -> Result<(), GitError> {
        let objects = self.objects();
        if !objects.exists() {
            return Ok(());
        }
        let away = self.temporary()?.keep();
        fs::rename(&objects, away.join("objects")).map_err(|e| cache_error(&objects, &e))?;
        remove(&away);
        Ok(())
    }

    async fn init(&self, repository: &Path) -> Result<(), GitError> {
        let git = Git::at(repository, &Arc::new(Access::local()));
        let output = git.args(["init", "--quiet", "--bare", "--template=", "."]);
        cache_work(output.run().await?)?;
        Ok(())
    }

    /// Sees to it that the object is there.
    async fn fetch(&self, resolved: &Resolved) -> Result<(), GitError> {
        let objects = self.objects();
        let mut fresh = false;
        if !objects.is_dir() {
            self.begin().await?;
            fresh = true;
        } else if self.has(resolved).await? {
            return Ok(());
        }
        let kept = format!("refs/bld/{}", resolved.object);
        let Err(first) = self.fetch_one(&resolved.object, &kept).await else {
            return Ok(());
        };
        // Is it this commit, or the server altogether?
        let name = resolved.kind.refname().unwrap_or_default();
        refs::ask(&self.found, &name, &self.dir).await?;
        loop {
            if !name.is_empty()
                && self.fetch_one(&name, &kept).await.is_ok()
                && self.has(resolved).await?
            {
                return Ok(());
            }
            if fresh {
                break;
            }
            // What a killed process left may confuse the two sides about what is there already.
            self.forget()?;
            self.begin().await?;
            fresh = true;
            if self.fetch_one(&resolved.object, &kept).await.is_ok() {
                return Ok(());
            }
        }
        // A server that gives no commit by its digits, or no part of a history, gives the whole.
        if self.fetch_all(&objects, &[]).await.is_err() {
            return Err(first);
        }
        let commit = format!("{}^{{commit}}", resolved.object);
        let there = self.local(&objects).args(["cat-file", "-e", &commit]);
        if !there.run().await?.ok {
            return Err(GitError::NoRef {
                url: self.found.url.to_string(),
                name: resolved.commit.clone(),
            });
        }
        let update = ["update-ref", &kept, &resolved.object];
        cache_work(self.local(&objects).args(update).run().await?)?;
        Ok(())
    }

    async fn begin(&self) -> Result<(), GitError> {
        let temporary = self.temporary()?;
        self.init(temporary.path()).await?;
        let objects = self.objects();
        fs::rename(temporary.path(), &objects).map_err(|e| cache_error(&objects, &e))?;
        let _ = temporary.keep();
        Ok(())
    }

    /// A reference of ours stands for an object that was fetched to its end.
    async fn has(&self, resolved: &Resolved) -> Result<bool, GitError> {
        let kept = format!("refs/bld/{}", resolved.object);
        let git = self.local(&self.objects());
        let output = git.args(["rev-parse", "--quiet", "--verify", &kept]);
        Ok(output.run().await?.stdout.trim() == resolved.object)
    }

    async fn fetch_one(&self, what: &str, kept: &str) -> Result<(), GitError> {
        let url = self.found.url.to_string();
        let refspec = format!("+{what}:{kept}");
        self.remote(&self.objects())
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"])
            .args(["--depth=1", "--", &url, &refspec])
            .must(&self.found.url, "fetch from")
            .await?;
        Ok(())
    }

    async fn fetch_all(&self, repository: &Path, options: &[&str]) -> Result<(), GitError> {
        let url = self.found.url.to_string();
        let mut git = self.remote(repository).args([
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
        ]);
        git = git.args(options);
        if repository.join("shallow").exists() {
            git = git.args(["--unshallow"]);
        }
        git.args(["--", &url])
            .args([
                "+refs/heads/*:refs/all/heads/*",
                "+refs/tags/*:refs/all/tags/*",
            ])
            .must(&self.found.url, "fetch from")
            .await?;
        Ok(())
    }

    async fn rev_parse(&self, repository: &Path, digits: &str) -> Result<Option<String>, GitError> {
        let commit = format!("{digits}^{{commit}}");
        let git = self.local(repository);
        let output = git.args(["rev-parse", "--quiet", "--verify", &commit]);
        let output = output.run().await?;
        let commit = output.stdout.trim();
        // A branch could be called like that, and the digits of its commit are others.
        let fits = output.ok && commit.starts_with(&digits.to_ascii_lowercase());
        Ok(fits.then(|| commit.to_owned()))
    }

    /// A work tree with a repository of its own, which needs ours no more: build files copy it into images.
    async fn make(&self, resolved: &Resolved) -> Result<tempfile::TempDir, GitError> {
        let temporary = self.temporary()?;
        let tree = temporary.path();
        let local = Arc::new(Access::local());
        let objects = self.objects();
        let git = || Git::at(tree, &local).with_usual_modes();
        cache_work(
            git()
                .args(["init", "--quiet", "--template=", "."])
                .run()
                .await?,
        )?;
        let refname = resolved.kind.refname();
        let to = refname.as_deref().unwrap_or("refs/bld/commit");
        let refspec = format!("+refs/bld/{}:{to}", resolved.object);
        let fetch = git()
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"])
            .args(["--update-head-ok", "--depth=1", "--"])
            .args([objects.as_os_str()])
            .args([&refspec]);
        cache_work(fetch.run().await?)?;
        let checkout = ["checkout", "--quiet", "--detach", &resolved.commit];
        cache_work(git().args(checkout).run().await?)?;
        if refname.is_none() {
            cache_work(git().args(["update-ref", "-d", to]).run().await?)?;
        }
        let url = self.found.url.to_string();
        cache_work(git().args(["remote", "add", "origin", &url]).run().await?)?;
        self.submodules(tree).await?;
        self.large_files(tree).await?;
        // What tells of this machine and this moment goes, so that equal commits are equal files.
        let own = tree.join(".git");
        for name in [
            "index",
            "FETCH_HEAD",
            "ORIG_HEAD",
            "logs",
            "hooks",
            "info",
            "branches",
        ] {
            remove(&own.join(name));
        }
        cache_work(git().args(["read-tree", "HEAD"]).run().await?)?;
        Ok(temporary)
    }

    /// Which repositories those are is written by whoever wrote this one: files of this machine are none of them, not even
    /// where the user has said that this one is there.
    async fn submodules(&self, tree: &Path) -> Result<(), GitError> {
        if !tree.join(".gitmodules").is_file() {
            return Ok(());
        }
        let access = Access {
            protocols: OF_SERVERS,
            ..(*self.found.access).clone()
        };
        Git::at(tree, &Arc::new(access))
            .with_usual_modes()
            .args(["submodule", "--quiet", "update", "--init", "--recursive"])
            .args(["--depth=1", "--jobs=4"])
            .must(&self.found.url, "fetch the submodules of")
            .await?;
        Ok(())
    }
}

/// Holds everybody else off until it is dropped. The system ends it with the process, however that ends.
async fn lock(dir: &Path) -> Result<fs::File, GitError> {
    let path = dir.join("lock");
    let failed = |e: io::Error| cache_error(&path, &e);
    let file = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            Err(e) => return Err(failed(e.into())),
        }
    }
}

/// A file or a directory; one that is not there is gone already.
fn remove(path: &Path) {
    let _ = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
}

pub(super) fn cache_error(path: &Path, error: &io::Error) -> GitError {
    GitError::Cache {
        reason: format!("`{}`: {error}", path.display()),
    }
}

/// Work that only the cache can spoil.
fn cache_work(output: super::command::Output) -> Result<(), GitError> {
    if output.ok {
        Ok(())
    } else {
        Err(GitError::Cache {
            reason: output.said,
        })
    }
}
