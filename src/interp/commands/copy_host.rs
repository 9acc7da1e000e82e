//! `COPY` under `LOCALLY`: artifacts onto this machine (language specification, 4.3, 4.16).

use std::path::PathBuf;

use super::{
    copy::{self, Options, Source},
    locally::refuse_options,
};
use crate::{
    graph::plan::{CopyFiles, CopyItem, HostCopy, StepOp},
    interp::{
        error::{self, Result},
        exec::Exec,
    },
    syntax::ast::Command,
};

/// What has a meaning on this machine. Owners have none: everything belongs to the user who runs bld.
pub(crate) const ALLOWED: &[&str] = &[
    "dir",
    "if-exists",
    "symlink-no-follow",
    "keep-ts",
    "chmod",
    "platform",
    "build-arg",
    "pass-args",
    "allow-privileged",
];

/// Refuses what has no meaning on this machine.
pub(super) fn refuse(exec: &Exec, command: &Command) -> Result<()> {
    refuse_options(exec, command, ALLOWED)
}

/// Copies artifacts in the order in which they are written, now.
pub(super) async fn run(
    exec: &mut Exec,
    command: &Command,
    sources: Vec<Source>,
    dest: &str,
    dest_written: &str,
    options: &Options,
) -> Result<()> {
    if !sources.iter().all(copy::is_artifact) {
        return Err(error::locally_files());
    }
    for source in sources {
        let artifact = source.value.text().to_owned();
        let items = copy::artifact(exec, command, source, "/", options).await?;
        for item in items {
            to_host(exec, item, &artifact, dest, dest_written, options).await?;
        }
    }
    Ok(())
}

/// Copies one thing.
async fn to_host(
    exec: &mut Exec,
    item: CopyItem,
    artifact: &str,
    dest: &str,
    dest_written: &str,
    options: &Options,
) -> Result<()> {
    // Alone in a file system it can be seen there what it is, a file or a directory.
    let whole = item.source == "/";
    let item = CopyItem {
        dest: if whole { "/all" } else { "/" }.to_owned(),
        contents: whole,
        ..item
    };
    let scratch = exec.push_named(StepOp::Scratch, String::new());
    let from = exec.push(StepOp::Copy(Box::new(CopyFiles {
        on: scratch,
        items: vec![item],
        owner: Some("root:root".to_owned()),
        mode: options.mode,
        keep_times: options.keep_times,
    })));
    let step = exec.push(StepOp::HostCopy(Box::new(HostCopy {
        after: exec.fs("COPY")?,
        from,
        dest: PathBuf::from(dest),
        into: dest.ends_with('/'),
        dir: options.dir && !whole,
        artifact: artifact.to_owned(),
        dest_written: dest_written.to_owned(),
    })));
    exec.do_on_host(step).await?;
    exec.state.fs = Some(step);
    Ok(())
}
