//! Ignore files: what `COPY` does not see of a directory (language specification, 7.2).

use std::{fs, path::Path};

use super::{
    error::{self, Failure},
    host,
    origin::Repository,
};

/// The names of ignore files; a directory may have one of them.
pub const IGNORE_FILES: [&str; 3] = [".bldignore", ".earthlyignore", ".earthignore"];

/// Docker's own.
/// The file in which bld finds secrets. It is nobody's content: `COPY . .` would put it into a layer.
const SECRETS: &str = ".secret";
const DOCKER_IGNORE: &str = ".dockerignore";

/// The patterns of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ignore {
    /// In order; `!` in front makes an exception.
    pub patterns: Vec<String>,
    /// The file they come from.
    pub file: Option<String>,
}

impl Ignore {
    /// Reads the ignore file of a directory.
    pub fn of_dir(
        dir: &Path,
        implicit: bool,
        repository: Option<&Repository>,
    ) -> Result<Self, Failure> {
        let there: Vec<&str> = IGNORE_FILES
            .into_iter()
            .filter(|name| host::kind(&dir.join(name)).is_some())
            .collect();
        let mut ignore = Self::default();
        if implicit {
            // Before `no-implicit-ignore` the build's own files did not count as content.
            for name in [
                ".tmp-bld-out",
                ".tmp-earthly-out",
                "build.earth",
                "Earthfile",
                "Buildfile",
            ] {
                ignore.patterns.push(name.to_owned());
            }
            ignore.patterns.extend(IGNORE_FILES.map(str::to_owned));
        }
        // An ignore file can take it in again.
        if host::kind(&dir.join(SECRETS)).is_some() {
            ignore.patterns.push(SECRETS.to_owned());
        }
        match there.as_slice() {
            [] => {}
            [name] => ignore.read(dir, name, repository)?,
            [first, second, ..] => return Err(error::two_ignore_files(first, second)),
        }
        Ok(ignore)
    }

    /// The same for the context of a Dockerfile. With `docker`, Docker's own ignore file counts where there is no other.
    pub fn of_context(
        dir: &Path,
        implicit: bool,
        docker: bool,
        repository: Option<&Repository>,
    ) -> Result<Self, Failure> {
        let mut ignore = Self::of_dir(dir, implicit, repository)?;
        if docker && ignore.file.is_none() && host::kind(&dir.join(DOCKER_IGNORE)).is_some() {
            ignore.read(dir, DOCKER_IGNORE, repository)?;
        }
        Ok(ignore)
    }

    fn read(
        &mut self,
        dir: &Path,
        name: &str,
        repository: Option<&Repository>,
    ) -> Result<(), Failure> {
        let path = dir.join(name);
        if let Some(repository) = repository
            && repository.inside(&path).is_none()
        {
            return Err(error::leads_out(&repository.file(&path)));
        }
        let text = fs::read(path).map_err(|e| error::unreadable(name, &e))?;
        self.patterns
            .extend(patterns(&String::from_utf8_lossy(&text)));
        self.file = Some(name.to_owned());
        Ok(())
    }

    /// Whether a path, relative and clean, is left out. The last pattern that matches it or a directory above decides.
    pub fn hides(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let mut hidden = false;
        for pattern in &self.patterns {
            let (exception, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, pattern.as_str()),
            };
            if exception != hidden {
                continue;
            }
            let pattern: Vec<&str> = pattern.split('/').collect();
            if (1..=parts.len()).any(|n| path_matches(&pattern, &parts[..n])) {
                hidden = !exception;
            }
        }
        hidden
    }

    /// Whether a directory that is left out may hold something that is not.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|p| p.starts_with('!'))
    }
}

/// The patterns of a file: comments and blank lines are taken out, paths cleaned as Docker does.
fn patterns(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        if line.starts_with('#') {
            continue;
        }
        let line = line.trim();
        let (exception, rest) = match line.strip_prefix('!') {
            Some(rest) => ("!", rest.trim()),
            None => ("", line),
        };
        if rest.is_empty() {
            continue;
        }
        let clean = crate::graph::reference::clean(rest);
        let clean = clean.trim_start_matches("./").trim_start_matches('/');
        if !clean.is_empty() {
            found.push(format!("{exception}{clean}"));
        }
    }
    found
}

/// Docker's patterns: `**` stands for any number of components.
fn path_matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=path.len()).any(|n| path_matches(rest, &path[n..])),
        (Some((part, rest)), Some((name, below))) => {
            host::matches(part, name) && path_matches(rest, below)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_matching_pattern_decides() {
        let ignore = Ignore {
            patterns: patterns("# c\n\n/node_modules/\n**/*.log\n!keep.log\ndist\n! dist/a\n"),
            file: None,
        };
        for (path, hidden) in [
            ("node_modules", true),
            ("node_modules/x/y", true),
            ("src/node_modules", false),
            ("a.log", true),
            ("a/b/c.log", true),
            ("keep.log", false),
            ("a/keep.log", true),
            ("dist/b", true),
            ("dist/a", false),
        ] {
            assert_eq!(ignore.hides(path), hidden, "{path}");
        }
    }
}
