//! `--mount type=bind-experimental`: a directory of this machine in a command (language specification, 4.2).
//!
//! No stock engine mounts a directory of its machine. Where engine and bld share the machine it comes to the same: the
//! files are brought in, and what the command leaves is written back.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::mount::MountText;
use crate::{
    graph::plan::{Context, MountKind, StepId, StepOp, WriteBack},
    interp::{
        error::{self, Result},
        exec::Exec,
        value::UNDECIDED,
    },
};

impl Exec {
    /// What is mounted for a directory of this machine.
    pub(super) async fn bound(&self, text: &MountText) -> Result<MountKind> {
        self.permitted("--mount type=bind-experimental")?;
        let source = &text.source;
        if source.contains(UNDECIDED) {
            let why = "which directory is mounted is not known before".to_owned();
            let from = self.push(StepOp::Undecided { by: None, why });
            let source = "/".to_owned();
            return Ok(MountKind::Files { from, source });
        }
        self.session.probe.same_machine().await?;
        let path = Path::new(source);
        if !path.is_absolute() {
            return Err(error::bind_relative(source));
        }
        let dir = fs::canonicalize(path).map_err(|e| error::bind_unreadable(source, &e))?;
        let since = SystemTime::now();
        // Looked at before the engine reads it: what is not in this list was never seen by the command.
        let known = if text.read_only {
            Vec::new()
        } else {
            everything(&dir).map_err(|e| error::bind_unreadable(source, &e))?
        };
        let from = self.push_named(
            StepOp::Context(Context {
                dir: dir.clone(),
                include: Vec::new(),
                exclude: Vec::new(),
                round: self.session.round(),
                after: None,
            }),
            format!("files of {source}"),
        );
        if text.read_only {
            let source = "/".to_owned();
            return Ok(MountKind::Files { from, source });
        }
        Ok(MountKind::Host {
            from,
            dir,
            known: known.into(),
            since,
        })
    }

    /// Executes a command that has directories of this machine for writing, and writes back what it leaves in them.
    pub(super) async fn write_back(&self, step: StepId) -> Result<()> {
        let planned = self.session.plan.step(step);
        let StepOp::Run(run) = &planned.op else {
            return Ok(());
        };
        for mount in &run.mounts {
            let MountKind::Host {
                dir, known, since, ..
            } = &mount.kind
            else {
                continue;
            };
            let work = WriteBack {
                after: step,
                target: mount.target.clone(),
                dir: dir.clone(),
                known: known.clone(),
                since: *since,
            };
            let text = format!("write back to {}", dir.display());
            let back = self.push_named(StepOp::WriteBack(Box::new(work)), text);
            self.do_on_host(back).await?;
        }
        Ok(())
    }
}

/// Every file, link and directory below a directory, relative to it. Links are not followed.
fn everything(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(dir.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(path.clone());
            }
            // Sockets and devices do not travel: that the command has not left them says nothing.
            if kind.is_dir() || kind.is_file() || kind.is_symlink() {
                found.push(path);
            }
        }
    }
    Ok(found)
}
