//! `bld check`: everything that can be said of build files without running anything.
//!
//! Every file that a local reference with a literal path reaches is parsed and judged, and every name behind a `+` is
//! looked up. What a variable names, and what lies in repositories, is left alone.

mod cycles;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use self::cycles::{Links, Node};
use super::{
    args::in_parens,
    call::is_reference,
    error::{self, Failure},
    project::{BASE, Project},
    wildcard,
};
use crate::{
    diag::{Diagnostic, Location},
    graph::{
        ArtifactRef, FunctionRef, TargetRef,
        reference::{Place, RefError},
    },
    oci::ImageRef,
    syntax::{
        Parsed,
        ast::{Block, BuildFile, Command, Keyword, RecipeKind, Word},
        dialect::Feature,
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
        files: HashMap::new(),
        queue: Vec::new(),
        found: Vec::new(),
        links: Links::default(),
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
            Ok(full)
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
    files: HashMap<PathBuf, Arc<BuildFile>>,
    queue: Vec<PathBuf>,
    found: Vec<Diagnostic>,
    links: Links,
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
        self.found.extend(problems);
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
        let recipes = file.recipes.iter().map(|recipe| {
            let target = recipe.kind == RecipeKind::Target;
            (target.then_some(recipe.name.as_str()), &recipe.body)
        });
        for (name, block) in std::iter::once((Some(BASE), &file.base)).chain(recipes) {
            // A function runs in whoever calls it.
            let node = name.map(|name| (path.to_path_buf(), name.to_owned()));
            if let Some(node) = node.as_ref().filter(|node| **node != base_node) {
                self.links.add(node.clone(), base_node.clone(), None);
            }
            let always = cycles::always(block);
            let mut imports = base.clone();
            if !std::ptr::eq(block, &file.base) {
                self.imports(&dir, file, block, &mut imports);
            }
            let mut commands = Vec::new();
            block.walk_commands(&mut |command| commands.push(command));
            for command in commands {
                let taken = always.iter().any(|c| std::ptr::eq(*c, command));
                let here = Here {
                    path,
                    dir: &dir,
                    file,
                    imports: &imports,
                    always: node
                        .as_ref()
                        .filter(|_| taken && cycles::passes_nothing(command)),
                };
                self.command(&here, command);
            }
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

    fn directory(&self, dir: &Path, to: &str) -> Option<PathBuf> {
        match to.strip_prefix('~') {
            Some(rest) => Some(self.home.as_ref()?.join(rest.trim_start_matches('/'))),
            None => Some(dir.join(to)),
        }
    }

    /// The tree of a directory's build file; a problem is reported where the reference stands.
    fn try_open(
        &mut self,
        dir: &Path,
        reference: &str,
        at: &Location,
    ) -> Option<(PathBuf, Arc<BuildFile>)> {
        let path = self.project.find(dir, reference);
        match path.and_then(|path| Ok((self.open(&path)?, path))) {
            Ok((file, path)) => Some((path, file)),
            Err(failure) => {
                self.found.extend(failure.at(at).into_diagnostics());
                None
            }
        }
    }

    fn command(&mut self, here: &Here<'_>, command: &Command) {
        match command.keyword {
            Keyword::From => {
                if let Some(word) = command.args.first() {
                    self.base(here, word);
                }
            }
            Keyword::Build => {
                if let Some(word) = command.args.first() {
                    self.target(here, word);
                }
            }
            Keyword::Do => {
                if let Some(word) = command.args.first() {
                    self.function(here, word);
                }
            }
            Keyword::Copy => {
                let sources = command.args.split_last().map_or(&[][..], |(_, s)| s);
                for word in sources {
                    self.artifact(here, word);
                }
            }
            Keyword::FromDockerfile => {
                let file = command.flag("f").and_then(|f| f.value.as_ref());
                for word in command.args.first().into_iter().chain(file) {
                    self.artifact(here, word);
                }
            }
            Keyword::WithDocker => {
                for flag in command.flags_named("load") {
                    if let Some(word) = &flag.value {
                        self.load(here, word);
                    }
                }
            }
            _ => {}
        }
    }

    /// What is no reference to a target is an image of `FROM`, or has been reported.
    fn target(&mut self, here: &Here<'_>, word: &Word) {
        let Some(text) = literal(word) else { return };
        if let Ok(target) = TargetRef::parse(&text) {
            self.look_up(here, word, &text, &target.place, &target.name, false);
        }
    }

    /// What follows `FROM`: a target, or an image whose name is one.
    fn base(&mut self, here: &Here<'_>, word: &Word) {
        let Some(text) = literal(word) else { return };
        if is_reference(&text) {
            self.target(here, word);
        } else if let Err(why) = ImageRef::parse(&text.replace("\\+", "+")) {
            let at = Location::new(&here.file.source, word.span);
            let failure = error::bad_image(&text, &why).at(&at);
            self.found.extend(failure.into_diagnostics());
        }
    }

    fn function(&mut self, here: &Here<'_>, word: &Word) {
        let Some(text) = literal(word) else { return };
        if let Ok(function) = FunctionRef::parse(&text) {
            self.look_up(here, word, &text, &function.place, &function.name, true);
        }
    }

    fn artifact(&mut self, here: &Here<'_>, word: &Word) {
        let inner = match in_parens(word) {
            Some(Ok(words)) => words[0].clone(),
            Some(Err(_)) => return,
            None => word.clone(),
        };
        let here = &here.passing(word);
        let Some(text) = literal(&inner) else { return };
        match ArtifactRef::parse(&text) {
            Ok(artifact) => {
                let target = artifact.target;
                self.look_up(here, word, &text, &target.place, &target.name, false);
            }
            Err(RefError::NoPath) => self.target(here, &inner),
            Err(_) => {}
        }
    }

    /// `[image=]target`, `[image=](target --arg=value)`.
    fn load(&mut self, here: &Here<'_>, word: &Word) {
        let first = word.text.split(' ').next().unwrap_or_default();
        let text = match first.find('=') {
            Some(at) if !first[..at].contains(['(', '+']) => &word.text[at + 1..],
            _ => &word.text,
        };
        let inner = Word {
            text: text.to_owned(),
            span: word.span,
        };
        let here = &here.passing(&inner);
        match in_parens(&inner) {
            Some(Ok(words)) => self.target(here, &words[0]),
            Some(Err(_)) => {}
            None => self.target(here, &inner),
        }
    }

    /// The build files of all directories that a pattern matches; those without the target are passed over.
    fn pattern(&mut self, here: &Here<'_>, pattern: &str, name: &str, text: &str, at: &Location) {
        if pattern.contains("**") {
            self.found
                .extend(error::globstar(text).at(at).into_diagnostics());
            return;
        }
        let mut any = false;
        for to in wildcard::directories(here.dir, self.home.as_deref(), pattern) {
            let Some(dir) = self.directory(here.dir, &to) else {
                continue;
            };
            if self.project.find(&dir, text).is_err() {
                continue;
            }
            let Some((path, file)) = self.try_open(&dir, text, at) else {
                any = true;
                continue;
            };
            if file.target(name).is_some() || name == BASE {
                any = true;
                if let Some(from) = here.always {
                    let to = (path, name.to_owned());
                    self.links.add(from.clone(), to, Some(at.clone()));
                }
            }
        }
        if !any {
            self.found
                .extend(error::no_match(text).at(at).into_diagnostics());
        }
    }

    fn look_up(
        &mut self,
        here: &Here<'_>,
        word: &Word,
        text: &str,
        place: &Place,
        name: &str,
        function: bool,
    ) {
        let at = Location::new(&here.file.source, word.span);
        let dir = match place {
            Place::Here => None,
            Place::Local(to) if to.contains('*') && !function => {
                self.pattern(here, to, name, text, &at);
                return;
            }
            Place::Local(to) => match self.directory(here.dir, to) {
                Some(dir) => Some(dir),
                None => return,
            },
            Place::Remote(_) => return,
            Place::Alias(alias) => match here.imports.get(alias) {
                Some(Some(dir)) => Some(dir.clone()),
                Some(None) => return,
                None => {
                    let known = here.imports.keys().map(String::as_str);
                    let failure = error::unknown_alias(alias, known).at(&at);
                    self.found.extend(failure.into_diagnostics());
                    return;
                }
            },
        };
        let (path, file) = match dir {
            Some(dir) => match self.try_open(&dir, text, &at) {
                Some(found) => found,
                None => return,
            },
            None => (here.path.to_path_buf(), Arc::clone(here.file)),
        };
        let failure = if function {
            match file.function(name) {
                Some(_) => return,
                None => error::unknown_function(text, name, &file),
            }
        } else if name == BASE || file.target(name).is_some() {
            if let Some(from) = here.always {
                let to = (path, name.to_owned());
                self.links.add(from.clone(), to, Some(at));
            }
            return;
        } else {
            error::unknown_target(name, &file)
        };
        self.found.extend(failure.at(&at).into_diagnostics());
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
