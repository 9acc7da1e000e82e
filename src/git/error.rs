//! What can go wrong with a repository, and the words for it. No message ever holds a password.

use std::fmt;

use crate::diag::Diagnostic;

/// Why a repository cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitError {
    /// There is no `git` program.
    NoGit,
    /// No part of a reference names a repository.
    NoRepository {
        /// The reference.
        reference: String,
    },
    /// Its files may be others tomorrow, and only what stays is asked for.
    NotPinned {
        /// The reference.
        reference: String,
    },
    /// A URL that repositories are not cloned from.
    Url {
        /// Without its password.
        url: String,
    },
    /// The repository answers, and has no such tag, branch or commit.
    NoRef {
        /// The repository.
        url: String,
        /// What was asked for.
        name: String,
    },
    /// Several commits begin with these digits.
    Ambiguous {
        /// The repository.
        url: String,
        /// The digits.
        name: String,
    },
    /// Git failed.
    Failed {
        /// The repository.
        url: String,
        /// Which part of the work: `fetch`, `read the refs of`.
        doing: &'static str,
        /// What git printed, without anything secret.
        said: String,
        /// Whether a login was sent along.
        login: bool,
    },
    /// Nothing may be asked of the network, and nothing is remembered.
    Offline {
        /// The repository.
        url: String,
        /// What was asked for.
        name: String,
    },
    /// The repository keeps files in Git LFS, they were asked for, and there is no `git-lfs` program.
    NoLfs {
        /// The repository.
        url: String,
    },
    /// The cache directory of this machine.
    Cache {
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGit => f.write_str("a repository is needed, and there is no `git` program"),
            Self::NoRepository { reference } => {
                write!(f, "`{reference}` does not name a repository")
            }
            Self::NotPinned { reference } => write!(f, "what `{reference}` refers to may change"),
            Self::Url { url } => write!(f, "`{url}` is no URL that bld can clone from"),
            Self::NoRef { url, name } => {
                write!(f, "`{url}` has no tag, branch or commit `{name}`")
            }
            Self::Ambiguous { url, name } => {
                write!(f, "`{name}` is the beginning of several commits of `{url}`")
            }
            Self::Failed { url, doing, .. } => write!(f, "cannot {doing} the repository `{url}`"),
            Self::Offline { url, name } if name.is_empty() => {
                write!(f, "`{url}` is not in the cache, and bld is offline")
            }
            Self::Offline { url, name } => {
                write!(
                    f,
                    "`{name}` of `{url}` is not in the cache, and bld is offline"
                )
            }
            Self::NoLfs { url } => write!(
                f,
                "files of `{url}` are in Git LFS, and there is no `git-lfs` program"
            ),
            Self::Cache { reason } => write!(f, "cannot keep a copy of the repository: {reason}"),
        }
    }
}

impl std::error::Error for GitError {}

impl GitError {
    /// For people.
    pub fn diagnostic(&self) -> Diagnostic {
        let error = Diagnostic::error(self.code(), self.to_string());
        match self {
            Self::NoGit => error.hint("install git (Debian, Alpine: the package `git`)"),
            Self::NoRepository { .. } => error.hint(
                "write `host/user/repository[/directory][:tag]`; other shapes need a `pattern` in the `git:` section of the config file",
            ),
            Self::Url { .. } => error
                .hint("`https://host/path`, `ssh://user@host/path` and `user@host:path` are understood"),
            Self::NotPinned { .. } => error.hint(
                "auto-skip needs a complete Git SHA or an explicit tag: `…:tags/<tag>+target`",
            ),
            Self::Ambiguous { .. } => error.hint("give more digits"),
            Self::NoLfs { .. } => {
                error.hint("install git-lfs, or leave `--git-lfs-pull-include` away")
            }
            Self::Failed {
                said, login, url, ..
            } => {
                let error = match said.as_str() {
                    "" => error,
                    said => error.with_note(format!("git says:\n{said}")),
                };
                match hint(said, *login, url) {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            }
            Self::NoRef { .. } | Self::Offline { .. } | Self::Cache { .. } => error,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoGit => "no-git",
            Self::NoRepository { .. } => "no-repository",
            Self::NotPinned { .. } => "not-pinned",
            Self::Url { .. } => "git-url",
            Self::NoRef { .. } | Self::Ambiguous { .. } => "git-ref",
            Self::Failed { .. } => "git",
            Self::Offline { .. } => "offline",
            Self::NoLfs { .. } => "no-git-lfs",
            Self::Cache { .. } => "cache-directory",
        }
    }
}

/// What helps most often. Only a hint depends on git's own words, never what is done.
fn hint(said: &str, login: bool, url: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|w| said.contains(w));
    if has(&[
        "Host key verification failed",
        "No ED25519 host key is known",
    ]) {
        return Some(
            "the key of this host is not known: connect once with `ssh`, put its line from `ssh-keyscan` into `serverkey` of the `git:` section, or set `strict_host_key_checking: false` there",
        );
    }
    if has(&["Permission denied (", "Too many authentication failures"]) {
        return Some(
            "the host does not accept a key of yours: is the agent running (`ssh-add -l`), and is the public key registered there?",
        );
    }
    if has(&[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "returned error: 401",
        "returned error: 403",
    ]) {
        return Some(if login {
            "the user or the password is not accepted: they come from the `git:` section of the config file, `--git-username` and `--git-password`, or netrc"
        } else {
            "it needs a login: put `user` and `password` into the `git:` section of the config file, or the host into `~/.netrc`; for SSH start an agent"
        });
    }
    if url.starts_with("https") && has(&["Failed to connect", "Couldn't connect", "SSL", "TLS"]) {
        return Some(
            "a server that has no HTTPS needs an entry with `auth: http` in the `git:` section of the config file",
        );
    }
    if has(&["not found", "does not exist", "returned error: 404"]) {
        return Some(if url.starts_with("http") {
            "check the name; a private repository looks the same to somebody who is not logged in"
        } else {
            "check the name, and that you may read it"
        });
    }
    None
}
