//! The commands. Each file is one: resolve settings, call the driver, show what came back.

mod bootstrap;
mod build;
mod certificates;
mod check;
mod config;
mod debug;
mod doc;
mod docker2bld;
mod docker_build;
mod init;
mod ls;
mod plan;
mod prune;

pub use bootstrap::bootstrap;
pub use build::build;
pub use check::check;
pub use config::config;
pub use debug::debug;
pub use doc::doc;
pub use docker_build::docker_build;
pub use docker2bld::docker2bld;
pub use init::init;
pub use ls::ls;
pub use plan::plan;
pub use prune::prune;

use std::{path::Path, sync::Arc};

use crate::{
    cli::variable_files::{self, VariableFile},
    diag::Diagnostic,
    driver,
    events::NoEvents,
    interp::manual::{self, Manual, ManualRequest, Shelf},
};

use super::{
    args::BuildArgs,
    config_file,
    env_vars::{Environment, is_setting},
    printer::{self, Streams},
    settings,
};

/// A mistake on the command line.
fn usage(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("usage", message)
}

/// Where the user is.
fn working_directory() -> Result<std::path::PathBuf, Diagnostic> {
    std::env::current_dir().map_err(|e| usage(format!("cannot find the working directory: {e}")))
}

/// The build file that `bld ls` or `bld doc` is about, and the one item that is asked for.
fn manual_of(
    text: &str,
    build: &BuildArgs,
    environment: &Environment,
    streams: Streams,
) -> Result<(Manual, Option<String>), Vec<Diagnostic>> {
    let one = |problem: Diagnostic| vec![problem];
    let (shelf, name) = manual::place_and_name(text)?;
    let features = settings::features(&build.version_flag_overrides).map_err(one)?;
    let mut place = match shelf {
        Shelf::Local(place) => place,
        Shelf::Repository(place) => {
            let (config, remarks) = config_file::load(build, environment).map_err(one)?;
            printer::diagnostics(&remarks, streams);
            let remotes = settings::remotes(build, environment, config.git);
            let cache_dir = settings::cache_dir(environment);
            let manual = driver::manual(remotes, cache_dir, &place, features, Arc::new(NoEvents));
            let runtime = runtime().map_err(|problem| vec![*problem])?;
            return Ok((runtime.block_on(manual)?, name));
        }
    };
    if let (true, Some(file)) = (place.is_empty(), &build.file) {
        place = file.display().to_string();
    }
    let request = ManualRequest {
        cwd: working_directory().map_err(one)?,
        place,
        features,
    };
    Ok((manual::manual(&request)?, name))
}

/// Puts the settings file (`.env`) beneath the environment, and remarks what in it has no effect.
pub fn settings_file(
    front: &[String],
    environment: &mut Environment,
) -> Result<Vec<Diagnostic>, Box<Diagnostic>> {
    let typed = option_value(front, "--env-file-path");
    let named = typed
        .or_else(|| environment.setting("ENV_FILE_PATH").map(str::to_owned))
        .or_else(|| environment.setting("ENV_FILE").map(str::to_owned));
    let Ok(cwd) = std::env::current_dir() else {
        return Ok(Vec::new());
    };
    let named = named.as_deref().map(Path::new);
    let entries = variable_files::read(named, &cwd, VariableFile::Settings)?;
    let newer = cwd.join(".arg").exists() || cwd.join(".secret").exists();
    let remarks = entries
        .iter()
        .filter(|entry| !newer && !is_setting(&entry.name))
        .map(|entry| {
            let key = &entry.name;
            let message = format!("`{key}` in `.env` is not a setting of bld");
            entry
                .at
                .of(Diagnostic::warning("dotenv-name", message))
                .hint(format!(
                    "arguments belong in `.arg`, secrets in `.secret`: move `{key}` there"
                ))
        })
        .collect();
    environment.underlay(entries);
    Ok(remarks)
}

fn option_value(front: &[String], option: &str) -> Option<String> {
    front.iter().enumerate().find_map(|(at, word)| {
        let rest = word.strip_prefix(option)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value.to_owned()),
            None if rest.is_empty() => front.get(at + 1).cloned(),
            None => None,
        }
    })
}

/// The runtime of commands that wait for something. Two workers are enough to keep the engine's questions answered
/// while a directory is walked.
fn runtime() -> Result<tokio::runtime::Runtime, Box<Diagnostic>> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| {
            Box::new(Diagnostic::error(
                "runtime",
                format!("cannot start the async runtime: {e}"),
            ))
        })
}
