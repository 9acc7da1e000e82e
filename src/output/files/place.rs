//! Where an artifact goes, and whether it may: the table of section 4.4, and the directories that nobody may lose.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use super::{Failure, FileRequest, io};

/// One entry of an artifact, and the path that it is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file or directory to move.
    pub source: PathBuf,
    /// What it is to be called.
    pub dest: PathBuf,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    File,
    Directory,
}

/// The places of all entries, in the order of their names.
pub(super) fn places(request: &FileRequest) -> Result<Vec<Place>, Failure> {
    let entries = fs::read_dir(&request.source).and_then(|entries| {
        entries
            .map(|e| Ok(e?.path()))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut entries = entries.map_err(|e| io(request, "read", &request.source, &e))?;
    entries.sort();
    if entries.is_empty() {
        return if request.if_exists {
            Ok(Vec::new())
        } else {
            let message = format!(
                "cannot save artifact `{}`, since it does not exist",
                request.artifact
            );
            let mut error = request.error("artifact-missing", message);
            error
                .hints
                .push("`--if-exists` makes it optional".to_owned());
            Err(error)
        };
    }
    let into = request.dest.ends_with('/');
    if !into && (request.glob || entries.len() > 1) {
        let message = format!(
            "cannot save artifact `{}` as `{}`: a pattern may match several files, so the destination must end with `/`",
            request.artifact, request.dest_written
        );
        let mut error = request.error("artifact-glob-destination", message);
        error
            .hints
            .push(format!("did you mean `{}/`?", request.dest_written));
        return Err(error);
    }
    let base = normal(Path::new(&request.dest));
    let place = |source: PathBuf| {
        let dest = match source.file_name() {
            Some(name) if into => base.join(name),
            _ => base.clone(),
        };
        Place { source, dest }
    };
    Ok(entries.into_iter().map(place).collect())
}

impl Place {
    /// Whether the artifact may be written here.
    pub(super) fn check(&self, request: &FileRequest) -> Result<(), Failure> {
        self.check_refused(request)?;
        self.check_inside(request)?;
        self.check_table(request)
    }

    /// `/`, the build directory and everything above it are never replaced, not even by force.
    fn check_refused(&self, request: &FileRequest) -> Result<(), Failure> {
        let real = resolve(&self.dest);
        let precious = [normal(&request.within), resolve(&request.within)];
        let above = |dest: &Path| precious.iter().any(|dir| dir.starts_with(dest));
        if self.dest.parent().is_none() || above(&self.dest) || above(&real) {
            let message = format!(
                "cannot save artifact `{}` as `{}`: that would replace the build directory or a directory above it",
                request.artifact, request.dest_written
            );
            let mut error = request.error("artifact-refused", message);
            error
                .hints
                .push("end the destination with `/` to write into the directory".to_owned());
            return Err(error);
        }
        Ok(())
    }

    /// Inside the build directory, by its name and by what its name resolves to.
    pub(super) fn check_inside(&self, request: &FileRequest) -> Result<(), Failure> {
        if request.force {
            return Ok(());
        }
        let parent = self.dest.parent().unwrap_or(&self.dest);
        let real = resolve(parent);
        let by_name = self.dest.starts_with(normal(&request.within));
        if by_name && real.starts_with(resolve(&request.within)) {
            return Ok(());
        }
        let message = format!(
            "unable to save to `{}`, path must be located under `{}`",
            request.dest_written,
            request.within.display()
        );
        let mut error = request.error("artifact-outside", message);
        if by_name {
            error
                .notes
                .push(format!("symbolic links lead to `{}`", real.display()));
        }
        error.hints.push("`--force` allows it".to_owned());
        Err(error)
    }

    fn check_table(&self, request: &FileRequest) -> Result<(), Failure> {
        let dest = &self.dest;
        let error = |reason: String| {
            let message = format!("cannot save artifact `{}`: {reason}", request.artifact);
            request.error("artifact-destination", message)
        };
        let source_is_directory = fs::symlink_metadata(&self.source)
            .map_err(|e| io(request, "read", &self.source, &e))?
            .is_dir();
        match (source_is_directory, kind(dest)) {
            (false, Kind::Directory) => {
                let mut error = error(format!(
                    "it is a file, but existing `{}` is a directory",
                    dest.display()
                ));
                error.hints.push(format!(
                    "did you mean `{}/`, which writes into it?",
                    request.dest_written.trim_end_matches('/')
                ));
                Err(error)
            }
            (true, Kind::File) => Err(error(format!(
                "artifact is a directory, but existing `{}` is a file",
                dest.display()
            ))),
            _ => Ok(()),
        }
    }
}

fn kind(path: &Path) -> Kind {
    let link_or_not = fs::symlink_metadata(path);
    match (fs::metadata(path), link_or_not) {
        (Ok(meta), _) if meta.is_dir() => Kind::Directory,
        // A link that leads nowhere is in the way like a file.
        (Ok(_), _) | (Err(_), Ok(_)) => Kind::File,
        (Err(_), Err(_)) => Kind::Nothing,
    }
}

/// Without `.` and `..`, by the letters alone.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// Where a path leads: links of the part that exists are followed, the rest is taken as it stands.
pub(super) fn resolve(path: &Path) -> PathBuf {
    let path = normal(path);
    let mut rest = Vec::new();
    let mut existing = path.as_path();
    loop {
        if let Ok(real) = existing.canonicalize() {
            return rest.iter().rev().fold(real, |path, name| path.join(name));
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                rest.push(name.to_owned());
                existing = parent;
            }
            _ => return path,
        }
    }
}
