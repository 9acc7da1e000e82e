//! Variables: what a name means at one point of a recipe (language specification, 4.7 to 4.9).
//!
//! A [`Frame`] is the scope of one recipe body: a target, or one call of a function. `ENV` is not part of it: the
//! environment belongs to the image and is shared between caller and function.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{origin::Repository, project::Loaded, value::Value};
use crate::diag::Location;

/// Names with values.
pub(crate) type Vars = BTreeMap<String, Value>;

/// Where an import leads.
#[derive(Debug, Clone)]
pub(crate) enum Imported {
    /// A directory, made absolute; of a repository if the file that imports it is of one.
    Directory(PathBuf, Option<Arc<Repository>>),
    /// A repository as written. It is fetched when something of it is needed.
    Remote(String),
}

/// An import.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// What is behind `IMPORT`.
    pub to: Imported,
    /// Whether what is reached through it may do what touches the host.
    pub permitted: bool,
    /// The statement.
    pub at: Location,
}

/// The scope of one recipe body.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The file that defines the body: references are relative to it, and its base recipe gives the globals.
    pub file: Arc<Loaded>,
    /// `+target`, or `+FUNCTION`.
    pub name: String,
    /// Where the function was called; none for a target.
    pub called_from: Option<Location>,
    /// What the caller or the command line sets.
    pub overriding: Vars,
    /// Declared with `ARG`.
    pub args: Vars,
    /// Declared with `LET`.
    pub lets: Vars,
    /// `ARG --global` of the file's base recipe.
    pub globals: Vars,
    /// Imports of this body.
    pub imports: BTreeMap<String, Import>,
    /// Imports of the file's base recipe.
    pub base_imports: BTreeMap<String, Import>,
    /// Whether this is a base recipe.
    pub is_base: bool,
    /// Whether the body may do what touches the host: `LOCALLY`, privileged steps. Code of a repository may only if every
    /// reference on the way to it says so.
    pub permitted: bool,
}

impl Frame {
    /// A frame in which nothing is declared yet.
    pub fn new(file: Arc<Loaded>, name: String, overriding: Vars) -> Self {
        Self {
            file,
            name,
            called_from: None,
            overriding,
            args: Vars::new(),
            lets: Vars::new(),
            globals: Vars::new(),
            imports: BTreeMap::new(),
            base_imports: BTreeMap::new(),
            is_base: false,
            permitted: true,
        }
    }

    /// What `$name` means here: `LET`, then `ARG`, then the environment, then the file's globals.
    pub fn lookup<'a>(&'a self, env: &'a Env, name: &str) -> Option<&'a Value> {
        self.lets
            .get(name)
            .or_else(|| self.args.get(name))
            .or_else(|| env.get(name))
            .or_else(|| self.globals.get(name))
    }

    /// The same without the environment: these values cannot change before the next `ARG`, `LET` or `SET`.
    pub fn lookup_stable(&self, env: &Env, name: &str) -> Option<&Value> {
        let own = self.lets.get(name).or_else(|| self.args.get(name));
        if own.is_none() && env.get(name).is_some() {
            return None;
        }
        own.or_else(|| self.globals.get(name))
    }

    /// What an argument is set to before versions that forbid declaring it twice: any value that is there already wins.
    pub fn existing<'a>(&'a self, env: &'a Env, name: &str) -> Option<&'a Value> {
        self.lets
            .get(name)
            .or_else(|| self.args.get(name))
            .or_else(|| env.get(name))
            .or_else(|| self.overriding.get(name))
            .or_else(|| self.globals.get(name))
    }

    /// The complete environment of a command: the image's in its order, then the variables sorted by name.
    pub fn command_env(&self, env: &Env) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = env
            .iter()
            .map(|(name, value)| (name.clone(), value.text().to_owned()))
            .collect();
        let mut active: BTreeMap<&str, &Value> = BTreeMap::new();
        for (name, value) in &self.globals {
            if env.get(name).is_none() {
                active.insert(name, value);
            }
        }
        active.extend(self.args.iter().map(|(n, v)| (n.as_str(), v)));
        active.extend(self.lets.iter().map(|(n, v)| (n.as_str(), v)));
        all.extend(
            active
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.text().to_owned())),
        );
        all
    }

    /// What `--pass-args` hands on: everything but `LET`; the caller takes the builtins out.
    pub fn passed(&self) -> Vars {
        let mut passed = self.globals.clone();
        passed.extend(self.overriding.clone());
        passed.extend(self.args.clone());
        passed
    }

    /// `+target --arg=value` with the overridden arguments that it declared, for error stacks.
    pub fn shown(&self) -> String {
        let mut shown = self.name.clone();
        for (name, value) in self.overridden() {
            shown.push_str(&format!(" --{name}={value}"));
        }
        shown
    }

    /// The overridden arguments that were declared.
    pub fn overridden(&self) -> Vec<(String, String)> {
        self.overriding
            .iter()
            .filter(|(name, _)| self.args.contains_key(*name) || self.globals.contains_key(*name))
            .map(|(name, value)| (name.clone(), value.text().to_owned()))
            .collect()
    }
}

/// The environment of an image and of `ENV`, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Env(Vec<(String, Value)>);

impl Env {
    /// From `NAME=value` lines of an image.
    pub fn from_lines(lines: &[String]) -> Self {
        let mut env = Self::default();
        for line in lines {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            env.set(name, Value::from(value));
        }
        env
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Sets a name; one that is there keeps its place.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &(String, Value)> {
        self.0.iter()
    }

    /// `NAME=value` lines for an image.
    pub fn to_lines(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(name, value)| format!("{name}={}", value.text()))
            .collect()
    }
}
