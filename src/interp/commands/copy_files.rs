//! `COPY` of files of the host: what is missing, hidden or outside is found before anything runs.

use std::path::Path;

use super::{
    copy::{Options, Source, item},
    copy_select::select,
};
use crate::{
    graph::{
        plan::{Context, CopyItem, StepOp},
        reference::clean,
    },
    interp::{
        error::{self, Failure, Result},
        exec::Exec,
        host::{self, FollowError},
        ignore::Ignore,
    },
};

/// The items of a `COPY`, from one context that holds just what the sources name.
pub(crate) fn items(
    exec: &mut Exec,
    sources: Vec<Source>,
    dest: &str,
    options: &Options,
) -> Result<Vec<CopyItem>> {
    let ignore = exec.home.ignore()?;
    let mut include = Vec::new();
    let mut everything = false;
    let mut exclude = ignore.patterns.clone();
    let mut wanted = Vec::new();
    for source in sources {
        let place = exec.place(&source.word);
        let Some(text) = source.value.known() else {
            exec.push(StepOp::Undecided {
                by: source.value.decided_by(),
                why: format!(
                    "which files `{}` names is not known before",
                    source.word.text
                ),
            });
            everything = true;
            wanted.push(("/".to_owned(), String::new(), false));
            continue;
        };
        let text = text.replace("\\+", "+");
        let selected = select(exec, &text, options, &mut exclude).map_err(|e| e.at(&place))?;
        for one in selected {
            let found = find(exec, &one.path, &ignore, options.follow, options.if_exists);
            let found = found.map_err(|e| of_function(exec, e).at(&place))?;
            let Some((path, includes)) = found else {
                continue;
            };
            everything |= path.is_empty();
            include.extend(includes);
            wanted.push((format!("/{path}"), one.parents, one.whole));
        }
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    if everything {
        include.clear();
    }
    include.dedup();
    let context = Context {
        dir: exec.home.dir.clone(),
        include,
        exclude,
        round: exec.session.round(),
        after: None,
    };
    let from = exec.push_named(StepOp::Context(context), "context".to_owned());
    Ok(wanted
        .iter()
        .map(|(path, parents, whole)| {
            let dest = match parents.as_str() {
                "" => dest.to_owned(),
                parents => format!("{}/{parents}", dest.trim_end_matches('/')),
            };
            let item = item(from, path, &dest, options);
            let contents = item.contents && !whole;
            CopyItem { contents, ..item }
        })
        .collect())
}

/// A function of another file does not copy what lies beside it.
fn of_function(exec: &Exec, failure: Failure) -> Failure {
    if exec.frame().file.path == exec.home.path {
        return failure;
    }
    failure.hint(&error::copies_of_caller(&exec.home.tree().source.name))
}

/// What a source of files comes to.
pub(crate) enum Look {
    /// Something that is not in the directory.
    Outside,
    /// The directory itself.
    Everything,
    /// Nothing, and why if not because nothing is there.
    Nothing(Option<String>),
    /// These paths.
    Found(Vec<String>),
}

/// A source relative to the directory, clean. An absolute path is one below it, like any other.
pub(crate) fn relative(text: &str) -> String {
    let relative = clean(&format!("./{}", text.trim_start_matches('/')));
    match relative.strip_prefix("./") {
        Some(relative) => relative.to_owned(),
        None => relative,
    }
}

/// Looks for a source, relative and clean, in a directory.
pub(crate) fn look(dir: &Path, relative: &str, ignore: &Ignore) -> Look {
    if relative == ".." || relative.starts_with("../") {
        return Look::Outside;
    }
    if relative == "." {
        return Look::Everything;
    }
    let mut found = host::glob(dir, relative);
    if found.is_empty() {
        return Look::Nothing(None);
    }
    found.retain(|path| !hidden(dir, path, ignore));
    if found.is_empty() {
        let file = ignore.file.as_deref().unwrap_or("the implicit rules");
        return Look::Nothing(Some(format!("`{file}` leaves it out")));
    }
    Look::Found(found)
}

/// The path to copy, relative to the directory of the build file, and what has to travel for it. None if nothing is there
/// and that is no error.
pub(super) fn find(
    exec: &Exec,
    text: &str,
    ignore: &Ignore,
    follow: bool,
    if_exists: bool,
) -> Result<Option<(String, Vec<String>)>> {
    let dir = &exec.home.dir;
    let relative = relative(text);
    let missing = |why: Option<&str>| {
        if if_exists {
            Ok(None)
        } else if exec.session.host_is_unknown() {
            Ok(Some((relative.clone(), vec![relative.clone()])))
        } else {
            Err(error::not_found(text, why))
        }
    };
    let seen = match look(dir, &relative, ignore) {
        Look::Outside => {
            let shown = exec.home.shown_dir().to_owned();
            return Err(error::outside_context(text, &shown));
        }
        Look::Everything => return Ok(Some((String::new(), Vec::new()))),
        Look::Nothing(why) => return missing(why.as_deref()),
        Look::Found(seen) => seen,
    };
    let pattern = host::is_pattern(&relative);
    let mut include = vec![relative.clone()];
    let mut path = relative.clone();
    for hit in seen {
        if let Some(by) = exec.session.written_by(&dir.join(&hit)) {
            return Err(error::output_elsewhere(&hit, &by));
        }
        if follow && host::kind(&dir.join(&hit)) == Some(host::Kind::Link) {
            match host::follow(dir, &hit) {
                // The engine follows a link only among what travels, so where it leads travels too.
                Ok(target) => {
                    if !pattern && target.is_empty() {
                        path.clone_from(&target);
                    }
                    include.push(target);
                }
                Err(FollowError::Outside) => {
                    let shown = exec.home.shown_dir().to_owned();
                    return Err(error::outside_context(&hit, &shown).hint(
                        "the symbolic link leads out; `--symlink-no-follow` copies the link itself",
                    ));
                }
                Err(FollowError::Nowhere) => {
                    return missing(Some("the symbolic link leads nowhere"));
                }
            }
        }
    }
    Ok(Some((path, include)))
}

/// A hidden directory may still hold exceptions, so only the engine can tell.
fn hidden(dir: &Path, path: &str, ignore: &Ignore) -> bool {
    if !ignore.hides(path) {
        return false;
    }
    let directory = host::kind(&dir.join(path)) == Some(host::Kind::Directory);
    !(directory && ignore.has_exceptions())
}
