//! `COPY --exclude` and `--parents` for files of the host: patterns are matched here, so that each match can be judged and
//! can have a place of its own. Only with `VERSION --extended`.

use super::copy::Options;
use crate::{
    base::pattern::Patterns,
    graph::reference::clean,
    interp::{
        error::{self, Result},
        exec::Exec,
        host,
    },
};

/// One thing to copy.
pub(super) struct Selected {
    /// Below the directory of the build file, as a pattern that matches nothing else.
    pub path: String,
    /// The directories that it keeps at the destination, with a slash at the end.
    pub parents: String,
    /// Whether a directory is copied itself, and not only what is in it.
    pub whole: bool,
}

/// What a source names; `exclude` takes the patterns of what must not come along.
pub(super) fn select(
    exec: &Exec,
    text: &str,
    options: &Options,
    exclude: &mut Vec<String>,
) -> Result<Vec<Selected>> {
    let plain = |path: &str| Selected {
        path: path.to_owned(),
        parents: String::new(),
        whole: false,
    };
    if options.exclude.is_empty() && !options.parents {
        return Ok(vec![plain(text)]);
    }
    let patterns = Patterns::parse(&options.exclude);
    let patterns = patterns.map_err(|e| error::bad_exclude(&e.pattern, e.reason))?;
    // Directories in front of `/./` are not kept.
    let dropped = text.split_once("/./").filter(|_| options.parents);
    let dropped = dropped.map_or(0, |(front, _)| names(front).count());
    let relative = clean(&format!("./{}", text.trim_start_matches('/')));
    let relative = relative.strip_prefix("./").unwrap_or(&relative);
    let dir = &exec.home.dir;
    let found = if relative == "." || relative.starts_with("..") {
        Vec::new()
    } else {
        host::glob(dir, relative)
    };
    if found.is_empty() {
        if relative == "." {
            exclude.extend(below("", &options.exclude));
        }
        return Ok(vec![plain(text)]);
    }
    let mut selected = Vec::new();
    for path in found {
        let name = path.rsplit('/').next().unwrap_or(&path);
        if patterns.matches(name) {
            continue;
        }
        if host::kind(&dir.join(&path)) == Some(host::Kind::Directory) {
            exclude.extend(below(&path, &options.exclude));
        }
        let kept: Vec<&str> = names(&path).skip(dropped).collect();
        let parents = kept.split_last().map_or(&[][..], |(_, parents)| parents);
        selected.push(Selected {
            path: escaped(&path),
            parents: match parents {
                _ if !options.parents => String::new(),
                [] => String::new(),
                parents => parents.join("/") + "/",
            },
            whole: options.parents,
        });
    }
    Ok(selected)
}

/// The patterns for artifacts, which only the engine can match: it knows the stars of one name.
pub(super) fn of_artifacts(patterns: &[String]) -> Result<Vec<String>> {
    Patterns::parse(patterns).map_err(|e| error::bad_exclude(&e.pattern, e.reason))?;
    patterns
        .iter()
        .map(|pattern| {
            let pattern = pattern.trim();
            if pattern.starts_with('!') || pattern.contains("**") {
                return Err(error::exclude_of_artifacts(pattern));
            }
            let pattern = clean(&format!("/{pattern}"));
            Ok(pattern.trim_start_matches('/').to_owned())
        })
        .filter(|pattern| pattern.as_ref().is_ok_and(|p| !p.is_empty()) || pattern.is_err())
        .collect()
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !matches!(*name, "" | "."))
}

/// Patterns relative to a source as patterns relative to the directory of the build file.
fn below(path: &str, patterns: &[String]) -> impl Iterator<Item = String> {
    let start = if path.is_empty() {
        String::new()
    } else {
        format!("{}/", escaped(path))
    };
    patterns
        .iter()
        .map(move |pattern| match pattern.strip_prefix('!') {
            Some(kept) => format!("!{start}{kept}"),
            None => format!("{start}{pattern}"),
        })
}

fn escaped(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
