//! Artifacts onto this machine (`COPY` under `LOCALLY`).

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use super::{Host, Telling};
use crate::{
    diag::{Diagnostic, Location, SourceFile, Span},
    engine::{Export, Special},
    events::{Event, EventSink, StepState},
    graph::plan::HostCopy,
    output::{FileRequest, Staging, files},
};

impl Host {
    /// Copies what a step names, and waits for it.
    pub(super) async fn copy(
        &self,
        copy: &HostCopy,
        telling: &Telling,
    ) -> Result<(), Box<Diagnostic>> {
        let began = Instant::now();
        let state = self.executor.execute(copy.from).await;
        let state = state.map_err(|e| self.failed(e))?;
        telling.state(StepState::Started);
        let at = telling.label.at.clone().unwrap_or_else(|| {
            let nowhere = Arc::new(SourceFile::new("LOCALLY", ""));
            Location::new(&nowhere, Span::default())
        });
        let no_room = |e: io::Error| {
            let message = format!("cannot copy `{}` to this machine: {e}", copy.artifact);
            Box::new(Diagnostic::error("host-copy", message).at(at.clone()))
        };
        let staging = Staging::new(&self.cwd).map_err(no_room)?;
        let top = staging.directory().map_err(no_room)?;
        // Nothing is there, and that was allowed.
        if state.is_some() {
            let build = self.executor.build().await.map_err(|e| self.failed(e))?;
            let export = Export::Files {
                dest: top.clone(),
                special: Special::Refused,
            };
            let exported = build.export(&state, export).await;
            exported.map_err(|e| self.failed(e))?;
        }
        let requests = requests(copy, &top, &staging, &self.cwd, &at).map_err(no_room)?;
        let events = Arc::new(OnlyRemarks(Arc::clone(&self.events)));
        files::write(requests, events, staging).await?;
        telling.state(StepState::Done {
            took: began.elapsed(),
        });
        Ok(())
    }
}

/// What goes where: the table of section 4.3 of the language specification, for a destination on this machine.
fn requests(
    copy: &HostCopy,
    top: &Path,
    staging: &Staging,
    within: &Path,
    at: &Location,
) -> io::Result<Vec<FileRequest>> {
    let mut entries: Vec<PathBuf> = fs::read_dir(top)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    let dest = copy.dest.display().to_string();
    let dest = dest.trim_end_matches('/');
    let into = format!("{dest}/");
    let request = |source: &Path, dest: &str, glob: bool| FileRequest {
        artifact: copy.artifact.clone(),
        source: source.to_owned(),
        dest: dest.to_owned(),
        dest_written: copy.dest_written.clone(),
        within: within.to_owned(),
        glob,
        force: true,
        if_exists: true,
        at: at.clone(),
    };
    let directory = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    let mut requests = Vec::new();
    let (directories, files): (Vec<_>, Vec<_>) = entries.iter().partition(|path| directory(path));
    if !copy.dir {
        for contents in directories {
            // Out of the way of what is copied under its own name.
            let moved = staging.directory()?;
            fs::remove_dir(&moved)?;
            fs::rename(contents, &moved)?;
            requests.extend(files::merge(request(&moved, &into, true), staging)?);
        }
        if files.is_empty() {
            return Ok(requests);
        }
    }
    if entries.len() == 1 && !copy.into && !copy.dest.is_dir() && !copy.dir {
        requests.push(request(top, dest, false));
    } else if !entries.is_empty() {
        requests.extend(files::merge(request(top, &into, true), staging)?);
    }
    Ok(requests)
}

/// A copy is a step, and no output of the build.
struct OnlyRemarks(Arc<dyn EventSink>);

impl EventSink for OnlyRemarks {
    fn emit(&self, event: Event) {
        if let Event::Remark(_) = event {
            self.0.emit(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{events::NoEvents, graph::StepId};

    /// Copies a tree of files to `dest` below a directory with other files; gives all files that are there then.
    async fn copied(files: &[&str], there: &[&str], dest: &str, dir: bool) -> Vec<String> {
        let (host, site) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |root: &Path, name: &str, text: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if name.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::write(path, text).unwrap();
            }
        };
        for name in there {
            write(host.path(), name, "old");
        }
        let staging = Staging::new(site.path()).unwrap();
        let top = staging.directory().unwrap();
        for name in files {
            write(&top, name, "new");
        }
        let copy = HostCopy {
            after: StepId(0),
            from: StepId(0),
            dest: host.path().join(dest.trim_end_matches('/')),
            into: dest.ends_with('/') || dest.is_empty(),
            dir,
            artifact: "+t/x".to_owned(),
            dest_written: dest.to_owned(),
        };
        let nowhere = Arc::new(SourceFile::new("Buildfile", ""));
        let at = Location::new(&nowhere, Span::default());
        let requests = requests(&copy, &top, &staging, host.path(), &at).unwrap();
        files::write(requests, Arc::new(NoEvents), staging)
            .await
            .unwrap();
        let mut found = Vec::new();
        list(host.path(), "", &mut found);
        found
    }

    fn list(dir: &Path, prefix: &str, found: &mut Vec<String>) {
        let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(Result::unwrap).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                list(&entry.path(), &format!("{name}/"), found);
            } else {
                let text = fs::read_to_string(entry.path()).unwrap();
                found.push(format!("{name}={text}"));
            }
        }
    }

    #[tokio::test]
    async fn a_file_gets_a_name_or_goes_into_a_directory() {
        assert_eq!(copied(&["a"], &[], "b", false).await, ["b=new"]);
        assert_eq!(copied(&["a"], &["b"], "b", false).await, ["b=new"]);
        assert_eq!(copied(&["a"], &[], "b/", false).await, ["b/a=new"]);
        assert_eq!(
            copied(&["a"], &["b/c"], "b", false).await,
            ["b/a=new", "b/c=old"]
        );
        assert_eq!(
            copied(&["a", "c"], &[], "b", false).await,
            ["b/a=new", "b/c=new"]
        );
    }

    #[tokio::test]
    async fn the_contents_of_a_directory_are_merged_with_what_is_there() {
        assert_eq!(
            copied(&["d/a", "d/s/b"], &["o/s/c", "o/a"], "o", false).await,
            ["o/a=new", "o/s/b=new", "o/s/c=old"]
        );
        assert_eq!(copied(&["d/a"], &[], "o", false).await, ["o/a=new"]);
    }

    #[tokio::test]
    async fn with_dir_a_directory_keeps_its_name() {
        assert_eq!(copied(&["d/a"], &[], "o", true).await, ["o/d/a=new"]);
        assert_eq!(
            copied(&["d/a"], &["o/d/b"], "o", true).await,
            ["o/d/a=new", "o/d/b=old"]
        );
    }
}
