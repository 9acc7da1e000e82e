//! Puts one entry of an artifact in its place, by one rename.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat, renameat_with};

use super::{
    Failure, FileRequest, io as failed,
    place::{Place, resolve},
    tree,
};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Done {
    /// The place had this content already.
    pub unchanged: bool,
    /// What was in the directory and is not in the new one.
    pub removed: Vec<PathBuf>,
}

/// Puts the entry in its place. If it fails, the place is as it was.
pub(super) fn put(request: &FileRequest, place: &Place) -> Result<Done, Failure> {
    let Place { source, dest } = place;
    // What cannot be compared is written; a link is replaced by what it stands in the way of.
    if tree::same(source, dest).unwrap_or(false) {
        return Ok(Done {
            unchanged: true,
            removed: Vec::new(),
        });
    }
    let (Some(parent), Some(name)) = (dest.parent(), dest.file_name()) else {
        return Err(request.error("artifact-refused", "cannot replace `/`".to_owned()));
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(parent)
        .map_err(|e| failed(request, "make directory", parent, &e))?;
    let open = File::open(parent).map_err(|e| failed(request, "open directory", parent, &e))?;
    check_opened(request, place, parent, &open)?;

    // From here on everything happens inside the opened directory, whatever becomes of its name.
    let near = tempfile::Builder::new()
        .prefix(".bld-")
        .tempdir_in(opened_path(&open, parent))
        .map_err(|e| failed(request, "write to", parent, &e))?;
    let near = Near(near.keep());
    let fresh = near.0.join("new");
    bring(request, source, &fresh, dest)?;
    let locked = unlock(&fresh).map_err(|e| failed(request, "write", dest, &e))?;
    let fresh_is_directory = fs::symlink_metadata(&fresh).is_ok_and(|meta| meta.is_dir());
    let old = fs::symlink_metadata(dest).ok();
    let old_is_directory = old.as_ref().is_some_and(fs::Metadata::is_dir);
    let mut removed = Vec::new();
    if old.is_some() && (old_is_directory || fresh_is_directory) {
        if old_is_directory {
            removed = tree::missing(dest, &fresh).unwrap_or_default();
        }
        replace(&fresh, dest, &open, name, &near.0.join("old"))
            .map_err(|e| failed(request, "replace", dest, &e))?;
    } else {
        renameat(CWD, &fresh, &open, name)
            .map_err(|e| failed(request, "write", dest, &e.into()))?;
    }
    if let Some(mode) = locked {
        fs::set_permissions(dest, mode).map_err(|e| failed(request, "write", dest, &e))?;
    }
    Ok(Done {
        unchanged: false,
        removed,
    })
}

/// The temporary directory beside the destination; goes away however this ends.
struct Near(PathBuf);

impl Drop for Near {
    fn drop(&mut self) {
        let _ = tree::remove(&self.0);
    }
}

/// Links may have changed since the name was checked: what counts is the directory that is open now.
fn check_opened(
    request: &FileRequest,
    place: &Place,
    parent: &Path,
    open: &File,
) -> Result<(), Failure> {
    place.check_inside(request)?;
    let real = opened_path(open, parent);
    if request.force || real.starts_with(resolve(&request.within)) {
        return Ok(());
    }
    let message = format!(
        "unable to save to `{}`: it led out of `{}` when it was written",
        request.dest_written,
        request.within.display()
    );
    Err(request.error("artifact-outside", message))
}

fn opened_path(open: &File, name: &Path) -> PathBuf {
    fs::read_link(format!("/proc/self/fd/{}", open.as_raw_fd()))
        .or_else(|_| name.canonicalize())
        .unwrap_or_else(|_| name.to_owned())
}

/// Gets the entry onto the destination's file system, complete.
fn bring(request: &FileRequest, source: &Path, fresh: &Path, dest: &Path) -> Result<(), Failure> {
    match rename(source, fresh) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
            tree::copy(source, fresh).map_err(|(at, e)| {
                let mut error = failed(request, "write", dest, &e);
                if e.kind() != io::ErrorKind::StorageFull {
                    error.notes.push(format!("at `{}`", at.display()));
                }
                error
            })
        }
        Err(e) => Err(failed(request, "write", dest, &e)),
    }
}

/// Keeps the permissions over the move.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let locked = unlock(from)?;
    let done = fs::rename(from, to);
    if let Some(mode) = locked {
        fs::set_permissions(if done.is_ok() { to } else { from }, mode)?;
    }
    done
}

/// A directory changes its parent only if its owner may write to it. Gives the permissions to restore.
fn unlock(path: &Path) -> io::Result<Option<Permissions>> {
    let meta = fs::symlink_metadata(path)?;
    let mode = meta.permissions();
    if !meta.is_dir() || mode.mode() & 0o200 != 0 {
        return Ok(None);
    }
    fs::set_permissions(path, Permissions::from_mode(mode.mode() | 0o200))?;
    Ok(Some(mode))
}

/// New for old, also where the old one may not be written to; it keeps its permissions if it stays.
fn replace(
    fresh: &Path,
    dest: &Path,
    parent: &File,
    name: &std::ffi::OsStr,
    old: &Path,
) -> io::Result<()> {
    let locked = unlock(dest)?;
    let done = swap(fresh, parent, name, old);
    if let (Err(_), Some(mode)) = (&done, locked) {
        let _ = fs::set_permissions(dest, mode);
    }
    done
}

/// New for old in one step where the file system can, else in two with the old one kept until the new one is there.
fn swap(fresh: &Path, parent: &File, name: &std::ffi::OsStr, old: &Path) -> io::Result<()> {
    match renameat_with(CWD, fresh, parent, name, RenameFlags::EXCHANGE) {
        Ok(()) => return Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
        Err(e) => return Err(e.into()),
    }
    renameat(parent, name, CWD, old)?;
    if let Err(e) = renameat(CWD, fresh, parent, name) {
        let _ = renameat(CWD, old, parent, name);
        return Err(e.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_replaced_keeps_its_permissions() {
        let dir = tempfile::tempdir().unwrap();
        let (dest, parent) = (dir.path().join("p"), File::open(dir.path()).unwrap());
        fs::create_dir(&dest).unwrap();
        fs::set_permissions(&dest, Permissions::from_mode(0o555)).unwrap();
        let nothing = dir.path().join("nothing");
        let done = replace(
            &nothing,
            &dest,
            &parent,
            "p".as_ref(),
            &dir.path().join("old"),
        );
        assert!(done.is_err());
        let mode = fs::metadata(&dest).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o555);
        assert!(!dir.path().join("old").exists());
    }
}
