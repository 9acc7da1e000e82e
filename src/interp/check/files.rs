//! Sources of `COPY` that are not there.
//!
//! What a build may write itself is left alone: what `AS LOCAL` names, and everything in a directory whose build file has
//! commands for this machine.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{literal, modes::has_locally};
use crate::{
    diag::{Diagnostic, Location},
    graph::{
        ArtifactRef,
        reference::{RefError, clean},
    },
    interp::{
        commands::{
            copy_files::{Look, look, relative},
            save_artifact,
        },
        error::{self, Failure},
        host,
        ignore::Ignore,
    },
    syntax::{
        ast::{BuildFile, Command, Keyword},
        dialect::{Feature, FeatureSet},
    },
};

/// Collects what is missing, and what may come into being.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Where it would be, and what a build says of it.
    missing: Vec<(PathBuf, Failure)>,
    /// Directories and files that builds write.
    written: Vec<PathBuf>,
}

/// The ignore file of a directory, once it has been read.
pub(super) type Read = Option<Result<Ignore, Failure>>;

impl Files {
    /// Notes what a build file writes to the host.
    pub fn writes(&mut self, dir: &Path, file: &BuildFile) {
        let blocks = || std::iter::once(&file.base).chain(file.recipes.iter().map(|r| &r.body));
        if blocks().any(has_locally) {
            self.written.push(dir.to_path_buf());
        }
        for block in blocks() {
            block.walk_commands(&mut |command| {
                if command.keyword != Keyword::SaveArtifact {
                    return;
                }
                let Ok(words) = save_artifact::words(command) else {
                    return;
                };
                let Some(local) = words.local else { return };
                let name = literal(words.src).and_then(|src| {
                    let name = src.trim_end_matches('/').rsplit('/').next()?.to_owned();
                    (!host::is_pattern(&name) && !matches!(name.as_str(), "" | "." | ".."))
                        .then_some(name)
                });
                let to = literal(local).and_then(|to| {
                    match (save_artifact::is_directory(&to), words.dst, name) {
                        (false, ..) => Some(dir.join(to)),
                        (true, None, Some(name)) => Some(dir.join(to).join(name)),
                        (true, ..) => None,
                    }
                });
                // What is not known may be anything in the directory.
                self.written
                    .push(host::clean(&to.unwrap_or_else(|| dir.to_path_buf())));
            });
        }
    }

    /// Looks for the sources of a `COPY` that is certain to be executed.
    pub fn sources(
        &mut self,
        dir: &Path,
        shown: &str,
        file: &Arc<BuildFile>,
        features: FeatureSet,
        command: &Command,
        ignore: &mut Read,
    ) {
        let selects = ["exclude", "parents", "build-arg"];
        if command.keyword != Keyword::Copy
            || command.may_be_on("if-exists")
            || selects.iter().any(|flag| command.flag(flag).is_some())
        {
            return;
        }
        let sources = command.args.split_last().map_or(&[][..], |(_, s)| s);
        for word in sources {
            let Some(text) = literal(word).filter(|text| is_file(text)) else {
                continue;
            };
            if command.document(word).is_some() {
                continue;
            }
            let implicit = !features.has(Feature::NoImplicitIgnore);
            let read = ignore.get_or_insert_with(|| Ignore::of_dir(dir, implicit, None));
            let (relative, failure) = match read {
                Err(failure) => {
                    let at = Location::new(&file.source, command.line());
                    self.missing.push((dir.join(".."), failure.clone().at(&at)));
                    return;
                }
                Ok(ignore) => {
                    let text = text.replace("\\+", "+");
                    let relative = relative(&text);
                    let failure = match look(dir, &relative, ignore) {
                        Look::Outside => error::outside_context(&text, &clean(shown)),
                        Look::Nothing(why) => error::not_found(&text, why.as_deref()),
                        Look::Everything | Look::Found(_) => continue,
                    };
                    (relative, failure)
                }
            };
            let at = Location::new(&file.source, word.span);
            self.missing.push((dir.join(relative), failure.at(&at)));
        }
    }

    /// What is missing and does not come into being.
    pub fn problems(self) -> Vec<Diagnostic> {
        let Self { missing, written } = self;
        let made = |path: &Path| {
            written
                .iter()
                .any(|made| path.starts_with(made) || made.starts_with(fixed(path)))
        };
        let problems = missing.into_iter().filter(|(path, _)| !made(path));
        problems
            .flat_map(|(_, failure)| failure.into_diagnostics())
            .collect()
    }
}

/// Whether a source is certainly a file of the host.
fn is_file(text: &str) -> bool {
    !text.starts_with('(') && matches!(ArtifactRef::parse(text), Err(RefError::NotAReference))
}

/// The part of a path in front of a pattern.
fn fixed(path: &Path) -> PathBuf {
    path.iter()
        .take_while(|part| !part.to_str().is_some_and(host::is_pattern))
        .collect()
}
