//! A directory that is filled by somebody who is not trusted.
//!
//! Names are checked one by one, every directory on the way is opened without following links, and nothing that is
//! there is overwritten. Modes and times are kept; owners are not, and neither is what would let a program be more than who
//! starts it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    fs::File,
    io::Write,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use bollard_buildkit_proto::fsutil::types::Stat;
use rustix::fs::{self, AtFlags, Mode, OFlags, Timespec, Timestamps};

use super::gomode;
use crate::engine::Special;

/// What is wrong, with the path.
#[derive(Debug)]
pub struct TreeError(pub String);

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TreeError {}

/// The directory, while it is being filled.
#[derive(Debug)]
pub struct Tree {
    dest: PathBuf,
    special: Special,
    root: OwnedFd,
    /// The last name of the listing, in the form in which names are ordered.
    last: Vec<u8>,
    /// Directories that this listing made, with what they shall be in the end.
    directories: Vec<(String, Attributes)>,
    known: HashSet<String>,
    regular: HashSet<String>,
    waiting: HashMap<u32, (String, Attributes, Option<File>)>,
    /// The directory that was opened last: files of one directory come one after the other.
    open: Option<(String, OwnedFd)>,
}

#[derive(Debug)]
struct Attributes {
    mode: Mode,
    times: Timestamps,
}

impl Attributes {
    fn of(stat: &Stat) -> Self {
        let mtime = Timespec {
            tv_sec: stat.mod_time.div_euclid(1_000_000_000),
            tv_nsec: stat.mod_time.rem_euclid(1_000_000_000),
        };
        Self {
            mode: Mode::from_raw_mode(gomode::permissions(stat.mode) & 0o777),
            times: Timestamps {
                last_access: mtime,
                last_modification: mtime,
            },
        }
    }
}

impl Tree {
    /// Opens the directory.
    pub fn open(dest: &Path, special: Special) -> Result<Self, TreeError> {
        let root = fs::open(dest, DIRECTORY, Mode::empty())
            .map_err(|e| TreeError(format!("cannot open `{}`: {e}", dest.display())))?;
        Ok(Self {
            dest: dest.to_owned(),
            special,
            root,
            last: Vec::new(),
            directories: Vec::new(),
            known: HashSet::new(),
            regular: HashSet::new(),
            waiting: HashMap::new(),
            open: None,
        })
    }

    /// Takes the next entry of the listing. True: its content has to be asked for by this number.
    pub fn add(&mut self, id: u32, stat: &Stat) -> Result<bool, TreeError> {
        let path = stat.path.as_str();
        self.check(path)?;
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let attributes = Attributes::of(stat);
        let kind = stat.mode & gomode::TYPE;
        let failed = |e: &dyn fmt::Display| {
            TreeError(format!(
                "cannot write `{}`: {e}",
                self.dest.join(path).display()
            ))
        };
        let dir = open_beneath(&self.root, parent, &mut self.open).map_err(|e| failed(&e))?;
        if kind == gomode::DIR {
            fs::mkdirat(dir, name, Mode::RWXU).map_err(|e| failed(&e))?;
            self.known.insert(path.to_owned());
            self.directories.push((path.to_owned(), attributes));
            return Ok(false);
        }
        if kind == gomode::SYMLINK {
            fs::symlinkat(stat.linkname.as_str(), dir, name).map_err(|e| failed(&e))?;
            fs::utimensat(dir, name, &attributes.times, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|e| failed(&e))?;
            return Ok(false);
        }
        if kind != 0 && self.special == Special::LeftOut {
            return Ok(false);
        }
        if kind != 0 {
            return Err(failed(&"it is a device or a pipe"));
        }
        if !stat.linkname.is_empty() {
            if !self.regular.contains(&stat.linkname) {
                return Err(failed(&"it is a link to a file that was not sent"));
            }
            let (from, old) = stat
                .linkname
                .rsplit_once('/')
                .unwrap_or(("", &stat.linkname));
            let mut none = None;
            let from = open_beneath(&self.root, from, &mut none).map_err(|e| failed(&e))?;
            fs::linkat(from, old, dir, name, AtFlags::empty()).map_err(|e| failed(&e))?;
            self.regular.insert(path.to_owned());
            return Ok(false);
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | NO_LINKS;
        let file = fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR).map_err(|e| failed(&e))?;
        self.regular.insert(path.to_owned());
        if stat.size == 0 {
            settle(&file, &attributes).map_err(|e| failed(&e))?;
            return Ok(false);
        }
        // Thousands of files may be listed before the first one comes, so it is not kept open.
        self.waiting.insert(id, (path.to_owned(), attributes, None));
        Ok(true)
    }

    /// Takes content. Nothing ends the file.
    pub fn write(&mut self, id: u32, data: &[u8]) -> Result<(), TreeError> {
        let Some((path, attributes, file)) = self.waiting.get_mut(&id) else {
            return Err(TreeError(format!(
                "the daemon sent content of file {id}, for which nobody asked"
            )));
        };
        let dest = self.dest.join(&*path);
        let failed =
            |e: &dyn fmt::Display| TreeError(format!("cannot write `{}`: {e}", dest.display()));
        let file = match file {
            Some(file) => file,
            None => {
                let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
                let dir =
                    open_beneath(&self.root, parent, &mut self.open).map_err(|e| failed(&e))?;
                let opened = fs::openat(dir, name, OFlags::WRONLY | NO_LINKS, Mode::empty());
                file.insert(File::from(opened.map_err(|e| failed(&e))?))
            }
        };
        if data.is_empty() {
            settle(&*file, attributes).map_err(|e| failed(&e))?;
            self.waiting.remove(&id);
            return Ok(());
        }
        file.write_all(data).map_err(|e| failed(&e))
    }

    /// Whether all content has come that was asked for.
    pub fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives the directories their modes and times, which adding files would have changed.
    pub fn finish(&mut self) -> Result<(), TreeError> {
        for (path, attributes) in self.directories.drain(..).rev() {
            let mut none = None;
            let result =
                open_beneath(&self.root, &path, &mut none).and_then(|dir| settle(dir, &attributes));
            result.map_err(|e| {
                let path = self.dest.join(&path);
                TreeError(format!("cannot write `{}`: {e}", path.display()))
            })?;
        }
        Ok(())
    }

    /// A name has to be clean, behind the one before it, and in a directory of this listing.
    fn check(&mut self, path: &str) -> Result<(), TreeError> {
        let refused = |why| {
            Err(TreeError(format!(
                "the daemon sent the name `{}`, {why}",
                path.escape_debug()
            )))
        };
        let clean = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
        if !path.split('/').all(clean) {
            return refused("which is not a clean path");
        }
        let order: Vec<u8> = path
            .bytes()
            .map(|b| if b == b'/' { 0 } else { b })
            .collect();
        if order <= self.last {
            return refused("which is out of order");
        }
        if path
            .rsplit_once('/')
            .is_some_and(|(parent, _)| !self.known.contains(parent))
        {
            return refused("whose directory it did not send");
        }
        self.last = order;
        Ok(())
    }
}

const NO_LINKS: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);
const DIRECTORY: OFlags = NO_LINKS.union(OFlags::DIRECTORY);

/// A directory below another one, without following links.
fn open_beneath<'a>(
    root: &'a OwnedFd,
    path: &str,
    cache: &'a mut Option<(String, OwnedFd)>,
) -> rustix::io::Result<&'a OwnedFd> {
    if path.is_empty() {
        return Ok(root);
    }
    if cache.as_ref().is_none_or(|(known, _)| known != path) {
        let mut dir: Option<OwnedFd> = None;
        for name in path.split('/') {
            let next = fs::openat(dir.as_ref().unwrap_or(root), name, DIRECTORY, Mode::empty())?;
            dir = Some(next);
        }
        *cache = dir.map(|dir| (path.to_owned(), dir));
    }
    Ok(cache.as_ref().map_or(root, |(_, dir)| dir))
}

fn settle(file: impl std::os::fd::AsFd, attributes: &Attributes) -> rustix::io::Result<()> {
    fs::fchmod(&file, attributes.mode)?;
    fs::futimens(&file, &attributes.times)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn stat(path: &str, mode: u32) -> Stat {
        Stat {
            path: path.to_owned(),
            mode,
            mod_time: 1_500_000_000_000_000_000,
            ..Stat::default()
        }
    }

    #[test]
    fn a_tree_is_written_with_modes_times_and_links() {
        let dir = tempfile::tempdir().unwrap();
        let mut tree = Tree::open(dir.path(), Special::Refused).unwrap();
        let file = Stat {
            size: 3,
            ..stat("d/f", 0o640)
        };
        assert!(!tree.add(0, &stat("d", gomode::DIR | 0o555)).unwrap());
        assert!(tree.add(1, &file).unwrap());
        let link = Stat {
            linkname: "d/f".to_owned(),
            ..stat("d/g", 0o640)
        };
        assert!(!tree.add(2, &link).unwrap());
        let symlink = Stat {
            linkname: "/etc".to_owned(),
            ..stat("s", gomode::SYMLINK | 0o777)
        };
        assert!(!tree.add(3, &symlink).unwrap());
        tree.write(1, b"abc").unwrap();
        assert!(!tree.is_complete());
        tree.write(1, b"").unwrap();
        assert!(tree.is_complete());
        tree.finish().unwrap();
        let meta = std::fs::metadata(dir.path().join("d/g")).unwrap();
        assert_eq!(
            (meta.mode() & 0o7777, meta.nlink(), meta.mtime()),
            (0o640, 2, 1_500_000_000)
        );
        let meta = std::fs::metadata(dir.path().join("d")).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o555, 1_500_000_000));
        let writable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path().join("d"), writable).unwrap();
    }

    #[test]
    fn a_program_gets_no_rights_of_its_owner_on_this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let mut tree = Tree::open(dir.path(), Special::Refused).unwrap();
        let (setgid, setuid, sticky) = (1 << 22, 1 << 23, 1 << 20);
        tree.add(0, &stat("d", gomode::DIR | sticky | setgid | 0o777))
            .unwrap();
        tree.add(1, &stat("d/su", setuid | setgid | 0o755)).unwrap();
        tree.finish().unwrap();
        let mode = |path: &str| dir.path().join(path).metadata().unwrap().mode() & 0o7777;
        assert_eq!((mode("d"), mode("d/su")), (0o777, 0o755));
    }

    #[test]
    fn a_pipe_is_refused_or_stays_away_as_was_asked() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = stat("pipe", gomode::FIFO | 0o600);
        let mut tree = Tree::open(dir.path(), Special::Refused).unwrap();
        assert!(tree.add(0, &pipe).is_err());
        let mut tree = Tree::open(dir.path(), Special::LeftOut).unwrap();
        assert!(!tree.add(0, &pipe).unwrap());
        assert!(!tree.add(1, &stat("pipe2", 0o600)).unwrap());
        tree.finish().unwrap();
        let names = std::fs::read_dir(dir.path()).unwrap();
        let names: Vec<_> = names.map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["pipe2"]);
    }

    #[test]
    fn names_that_lead_out_of_the_directory_are_refused() {
        for names in [
            &["../x"][..],
            &["/x"],
            &["a//b"],
            &["."],
            &["a/../b"],
            &["a/b"],
            &["b", "a"],
            &["a", "a"],
        ] {
            let dir = tempfile::tempdir().unwrap();
            let mut tree = Tree::open(dir.path(), Special::Refused).unwrap();
            let mut ids = 0..;
            let result: Result<Vec<_>, _> = names
                .iter()
                .map(|name| tree.add(ids.next().unwrap(), &stat(name, 0o644)))
                .collect();
            assert!(result.is_err(), "{names:?}");
        }
    }

    #[test]
    fn a_link_is_no_directory() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let mut tree = Tree::open(dir.path(), Special::Refused).unwrap();
        let linkname = outside.path().to_str().unwrap().to_owned();
        let link = Stat {
            linkname,
            ..stat("l", gomode::SYMLINK | 0o777)
        };
        tree.add(0, &link).unwrap();
        assert!(tree.add(1, &stat("l/x", 0o644)).is_err());
        // Not even where somebody else puts the link there in the meantime.
        tree.add(1, &stat("m", gomode::DIR | 0o755)).unwrap();
        std::fs::remove_dir(dir.path().join("m")).unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("m")).unwrap();
        assert!(tree.add(2, &stat("m/x", 0o644)).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
