//! `SAVE ARTIFACT … AS LOCAL`: files and directories on this machine.
//!
//! All requests are checked before the first is carried out. Each is carried out by one rename, so a reader sees the old
//! content or the new one; what has the same content already is left alone.

mod merge;
mod place;
mod replace;
mod staging;
pub(super) mod tree;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use merge::merge;
pub use staging::Staging;

use super::Failure;
use crate::{
    diag::{Diagnostic, Location},
    events::{Event, EventSink, OutputEvent},
};
use place::Place;

/// One artifact that is to be written.
#[derive(Debug, Clone)]
pub struct FileRequest {
    /// The canonical name, `+build/app`.
    pub artifact: String,
    /// A directory of ours with nothing in it but what is to be written: one entry, with a glob any number, none where
    /// the artifact does not exist. Entries are moved out of it.
    pub source: PathBuf,
    /// Where to, absolute; a trailing slash means: into this directory.
    pub dest: String,
    /// As written in the file.
    pub dest_written: String,
    /// The directory that `dest` has to be inside of, unless `force`; the build directory.
    pub within: PathBuf,
    /// Whether the source was a pattern.
    pub glob: bool,
    /// `--force`.
    pub force: bool,
    /// `--if-exists`.
    pub if_exists: bool,
    /// The statement.
    pub at: Location,
}

impl FileRequest {
    fn error(&self, code: &'static str, message: String) -> Failure {
        Box::new(Diagnostic::error(code, message).at(self.at.clone()))
    }
}

/// Writes all artifacts of a block. Runs on a thread that may block, and that no cancelling stops: so what the artifacts
/// are in, the [`Staging`], is given away and lives until the last of them is written.
pub async fn write(
    requests: Vec<FileRequest>,
    events: Arc<dyn EventSink>,
    staging: impl Send + 'static,
) -> Result<(), Failure> {
    let work = tokio::task::spawn_blocking(move || {
        let done = write_all(&requests, events.as_ref());
        drop(staging);
        done
    });
    work.await.map_err(|e| {
        let message = format!("writing artifacts broke off: {e}");
        Box::new(Diagnostic::error("internal", message))
    })?
}

fn write_all(requests: &[FileRequest], events: &dyn EventSink) -> Result<(), Failure> {
    let mut places = Vec::new();
    for request in requests {
        for place in place::places(request)? {
            place.check(request)?;
            places.push((request, place));
        }
    }
    for (request, place) in places {
        // What was true in the first round may have changed by what other requests wrote.
        place.check(request)?;
        let done = replace::put(request, &place)?;
        if let Some(remark) = removed(request, &place, &done.removed) {
            events.emit(Event::Remark(remark));
        }
        events.emit(Event::Output(OutputEvent::Artifact {
            artifact: request.artifact.clone(),
            path: shown(request, &place),
            unchanged: done.unchanged,
        }));
    }
    Ok(())
}

/// As the file writes it, with the base name where that adds one.
fn shown(request: &FileRequest, place: &Place) -> String {
    if request.dest.ends_with('/') {
        let name = place.dest.file_name().unwrap_or_default().to_string_lossy();
        format!("{}/{name}", request.dest_written.trim_end_matches('/'))
    } else {
        request.dest_written.clone()
    }
}

fn removed(request: &FileRequest, place: &Place, gone: &[PathBuf]) -> Option<Diagnostic> {
    const SHOWN: usize = 10;
    if gone.is_empty() {
        return None;
    }
    let message = format!(
        "replaced directory `{}`; what the artifact does not have was removed",
        place.dest.display()
    );
    let mut note: Vec<String> = gone
        .iter()
        .take(SHOWN)
        .map(|p| format!("removed {}", p.display()))
        .collect();
    if gone.len() > SHOWN {
        note.push(format!("and {} more", gone.len() - SHOWN));
    }
    let mut remark = Diagnostic::note("artifact-replaced", message).at(request.at.clone());
    remark.notes = note;
    Some(remark)
}

/// For messages: what went wrong with which path.
fn io(request: &FileRequest, doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    request.error(
        "artifact-write",
        format!("cannot {doing} `{}`: {error}", path.display()),
    )
}

#[cfg(test)]
mod tests;
