//! Runs the `git` program so that nothing but the user configures it.
//!
//! The user's own configuration stays: proxies, certificates, credential helpers, `insteadOf`. Hooks, file system monitors
//! and transports that run programs are off, no question is ever asked on a terminal, and what the caller's environment says
//! of another repository is taken away. Passwords travel in the environment, to a credential helper that is bound to their
//! host; no argument and no URL holds one.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use tokio::process::Command;

use super::{
    error::GitError,
    ssh::Ssh,
    url::{Login, Url},
};
use crate::base::{Secret, url_login::masked};

/// Variables that would make git work on another repository than the one it is told.
pub(crate) const OF_ANOTHER_REPOSITORY: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_TEMPLATE_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_CEILING_DIRECTORIES",
    "GIT_LITERAL_PATHSPECS",
    "GIT_DEFAULT_HASH",
];

/// What keeps files that look like a repository's configuration from running a program. A directory of a work tree may look
/// like a bare repository and be committed with all its settings; git is to find none there.
const GUARD: &[(&str, &str)] = &[
    ("safe.bareRepository", "explicit"),
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("protocol.ext.allow", "never"),
    ("log.showSignature", "false"),
];

/// What every git of ours that makes a copy is told.
const CONFIG: &[(&str, &str)] = &[
    ("core.untrackedCache", "false"),
    ("core.logAllRefUpdates", "false"),
    ("core.autocrlf", "false"),
    ("core.symlinks", "true"),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "main"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // Otherwise the library that speaks HTTP looks into `~/.netrc` by itself, before anybody else is asked, and sends what it
    // finds over any connection. With an empty login to begin with it does not; ours come when the server asks again.
    ("http.emptyAuth", "true"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    // Large files are fetched where they are asked for, and not by every checkout of a user who has git-lfs, or who has its
    // settings and not the program.
    ("filter.lfs.smudge", ""),
    ("filter.lfs.clean", ""),
    ("filter.lfs.process", ""),
    ("filter.lfs.required", "false"),
    // A server that goes silent is an error, not a wait without end.
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
];

/// Takes from a git, before its subcommand, whatever in a repository could run a program: hooks, monitors, pagers, and
/// transports other than `protocols`, which objects that are missing would otherwise be fetched by.
pub(crate) fn harden(command: &mut std::process::Command, protocols: &str) {
    command
        .arg("--no-pager")
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_ALLOW_PROTOCOL", protocols)
        .stdin(Stdio::null());
    for (key, value) in GUARD {
        command.arg("-c").arg(format!("{key}={value}"));
    }
}

/// The protocols of a git that speaks to nobody. An empty list would be none, too, but is easily taken for no list.
pub(crate) const NO_PROTOCOL: &str = "none";

/// The protocols of servers, none of which reads files of this machine.
pub(crate) const OF_SERVERS: &str = "http:https:ssh";

/// How the servers of one repository are spoken to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// Logins, each with the beginning of the URLs that it is for.
    pub logins: Vec<(String, Login)>,
    /// The beginning of the URLs for which no helper of the user's is asked for a login.
    pub no_login: Option<String>,
    /// For SSH.
    pub ssh: Ssh,
    /// The transports that may be used: `https:ssh`.
    pub protocols: &'static str,
}

impl Access {
    /// Only this machine's own files.
    pub fn local() -> Self {
        Self {
            protocols: "file",
            ..Self::default()
        }
    }

    /// Whether a login is sent to this URL.
    pub fn has_login(&self, url: &Url) -> bool {
        let origin = url.origin();
        self.logins.iter().any(|(of, _)| *of == origin)
    }

    /// Every text that must not be shown.
    fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.logins.iter().map(|(_, login)| &login.password)
    }
}

/// One call of git.
pub(crate) struct Git {
    command: Command,
    access: Arc<Access>,
}

/// What git gave.
pub(crate) struct Output {
    /// Whether it succeeded.
    pub ok: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error, without anything secret.
    pub said: String,
}

impl Git {
    /// A call in a directory.
    pub fn at(dir: &Path, access: &Arc<Access>) -> Self {
        let mut command = Command::new("git");
        for name in OF_ANOTHER_REPOSITORY {
            command.env_remove(name);
        }
        harden(command.as_std_mut(), access.protocols);
        command
            .current_dir(dir)
            .env("LANGUAGE", "C")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            // Templates would bring hooks along.
            .env("GIT_TEMPLATE_DIR", "")
            .kill_on_drop(true);
        access.ssh.put_into(&mut command);
        for (key, value) in CONFIG {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        if let Some(scope) = &access.no_login {
            command.arg("-c").arg(format!("credential.{scope}.helper="));
        }
        if !access.logins.is_empty() || access.no_login.is_some() {
            // A login that is refused is an error; nobody is asked for another one.
            command.env("GIT_ASKPASS", "").env("SSH_ASKPASS", "");
        }
        for (number, (scope, login)) in access.logins.iter().enumerate() {
            put_login(&mut command, number, scope, login);
        }
        Self {
            command,
            access: Arc::clone(access),
        }
    }

    /// In a repository without a work tree.
    pub fn bare(dir: &Path, access: &Arc<Access>) -> Self {
        let mut git = Self::at(dir, access);
        git.command.env("GIT_DIR", dir);
        git
    }

    /// New files get the modes that they have everywhere, whatever the user's mask is: they end up in images.
    pub fn with_usual_modes(mut self) -> Self {
        let before = self.command;
        let before = before.as_std();
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 022 && exec git \"$@\"", "git"])
            .args(before.get_args())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        for (name, value) in before.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = before.get_current_dir() {
            command.current_dir(dir);
        }
        self.command = command;
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it. Fails only if there is no git.
    pub async fn run(mut self) -> Result<Output, GitError> {
        let output = self.command.output().await.map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => GitError::NoGit,
            _ => GitError::Cache {
                reason: format!("git cannot be started: {e}"),
            },
        })?;
        Ok(Output {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: shown(&String::from_utf8_lossy(&output.stderr), &self.access),
        })
    }

    /// Runs it, and fails if git fails.
    pub async fn must(self, url: &Url, doing: &'static str) -> Result<String, GitError> {
        let login = self.access.has_login(url);
        let output = self.run().await?;
        if output.ok {
            return Ok(output.stdout);
        }
        Err(GitError::Failed {
            url: url.to_string(),
            doing,
            said: output.said,
            login,
        })
    }
}

/// A helper that gives one login to one host, and only to it. The first line takes the user's own helpers for that host
/// away: what is configured for bld counts.
fn put_login(command: &mut Command, number: usize, scope: &str, login: &Login) {
    let user = format!("BLD_GIT_USER_{number}");
    let password = format!("BLD_GIT_PASSWORD_{number}");
    let helper = format!(
        "!f() {{ test \"$1\" = get || exit 0; printf 'username=%s\\npassword=%s\\n' \"${user}\" \"${password}\"; }}; f"
    );
    command
        .arg("-c")
        .arg(format!("credential.{scope}.helper="))
        .arg("-c")
        .arg(format!("credential.{scope}.helper={helper}"))
        .env(user, one_line(&login.user))
        .env(password, one_line(login.password.reveal()));
}

/// A line break would be another field of the helper's answer.
fn one_line(text: &str) -> &str {
    text.split(['\n', '\r', '\0']).next().unwrap_or_default()
}

/// What git printed, as people may see it: no password, no URL with a user in front, no control characters, not endless.
fn shown(text: &str, access: &Access) -> String {
    let mut text = text.to_owned();
    for secret in access.secrets() {
        let secret = one_line(secret.reveal());
        if !secret.is_empty() {
            text = text.replace(secret, "xxxxx");
            text = text.replace(&encoded(secret), "xxxxx");
        }
    }
    let lines = text.lines().map(str::trim_end).filter(|line| {
        // Progress, and what git says to everybody.
        !line.is_empty() && !line.starts_with("Cloning into") && !line.contains('\r')
    });
    let lines: Vec<String> = lines
        .map(|line| {
            let line: String = line.chars().filter(|c| !c.is_control()).take(400).collect();
            masked(&line)
        })
        .collect();
    let from = lines.len().saturating_sub(12);
    lines[from..].join("\n")
}

/// As it would stand in a URL.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Whether a program can be found on the path.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(password: &str) -> Arc<Access> {
        let login = Login {
            user: "u".to_owned(),
            password: Secret::new(password),
        };
        Arc::new(Access {
            logins: vec![("https://h.io".to_owned(), login)],
            ..Access::local()
        })
    }

    #[test]
    fn what_git_says_is_shown_without_passwords() {
        let said = shown(
            "Cloning into 'x'...\nfatal: unable to access 'https://u:p%2Fw@h.io/r': p/w\nsee https://a:b@c.io/d\n",
            &access("p/w"),
        );
        assert_eq!(
            said,
            "fatal: unable to access 'https://u:xxxxx@h.io/r': xxxxx\nsee https://a:xxxxx@c.io/d"
        );
    }

    #[tokio::test]
    async fn a_login_goes_to_its_host_alone_and_never_onto_the_command_line() {
        let dir = tempfile::tempdir().unwrap();
        let fill = |url: &str| {
            let mut git =
                Git::at(dir.path(), &access("it's \"$HOME\"")).args(["credential", "fill"]);
            let argv = format!("{:?}", git.command.as_std().get_args());
            assert!(!argv.contains("it's"), "{argv}");
            git.command.env("GIT_ASKPASS", "false");
            git.command.env("HOME", dir.path());
            git.command.stdin(Stdio::piped());
            git.command.stdout(Stdio::piped());
            let mut child = git.command.spawn().unwrap();
            let asked = format!("url={url}\n\n");
            async move {
                use tokio::io::AsyncWriteExt as _;
                let mut stdin = child.stdin.take().unwrap();
                stdin.write_all(asked.as_bytes()).await.unwrap();
                drop(stdin);
                let output = child.wait_with_output().await.unwrap();
                String::from_utf8(output.stdout).unwrap()
            }
        };
        let own = fill("https://h.io/r").await;
        assert!(own.contains("password=it's \"$HOME\"\n"), "{own}");
        for other in ["https://g.io/r", "http://h.io/r", "https://h.io:8443/r"] {
            let other = fill(other).await;
            assert!(!other.contains("it's"), "{other}");
        }
    }
}
