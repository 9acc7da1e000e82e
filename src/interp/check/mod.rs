//! `bld check`: everything that can be said of build files without running anything.
//!
//! Every file that a local reference with a literal path reaches is parsed and judged, and every name behind a `+` is
//! looked up. What a variable names, and what lies in repositories, is left alone.

mod callers;
mod cycles;
mod files;
mod modes;
mod references;
mod saved;
mod statements;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{
    callers::Callers,
    cycles::{Links, Node},
    files::Files,
    modes::{Mode, modes},
};
use super::{
    error::Failure,
    project::{BASE, Project, features_of},
};
use crate::{
    diag::{Diagnostic, Location},
    graph::reference::Place,
    syntax::{
        Parsed,
        ast::{Block, BuildFile, Command, Keyword, RecipeKind, Word},
        dialect::{Feature, FeatureSet},
        words::{self, Piece, WordOptions},
    },
};

/// What is to be checked.
#[derive(Debug, Clone)]
pub struct CheckRequest {
    /// Messages are relative to it.
    pub cwd: PathBuf,
    /// Build files, or directories that have one. None: the working directory's.
    pub paths: Vec<PathBuf>,
    /// `--version-flag-overrides`.
    pub features: Vec<Feature>,
    /// What `~` in references means.
    pub home: Option<PathBuf>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The files that were read, as messages show them, sorted.
    pub files: Vec<String>,
    /// Every problem, sorted by file and place.
    pub problems: Vec<Diagnostic>,
}

/// Checks build files and everything local that they refer to.
pub fn check(request: &CheckRequest) -> Checked {
    let mut check = Check {
        project: Project::new(&request.cwd, request.features.clone()),
        home: request.home.clone(),
        overrides: request.features.clone(),
        files: HashMap::new(),
        queue: Vec::new(),
        own: HashMap::new(),
        found: Vec::new(),
        links: Links::default(),
        callers: Callers::default(),
        missing: Files::default(),
    };
    let cwd = check.project.cwd().to_path_buf();
    let default = [PathBuf::from(".")];
    let paths = if request.paths.is_empty() {
        &default[..]
    } else {
        &request.paths
    };
    for path in paths {
        let full = cwd.join(path);
        let found = if full.is_dir() {
            check
                .project
                .find(&full, &format!("{}+base", path.display()))
        } else {
            Ok(canonical(full))
        };
        match found.and_then(|path| check.open(&path)) {
            Ok(_) => {}
            Err(failure) => check.found.extend(failure.into_diagnostics()),
        }
    }
    while let Some(path) = check.queue.pop() {
        if let Some(file) = check.files.get(&path).cloned() {
            check.file(&path, &file);
        }
    }
    let circles = check.links.cycles(|node| check.shown(node));
    let mut found = check.found;
    found.extend(circles);
    found.extend(check.missing.problems());
    for (path, problems) in check.own {
        let callers = &check.callers;
        found.extend(callers.judge(&path, &check.files, &request.features, problems));
    }
    found.sort_by(|a, b| key(a).cmp(&key(b)));
    found.dedup();
    let names = check.files.values().map(|file| file.source.name.clone());
    let mut files: Vec<String> = names.collect();
    files.sort();
    Checked {
        files,
        problems: found,
    }
}

/// The path of a file in the real directory; the file itself may be a link.
fn canonical(path: PathBuf) -> PathBuf {
    let dir = path.parent().and_then(|dir| fs::canonicalize(dir).ok());
    match (dir, path.file_name()) {
        (Some(dir), Some(name)) => dir.join(name),
        _ => path,
    }
}

fn key(diagnostic: &Diagnostic) -> (Option<&str>, u32, &str) {
    let at = diagnostic.at.as_ref();
    (
        at.map(|at| at.file.name.as_str()),
        at.map_or(0, |at| at.span.start),
        &diagnostic.message,
    )
}

struct Check {
    project: Project,
    home: Option<PathBuf>,
    overrides: Vec<Feature>,
    files: HashMap<PathBuf, Arc<BuildFile>>,
    queue: Vec<PathBuf>,
    /// What is wrong with each file by its own text alone.
    own: HashMap<PathBuf, Vec<Diagnostic>>,
    /// Everything else.
    found: Vec<Diagnostic>,
    links: Links,
    callers: Callers,
    /// Sources of `COPY` that are not there.
    missing: Files,
}

/// The imports that can be seen at one place; none where the path is not known.
type Imports = BTreeMap<String, Option<PathBuf>>;

/// Where a reference stands.
#[derive(Clone, Copy)]
struct Here<'a> {
    path: &'a Path,
    dir: &'a Path,
    file: &'a Arc<BuildFile>,
    imports: &'a Imports,
    /// The target, where what stands here always runs when it does.
    always: Option<&'a Node>,
    /// The recipe.
    recipe: &'a Node,
    /// What the file turns on. A function runs with what its callers' files do: then none.
    features: Option<FeatureSet>,
}

impl Here<'_> {
    /// The same for a reference that may have arguments of its own: in brackets.
    fn passing(&self, word: &Word) -> Self {
        Self {
            always: self.always.filter(|_| !word.text.contains('(')),
            ..*self
        }
    }
}

impl Check {
    /// What a target is called in messages.
    fn shown(&self, (path, name): &Node) -> String {
        match path.parent().map(|dir| self.project.show(dir)) {
            Some(dir) if dir != "." => format!("{dir}+{name}"),
            _ => format!("+{name}"),
        }
    }

    /// The tree of a file; the first time its own problems are reported and it is put into the queue.
    fn open(&mut self, path: &Path) -> Result<Arc<BuildFile>, Failure> {
        if let Some(file) = self.files.get(path) {
            return Ok(Arc::clone(file));
        }
        let Parsed { file, problems } = self.project.read(path)?;
        self.own.insert(path.to_path_buf(), problems);
        let file = Arc::new(file);
        self.files.insert(path.to_path_buf(), Arc::clone(&file));
        self.queue.push(path.to_path_buf());
        Ok(file)
    }

    fn file(&mut self, path: &Path, file: &Arc<BuildFile>) {
        let dir = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let mut base = Imports::new();
        self.imports(&dir, file, &file.base, &mut base);
        let base_node = (path.to_path_buf(), BASE.to_owned());
        let features = features_of(file, &self.overrides);
        let mut ignore = None;
        self.missing.writes(&dir, file);
        let recipes = file.recipes.iter().map(|recipe| {
            let target = recipe.kind == RecipeKind::Target;
            (recipe.name.as_str(), target, &recipe.body)
        });
        for (name, target, block) in std::iter::once((BASE, true, &file.base)).chain(recipes) {
            let node = (path.to_path_buf(), name.to_owned());
            if target && node != base_node {
                self.links.add(node.clone(), base_node.clone(), None);
            }
            let always = cycles::always(block);
            let mut imports = base.clone();
            if !std::ptr::eq(block, &file.base) {
                self.imports(&dir, file, block, &mut imports);
            }
            // A function runs in whoever calls it, and a target behind what the base recipe does.
            let start = match target && !modes::has_locally(&file.base) {
                true => Mode::Image,
                false => Mode::Unknown,
            };
            for (command, mode) in modes(block, start) {
                let taken = target && always.iter().any(|c| std::ptr::eq(*c, command));
                let here = Here {
                    path,
                    dir: &dir,
                    file,
                    imports: &imports,
                    always: Some(&node).filter(|_| taken && cycles::passes_nothing(command)),
                    recipe: &node,
                    features: target.then_some(features),
                };
                self.command(&here, command);
                self.statement(&here, command, mode);
                if taken && mode != Mode::Host {
                    let shown = self.project.show(&dir);
                    self.missing
                        .sources(&dir, &shown, file, features, command, &mut ignore);
                }
            }
        }
    }

    /// What can be said of a statement by itself.
    fn statement(&mut self, here: &Here<'_>, command: &Command, mode: Mode) {
        let extended = features_of(here.file, &self.overrides).has(Feature::Extended);
        if let Some(failure) = statements::problem(here.file, command, mode, extended) {
            self.found.extend(failure.into_diagnostics());
            return;
        }
        // Of a function the directory is its caller's.
        let strict = here
            .features
            .is_some_and(|features| features.has(Feature::RequireForceForUnsafeSaves));
        if strict && mode != Mode::Host && command.keyword == Keyword::SaveArtifact {
            let shown = self.project.show(here.dir);
            let failure = statements::unsafe_save(here.file, command, here.dir, &shown);
            self.found
                .extend(failure.into_iter().flat_map(Failure::into_diagnostics));
        }
    }

    /// Collects imports, and looks whether there is a build file where they lead.
    fn imports(&mut self, dir: &Path, file: &Arc<BuildFile>, block: &Block, imports: &mut Imports) {
        let mut commands = Vec::new();
        block.walk_commands(&mut |command| {
            if command.keyword == Keyword::Import {
                commands.push(command);
            }
        });
        for command in commands {
            let Some(word) = command.args.first() else {
                continue;
            };
            let path = literal(word);
            let alias = match command.args.get(2) {
                Some(alias) => literal(alias),
                None => path.as_deref().map(|p| {
                    let last = p.trim_end_matches('/').rsplit('/').next();
                    let last = last.unwrap_or_default();
                    last.split(':').next().unwrap_or_default().to_owned()
                }),
            };
            let Some(alias) = alias else { continue };
            let dir = match path.as_deref().map(Place::parse) {
                Some(Ok(Place::Local(to))) => self.directory(dir, &to),
                _ => None,
            };
            if let Some(dir) = &dir {
                let at = Location::new(&file.source, word.span);
                self.try_open(dir, &word.text, &at);
            }
            imports.insert(alias, dir);
        }
    }
}

/// The text of a word in which nothing is to be expanded.
fn literal(word: &Word) -> Option<String> {
    let options = WordOptions {
        keep_escaped_plus: true,
        ..WordOptions::default()
    };
    match words::parse(&word.text, options).ok()?.as_slice() {
        [] => Some(String::new()),
        [Piece::Literal(text)] => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
