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
    origin::Repository,
    statics::Statics,
};
use crate::{
    diag::{Diagnostic, Location, Severity, Span},
    syntax::{
        self, Parsed,
        ast::{Block, BuildFile, Recipe, RecipeKind},
        dialect::{FEATURES, Feature, FeatureSet, VersionNumber},
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
    /// The directory as messages show it: nothing for the working directory, `./lib`, `../x`, `host/owner/repo/dir:tag`.
    pub shown: String,
    /// The repository that it belongs to, unless it is a file of the user's own.
    pub repository: Option<Arc<Repository>>,
    parsed: Parsed,
    /// What its `VERSION` line turns on.
    pub features: FeatureSet,
    /// What can be said of its recipes without running them.
    pub statics: Statics,
    /// Where in the tree the recipe of each target is: a file may have thousands.
    targets: HashMap<String, usize>,
    ignore: OnceLock<Result<Arc<Ignore>, Failure>>,
}

impl Loaded {
    /// The tree.
    pub fn tree(&self) -> &BuildFile {
        &self.parsed.file
    }

    /// What is worth mentioning about a recipe, or about the base recipe, and stops nothing.
    pub fn remarks(&self, recipe: Option<&Recipe>) -> Vec<Diagnostic> {
        let around = self.around(recipe);
        let problems = self.parsed.problems.iter();
        let about = problems.filter(|p| {
            let at = p.at.as_ref().map_or(Span::default(), |at| at.span);
            p.severity != Severity::Error && around.start <= at.start && at.start < around.end
        });
        about.cloned().collect()
    }

    /// The part of the file that is a recipe, or the base recipe.
    fn around(&self, recipe: Option<&Recipe>) -> Span {
        match recipe {
            Some(recipe) => recipe.span,
            None => Span {
                start: 0,
                end: self
                    .tree()
                    .recipes
                    .first()
                    .map_or(u32::MAX, |r| r.span.start),
            },
        }
    }

    /// What is wrong with a statement by its text alone. It counts where the statement is executed: a file may hold
    /// mistakes in what nobody asks for. Everything else that is wrong with the recipe is said along with it.
    ///
    /// `features` are those of the file whose target runs: a function may use what its caller's file turns on.
    pub fn mistakes(&self, statement: Span, features: FeatureSet) -> Result<(), Failure> {
        if self.parsed.errors_in(statement).next().is_none() {
            return Ok(());
        }
        let excused = self.excused(features);
        let counts = |error: &&Diagnostic| !excused.contains(error);
        if !self.parsed.errors_in(statement).any(|e| counts(&e)) {
            return Ok(());
        }
        let recipes = &self.tree().recipes;
        let recipe = recipes.iter().find(|r| r.span.contains(statement));
        let errors = self.parsed.errors_in(self.around(recipe));
        Err(Failure::errors_of(errors.filter(counts).cloned().collect()))
    }

    /// What would be no mistake if these features were on, too.
    fn excused(&self, features: FeatureSet) -> Vec<Diagnostic> {
        excused(self.tree(), self.features, features)
    }

    /// The same for the statements of a block that are certain to be executed, before any of them is.
    pub fn mistakes_of(&self, block: &Block, features: FeatureSet) -> Result<(), Failure> {
        if self.parsed.problems.is_empty() {
            return Ok(());
        }
        for statement in block.statements() {
            if let Some(opener) = statement.openers().first() {
                self.mistakes(opener.span, features)?;
            }
        }
        Ok(())
    }

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

    /// The directory on the user's side: where artifacts are written to. For a file of a repository it is the working
    /// directory.
    pub fn host_dir<'a>(&'a self, cwd: &'a Path) -> &'a Path {
        match self.repository {
            Some(_) => cwd,
            None => &self.dir,
        }
    }

    /// Its directory in a sentence.
    pub fn shown_dir(&self) -> &str {
        match self.shown.as_str() {
            "" => ".",
            shown => shown,
        }
    }

    /// A place in it.
    pub fn at(&self, span: Span) -> Location {
        Location::new(&self.tree().source, span)
    }

    /// A recipe by its target name; the base recipe is none.
    pub fn recipe(&self, name: &str) -> Result<Option<&Recipe>, Failure> {
        if name == BASE {
            return Ok(None);
        }
        match self.targets.get(name) {
            Some(at) => Ok(Some(&self.tree().recipes[*at])),
            None => Err(error::unknown_target(name, self.tree())),
        }
    }

    /// The ignore patterns of its directory.
    pub fn ignore(&self) -> Result<Arc<Ignore>, Failure> {
        self.ignore
            .get_or_init(|| {
                let implicit = !self.features.has(Feature::NoImplicitIgnore);
                Ignore::of_dir(&self.dir, implicit, self.repository.as_deref()).map(Arc::new)
            })
            .clone()
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loaded({})", self.path.display())
    }
}

/// What a file turns on, with what the command line turns on everywhere.
pub(crate) fn features_of(file: &BuildFile, overrides: &[Feature]) -> FeatureSet {
    let mut features = file.version.as_ref().map_or_else(
        || FeatureSet::of_version(VersionNumber::V0_8),
        |v| v.features,
    );
    for feature in overrides {
        features.insert(*feature);
    }
    features
}

/// What in a file would be no mistake if more than its own features were on.
pub(crate) fn excused(file: &BuildFile, own: FeatureSet, more: FeatureSet) -> Vec<Diagnostic> {
    let on = |set: FeatureSet| -> Vec<Feature> {
        let all = FEATURES.iter().map(|row| row.feature);
        all.filter(|feature| set.has(*feature)).collect()
    };
    let own = on(own);
    let mut more = on(more);
    more.retain(|feature| !own.contains(feature));
    if more.is_empty() {
        return Vec::new();
    }
    let mut excused = syntax::validate(file, &own);
    more.extend(own);
    let left = syntax::validate(file, &more);
    excused.retain(|mistake| !left.contains(mistake));
    excused
}

/// The build file of a directory.
pub(crate) fn build_file_in(dir: &Path) -> Option<PathBuf> {
    BUILD_FILES
        .into_iter()
        .map(|name| dir.join(name))
        .find(|path| host::kind(path).is_some() && !path.is_dir())
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

    /// The path of the build file of a directory; `reference` is what named it, for the message.
    pub fn find(&self, dir: &Path, reference: &str) -> Result<PathBuf, Failure> {
        let missing = || error::no_build_file(reference, &self.show(dir));
        let dir = fs::canonicalize(dir).map_err(|_| missing())?;
        build_file_in(&dir).ok_or_else(missing)
    }

    /// The build file of a directory of a repository, which has to lie in it itself.
    pub fn load_from(
        &self,
        repository: &Arc<Repository>,
        dir: &Path,
        reference: &str,
    ) -> Result<Arc<Loaded>, Failure> {
        let missing = || error::no_build_file(reference, &repository.directory(dir));
        let path = repository.build_file(dir).ok_or_else(missing)?;
        if repository.inside(&path).is_none() {
            return Err(error::leads_out(&repository.file(&path)));
        }
        let dir = path.parent().ok_or_else(missing)?;
        self.load_once(dir, &path, Some(repository))
    }

    /// The build file of a directory.
    pub fn load_dir(&self, dir: &Path, reference: &str) -> Result<Arc<Loaded>, Failure> {
        self.load_file(&self.find(dir, reference)?)
    }

    /// Reads and judges a file; what is wrong with it is for the caller.
    pub fn read(&self, path: &Path) -> Result<Parsed, Failure> {
        self.read_as(path, &self.show(path))
    }

    fn read_as(&self, path: &Path, shown: &str) -> Result<Parsed, Failure> {
        // Reading a pipe or a device could take for ever.
        let metadata = fs::metadata(path).map_err(|e| error::unreadable(shown, &e))?;
        if !metadata.is_file() {
            let why = io::Error::other("it is not a regular file");
            return Err(error::unreadable(shown, &why));
        }
        let bytes = fs::read(path).map_err(|e| error::unreadable(shown, &e))?;
        let source = syntax::read(shown.strip_prefix("./").unwrap_or(shown), &bytes)
            .map_err(Failure::from)?;
        Ok(syntax::load(&source, &self.overrides))
    }

    /// A build file by its path.
    pub fn load_file(&self, path: &Path) -> Result<Arc<Loaded>, Failure> {
        let dir = path.parent().unwrap_or(Path::new("."));
        let unreadable = |e: &io::Error| error::unreadable(&self.show(path), e);
        let dir = fs::canonicalize(dir).map_err(|e| unreadable(&e))?;
        let path = dir.join(path.file_name().unwrap_or_default());
        self.load_once(&dir, &path, None)
    }

    /// A build file that no disk holds, as if it stood in the working directory.
    pub fn load_text(&self, name: &str, text: &str) -> Result<Arc<Loaded>, Failure> {
        let source = syntax::read(name, text.as_bytes()).map_err(Failure::from)?;
        let parsed = syntax::load(&source, &self.overrides);
        self.judge(&self.cwd, &self.cwd.join(name), None, parsed)
    }

    fn load_once(
        &self,
        dir: &Path,
        path: &Path,
        repository: Option<&Arc<Repository>>,
    ) -> Result<Arc<Loaded>, Failure> {
        let mut files = self.files.lock().expect("no holder of this lock panics");
        if let Some(known) = files.get(path) {
            return known.clone();
        }
        let loaded = self.load(dir, path, repository);
        files.insert(path.to_path_buf(), loaded.clone());
        loaded
    }

    fn load(
        &self,
        dir: &Path,
        path: &Path,
        repository: Option<&Arc<Repository>>,
    ) -> Result<Arc<Loaded>, Failure> {
        let parsed = match repository {
            Some(repository) => self.read_as(path, &repository.file(path))?,
            None => self.read(path)?,
        };
        self.judge(dir, path, repository, parsed)
    }

    fn judge(
        &self,
        dir: &Path,
        path: &Path,
        repository: Option<&Arc<Repository>>,
        parsed: Parsed,
    ) -> Result<Arc<Loaded>, Failure> {
        if parsed.fatal().next().is_some() {
            return Err(Failure::errors_of(parsed.problems));
        }
        let features = features_of(&parsed.file, &self.overrides);
        let mut targets = HashMap::new();
        for (at, recipe) in parsed.file.recipes.iter().enumerate() {
            if recipe.kind == RecipeKind::Target {
                // Of two with one name (reported) the first counts.
                targets.entry(recipe.name.clone()).or_insert(at);
            }
        }
        Ok(Arc::new(Loaded {
            targets,
            dir: dir.to_path_buf(),
            path: path.to_path_buf(),
            shown: match repository {
                Some(repository) => repository.directory(dir),
                None => match self.show(dir) {
                    dir if dir == "." => String::new(),
                    dir => dir,
                },
            },
            repository: repository.cloned(),
            statics: Statics::of(&parsed.file),
            parsed,
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
