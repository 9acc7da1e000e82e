//! A bare repository and a work tree to fill it from; names and dates are fixed, so that commits are the same everywhere.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A repository on a server.
pub struct Repository {
    bare: PathBuf,
    tree: TempDir,
}

impl Repository {
    /// An empty one at this path.
    #[track_caller]
    pub fn new(bare: &Path) -> Self {
        let tree = tempfile::tempdir().expect("a directory");
        let repository = Self {
            bare: bare.to_path_buf(),
            tree,
        };
        fs::create_dir_all(bare).expect("a directory");
        repository.git_in(bare, &["init", "-q", "--bare", "-b", "main", "."]);
        repository.git(&["init", "-q", "-b", "main", "."]);
        let to = bare.to_str().expect("a UTF-8 path");
        repository.git(&["remote", "add", "origin", to]);
        repository
    }

    /// Writes a file of the next commit.
    #[track_caller]
    #[must_use]
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.tree.path().join(name);
        fs::create_dir_all(path.parent().expect("inside")).expect("a directory");
        fs::write(path, text).expect("a file");
        self
    }

    /// Commits everything and sends it to the server; gives the commit.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.push();
        self.git(&["rev-parse", "HEAD"])
    }

    /// Sends branches and tags to the server.
    #[track_caller]
    pub fn push(&self) {
        self.git(&["push", "-q", "-f", "origin", "--all"]);
        self.git(&["push", "-q", "-f", "origin", "--tags"]);
    }

    /// Runs git in the work tree; gives what it prints.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(self.tree.path(), args)
    }

    /// The work tree.
    pub fn tree(&self) -> &Path {
        self.tree.path()
    }

    /// The repository itself.
    pub fn bare(&self) -> &Path {
        &self.bare
    }

    #[track_caller]
    fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ann Author")
            .env("GIT_AUTHOR_EMAIL", "ann@test")
            .env("GIT_AUTHOR_DATE", "1600000000 +0000")
            .env("GIT_COMMITTER_NAME", "Con Committer")
            .env("GIT_COMMITTER_EMAIL", "con@test")
            .env("GIT_COMMITTER_DATE", "1700000000 +0000")
            .env("GIT_ALLOW_PROTOCOL", "file:http")
            .output()
            .expect("git starts");
        assert!(
            output.status.success(),
            "git {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
