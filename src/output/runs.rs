//! Directories of bld's in which every run has one of its own: `.tmp-bld-out` and the spool of uploads.
//!
//! What stands at such a place may have come with a checkout, so it is believed only if it is a directory of this user's
//! and no link; and of what is in it, only what a run of bld can have made is ever removed.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use tempfile::TempDir;

use super::files::tree;

/// How the directories of runs begin.
const PREFIX: &str = "run-";
/// A directory that nothing has been put into for so long belongs to a run that was killed.
const OLD: Duration = Duration::from_secs(24 * 3600);

/// An empty directory for this run inside `dir`; among the system's temporary files where `dir` is not ours to write to.
/// What killed runs left in `dir` goes.
pub(super) fn directory(dir: &Path) -> io::Result<TempDir> {
    let own = claim(dir).and_then(|()| {
        sweep(dir);
        make(dir)
    });
    own.or_else(|_| make(&std::env::temp_dir()))
}

fn make(parent: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)
}

/// Makes the directory, or makes sure that it is one of this user's. A link is not followed.
fn claim(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        done => return done,
    }
    let meta = fs::symlink_metadata(dir)?;
    if meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(io::Error::other("not a directory of this user"))
    }
}

fn sweep(dir: &Path) {
    let is_left_over = |entry: &fs::DirEntry| {
        let named = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes());
        let Ok(meta) = fs::symlink_metadata(entry.path()) else {
            return false;
        };
        let age = meta.modified().ok().and_then(|time| time.elapsed().ok());
        named && meta.is_dir() && age.is_some_and(|age| age > OLD)
    };
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if is_left_over(&entry) {
            let _ = tree::remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::PathBuf, time::SystemTime};

    use super::*;

    fn aged(path: PathBuf) -> PathBuf {
        let file = fs::File::open(&path).unwrap();
        file.set_modified(SystemTime::now() - 2 * OLD).unwrap();
        path
    }

    /// Old and new entries of all kinds; gives those that a sweep may remove and those that it may not.
    fn fill(dir: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
        fs::create_dir_all(dir.join("run-old/sub")).unwrap();
        fs::create_dir(dir.join("run-new")).unwrap();
        fs::create_dir(dir.join("src")).unwrap();
        fs::write(dir.join("run-file"), "").unwrap();
        let gone = vec![aged(dir.join("run-old"))];
        let kept = vec![
            dir.join("run-new"),
            aged(dir.join("src")),
            aged(dir.join("run-file")),
        ];
        (gone, kept)
    }

    #[test]
    fn only_what_a_run_made_and_left_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("ours");
        let (gone, kept) = fill(&dir);
        fs::create_dir(root.path().join("elsewhere")).unwrap();
        symlink("../elsewhere", dir.join("run-link")).unwrap();
        let own = directory(&dir).unwrap();
        assert_eq!(own.path().parent(), Some(dir.as_path()));
        assert!(gone.iter().all(|path| !path.exists()));
        assert!(kept.iter().all(|path| path.exists()));
        assert!(root.path().join("elsewhere").is_dir() && dir.join("run-link").is_symlink());
    }

    #[test]
    fn a_link_in_place_of_the_directory_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let victim = root.path().join("victim");
        let (gone, kept) = fill(&victim);
        let dir = root.path().join("ours");
        symlink("victim", &dir).unwrap();
        let own = directory(&dir).unwrap();
        assert!(
            !own.path()
                .canonicalize()
                .unwrap()
                .starts_with(root.path().canonicalize().unwrap())
        );
        assert!(gone.iter().chain(&kept).all(|path| path.exists()));
    }
}
