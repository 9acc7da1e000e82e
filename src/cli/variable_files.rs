//! `.env`, `.arg` and `.secret` on disk: which file is read, and whether it has to be there.

use std::{fs, io, path::Path};

use crate::{diag::Diagnostic, interp::dotenv};

/// Reads the named file, else `default` in `cwd`. A missing default file is no error, a missing named one is.
pub fn read(
    named: Option<&Path>,
    cwd: &Path,
    default: &str,
) -> Result<Vec<(String, String)>, Box<Diagnostic>> {
    let shown = named.map_or_else(|| default.to_owned(), |named| named.display().to_string());
    let text = match fs::read_to_string(cwd.join(&shown)) {
        Ok(text) => text,
        Err(e) if named.is_none() && e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            let message = format!("cannot read `{shown}`: {e}");
            return Err(Box::new(Diagnostic::error("variable-file", message)));
        }
    };
    let entries = dotenv::parse(&shown, &text)?;
    Ok(entries
        .into_iter()
        .map(|entry| (entry.name, entry.value))
        .collect())
}
