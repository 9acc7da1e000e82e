//! What has succeeded before: a text file with one line for each success, which several processes may use at once.
//!
//! A line is appended whole under a lock. A process that is killed while it writes leaves at most a line without an end,
//! which means nothing to readers and is closed by the next writer. A file that has grown long is written anew beside
//! the old one and renamed.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{FlockOperation, flock};

use crate::base::Digest;

/// The first line. A file that begins in another way is somebody else's and is not touched.
const HEADER: &str = "bld auto-skip 1";

/// A file with more lines is written anew.
const LONG: usize = 20_000;

/// What is kept then: the newest.
const KEPT: usize = 10_000;

/// The file.
#[derive(Debug, Clone)]
pub struct Database {
    path: PathBuf,
}

impl Database {
    /// Opens the file, or makes it with its directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let database = Self {
            path: path.to_path_buf(),
        };
        database.locked(FlockOperation::LockExclusive, |file| {
            if read(file)?.is_empty() {
                file.write_all(format!("{HEADER}\n").as_bytes())?;
            }
            Ok(())
        })?;
        Ok(database)
    }

    /// Whether this has been added.
    pub fn contains(&self, digest: &Digest) -> io::Result<bool> {
        let text = self.locked(FlockOperation::LockShared, read)?;
        Ok(text.lines().filter_map(key).any(|key| key == digest.hex()))
    }

    /// Adds what has succeeded, with the name of the target for whoever looks into the file.
    pub fn add(&self, done: &[(Digest, String)]) -> io::Result<()> {
        if done.is_empty() {
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        self.locked(FlockOperation::LockExclusive, |file| {
            let text = read(file)?;
            let known: HashSet<&str> = text.lines().filter_map(key).collect();
            let mut fresh = String::new();
            if !text.ends_with('\n') {
                fresh.push('\n');
            }
            for (digest, target) in done {
                if !known.contains(digest.hex()) {
                    let target = target.replace(char::is_whitespace, " ");
                    fresh.push_str(&format!("{} {now} {target}\n", digest.hex()));
                }
            }
            if text.lines().count() > LONG {
                return self.rewrite(&(text + &fresh));
            }
            file.write_all(fresh.as_bytes())?;
            file.sync_data()
        })
    }

    /// Puts the newest lines into the place of the file. The caller holds its lock.
    fn rewrite(&self, text: &str) -> io::Result<()> {
        let lines: Vec<&str> = text.lines().filter(|line| key(line).is_some()).collect();
        let newest = &lines[lines.len().saturating_sub(KEPT)..];
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut fresh = tempfile::Builder::new()
            .prefix(".auto-skip-")
            .tempfile_in(dir)?;
        fresh.write_all(format!("{HEADER}\n{}\n", newest.join("\n")).as_bytes())?;
        fresh.as_file().sync_all()?;
        fresh.persist(&self.path)?;
        Ok(())
    }

    /// Works on the file while nobody else does.
    fn locked<T>(
        &self,
        how: FlockOperation,
        work: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .open(&self.path)?;
            flock(&file, how)?;
            // While we waited another process may have put a shorter file in its place.
            let ours = file.metadata()?;
            match fs::metadata(&self.path) {
                Ok(now) if (now.dev(), now.ino()) == (ours.dev(), ours.ino()) => {
                    return work(&mut file);
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// The whole file, if it is one of ours or empty.
fn read(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // A header without its end was being written when its writer was killed.
    match text.lines().next() {
        None => Ok(text),
        Some(HEADER) => Ok(text),
        Some(_) => Err(io::Error::other("it is not a database of bld")),
    }
}

/// The digest of a line; none of the header and of lines that were cut short.
fn key(line: &str) -> Option<&str> {
    let mut words = line.split(' ');
    let key = words.next()?;
    let whole = words.next().is_some() && words.next().is_some();
    (whole && key.len() == 64).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: usize) -> Digest {
        Digest::of(n.to_string().as_bytes())
    }

    fn done(n: usize) -> (Digest, String) {
        (digest(n), "+t".to_owned())
    }

    #[test]
    fn what_was_added_is_found_by_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/db");
        let one = Database::open(&path).unwrap();
        let other = Database::open(&path).unwrap();
        assert!(!one.contains(&digest(1)).unwrap());
        other.add(&[done(1)]).unwrap();
        assert!(one.contains(&digest(1)).unwrap());
        assert!(!one.contains(&digest(2)).unwrap());
    }

    #[test]
    fn a_line_that_was_cut_short_means_nothing_and_spoils_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let database = Database::open(&path).unwrap();
        database.add(&[done(1)]).unwrap();
        let mut text = fs::read_to_string(&path).unwrap();
        let cut = format!("{} 17", digest(2).hex());
        text.push_str(&cut);
        fs::write(&path, text).unwrap();
        assert!(!database.contains(&digest(2)).unwrap());
        database.add(&[done(3)]).unwrap();
        assert!(database.contains(&digest(1)).unwrap());
        assert!(!database.contains(&digest(2)).unwrap());
        assert!(database.contains(&digest(3)).unwrap());
    }

    #[test]
    fn many_writers_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let write = |n: usize| {
            let path = path.clone();
            std::thread::spawn(move || Database::open(&path).unwrap().add(&[done(n)]).unwrap())
        };
        let writers: Vec<_> = (0..16).map(write).collect();
        for writer in writers {
            writer.join().unwrap();
        }
        let database = Database::open(&path).unwrap();
        assert!((0..16).all(|n| database.contains(&digest(n)).unwrap()));
    }

    #[test]
    fn a_long_file_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let database = Database::open(&path).unwrap();
        let many: Vec<_> = (0..=LONG).map(done).collect();
        database.add(&many).unwrap();
        database.add(&[done(LONG + 1)]).unwrap();
        assert!(database.contains(&digest(LONG + 1)).unwrap());
        assert!(database.contains(&digest(LONG)).unwrap());
        assert!(!database.contains(&digest(0)).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), KEPT + 1);
    }

    #[test]
    fn a_file_of_somebody_else_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        fs::write(&path, b"\xed\xda\x0c\xed bolt").unwrap();
        assert!(Database::open(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"\xed\xda\x0c\xed bolt");
    }
}
