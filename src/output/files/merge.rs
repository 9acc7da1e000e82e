//! Files into directories that may be there already, and keep what else they hold.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::{FileRequest, Staging};

/// The requests that put everything in the source of `request` into its destination, a directory: whole where nothing is
/// there, else one level deeper. Without them a directory would be replaced with all that it holds.
pub fn merge(request: FileRequest, staging: &Staging) -> io::Result<Vec<FileRequest>> {
    let mut requests = Vec::new();
    let mut open = vec![request];
    while let Some(request) = open.pop() {
        let dest = PathBuf::from(&request.dest);
        let mut entries = 0_usize;
        for entry in fs::read_dir(&request.source)? {
            let entry = entry?;
            let inside = dest.join(entry.file_name());
            // A link to a directory is replaced, not followed: an earlier artifact may have brought it.
            let there = fs::symlink_metadata(&inside).is_ok_and(|meta| meta.is_dir());
            if entry.file_type()?.is_dir() && there {
                let source = apart(&entry.path(), staging)?;
                open.push(FileRequest {
                    source,
                    dest: format!("{}/", inside.display()),
                    dest_written: below(&request.dest_written, &entry.file_name()),
                    ..request.clone()
                });
            } else {
                entries += 1;
            }
        }
        if entries > 0 {
            requests.push(request);
        } else {
            fs::create_dir_all(&dest)?;
        }
    }
    Ok(requests)
}

/// Takes a directory out of the one that it is in.
fn apart(path: &Path, staging: &Staging) -> io::Result<PathBuf> {
    let place = staging.directory()?;
    fs::remove_dir(&place)?;
    fs::rename(path, &place)?;
    Ok(place)
}

fn below(written: &str, name: &OsStr) -> String {
    let written = written.trim_end_matches('/');
    format!("{written}/{}/", name.to_string_lossy())
}
