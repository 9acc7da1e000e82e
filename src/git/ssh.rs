//! How git calls `ssh`: which keys of hosts are known, which agent is asked, that nothing waits for a keyboard.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{net::UnixStream, process::Command};

use super::{
    command::{NO_PROTOCOL, harden, on_path},
    error::GitError,
    hosts::KNOWN_HOSTS,
};
use crate::base::Digest;

/// The settings of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ssh {
    /// Instead of `ssh`; a line for the shell.
    pub command: Option<String>,
    /// Hosts whose keys nobody knows are talked to.
    pub any_host_key: bool,
    /// Files with keys of hosts, beside those that `ssh` reads by itself.
    pub known_hosts: Vec<PathBuf>,
    /// The agent's socket, where it is not the one of the environment.
    pub agent: Option<PathBuf>,
}

impl Ssh {
    /// For a git that will call it.
    pub fn put_into(&self, command: &mut Command) {
        command.env("GIT_SSH_COMMAND", self.line());
        if let Some(agent) = &self.agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
    }

    /// The command with its options, for a shell.
    fn line(&self) -> String {
        let base = self.command.clone().filter(|c| !c.is_empty());
        let base = base.unwrap_or_else(|| "ssh".to_owned());
        let program = base.split_whitespace().next().unwrap_or_default();
        // Another program has other options.
        if Path::new(program.trim_matches(['"', '\'']))
            .file_name()
            .is_none_or(|name| name != "ssh")
        {
            return base;
        }
        let mut line =
            format!("{base} -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15");
        if self.any_host_key {
            line.push_str(
                " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null -o LogLevel=ERROR",
            );
            return line;
        }
        line.push_str(" -o StrictHostKeyChecking=yes");
        let mut files = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2".to_owned();
        for file in &self.known_hosts {
            files.push_str(&format!(" \"{}\"", file.display()));
        }
        line.push_str(&format!(
            " -o {}",
            quoted(&format!("GlobalKnownHostsFile={files}"))
        ));
        line
    }

    /// Whether an agent answers, the key of the host is known, and the host lets us in.
    pub async fn works(&self, user: &str, host: &str, port: Option<u16>) -> bool {
        let agent = self.agent.clone();
        let agent = agent.or_else(|| std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from));
        let Some(agent) = agent.filter(|path| !path.as_os_str().is_empty()) else {
            return false;
        };
        if UnixStream::connect(&agent).await.is_err() || on_path("ssh").is_none() {
            return false;
        }
        let port = port.map(|p| format!(" -p {p}")).unwrap_or_default();
        let place = quoted(&format!("{user}@{host}"));
        let line = format!(
            "{} -o ConnectTimeout=5 -T{port} -- {place} true",
            self.line()
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .env("SSH_AUTH_SOCK", agent)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let status = tokio::time::timeout(Duration::from_secs(10), command.status()).await;
        // 255 is ssh's own; everything else comes from the other side, which often refuses to run a command.
        matches!(status, Ok(Ok(status)) if status.code().is_some_and(|code| code != 255 && code != 127))
    }
}

/// What the user has git call instead of `ssh`.
pub(crate) fn users_command(dir: &Path) -> Option<String> {
    if let Ok(command) = std::env::var("GIT_SSH_COMMAND") {
        return Some(command);
    }
    let mut git = std::process::Command::new("git");
    harden(&mut git, NO_PROTOCOL);
    let output = git
        .args(["config", "--get", "core.sshCommand"])
        .current_dir(dir)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let command = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!command.is_empty()).then_some(command)
}

/// A file with the keys of the big hosts and those of the config file.
pub(crate) fn known_hosts_file(dir: &Path, server_keys: &[&str]) -> Result<PathBuf, GitError> {
    let mut text = KNOWN_HOSTS.to_owned();
    for keys in server_keys {
        for line in keys.lines().map(str::trim).filter(|l| !l.is_empty()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    let digest = Digest::of(text.as_bytes());
    let path = dir.join(format!("known_hosts-{}", &digest.hex()[..16]));
    if path.is_file() {
        return Ok(path);
    }
    let failed = |e: std::io::Error| GitError::Cache {
        reason: format!("`{}`: {e}", path.display()),
    };
    let file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    std::fs::write(file.path(), text).map_err(failed)?;
    file.persist(&path).map_err(|e| failed(e.error))?;
    Ok(path)
}

/// One word for a shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_host_is_refused_unless_the_settings_say_otherwise() {
        let mut ssh = Ssh {
            command: Some("ssh -i key".to_owned()),
            known_hosts: vec!["/a b/known".into()],
            ..Ssh::default()
        };
        let line = ssh.line();
        assert!(line.starts_with("ssh -i key -o BatchMode=yes"), "{line}");
        assert!(line.contains("StrictHostKeyChecking=yes"), "{line}");
        assert!(line.contains(" \"/a b/known\"'"), "{line}");
        ssh.any_host_key = true;
        assert!(ssh.line().contains("StrictHostKeyChecking=no"));
        ssh.command = Some("plink -batch".to_owned());
        assert_eq!(ssh.line(), "plink -batch");
    }
}
