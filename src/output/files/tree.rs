//! Trees of files: compared, copied, removed.

use std::{
    collections::BTreeSet,
    fs::{self, File, Metadata, Permissions},
    io::{self, Read as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

/// Whether two paths hold the same: kinds, permissions, contents and link targets. Times do not count.
pub(super) fn same(a: &Path, b: &Path) -> io::Result<bool> {
    let meta_a = fs::symlink_metadata(a)?;
    let meta_b = match fs::symlink_metadata(b) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    if meta_a.file_type() != meta_b.file_type() {
        return Ok(false);
    }
    if meta_a.is_symlink() {
        return Ok(fs::read_link(a)? == fs::read_link(b)?);
    }
    if mode(&meta_a) != mode(&meta_b) {
        return Ok(false);
    }
    if meta_a.is_dir() {
        let names = names(a)?;
        if names != self::names(b)? {
            return Ok(false);
        }
        for name in names {
            if !same(&a.join(&name), &b.join(&name))? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    Ok(meta_a.is_file() && meta_a.len() == meta_b.len() && same_bytes(a, b)?)
}

fn same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    let (mut buffer_a, mut buffer_b) = (vec![0; 128 << 10], vec![0; 128 << 10]);
    loop {
        let n = a.read(&mut buffer_a)?;
        if n == 0 {
            return Ok(b.read(&mut buffer_b)? == 0);
        }
        if let Err(e) = b.read_exact(&mut buffer_b[..n]) {
            return if e.kind() == io::ErrorKind::UnexpectedEof {
                Ok(false)
            } else {
                Err(e)
            };
        }
        if buffer_a[..n] != buffer_b[..n] {
            return Ok(false);
        }
    }
}

/// What is below `old` and not below `new`, each at its highest place.
pub(super) fn missing(old: &Path, new: &Path) -> io::Result<Vec<PathBuf>> {
    let mut gone = Vec::new();
    for name in names(old)? {
        let (old, new) = (old.join(&name), new.join(&name));
        let (Ok(old_meta), new_meta) = (fs::symlink_metadata(&old), fs::symlink_metadata(&new))
        else {
            continue;
        };
        match new_meta {
            Err(_) => gone.push(old),
            Ok(new_meta) if old_meta.is_dir() && new_meta.is_dir() => {
                gone.extend(missing(&old, &new)?);
            }
            Ok(new_meta) if old_meta.is_dir() && !new_meta.is_dir() => gone.push(old),
            Ok(_) => {}
        }
    }
    Ok(gone)
}

/// Copies a tree to a path where nothing is, with permissions and times. `Err` names the path it stopped at.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |e: io::Error| (path, e)
    };
    let meta = fs::symlink_metadata(from).map_err(at(from))?;
    if meta.is_symlink() {
        let target = fs::read_link(from).map_err(at(from))?;
        return symlink(target, to).map_err(at(to));
    }
    if meta.is_dir() {
        fs::create_dir(to).map_err(at(to))?;
        for name in names(from).map_err(at(from))? {
            copy(&from.join(&name), &to.join(&name))?;
        }
    } else if meta.is_file() {
        fs::copy(from, to).map_err(at(to))?;
    } else {
        let error = io::Error::other("neither a file, a directory nor a symbolic link");
        return Err((from.to_owned(), error));
    }
    // Times before permissions: a file without write permission cannot be opened any more.
    if let Ok(modified) = meta.modified() {
        let file = File::open(to).map_err(at(to))?;
        file.set_modified(modified).map_err(at(to))?;
    }
    fs::set_permissions(to, meta.permissions()).map_err(at(to))
}

/// Removes whatever is there, also directories that their owner may not write to.
pub(in crate::output) fn remove(path: &Path) -> io::Result<()> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    if !meta.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        done => done,
    }
}

fn open_up(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    for name in names(dir)? {
        let path = dir.join(name);
        if fs::symlink_metadata(&path)?.is_dir() {
            open_up(&path)?;
        }
    }
    Ok(())
}

fn names(dir: &Path) -> io::Result<BTreeSet<std::ffi::OsString>> {
    fs::read_dir(dir)?
        .map(|entry| Ok(entry?.file_name()))
        .collect()
}

fn mode(meta: &Metadata) -> u32 {
    meta.permissions().mode() & 0o7777
}
