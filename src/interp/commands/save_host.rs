//! `SAVE ARTIFACT` under `LOCALLY`: files of this machine become artifacts (language specification, 4.4, 4.16).

use std::path::Path;

use super::{
    locally::{ON_HOST, refuse_options},
    save_artifact::{Options, Words, artifact_dest, collect},
};
use crate::{
    graph::plan::{Context, StepOp},
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
        host,
        value::UNDECIDED,
    },
    syntax::ast::Command,
};

/// The options that have a meaning on this machine.
pub(crate) const ALLOWED: &[&str] = &["if-exists", "keep-ts", "symlink-no-follow"];

/// One file or directory of this machine, and what it is called in the artifacts.
struct Found {
    dir: String,
    name: String,
    saved_as: String,
}

pub(super) async fn run(
    exec: &mut Exec,
    command: &Command,
    words: Words<'_>,
    options: Options,
) -> Result<()> {
    refuse_options(exec, command, ALLOWED)?;
    if words.local.is_some() {
        return Err(error::locally_as_local());
    }
    // Who a file belongs to on this machine says nothing in an image.
    let options = Options {
        keep_owner: false,
        ..options
    };
    exec.permitted(ON_HOST)?;
    exec.fs("SAVE ARTIFACT")?;
    let written = exec.expand_text(words.src, How::default()).await?;
    let dst = match words.dst {
        Some(word) => exec.expand_text(word, How::default()).await?,
        None => "./".to_owned(),
    };
    let path = exec.state.path(&written);
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err(error::save_root_of_host());
    }
    let base = path.rsplit('/').next().unwrap_or_default();
    let glob = host::is_pattern(path);
    let dest = artifact_dest(&dst, base, glob);
    let unknown = exec.session.host_is_unknown() || path.contains(UNDECIDED);
    let found = if unknown {
        vec![as_written(path)]
    } else {
        find(path, glob, options.follow)
    };
    if found.is_empty() && !options.if_exists {
        return Err(error::locally_missing(&written).at(&exec.place(words.src)));
    }
    for found in found {
        let context = Context {
            dir: found.dir.into(),
            include: vec![if unknown {
                found.name.clone()
            } else {
                host::literally(&found.name)
            }],
            exclude: Vec::new(),
            round: exec.session.round(),
            after: exec.state.fs,
        };
        let from = exec.push_named(StepOp::Context(context), "context".to_owned());
        let source = format!("/{}", found.name);
        let dest = if glob && !unknown && dest.ends_with('/') {
            format!("{dest}{}", found.saved_as)
        } else {
            dest.clone()
        };
        let pattern = glob && unknown;
        exec.state.artifacts = Some(collect(exec, from, &source, &dest, pattern, &options));
    }
    Ok(())
}

/// What stands there, by name; a symbolic link counts as what it leads to, wherever that is.
fn find(path: &str, glob: bool, follow: bool) -> Vec<Found> {
    let paths: Vec<String> = if glob {
        let matches = host::glob(Path::new("/"), path);
        matches.iter().map(|path| format!("/{path}")).collect()
    } else {
        vec![path.to_owned()]
    };
    let found = |path: String| {
        let saved_as = path.rsplit('/').next().unwrap_or_default().to_owned();
        let real = match host::kind(Path::new(&path))? {
            host::Kind::Link if follow => std::fs::canonicalize(&path).ok()?,
            _ => path.into(),
        };
        Some(Found {
            saved_as,
            ..as_written(real.to_str()?)
        })
    };
    paths.into_iter().filter_map(found).collect()
}

fn as_written(path: &str) -> Found {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let dir = if dir.is_empty() { "/" } else { dir };
    Found {
        dir: dir.to_owned(),
        name: name.to_owned(),
        saved_as: name.to_owned(),
    }
}
