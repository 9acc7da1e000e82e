//! `BUILD ./services/*+test` and `COPY ./services/*+build/x`: a pattern of directories (language specification, 3.6).
//!
//! A pattern is matched once, after its word was expanded, and what it matches is not read as a pattern again.

use std::path::{Path, PathBuf};

use super::{
    error::{self, Result},
    exec::Exec,
    host,
};
use crate::{
    graph::{TargetRef, reference::Place},
    syntax::dialect::Feature,
};

/// Whether a reference names all targets of one name in several directories.
pub(crate) fn is_wildcard(target: &TargetRef) -> bool {
    match &target.place {
        Place::Here => false,
        Place::Local(place) | Place::Remote(place) | Place::Alias(place) => place.contains('*'),
    }
}

/// The directories that a pattern matches, in lexical order, each written the way the pattern is. `dir` is what a
/// relative pattern is relative to: the directory of a build file, on the host or in a clone of a repository.
pub(crate) fn directories(dir: &Path, home: Option<&Path>, pattern: &str) -> Vec<String> {
    let (start, root, rest) = match pattern.strip_prefix('~') {
        Some(rest) => ("~/", home.map(Path::to_path_buf), rest),
        None if pattern.starts_with('/') => ("/", Some(PathBuf::from("/")), pattern),
        // What a pattern matches has to be seen as a directory and never as the alias of an import.
        None if pattern.starts_with("..") => ("", Some(dir.to_path_buf()), pattern),
        None => ("./", Some(dir.to_path_buf()), pattern),
    };
    let Some(root) = root else { return Vec::new() };
    let found = host::glob(&root, rest).into_iter();
    found
        .filter(|path| root.join(path).is_dir())
        .map(|path| format!("{start}{path}"))
        .collect()
}

impl Exec {
    /// The targets that a reference names: itself, or for a pattern one for each directory that has it.
    pub fn matching(&self, target: &TargetRef, feature: Feature) -> Result<Vec<TargetRef>> {
        if !is_wildcard(target) {
            return Ok(vec![target.clone()]);
        }
        let reference = target.to_string();
        if !self.has(feature) {
            return Err(error::wildcard_off(&reference, feature));
        }
        let pattern = match &target.place {
            Place::Local(pattern) => pattern,
            _ => return Err(error::wildcard_place(&reference)),
        };
        if pattern.contains("**") {
            return Err(error::globstar(&reference));
        }
        // Refuses what a repository may not name at all.
        self.directory(pattern)?;
        let home = self.session.request.home.as_deref();
        let mut targets = Vec::new();
        for dir in directories(&self.frame().file.dir, home, pattern) {
            let target = TargetRef {
                place: Place::Local(dir),
                name: target.name.clone(),
            };
            if self.is_there(&target)? {
                targets.push(target);
            }
        }
        if targets.is_empty() {
            return Err(error::no_match(&reference));
        }
        Ok(targets)
    }

    /// Whether a directory has a build file with the target. A build file that cannot be read is an error.
    fn is_there(&self, target: &TargetRef) -> Result<bool> {
        let Place::Local(dir) = &target.place else {
            return Ok(false);
        };
        let reference = target.to_string();
        let dir = self.directory(dir)?;
        let repository = self.frame().file.repository.as_deref();
        let there = match repository {
            // What a pattern matches beyond the repository is not there.
            Some(repository) => repository.build_file(&dir).is_some(),
            None => self.session.project.find(&dir, &reference).is_ok(),
        };
        if !there {
            return Ok(false);
        }
        let reached = self.reached_now(&target.place, &reference)?;
        Ok(reached.is_some_and(|reached| reached.file.recipe(&target.name).is_ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_written_as_the_pattern_is() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["a/x", "a/z", "a/y", "b/x"] {
            std::fs::create_dir_all(dir.path().join(name)).expect("made");
        }
        std::fs::write(dir.path().join("a/file"), "").expect("written");
        let list =
            |at: &str, pattern: &str| directories(&dir.path().join(at), Some(dir.path()), pattern);
        assert_eq!(list("", "./a/*"), ["./a/x", "./a/y", "./a/z"]);
        assert_eq!(list("b", "../a/[xy]*"), ["../a/x", "../a/y"]);
        assert_eq!(list("b", "~/*/x"), ["~/a/x", "~/b/x"]);
        let absolute = format!("{}/a/*", dir.path().display());
        assert_eq!(
            list("", &absolute)[0],
            format!("{}/a/x", dir.path().display())
        );
        assert_eq!(list("", "./c/*"), Vec::<String>::new());
    }
}
