//! `bld ls`: the targets of a build file.

use std::fmt::Write as _;

use crate::{
    cli::{
        args::{BuildArgs, LsArgs},
        env_vars::Environment,
        exit::Exit,
        printer::{self, Streams},
    },
    diag::Diagnostic,
    interp::BUILD_FILES,
};

use super::{manual_of, usage};

/// Prints the names, sorted.
pub fn ls(
    args: &LsArgs,
    build: &BuildArgs,
    environment: &Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    let place = args.path.as_deref().unwrap_or_default();
    if place.contains('+') {
        return Err(
            usage(format!("`{place}` names a target; `bld ls` takes a path"))
                .hint("`bld doc` shows one target")
                .into(),
        );
    }
    let manual = match manual_of(place, build, environment, streams) {
        Ok((manual, _)) => manual,
        Err(problems) => {
            printer::diagnostics(&problems, streams);
            return Ok(Exit::Failure);
        }
    };
    let prefix = if args.long { directory(place) } else { "" };
    let mut text = String::new();
    for target in manual.targets() {
        let _ = writeln!(text, "{prefix}+{target}");
        let own = manual.item(target).filter(|_| args.args);
        for name in own.iter().flat_map(|item| &item.own_args) {
            let _ = writeln!(text, "  --{name}");
        }
    }
    printer::data(&text)?;
    Ok(Exit::Success)
}

/// The path as it stands in references: without the name of the build file.
fn directory(place: &str) -> &str {
    BUILD_FILES
        .iter()
        .find_map(|name| place.strip_suffix(name)?.strip_suffix('/'))
        .unwrap_or(place)
}
