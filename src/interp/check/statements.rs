//! What a build says of a statement as soon as it comes to it, and what can be said without one.

use std::{path::Path, sync::Arc};

use super::{literal, modes::Mode};
use crate::{
    diag::Location,
    graph::reference::{ArtifactRef, RefError, clean},
    interp::{
        commands::{copy_host, locally, mount, save_artifact, save_host},
        error::{self, Failure},
        host,
    },
    syntax::ast::{BuildFile, Command, Keyword},
};

/// What is wrong with a command, on this machine or in an image.
pub(super) fn problem(
    file: &Arc<BuildFile>,
    command: &Command,
    mode: Mode,
    extended: bool,
) -> Option<Failure> {
    let problem = match mode {
        Mode::Host => on_host(file, command),
        Mode::Image | Mode::Unknown => mounts(file, command, extended),
    };
    problem.map(|failure| failure.at(&Location::new(&file.source, command.line())))
}

/// What has no meaning behind `LOCALLY`.
fn on_host(file: &Arc<BuildFile>, command: &Command) -> Option<Failure> {
    let allowed = match command.keyword {
        Keyword::Run => locally::RUN,
        Keyword::If | Keyword::ElseIf => locally::IF,
        Keyword::For => locally::FOR,
        Keyword::Copy => copy_host::ALLOWED,
        Keyword::SaveArtifact => save_host::ALLOWED,
        Keyword::SaveImage
        | Keyword::Cache
        | Keyword::Host
        | Keyword::GitClone
        | Keyword::User
        | Keyword::Try => return Some(error::locally_command(command.keyword)),
        _ => return None,
    };
    if let Some(flag) = locally::refused_option(command, allowed) {
        let at = Location::new(&file.source, flag.span);
        return Some(error::locally_option(command.keyword, flag.name).at(&at));
    }
    match command.keyword {
        Keyword::Copy if copies_files(command) => Some(error::locally_files()),
        Keyword::SaveArtifact if save_artifact::words(command).ok()?.local.is_some() => {
            Some(error::locally_as_local())
        }
        _ => None,
    }
}

/// Whether a source is certainly a file of the host.
fn copies_files(command: &Command) -> bool {
    let sources = command.args.split_last().map_or(&[][..], |(_, s)| s);
    let texts = sources.iter().filter_map(literal);
    let mut files = texts.filter(|text| !text.starts_with('(') && !text.is_empty());
    files.any(|text| matches!(ArtifactRef::parse(&text), Err(RefError::NotAReference)))
}

/// A `--mount` that is written out.
fn mounts(file: &Arc<BuildFile>, command: &Command, extended: bool) -> Option<Failure> {
    let words = command
        .flags_named("mount")
        .filter_map(|f| f.value.as_ref());
    for word in words {
        let Some(text) = literal(word) else { continue };
        if let Err(failure) = mount::parse(&text.replace("\\+", "+"), extended) {
            return Some(failure.at(&Location::new(&file.source, word.span)));
        }
    }
    None
}

/// A place for `AS LOCAL` that a build refuses; `dir` is the directory of the target, and `shown` what it is called.
pub(super) fn unsafe_save(
    file: &Arc<BuildFile>,
    command: &Command,
    dir: &Path,
    shown: &str,
) -> Option<Failure> {
    let words = save_artifact::words(command).ok()?;
    let written = literal(words.local?)?.replace("\\+", "+");
    // A pattern that is given one name is one thing on the host, too.
    let named = words
        .dst
        .is_some_and(|dst| literal(dst).is_none_or(|dst| !save_artifact::is_directory(&dst)));
    let glob = literal(words.src).is_some_and(|src| host::is_pattern(&src.replace("\\+", "+")));
    let glob = glob && !named;
    let (full, slash) = save_artifact::local_place(dir, &written);
    let failure = if glob && !save_artifact::is_directory(&written) {
        error::glob_needs_slash(&written)
    } else if !save_artifact::is_inside(dir, &full, slash) && !command.is_on("force") {
        error::unsafe_save(&written, &clean(shown))
    } else {
        return None;
    };
    Some(failure.at(&Location::new(&file.source, command.line())))
}
