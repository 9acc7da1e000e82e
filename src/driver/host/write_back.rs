//! What a command left in a directory of this machine that it had for writing (`--mount type=bind-experimental`) comes
//! back to that directory.
//!
//! The files are an image's and may be anything: nothing is ever written through a symbolic link, and what is neither a
//! file, a directory nor a link stays away.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{self, Read as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

use super::{Host, Telling};
use crate::{
    diag::Diagnostic,
    engine::{Export, Special},
    events::{Event, StepState},
    graph::plan::WriteBack,
    output::Staging,
};

impl Host {
    /// Executes the command and takes over what it left.
    pub(super) async fn write_back(
        &self,
        work: &WriteBack,
        telling: &Telling,
    ) -> Result<(), Box<Diagnostic>> {
        let began = Instant::now();
        let left = self.executor.left(work.after, &work.target).await;
        let left = left.map_err(|e| self.failed(e))?;
        let ran = self.executor.solve(&left).await;
        ran.map_err(|e| self.failed(e))?;
        let failed = |e: io::Error| {
            let dir = work.dir.display();
            let message = format!("cannot write what the command left back to `{dir}`: {e}");
            let mut problem = Diagnostic::error("write-back", message);
            problem.at.clone_from(&telling.label.at);
            Box::new(problem)
        };
        let staging = Staging::new(&self.cwd).map_err(failed)?;
        let top = staging.directory().map_err(failed)?;
        if left.is_some() {
            let build = self.executor.build().await.map_err(|e| self.failed(e))?;
            let export = Export::Files {
                dest: top.clone(),
                special: Special::LeftOut,
            };
            let exported = build.export(&left, export).await;
            exported.map_err(|e| self.failed(e))?;
        }
        telling.state(StepState::Started);
        let kept = take_over(&top, &work.dir, &work.known, work.since).map_err(failed)?;
        for path in kept {
            let message = format!(
                "`{}` is a directory still: the command left something else there, and there are files in it that it did not have",
                work.dir.join(path).display()
            );
            let mut remark = Diagnostic::warning("write-back-kept", message);
            remark.at.clone_from(&telling.label.at);
            self.events.emit(Event::Remark(remark));
        }
        telling.state(StepState::Done {
            took: began.elapsed(),
        });
        Ok(())
    }
}

/// Makes `to` what `from` is. Of what is only in `to`, that is removed which is `known`: the command had it and removed
/// it. Everything else came meanwhile and is somebody else's; a directory with such things stays even where the command has
/// left a file: those are what is given back.
fn take_over(
    from: &Path,
    to: &Path,
    known: &[PathBuf],
    since: SystemTime,
) -> io::Result<Vec<PathBuf>> {
    let known: BTreeSet<&Path> = known.iter().map(PathBuf::as_path).collect();
    let mut kept = Vec::new();
    let mut left = BTreeSet::new();
    // A directory that nobody may write to is filled before it becomes one.
    let mut modes = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(from.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let (source, dest) = (entry.path(), to.join(&path));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if directory(&source, &dest, since, &mut modes)? {
                    open.push(path.clone());
                }
            } else if changed_since(&dest, since) {
                // Somebody's work of the last minutes counts more than what the command had of it.
            } else if is_directory(&dest) && !vacate(to, &path, &known, since)? {
                kept.push(path.clone());
            } else if kind.is_symlink() {
                link(&source, &dest)?;
            } else if kind.is_file() {
                file(&source, &dest)?;
            }
            left.insert(path);
        }
    }
    for (path, mode) in modes.into_iter().rev() {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    // What is in a directory goes before it does.
    for path in known.iter().rev().filter(|path| !left.contains(**path)) {
        remove(to, path, since)?;
    }
    Ok(kept)
}

/// Removes what the command had of a directory, and the directory itself; says whether it is gone. Nothing goes that
/// somebody has put there meanwhile.
fn vacate(to: &Path, path: &Path, known: &BTreeSet<&Path>, since: SystemTime) -> io::Result<bool> {
    for inner in known.iter().rev().filter(|inner| inner.starts_with(path)) {
        remove(to, inner, since)?;
    }
    Ok(!is_directory(&to.join(path)))
}

/// Removes something that the command had, unless it was changed meanwhile or is a directory that is not empty.
fn remove(to: &Path, path: &Path, since: SystemTime) -> io::Result<()> {
    let dest = to.join(path);
    // The way to it must not have become a link.
    let real = dest.parent().is_some_and(|dir| real_directories(to, dir));
    if !real || changed_since(&dest, since) {
        return Ok(());
    }
    let removed = match fs::symlink_metadata(&dest) {
        Ok(meta) if meta.is_dir() => fs::remove_dir(&dest),
        Ok(_) => fs::remove_file(&dest),
        Err(_) => Ok(()),
    };
    match removed {
        // Something new is in it.
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed,
    }
}

fn is_directory(dest: &Path) -> bool {
    fs::symlink_metadata(dest).is_ok_and(|meta| meta.is_dir())
}

/// Whether every step from `top` down to `path` is a directory and no link to one.
fn real_directories(top: &Path, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(top) else {
        return false;
    };
    let mut at = top.to_owned();
    below.components().all(|component| {
        at.push(component);
        fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir())
    })
}

/// Whether a file or link was written after the command had been given the directory.
fn changed_since(dest: &Path, since: SystemTime) -> bool {
    fs::symlink_metadata(dest)
        .is_ok_and(|meta| !meta.is_dir() && meta.modified().is_ok_and(|modified| modified > since))
}

/// Makes a directory, and says whether there is one now: not where somebody has put something else there meanwhile.
fn directory(
    source: &Path,
    dest: &Path,
    since: SystemTime,
    modes: &mut Vec<(PathBuf, u32)>,
) -> io::Result<bool> {
    let mode = mode_of(source)?;
    let there = fs::symlink_metadata(dest).ok();
    if changed_since(dest, since) {
        return Ok(false);
    }
    let old = match &there {
        Some(meta) if meta.is_dir() => Some(meta.permissions().mode()),
        Some(_) => {
            fs::remove_file(dest)?;
            fs::create_dir(dest)?;
            None
        }
        None => {
            fs::create_dir(dest)?;
            None
        }
    };
    let wanted = match old {
        Some(old) if as_sent(old) == mode => old & 0o7777,
        Some(old) => mode | (old & 0o7022),
        None => mode,
    };
    if old.map(|old| old & 0o7777) != Some(wanted) || wanted & 0o700 != 0o700 {
        modes.push((dest.to_owned(), wanted));
        fs::set_permissions(dest, Permissions::from_mode(wanted | 0o700))?;
    }
    Ok(true)
}

/// What of a file's mode a command gets to see: what all contexts are masked with is not a change of its own.
fn as_sent(mode: u32) -> u32 {
    mode & 0o777 & !0o022
}

fn link(source: &Path, dest: &Path) -> io::Result<()> {
    let target = fs::read_link(source)?;
    if fs::read_link(dest).is_ok_and(|old| old == target) {
        return Ok(());
    }
    match fs::remove_file(dest) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    symlink(target, dest)
}

fn file(source: &Path, dest: &Path) -> io::Result<()> {
    let mode = mode_of(source)?;
    let there = fs::symlink_metadata(dest);
    if there.as_ref().is_ok_and(fs::Metadata::is_file) && same(source, dest)? {
        let old = there?.permissions().mode();
        if as_sent(old) != mode {
            fs::set_permissions(dest, Permissions::from_mode(mode | (old & 0o022)))?;
        }
        return Ok(());
    }
    let parent = dest.parent().unwrap_or(Path::new("/"));
    let mut made = tempfile::Builder::new()
        .prefix(".bld-")
        .tempfile_in(parent)?;
    io::copy(&mut File::open(source)?, made.as_file_mut())?;
    made.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    made.persist(dest)?;
    Ok(())
}

/// Nothing that lets a program be more than who starts it.
fn mode_of(source: &Path) -> io::Result<u32> {
    Ok(fs::symlink_metadata(source)?.permissions().mode() & 0o777)
}

fn same(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let read = a.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        if b.read_exact(&mut right[..read]).is_err() || left[..read] != right[..read] {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn known(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn what_a_command_changed_made_and_removed_is_changed_made_and_removed() {
        let host = tree(&[
            ("same", "1"),
            ("changed", "1"),
            ("gone", "1"),
            ("d/gone", "1"),
            ("meanwhile", "1"),
            ("e/x", "1"),
        ]);
        let left = tree(&[
            ("same", "1"),
            ("changed", "2"),
            ("new/file", "3"),
            ("e", "now a file"),
        ]);
        let before = fs::metadata(host.path().join("same"))
            .unwrap()
            .modified()
            .unwrap();
        let all = known(&["same", "changed", "gone", "d", "d/gone", "e", "e/x"]);
        take_over(left.path(), host.path(), &all, SystemTime::now()).unwrap();
        let read = |name: &str| fs::read_to_string(host.path().join(name)).ok();
        assert_eq!(read("changed").as_deref(), Some("2"));
        assert_eq!(read("new/file").as_deref(), Some("3"));
        assert_eq!(read("e").as_deref(), Some("now a file"));
        assert_eq!(read("meanwhile").as_deref(), Some("1"));
        assert_eq!((read("gone"), read("d/gone")), (None, None));
        assert!(!host.path().join("d").exists());
        let after = fs::metadata(host.path().join("same"))
            .unwrap()
            .modified()
            .unwrap();
        assert_eq!(before, after, "what is the same is not touched");
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_stays() {
        let since = SystemTime::now() - std::time::Duration::from_secs(60);
        let host = tree(&[("edited", "mine"), ("kept", "mine")]);
        let left = tree(&[("edited", "stale")]);
        let all = known(&["edited", "kept"]);
        take_over(left.path(), host.path(), &all, since).unwrap();
        let read = |name: &str| fs::read_to_string(host.path().join(name)).unwrap();
        assert_eq!(
            (read("edited"), read("kept")),
            ("mine".into(), "mine".into())
        );
    }

    #[test]
    fn a_directory_that_became_something_else_keeps_what_came_into_it_meanwhile() {
        let names = ["notes", "edited", "empty", "clean"];
        let host = tree(&[
            ("notes/old", "1"),
            ("notes/sub/old", "1"),
            ("notes/mine", "mine"),
            ("edited/old", "1"),
            ("clean/old", "1"),
        ]);
        fs::create_dir(host.path().join("empty")).unwrap();
        let left = tree(&[]);
        for name in names {
            symlink("/nowhere", left.path().join(name)).unwrap();
        }
        let since = SystemTime::now();
        let later = since + std::time::Duration::from_secs(9);
        let edited = File::open(host.path().join("edited/old")).unwrap();
        edited.set_modified(later).unwrap();
        let all = known(&[
            "notes",
            "notes/old",
            "notes/sub",
            "notes/sub/old",
            "edited",
            "edited/old",
            "clean",
            "clean/old",
        ]);
        let kept = take_over(left.path(), host.path(), &all, since).unwrap();
        let kept: BTreeSet<_> = kept.into_iter().collect();
        assert_eq!(
            kept,
            BTreeSet::from(["edited", "empty", "notes"].map(PathBuf::from))
        );
        let read = |name: &str| fs::read_to_string(host.path().join(name)).ok();
        assert_eq!(read("notes/mine").as_deref(), Some("mine"));
        assert_eq!(read("edited/old").as_deref(), Some("1"));
        assert!(!host.path().join("notes/old").exists());
        assert!(!host.path().join("notes/sub").exists());
        assert!(host.path().join("clean").is_symlink());

        // The same where it became a file.
        let left = tree(&[("notes", "now a file")]);
        let kept = take_over(left.path(), host.path(), &all, since).unwrap();
        assert_eq!(kept, [PathBuf::from("notes")]);
        assert_eq!(read("notes/mine").as_deref(), Some("mine"));
    }

    #[test]
    fn nothing_is_written_or_removed_through_a_link() {
        let outside = tree(&[("victim", "mine"), ("d/victim", "mine")]);
        let host = tree(&[("f", "1")]);
        symlink(outside.path().join("victim"), host.path().join("link")).unwrap();
        symlink(outside.path().join("d"), host.path().join("dir")).unwrap();
        let left = tree(&[("link", "theirs"), ("dir/victim", "theirs")]);
        symlink("/etc", left.path().join("made")).unwrap();
        take_over(left.path(), host.path(), &known(&["f"]), SystemTime::now()).unwrap();
        for name in ["victim", "d/victim"] {
            assert_eq!(
                fs::read_to_string(outside.path().join(name)).unwrap(),
                "mine"
            );
        }
        assert_eq!(
            fs::read_to_string(host.path().join("dir/victim")).unwrap(),
            "theirs"
        );
        assert_eq!(
            fs::read_link(host.path().join("made")).unwrap(),
            Path::new("/etc")
        );

        // A directory that became a link while the command ran leads nowhere, either.
        let host = tree(&[]);
        symlink(outside.path().join("d"), host.path().join("d")).unwrap();
        take_over(
            tree(&[]).path(),
            host.path(),
            &known(&["d/victim"]),
            SystemTime::now(),
        )
        .unwrap();
        assert!(outside.path().join("d/victim").exists());
    }

    #[test]
    fn modes_come_along_and_privileges_do_not() {
        let host = tree(&[("a", "1")]);
        let left = tree(&[("a", "1"), ("b", "2")]);
        let set = |name: &str, mode| {
            fs::set_permissions(left.path().join(name), Permissions::from_mode(mode)).unwrap();
        };
        set("a", 0o755);
        set("b", 0o4711);
        take_over(left.path(), host.path(), &[], SystemTime::now()).unwrap();
        let mode = |name: &str| {
            let meta = fs::metadata(host.path().join(name)).unwrap();
            meta.permissions().mode() & 0o7777
        };
        assert_eq!((mode("a"), mode("b")), (0o755, 0o711));
    }
}
