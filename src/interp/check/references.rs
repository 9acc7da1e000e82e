//! What the words of commands refer to: targets, functions, artifacts, images.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Check, Here, callers::Caller, literal, saved};
use crate::{
    diag::Location,
    graph::{
        ArtifactRef, FunctionRef, TargetRef,
        reference::{Place, RefError},
    },
    interp::{
        args::in_parens,
        call::is_reference,
        error::{self, Failure},
        project::BASE,
        wildcard,
    },
    oci::ImageRef,
    syntax::{
        ast::{BuildFile, Command, Keyword, Word},
        dialect::Feature,
    },
};

impl Check {
    pub(super) fn directory(&self, dir: &Path, to: &str) -> Option<PathBuf> {
        match to.strip_prefix('~') {
            Some(rest) => Some(self.home.as_ref()?.join(rest.trim_start_matches('/'))),
            None => Some(dir.join(to)),
        }
    }

    /// The tree of a directory's build file; a problem is reported where the reference stands.
    pub(super) fn try_open(
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

    pub(super) fn command(&mut self, here: &Here<'_>, command: &Command) {
        match command.keyword {
            Keyword::From => {
                if let Some(word) = command.args.first() {
                    self.base(here, word);
                }
            }
            Keyword::Build => {
                if let Some(word) = command.args.first() {
                    self.build(here, word);
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
                    self.artifact(here, command, word);
                }
            }
            Keyword::FromDockerfile => {
                let file = command.flag("f").and_then(|f| f.value.as_ref());
                for word in command.args.first().into_iter().chain(file) {
                    self.artifact(here, command, word);
                }
            }
            Keyword::SaveImage => {
                for word in &command.args {
                    self.image(here, word);
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
        for flag in command.flags_named("mount") {
            if let Some(word) = &flag.value {
                self.mount(here, command, word);
            }
        }
    }

    /// `from=` of a mount; what is no reference is an image.
    fn mount(&mut self, here: &Here<'_>, command: &Command, word: &Word) {
        let from = word.text.split(',').find_map(|p| p.strip_prefix("from="));
        if let Some(text) = from.filter(|text| text.contains('+')) {
            let inner = Word {
                text: text.to_owned(),
                span: word.span,
            };
            self.artifact(here, command, &inner);
        }
    }

    /// What is no reference to a target is an image of `FROM`, or has been reported.
    fn target(&mut self, here: &Here<'_>, word: &Word) {
        let Some(text) = literal(word) else { return };
        if let Ok(target) = TargetRef::parse(&text) {
            self.look_up(here, word, &text, &target.place, &target.name, false);
        }
    }

    /// What follows `BUILD`: a target, or a pattern.
    fn build(&mut self, here: &Here<'_>, word: &Word) {
        let pattern = literal(word).and_then(|text| TargetRef::parse(&text).ok());
        let pattern = pattern.filter(wildcard::is_wildcard);
        match pattern.and_then(|target| no_patterns(here, word, &target, Feature::WildcardBuilds)) {
            Some(failure) => self.found.extend(failure.into_diagnostics()),
            None => self.target(here, word),
        }
    }

    /// What follows `FROM`: a target, or an image whose name is one.
    fn base(&mut self, here: &Here<'_>, word: &Word) {
        let Some(text) = literal(word) else { return };
        if is_reference(&text) {
            self.target(here, word);
        } else {
            self.image_name(here, word, &text.replace("\\+", "+"));
        }
    }

    /// A name of `SAVE IMAGE`. An empty one is none.
    fn image(&mut self, here: &Here<'_>, word: &Word) {
        if let Some(text) = literal(word).filter(|text| !text.is_empty()) {
            self.image_name(here, word, &text.replace("\\+", "+"));
        }
    }

    fn image_name(&mut self, here: &Here<'_>, word: &Word, text: &str) {
        if let Err(why) = ImageRef::parse(text) {
            let at = Location::new(&here.file.source, word.span);
            let failure = error::bad_image(text, &why).at(&at);
            self.found.extend(failure.into_diagnostics());
        }
    }

    fn function(&mut self, here: &Here<'_>, word: &Word) {
        let Some(text) = literal(word) else { return };
        if let Ok(function) = FunctionRef::parse(&text) {
            self.look_up(here, word, &text, &function.place, &function.name, true);
        }
    }

    fn artifact(&mut self, here: &Here<'_>, command: &Command, word: &Word) {
        let inner = match in_parens(word) {
            Some(Ok(words)) => words[0].clone(),
            Some(Err(_)) => return,
            None => word.clone(),
        };
        let here = &here.passing(word);
        let Some(text) = literal(&inner) else { return };
        match ArtifactRef::parse(&text) {
            Ok(artifact) => {
                let target = &artifact.target;
                let copy = command.keyword == Keyword::Copy;
                if copy
                    && wildcard::is_wildcard(target)
                    && let Some(failure) = no_patterns(here, word, target, Feature::WildcardCopy)
                {
                    self.found.extend(failure.into_diagnostics());
                    return;
                }
                let found = self.look_up(here, word, &text, &target.place, &target.name, false);
                if let Some(file) = found.filter(|_| copy && !command.may_be_on("if-exists")) {
                    let failure = not_saved(here, command, word, &file, &artifact);
                    self.found
                        .extend(failure.into_iter().flat_map(Failure::into_diagnostics));
                }
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
    ) -> Option<Arc<BuildFile>> {
        let at = Location::new(&here.file.source, word.span);
        let dir = match place {
            Place::Here => None,
            Place::Local(to) if to.contains('*') && !function => {
                self.pattern(here, to, name, text, &at);
                return None;
            }
            Place::Local(to) => Some(self.directory(here.dir, to)?),
            Place::Remote(_) => return None,
            Place::Alias(alias) => match here.imports.get(alias) {
                Some(Some(dir)) => Some(dir.clone()),
                Some(None) => return None,
                None => {
                    let known = here.imports.keys().map(String::as_str);
                    let failure = error::unknown_alias(alias, known).at(&at);
                    self.found.extend(failure.into_diagnostics());
                    return None;
                }
            },
        };
        let (path, file) = match dir {
            Some(dir) => self.try_open(&dir, text, &at)?,
            None => (here.path.to_path_buf(), Arc::clone(here.file)),
        };
        let failure = if function {
            match file.function(name) {
                Some(_) => {
                    let caller = match here.features {
                        Some(_) => Caller::File(here.path.to_path_buf()),
                        None => Caller::Function(here.recipe.clone()),
                    };
                    self.callers.add((path, name.to_owned()), caller);
                    return Some(file);
                }
                None => error::unknown_function(text, name, &file),
            }
        } else if name == BASE || file.target(name).is_some() {
            if let Some(from) = here.always {
                let to = (path, name.to_owned());
                self.links.add(from.clone(), to, Some(at));
            }
            return Some(file);
        } else {
            error::unknown_target(name, &file)
        };
        self.found.extend(failure.at(&at).into_diagnostics());
        None
    }
}

/// Patterns that the file does not turn on. In a function that is the caller's to say.
fn no_patterns(
    here: &Here<'_>,
    word: &Word,
    target: &TargetRef,
    feature: Feature,
) -> Option<Failure> {
    let off = here.features.is_some_and(|features| !features.has(feature));
    let at = Location::new(&here.file.source, word.span);
    off.then(|| error::wildcard_off(&target.to_string(), feature).at(&at))
}

/// An artifact that its target never saves.
fn not_saved(
    here: &Here<'_>,
    command: &Command,
    word: &Word,
    file: &BuildFile,
    artifact: &ArtifactRef,
) -> Option<Failure> {
    let saved = saved::paths(file, &artifact.target.name)?;
    let target = artifact.target.to_string();
    if saved.is_empty() {
        let text = format!("{target}{}", artifact.path);
        let at = Location::new(&here.file.source, word.span);
        return Some(error::artifact_not_found(&text, &target).at(&at));
    }
    if saved::may_have(&saved, &artifact.path) {
        return None;
    }
    let at = Location::new(&here.file.source, command.line());
    Some(error::artifact_not_saved(&artifact.path, &target, &saved).at(&at))
}
