//! Build files: finds them, reads them, parses them, each once.

use std::{
    collections::HashMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use super::{
    error::{self, Failure},
    host,
    ignore::Ignore,
    statics::Statics,
};
use crate::{
    diag::{Location, Span},
    syntax::{
        self,
        ast::{BuildFile, Recipe},
        dialect::{Feature, FeatureSet, VersionNumber},
    },
};

/// The names of build files, the first that exists wins.
pub const BUILD_FILES: [&str; 3] = ["Buildfile", "Earthfile", "build.earth"];

/// The name of the base recipe as a target.
pub const BASE: &str = "base";

/// A build file that was read without a problem.
pub(crate) struct Loaded {
    /// The directory it stands in, canonical.
    pub dir: PathBuf,
    /// Its own path.
    pub path: PathBuf,
    /// The directory as messages show it: nothing for the working directory, `./lib`, `../x`.
    pub shown: String,
    /// The tree.
    pub tree: BuildFile,
    /// What its `VERSION` line turns on.
    pub features: FeatureSet,
    /// What can be said of its recipes without running them.
    pub statics: Statics,
    ignore: OnceLock<Result<Arc<Ignore>, Failure>>,
}

impl Loaded {
    /// The name of the file, `Buildfile`.
    pub fn file_name(&self) -> &str {
        self.path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or(BUILD_FILES[0])
    }

    /// Whether it is a file in which `BLD_*` names are reserved.
    pub fn reserves_bld_names(&self) -> bool {
        self.file_name() == BUILD_FILES[0]
    }

    /// `+target`, `./lib+target`.
    pub fn target(&self, name: &str) -> String {
        format!("{}+{name}", self.shown)
    }

    /// A place in it.
    pub fn at(&self, span: Span) -> Location {
        Location::new(&self.tree.source, span)
    }

    /// A recipe by its target name; the base recipe is none.
    pub fn recipe(&self, name: &str) -> Result<Option<&Recipe>, Failure> {
        if name == BASE {
            return Ok(None);
        }
        match self.tree.target(name) {
            Some(recipe) => Ok(Some(recipe)),
            None => Err(error::unknown_target(name, self)),
        }
    }

    /// The ignore patterns of its directory.
    pub fn ignore(&self) -> Result<Arc<Ignore>, Failure> {
        self.ignore
            .get_or_init(|| {
                let implicit = !self.features.has(Feature::NoImplicitIgnore);
                Ignore::of_dir(&self.dir, implicit).map(Arc::new)
            })
            .clone()
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loaded({})", self.path.display())
    }
}

/// All build files of one run.
pub(crate) struct Project {
    cwd: PathBuf,
    overrides: Vec<Feature>,
    files: Mutex<HashMap<PathBuf, Result<Arc<Loaded>, Failure>>>,
}

impl Project {
    /// Nothing read yet. `cwd` is what messages are relative to.
    pub fn new(cwd: &Path, overrides: Vec<Feature>) -> Self {
        let cwd = fs::canonicalize(cwd).unwrap_or_else(|_| cwd.to_path_buf());
        Self {
            cwd,
            overrides,
            files: Mutex::default(),
        }
    }

    /// The working directory, canonical.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// The build file of a directory; `reference` is what named it, for the message.
    pub fn load_dir(&self, dir: &Path, reference: &str) -> Result<Arc<Loaded>, Failure> {
        let missing = || error::no_build_file(reference, &self.show(dir));
        let dir = fs::canonicalize(dir).map_err(|_| missing())?;
        for name in BUILD_FILES {
            let path = dir.join(name);
            if host::kind(&path).is_some() && !path.is_dir() {
                return self.load_file(&path);
            }
        }
        Err(missing())
    }

    /// A build file by its path.
    pub fn load_file(&self, path: &Path) -> Result<Arc<Loaded>, Failure> {
        let dir = path.parent().unwrap_or(Path::new("."));
        let unreadable = |e: &io::Error| error::unreadable(&self.show(path), e);
        let dir = fs::canonicalize(dir).map_err(|e| unreadable(&e))?;
        let path = dir.join(path.file_name().unwrap_or_default());
        let mut files = self.files.lock().expect("no holder of this lock panics");
        if let Some(known) = files.get(&path) {
            return known.clone();
        }
        let loaded = fs::read(&path)
            .map_err(|e| unreadable(&e))
            .and_then(|bytes| self.parse(&dir, &path, &bytes));
        files.insert(path, loaded.clone());
        loaded
    }

    fn parse(&self, dir: &Path, path: &Path, bytes: &[u8]) -> Result<Arc<Loaded>, Failure> {
        let shown = self.show(path);
        let source = syntax::read(shown.strip_prefix("./").unwrap_or(&shown), bytes)
            .map_err(Failure::from)?;
        let parsed = syntax::load(&source, &self.overrides);
        let errors = Failure::errors_of(parsed.problems);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut features = parsed.file.version.as_ref().map_or_else(
            || FeatureSet::of_version(VersionNumber::V0_8),
            |v| v.features,
        );
        for feature in &self.overrides {
            features.insert(*feature);
        }
        Ok(Arc::new(Loaded {
            dir: dir.to_path_buf(),
            path: path.to_path_buf(),
            shown: match self.show(dir) {
                dir if dir == "." => String::new(),
                dir => dir,
            },
            statics: Statics::of(&parsed.file),
            tree: parsed.file,
            features,
            ignore: OnceLock::new(),
        }))
    }

    /// A path relative to the working directory: `.`, `./x`, `../x`; absolute where the way up would be longer.
    pub fn show(&self, path: &Path) -> String {
        let path = host::clean(&self.cwd.join(path));
        if path == self.cwd {
            return ".".to_owned();
        }
        if let Ok(below) = path.strip_prefix(&self.cwd) {
            return format!("./{}", below.display());
        }
        let mut ups = String::new();
        for base in self.cwd.ancestors().skip(1).take(3) {
            ups.push_str("../");
            if base.parent().is_none() {
                break;
            }
            if let Ok(below) = path.strip_prefix(base) {
                let shown = format!("{ups}{}", below.display());
                return shown.trim_end_matches('/').to_owned();
            }
        }
        path.display().to_string()
    }

    /// Every file that was read so far.
    pub fn loaded(&self) -> Vec<Arc<Loaded>> {
        let files = self.files.lock().expect("no holder of this lock panics");
        files.values().flatten().cloned().collect()
    }
}
