//! Files in Git LFS, fetched by the `git-lfs` program.
//!
//! It reads two files that bld does not leave to it: `.lfsconfig`, by which a repository could have any directory of this
//! machine read, and `~/.netrc`, of which it would send a login over any connection.

use std::{fs, io, os::unix::fs::symlink, path::Path, sync::Arc};

use super::{
    command::{Access, Git, on_path},
    error::GitError,
    store::{Store, cache_error},
    url::{Scheme, Url},
};
use crate::{diag::Diagnostic, events::Event};

impl Store {
    /// Fetches the files of Git LFS that were asked for. All others stay the pointers that they are.
    pub(super) async fn large_files(&self, tree: &Path) -> Result<(), GitError> {
        let local = Arc::new(Access::local());
        let files = Git::at(tree, &local)
            .args(["ls-files", "--", ":(attr:filter=lfs)"])
            .run()
            .await?;
        if files.stdout.trim().is_empty() {
            return Ok(());
        }
        let Some(include) = &self.lfs else {
            self.events.emit(Event::Remark(
                Diagnostic::note(
                    "git-lfs",
                    format!(
                        "files of `{}` are in Git LFS and were not fetched",
                        self.found.url
                    ),
                )
                .hint("`--git-lfs-pull-include=<patterns>` fetches those that match"),
            ));
            return Ok(());
        };
        if on_path("git-lfs").is_none() {
            return Err(GitError::NoLfs {
                url: self.found.url.to_string(),
            });
        }
        let mut git = Git::at(tree, &self.found.access);
        if let Some(server) = self.server(tree, &local).await? {
            git = git.args(["-c", &format!("lfs.url={server}")]);
        }
        // Bound to a name: it has to be there as long as the program runs.
        let home = self.home_without_netrc()?;
        if let Some(home) = &home {
            git = git.env("HOME", home.path());
        }
        // It fetches into the work tree only where its filter is set up, and that is the user's choice for their own.
        git.with_usual_modes()
            .args(["-c", "filter.lfs.smudge=git-lfs smudge -- %f"])
            .args(["-c", "filter.lfs.process=git-lfs filter-process"])
            .args(["-c", "filter.lfs.clean=git-lfs clean -- %f"])
            .args(["-c", "filter.lfs.required=true"])
            .args(["lfs", "pull", "--include", include, "origin"])
            .must(&self.found.url, "fetch the large files of")
            .await?;
        Ok(())
    }

    /// The server of a repository with an `.lfsconfig`: the one that is named there, or the repository's own. None if there
    /// is no such file; then git-lfs asks nobody but the repository's server.
    async fn server(&self, tree: &Path, local: &Arc<Access>) -> Result<Option<String>, GitError> {
        let path = tree.join(".lfsconfig");
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            return Ok(None);
        };
        let named = if metadata.is_file() {
            let file = ["--file", ".lfsconfig", "--get", "lfs.url"];
            let asked = Git::at(tree, local).args(["config"]).args(file);
            asked.run().await?.stdout.trim().to_owned()
        } else {
            String::new()
        };
        if let Ok(url) = Url::parse(&named)
            && may_be_named(&url, &self.found.url)
        {
            return Ok(Some(url.to_string()));
        }
        if !named.is_empty() {
            self.events.emit(Event::Remark(Diagnostic::warning(
                "lfs-config",
                format!(
                    "the server of large files that `.lfsconfig` of `{}` names is not asked: it may be one of https or ssh",
                    self.found.url
                ),
            )));
        }
        Ok(Some(own_server(&self.found.url)))
    }

    /// A home directory that is the user's in everything but its `.netrc`; git-lfs would take logins from there by itself,
    /// before it asks for those that bld has chosen, and over plain HTTP, too.
    fn home_without_netrc(&self) -> Result<Option<tempfile::TempDir>, GitError> {
        let Some(home) = std::env::home_dir().filter(|home| home.join(".netrc").exists()) else {
            return Ok(None);
        };
        let made = self.temporary()?;
        let link = || -> io::Result<()> {
            for entry in fs::read_dir(&home)? {
                let name = entry?.file_name();
                if name != ".netrc" {
                    symlink(home.join(&name), made.path().join(&name))?;
                }
            }
            Ok(())
        };
        link().map_err(|e| cache_error(&home, &e))?;
        Ok(Some(made))
    }
}

/// Whether code may name this server: never this machine's files, and plain HTTP only where its repository comes from.
fn may_be_named(server: &Url, repository: &Url) -> bool {
    match server.scheme {
        Scheme::Https | Scheme::Ssh => true,
        Scheme::Http => server.origin() == repository.origin(),
        Scheme::File => false,
    }
}

/// Where git-lfs finds the large files of a repository by itself
/// (<https://github.com/git-lfs/git-lfs/blob/main/docs/api/server-discovery.md>).
fn own_server(repository: &Url) -> String {
    let url = repository.to_string();
    if !matches!(repository.scheme, Scheme::Https | Scheme::Http) {
        return url;
    }
    let url = url.trim_end_matches('/');
    let suffix = if url.ends_with(".git") { "" } else { ".git" };
    format!("{url}{suffix}/info/lfs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_names_servers_and_no_files() {
        let of = |server: &str| {
            let repository = Url::parse("http://h.io/o/r").unwrap();
            may_be_named(&Url::parse(server).unwrap(), &repository)
        };
        assert!(of("https://lfs.io/o/r") && of("ssh://git@lfs.io/r") && of("http://h.io/lfs"));
        assert!(!of("file:///srv/private.git") && !of("http://127.0.0.1/x"));
    }

    #[test]
    fn the_server_of_a_repository_is_below_it() {
        let of = |url: &str| own_server(&Url::parse(url).unwrap());
        assert_eq!(of("https://h.io/o/r.git"), "https://h.io/o/r.git/info/lfs");
        assert_eq!(of("https://h.io/o/r/"), "https://h.io/o/r.git/info/lfs");
        assert_eq!(of("git@h.io:o/r.git"), "git@h.io:o/r.git");
        assert_eq!(of("file:///srv/r.git"), "file:///srv/r.git");
    }
}
