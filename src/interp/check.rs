//! `bld check`: everything that can be said of build files without running anything.
//!
//! Every file that a local reference with a literal path reaches is parsed and judged, and every name behind a `+` is
//! looked up. What a variable names, and what lies in repositories, is left alone.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    args::in_parens,
    error::{self, Failure},
    project::{BASE, Project},
};
use crate::{
    diag::{Diagnostic, Location},
    graph::{
        ArtifactRef, FunctionRef, TargetRef,
        reference::{Place, RefError},
    },
    syntax::{
        Parsed,
        ast::{Block, BuildFile, Command, Keyword, Word},
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
    let mut found = check.found;
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
}

/// The imports that can be seen at one place; none where the path is not known.
type Imports = BTreeMap<String, Option<PathBuf>>;

/// Where a reference stands.
struct Here<'a> {
    dir: &'a Path,
    file: &'a Arc<BuildFile>,
    imports: &'a Imports,
}

impl Check {
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
        let bodies = file.recipes.iter().map(|recipe| &recipe.body);
        for block in std::iter::once(&file.base).chain(bodies) {
            let mut imports = base.clone();
            if !std::ptr::eq(block, &file.base) {
                self.imports(&dir, file, block, &mut imports);
            }
            let mut commands = Vec::new();
            block.walk_commands(&mut |command| commands.push(command));
            let here = Here {
                dir: &dir,
                file,
                imports: &imports,
            };
            for command in commands {
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
    fn try_open(&mut self, dir: &Path, reference: &str, at: &Location) -> Option<Arc<BuildFile>> {
        let path = self.project.find(dir, reference);
        match path.and_then(|path| self.open(&path)) {
            Ok(file) => Some(file),
            Err(failure) => {
                self.found.extend(failure.at(at).into_diagnostics());
                None
            }
        }
    }

    fn command(&mut self, here: &Here<'_>, command: &Command) {
        match command.keyword {
            Keyword::From | Keyword::Build => {
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
        match in_parens(&inner) {
            Some(Ok(words)) => self.target(here, &words[0]),
            Some(Err(_)) => {}
            None => self.target(here, &inner),
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
            Place::Local(to) if to.contains('*') => return,
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
        let file = match dir {
            Some(dir) => match self.try_open(&dir, text, &at) {
                Some(file) => file,
                None => return,
            },
            None => Arc::clone(here.file),
        };
        let failure = if function {
            match file.function(name) {
                Some(_) => return,
                None => error::unknown_function(text, name, &file),
            }
        } else if name == BASE || file.target(name).is_some() {
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
mod tests {
    use std::fs;

    use super::*;

    fn checked(files: &[(&str, &str)]) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("has one")).expect("made");
            fs::write(path, text).expect("written");
        }
        let request = CheckRequest {
            cwd: dir.path().to_path_buf(),
            paths: Vec::new(),
            features: Vec::new(),
            home: None,
        };
        let mut lines = Vec::new();
        for diagnostic in check(&request).problems {
            lines.push(diagnostic.to_string());
            lines.extend(diagnostic.hints.iter().map(|h| format!("  hint: {h}")));
        }
        lines.join("\n")
    }

    #[test]
    fn every_unknown_name_of_every_file_in_reach_is_reported_at_once() {
        insta::assert_snapshot!(checked(&[
            (
                "Buildfile",
                "VERSION 0.8\nIMPORT ./lib AS l\nIMPORT ./gone\nFROM alpine\nt:\n  FROM +imgae\n  COPY +t/x (+image/y --a=b) ./lib+nothing/x ./\n  DO l+SETPU\n  DO l+SETUP\n  BUILD lob+x\n  BUILD ./none+x\n  BUILD ./$X+x\n  BUILD github.com/a/b+x\n  BUILD +base\n  WITH DOCKER --load x=(+image --a=b) --load +imag\n    RUN x\n  END\nimage:\n  RUN x\n",
            ),
            (
                "lib/Earthfile",
                "VERSION 0.8\nFROM alpine\nSETUP:\n  FUNCTION\n  BUILD ../+missing\n  FROM ./deep+x\n",
            ),
            ("lib/deep/Earthfile", "VERSION 0.8\nx:\n  RUN --pish x\n"),
        ]), @r"
        Buildfile:3:8: no build file found for target `./gone`
          hint: `./gone` would need a `Buildfile` or an `Earthfile`
        Buildfile:6:8: target `imgae` not found in `Buildfile`
          hint: did you mean `+image`?
        Buildfile:7:30: target `nothing` not found in `lib/Earthfile`
        Buildfile:8:6: function reference `l+SETPU` not found in `lib/Earthfile`
          hint: did you mean `+SETUP`?
        Buildfile:10:9: alias `lob` could not be resolved
          hint: declare it with `IMPORT <path> AS lob`
        Buildfile:11:9: no build file found for target `./none+x`
          hint: `./none` would need a `Buildfile` or an `Earthfile`
        Buildfile:15:46: target `imag` not found in `Buildfile`
          hint: did you mean `+image`?
        lib/Earthfile:5:9: target `missing` not found in `Buildfile`
          hint: it has `t` and `image`
        lib/deep/Earthfile:3:3: RUN requires a FROM, FROM DOCKERFILE, or LOCALLY before it
          hint: begin the recipe, or the base recipe at the top of the file, with `FROM image`
        lib/deep/Earthfile:3:7: unknown flag `--pish` for RUN
          hint: did you mean `--push`?
        ");
    }

    #[test]
    fn a_project_without_mistakes_has_none() {
        let text = "VERSION 0.8\nFROM alpine\nt:\n  BUILD +u\nu:\n  RUN x\n";
        assert_eq!(checked(&[("Buildfile", text)]), "");
    }

    #[test]
    fn a_directory_without_a_build_file_is_said_to_be_one() {
        let text = checked(&[("README", "")]);
        assert!(text.starts_with("no build file found"), "{text}");
    }
}
