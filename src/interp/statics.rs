//! What can be said of a file's recipes from the text alone.

use std::collections::{BTreeMap, BTreeSet};

use super::project::BASE;
use crate::{
    graph::reference::{Place, TargetRef},
    syntax::ast::{BuildFile, Command, Keyword},
};

/// Facts about one file.
#[derive(Debug, Default)]
pub(crate) struct Statics {
    /// Every name that an `ARG` declares anywhere.
    pub arg_names: BTreeSet<String>,
    /// What `PROJECT` says: `organisation/project`.
    pub project: Option<String>,
    recipes: BTreeMap<String, Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    args: BTreeSet<String>,
    /// Targets of the same file that it refers to by name.
    here: BTreeSet<String>,
    /// Whether it has a reference whose name is only known later.
    open: bool,
    /// Whether what it does depends on standing on the chain of `BUILD`s while things are pushed.
    pushes: bool,
}

impl Statics {
    /// Looks at every statement once.
    pub fn of(file: &BuildFile) -> Self {
        let mut statics = Self::default();
        file.base.walk_commands(&mut |command| {
            if command.keyword == Keyword::Project {
                statics.project = command.args.first().map(|word| word.text.clone());
            }
        });
        let bodies = file.recipes.iter().map(|r| (r.name.as_str(), &r.body));
        for (name, body) in bodies.chain([(BASE, &file.base)]) {
            let mut facts = Facts::default();
            body.walk_commands(&mut |command| facts.see(command));
            statics.arg_names.extend(facts.args.iter().cloned());
            // Of two recipes with one name (reported) the first is executed.
            statics.recipes.entry(name.to_owned()).or_insert(facts);
        }
        statics
    }

    /// Those of `names` on which a target can depend by references inside this file.
    pub fn relevant<'a>(
        &self,
        target: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> BTreeSet<&'a str> {
        let mut open: BTreeSet<&str> = names.filter(|n| self.arg_names.contains(*n)).collect();
        let mut relevant = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut queue = vec![target, BASE];
        while let Some(name) = queue.pop()
            && !open.is_empty()
        {
            let (true, Some(facts)) = (seen.insert(name), self.recipes.get(name)) else {
                continue;
            };
            let hit = |arg: &&str| facts.open || facts.args.contains(*arg);
            relevant.extend(open.iter().copied().filter(hit));
            open.retain(|arg| !relevant.contains(arg));
            queue.extend(facts.here.iter().map(String::as_str));
        }
        relevant
    }

    /// Whether a target has to be interpreted apart on and off the chain of `BUILD`s while `--push` is given: it pushes,
    /// it asks whether it would, or it builds what might.
    pub fn depends_on_push(&self, target: &str) -> bool {
        self.recipes.get(target).is_some_and(|facts| facts.pushes)
    }
}

impl Facts {
    fn see(&mut self, command: &Command) {
        match command.keyword {
            Keyword::Arg => {
                if let Some(assignment) = command.assignments.first() {
                    let name = &assignment.key.text;
                    self.pushes |= matches!(name.as_str(), "EARTHLY_PUSH" | "BLD_PUSH");
                    self.args.insert(name.clone());
                }
            }
            Keyword::Run => self.pushes |= command.may_be_on("push"),
            Keyword::Build | Keyword::Do => self.pushes = true,
            _ => {}
        }
        let refers = matches!(
            command.keyword,
            Keyword::From
                | Keyword::Build
                | Keyword::Copy
                | Keyword::FromDockerfile
                | Keyword::WithDocker
        );
        if !refers {
            return;
        }
        let flags = command.flags.iter().filter_map(|f| f.value.as_ref());
        for word in command.args.iter().chain(flags) {
            if word.text.contains('$') && !word.text.starts_with('-') {
                self.open = true;
            }
            for piece in word.text.split([' ', '(', '=', '"']) {
                let name = piece.split('/').next().unwrap_or_default();
                if let Ok(TargetRef {
                    place: Place::Here,
                    name,
                }) = TargetRef::parse(name.trim_end_matches(')'))
                {
                    self.here.insert(name);
                }
            }
        }
    }
}
