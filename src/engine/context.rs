//! Which files of the host belong to a local source, and in which order.
//!
//! The order is that of fsutil, which both a daemon and content hashes rely on: depth first, and the names of one
//! directory by their bytes. Symbolic links are never followed. What is done with the files is decided elsewhere.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, Metadata},
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use crate::{
    base::pattern::{PatternError, Patterns, Trail},
    llb::Local,
};

/// One file, directory or link.
#[derive(Debug)]
pub struct Entry {
    /// Relative to the directory, with slashes.
    pub path: String,
    /// Of itself, not of what a link points to.
    pub metadata: Metadata,
    /// Where a symbolic link points to.
    pub link: Option<String>,
}

/// Why a directory cannot be read.
#[derive(Debug)]
pub enum ContextError {
    /// The system says no.
    Io {
        /// To what.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A name that the protocol cannot carry.
    Name(PathBuf),
    /// A pattern that cannot be read.
    Pattern(PatternError),
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "cannot read `{}`: {error}", path.display()),
            Self::Name(path) => write!(f, "the name of `{}` is not UTF-8", path.display()),
            Self::Pattern(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ContextError {}

/// Calls `each` for everything that is selected, and for the directories above it, until it breaks.
pub fn walk(
    local: &Local,
    each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> Result<(), ContextError> {
    let include = Patterns::parse(&local.include).map_err(ContextError::Pattern)?;
    let exclude = Patterns::parse(&local.exclude).map_err(ContextError::Pattern)?;
    let mut walker = Walker {
        include: (!include.is_empty()).then_some(include),
        exclude,
        pending: Vec::new(),
        each,
    };
    let top = Above {
        include: Trail::default(),
        exclude: Trail::default(),
    };
    match walker.directory(&local.dir, "", &top, true) {
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

struct Walker<'a> {
    include: Option<Patterns>,
    exclude: Patterns,
    /// Directories that are not selected themselves, and are handed out as soon as something in them is.
    pending: Vec<Entry>,
    each: &'a mut dyn FnMut(Entry) -> ControlFlow<()>,
}

struct Above {
    include: Trail,
    exclude: Trail,
}

impl Walker<'_> {
    fn directory(
        &mut self,
        dir: &Path,
        prefix: &str,
        above: &Above,
        selected: bool,
    ) -> Result<ControlFlow<()>, ContextError> {
        let failed = |path: &Path, error| ContextError::Io {
            path: path.to_owned(),
            error,
        };
        let mut names: Vec<OsString> = match fs::read_dir(dir) {
            Ok(entries) => entries
                .map(|e| e.map(|e| e.file_name()))
                .collect::<Result<_, _>>()
                .map_err(|e| failed(dir, e))?,
            // A directory that is passed through in search of a match may be closed.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && !selected => {
                return Ok(ControlFlow::Continue(()));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound && !prefix.is_empty() => {
                return Ok(ControlFlow::Continue(()));
            }
            Err(e) => return Err(failed(dir, e)),
        };
        names.sort_unstable();
        for name in names {
            let path = dir.join(&name);
            let Some(name) = name.to_str() else {
                // Only what is selected has to have a name that can be sent.
                let lossy = format!("{prefix}{}", name.to_string_lossy());
                if self.selects(&lossy, above) {
                    return Err(ContextError::Name(path));
                }
                continue;
            };
            let relative = format!("{prefix}{name}");
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) if self.selects(&relative, above) => return Err(failed(&path, e)),
                Err(_) => continue,
            };
            let flow = if metadata.is_dir() {
                self.subdirectory(&path, relative, metadata, above)?
            } else if self.selects(&relative, above) {
                let link = if metadata.is_symlink() {
                    let target = fs::read_link(&path).map_err(|e| failed(&path, e))?;
                    let target = target.into_os_string().into_string();
                    Some(target.map_err(|_| ContextError::Name(path.clone()))?)
                } else {
                    None
                };
                self.hand_out(Entry {
                    path: relative,
                    metadata,
                    link,
                })
            } else {
                ControlFlow::Continue(())
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn subdirectory(
        &mut self,
        path: &Path,
        relative: String,
        metadata: Metadata,
        above: &Above,
    ) -> Result<ControlFlow<()>, ContextError> {
        let (included, include) = match &self.include {
            Some(patterns) => patterns.enter(&relative, &above.include),
            None => (true, Trail::default()),
        };
        let (excluded, exclude) = self.exclude.enter(&relative, &above.exclude);
        if excluded && !self.exclude.may_except_below(&relative) {
            return Ok(ControlFlow::Continue(()));
        }
        let below = |p: &Patterns| p.may_match_below(&relative);
        if !included && !self.include.as_ref().is_some_and(below) {
            return Ok(ControlFlow::Continue(()));
        }
        let selected = included && !excluded;
        let prefix = format!("{relative}/");
        let entry = Entry {
            path: relative,
            metadata,
            link: None,
        };
        let waiting = self.pending.len();
        if selected {
            if self.hand_out(entry).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        } else {
            self.pending.push(entry);
        }
        let flow = self.directory(path, &prefix, &Above { include, exclude }, selected)?;
        self.pending.truncate(waiting);
        Ok(flow)
    }

    fn selects(&self, path: &str, above: &Above) -> bool {
        self.include
            .as_ref()
            .is_none_or(|p| p.matches_in(path, &above.include))
            && !self.exclude.matches_in(path, &above.exclude)
    }

    fn hand_out(&mut self, entry: Entry) -> ControlFlow<()> {
        for parent in self.pending.drain(..) {
            (self.each)(parent)?;
        }
        (self.each)(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(files: &[&str], include: &[&str], exclude: &[&str]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let own = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect();
        let local = Local {
            dir: dir.path().to_owned(),
            include: own(include),
            exclude: own(exclude),
        };
        let mut seen = Vec::new();
        walk(&local, &mut |entry| {
            seen.push(entry.path);
            ControlFlow::Continue(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn a_directory_comes_before_longer_names_that_begin_with_its_own() {
        let seen = listing(&["a/b", "a-b", "a.b", "a/c/d", "B"], &[], &[]);
        assert_eq!(
            seen,
            ["B", "a", "a/b", "a/c", "a/c/d", "a-b", "a.b"]
                .map(str::to_owned)
                .into_iter()
                .collect::<Vec<_>>()
                .tap_sorted_by_protocol()
        );
    }

    trait TapSorted {
        fn tap_sorted_by_protocol(self) -> Self;
    }

    impl TapSorted for Vec<String> {
        /// The rule as the protocol states it: a slash is less than every other byte.
        fn tap_sorted_by_protocol(mut self) -> Self {
            self.sort_by_key(|path| {
                path.bytes()
                    .map(|b| if b == b'/' { 0 } else { b })
                    .collect::<Vec<_>>()
            });
            self
        }
    }

    #[test]
    fn parents_of_what_is_selected_come_with_it_and_others_do_not() {
        let files = ["src/a.c", "src/sub/b.c", "doc/x", "src/a.o", "empty/y"];
        assert_eq!(
            listing(&files, &["src/*.c", "src/sub"], &["**/*.o"]),
            ["src", "src/a.c", "src/sub", "src/sub/b.c"]
        );
        assert_eq!(
            listing(&files, &[], &["*", "!src/sub/b.c"]),
            ["src", "src/sub", "src/sub/b.c"]
        );
        assert_eq!(listing(&files, &["nothing"], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let local = Local {
            dir: "/nonexistent/dir".into(),
            include: Vec::new(),
            exclude: Vec::new(),
        };
        let error = walk(&local, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/dir"), "{error}");
    }
}
