//! What git says of a directory, read with the `git` program (language specification, 7.5). Whatever cannot be found out is empty; no
//! message of git is ever read for its meaning. The directory is not trusted: nothing in it makes git run a program.

use std::{path::Path, path::PathBuf, process::Stdio};

use tokio::process::Command;

use super::command::{NO_PROTOCOL, OF_ANOTHER_REPOSITORY, harden};

/// What is known of the work tree around a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The root of the work tree; none outside of one.
    pub root: Option<PathBuf>,
    /// The commit.
    pub hash: String,
    /// Its first digits, eight or as many as it takes.
    pub short_hash: String,
    /// The branch; empty on a detached head.
    pub branch: String,
    /// Whether no branch is checked out.
    pub detached: bool,
    /// The tag that points exactly here.
    pub tag: String,
    /// Names of all refs that point here, the last component of each.
    pub refs: Vec<String>,
    /// The URL of `origin`, as configured.
    pub origin: String,
    /// The same with its password masked.
    pub masked_origin: String,
    /// Seconds since 1970.
    pub committer_time: String,
    /// Seconds since 1970.
    pub author_time: String,
    /// The author's name.
    pub author_name: String,
    /// The author's address.
    pub author_email: String,
    /// Addresses of `Co-authored-by:` lines.
    pub co_authors: Vec<String>,
}

/// Reads the metadata of the work tree around `dir`.
pub async fn metadata(dir: &Path) -> Metadata {
    read(dir, &[]).await
}

/// The same of files of ours: what the environment says of another repository is not meant for them.
pub(crate) async fn of_checkout(dir: &Path) -> Metadata {
    read(dir, OF_ANOTHER_REPOSITORY).await
}

async fn read(dir: &Path, without: &[&str]) -> Metadata {
    let git = |args| git(dir, args, without);
    let Some(root) = git(&["rev-parse", "--show-toplevel"]).await else {
        return Metadata::default();
    };
    let format = "--format=%H%x00%h%x00%ct%x00%at%x00%an%x00%ae%x00%B";
    let log = ["log", "-1", "--abbrev=8", "--no-patch", format];
    let branch = ["rev-parse", "--abbrev-ref", "HEAD"];
    let origin = ["config", "remote.origin.url"];
    let tag = ["describe", "--exact-match", "--tags"];
    let refs = ["for-each-ref", "--points-at", "HEAD", "--format=%(refname)"];
    let (log, branch, origin, tag, refs) =
        tokio::join!(git(&log), git(&branch), git(&origin), git(&tag), git(&refs),);
    let log = log.unwrap_or_default();
    let origin = origin.unwrap_or_default();
    let mut fields = log.splitn(7, '\0').map(str::to_owned);
    let mut field = || fields.next().unwrap_or_default();
    let (hash, short_hash) = (field(), field());
    let (committer_time, author_time) = (field(), field());
    let (author_name, author_email, body) = (field(), field(), field());
    let branch = branch.unwrap_or_default();
    let detached = branch == "HEAD";
    Metadata {
        root: Some(PathBuf::from(root)),
        hash,
        short_hash,
        detached,
        branch: if detached { String::new() } else { branch },
        tag: tag.unwrap_or_default(),
        refs: ref_names(&refs.unwrap_or_default()),
        masked_origin: super::scrubbed(&origin),
        origin,
        committer_time,
        author_time,
        author_name,
        author_email,
        co_authors: co_authors(&body),
    }
}

/// Whether there is a `git` program to be run.
pub fn is_installed() -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join("git").is_file()))
}

/// Standard output without its last line end, if git succeeded.
async fn git(dir: &Path, args: &[&str], without: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    for name in without {
        command.env_remove(name);
    }
    harden(command.as_std_mut(), NO_PROTOCOL);
    let output = command
        .arg("-C")
        .arg(dir)
        .args(args)
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.trim_end_matches('\n').to_owned())
}

fn ref_names(lines: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in lines.lines() {
        let name = line.rsplit('/').next().unwrap_or_default();
        if !name.is_empty() && name != "HEAD" && !names.iter().any(|n| n == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn co_authors(message: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in message.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        if !key.trim().eq_ignore_ascii_case("co-authored-by") {
            continue;
        }
        let mail = value
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'))
            .map(|(mail, _)| mail.trim());
        if let Some(mail) = mail
            && !mail.is_empty()
            && !found.iter().any(|m| m == mail)
        {
            found.push(mail.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn co_authors_are_unique_addresses() {
        let message =
            "x\n\nCo-authored-by: A <a@x>\nco-authored-by: B <b@x>\nCo-Authored-By: A <a@x>\n";
        assert_eq!(co_authors(message), ["a@x", "b@x"]);
    }

    #[tokio::test]
    async fn outside_of_a_work_tree_everything_is_empty() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(metadata(dir.path()).await, Metadata::default());
    }
    /// A directory that git would take for a repository whose commit is missing, to be fetched by a program.
    fn hostile(dir: &Path, marker: &Path) {
        for sub in ["objects", "refs"] {
            std::fs::create_dir_all(dir.join(sub)).expect("a directory");
        }
        let config = format!(
            "[core]\nrepositoryformatversion = 1\nbare = false\nworktree = .\nfsmonitor = touch {marker}\n\
             [extensions]\npartialClone = o\n[remote \"o\"]\npromisor = true\nurl = \"ext::touch {marker}\"\n\
             [protocol \"ext\"]\nallow = always\n[protocol]\nallow = always\n",
            marker = marker.display()
        );
        std::fs::write(dir.join("config"), config).expect("a file");
        std::fs::write(dir.join("HEAD"), "1".repeat(40)).expect("a file");
    }

    #[tokio::test]
    async fn a_committed_directory_that_looks_like_a_repository_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let marker = dir.path().join("marker");
        let sub = dir.path().join("sub");
        hostile(&sub, &marker);
        assert_eq!(metadata(&sub).await, Metadata::default());
        assert!(!marker.exists());
    }

    #[tokio::test]
    async fn no_program_of_a_repository_is_run_to_fetch_what_it_lacks() {
        let dir = tempfile::tempdir().expect("a directory");
        let marker = dir.path().join("marker");
        hostile(&dir.path().join(".git"), &marker);
        assert_eq!(metadata(dir.path()).await.hash, "");
        assert!(!marker.exists());
    }
}
