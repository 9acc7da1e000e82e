//! `bld debug ast`: a file as it is read.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    diag::{Diagnostic, words},
    interp::BUILD_FILES,
    syntax,
};

/// The syntax tree of a file as JSON, in the shape of the reference's debug command, with everything that is wrong.
pub fn syntax_tree(
    path: &Path,
    source_map: bool,
) -> Result<(serde_json::Value, Vec<Diagnostic>), Box<Diagnostic>> {
    let file = if path.is_dir() {
        in_directory(path)?
    } else {
        path.to_path_buf()
    };
    let shown = file.display().to_string();
    let bytes = fs::read(&file).map_err(|e| {
        Box::new(Diagnostic::error(
            "unreadable",
            format!("cannot read `{shown}`: {e}"),
        ))
    })?;
    let source = syntax::read(&shown, &bytes)?;
    let parsed = syntax::load(&source, &[]);
    Ok((syntax::json(&parsed.file, source_map), parsed.problems))
}

/// The build file of a directory.
fn in_directory(dir: &Path) -> Result<PathBuf, Box<Diagnostic>> {
    let found = BUILD_FILES
        .iter()
        .map(|name| dir.join(name))
        .find(|path| path.is_file());
    found.ok_or_else(|| {
        let message = format!("no build file found in `{}`", dir.display());
        let looked = format!("looked for {}", words::either(&BUILD_FILES));
        Box::new(Diagnostic::error("no-build-file", message).with_note(looked))
    })
}
