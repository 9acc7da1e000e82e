//! The commands. Each file is one: resolve settings, call the driver, show what came back.

mod build;
mod check;
mod debug;
mod plan;

pub use build::build;
pub use check::check;
pub use debug::debug;
pub use plan::plan;

use std::path::Path;

use crate::{cli::variable_files, diag::Diagnostic};

use super::env_vars::{Environment, PREFIXES};

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
    let pairs = variable_files::read(named.as_deref().map(Path::new), &cwd, ".env")?;
    let newer = cwd.join(".arg").exists() || cwd.join(".secret").exists();
    let remarks = pairs
        .iter()
        .filter(|(key, _)| !newer && !PREFIXES.iter().any(|p| key.starts_with(p)))
        .map(|(key, _)| {
            Diagnostic::warning(
                "dotenv-name",
                format!("`{key}` in `.env` is not a setting of bld"),
            )
            .hint(format!(
                "arguments belong in `.arg`, secrets in `.secret`: move `{key}` there"
            ))
        })
        .collect();
    environment.underlay(pairs);
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
