//! What a build file offers, from its text alone: targets and functions, their arguments, what they save, and the
//! comments on all of it (language specification, 1.11 and 8.3).

use std::path::{Path, PathBuf};

use super::{
    commands::save_artifact,
    error::{self, Result},
    origin::Repository,
    project::{BASE, BUILD_FILES, Loaded, Project},
};
use crate::{
    diag::Diagnostic,
    git::Remotes,
    graph::reference::Place,
    syntax::{
        ast::{Block, Command, Keyword, Recipe, RecipeKind, Statement},
        dialect::Feature,
    },
};

/// Which build file.
#[derive(Debug, Clone)]
pub struct ManualRequest {
    /// The working directory.
    pub cwd: PathBuf,
    /// A directory or a build file, as it was typed; the working directory if empty.
    pub place: String,
    /// Features that are on in every file.
    pub features: Vec<Feature>,
}

/// One build file.
#[derive(Debug, Clone)]
pub struct Manual {
    /// Targets and functions in the order of the file.
    pub items: Vec<Item>,
    /// The file, as messages show it.
    pub file: String,
}

/// A target or a function.
#[derive(Debug, Clone)]
pub struct Item {
    /// Which of the two.
    pub kind: RecipeKind,
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub docs: Docs,
    /// Arguments of the base recipe that it sees, then its own.
    pub args: Vec<ArgItem>,
    /// The names of its own `ARG`s, in order.
    pub own_args: Vec<String>,
    /// What other targets can take.
    pub artifacts: Vec<Saved>,
    /// What goes to the host, `src -> dest`.
    pub local_artifacts: Vec<Saved>,
    /// Images; several names of one statement are one entry.
    pub images: Vec<Saved>,
}

/// The comment above an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Docs {
    /// It begins with the item's name.
    Text(String),
    /// It begins with another word.
    OtherName,
    /// There is none.
    Missing,
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgItem {
    /// Its name.
    pub name: String,
    /// Its default as written.
    pub default: Option<String>,
    /// It has to be given.
    pub required: bool,
    /// The comment above it.
    pub docs: String,
}

/// Something that is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its name, or both its names.
    pub name: String,
    /// The comment above it.
    pub docs: String,
}

impl Manual {
    /// The target or function of this name.
    pub fn item(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.name == name)
    }

    /// The names of all targets: those of the file and the base recipe, sorted.
    pub fn targets(&self) -> Vec<&str> {
        let own = self.items.iter().filter(|i| i.kind == RecipeKind::Target);
        let mut names: Vec<&str> = own.map(|item| item.name.as_str()).chain([BASE]).collect();
        names.sort_unstable();
        names
    }

    /// One target or function, with its documentation.
    pub fn documented(&self, name: &str) -> std::result::Result<&Item, Vec<Diagnostic>> {
        let kind = match name.starts_with(|c: char| c.is_ascii_uppercase()) {
            true => RecipeKind::Function,
            false => RecipeKind::Target,
        };
        let names = self
            .items
            .iter()
            .filter(|i| i.kind == kind)
            .map(|i| i.name.as_str());
        let item = self.item(name).ok_or_else(|| {
            error::nothing_to_document(name, &self.file, &names.collect::<Vec<_>>())
                .into_diagnostics()
        })?;
        let other_name = match item.docs {
            Docs::Text(_) => return Ok(item),
            Docs::OtherName => true,
            Docs::Missing => false,
        };
        Err(error::undocumented(name, other_name).into_diagnostics())
    }
}

/// Reads a build file, and nothing else of the project.
pub fn manual(request: &ManualRequest) -> std::result::Result<Manual, Vec<Diagnostic>> {
    read(request).map_err(super::Failure::into_diagnostics)
}

fn read(request: &ManualRequest) -> Result<Manual> {
    let project = Project::new(&request.cwd, request.features.clone());
    let place = match request.place.as_str() {
        "" => ".",
        place => place,
    };
    let path = project.cwd().join(place);
    // The name of a build file stands for its directory, whatever the file there is called.
    let named = path
        .file_name()
        .is_some_and(|name| BUILD_FILES.iter().any(|file| name == *file));
    let path = match path.parent() {
        _ if path.is_file() => path,
        Some(dir) if named && dir.is_dir() => project.find(dir, place)?,
        _ if path.is_dir() => project.find(&path, place)?,
        _ => return Err(error::no_build_file_at(place)),
    };
    Ok(of_file(&*project.load_file(&path)?))
}

/// The same for a build file of a repository, `host/owner/repo/dir:ref`.
pub async fn manual_in(
    remotes: &Remotes,
    place: &str,
    features: Vec<Feature>,
) -> std::result::Result<Manual, Vec<Diagnostic>> {
    let (path, name) = place.split_once(':').unwrap_or((place, ""));
    // The name of a build file stands for its directory, as for a local one.
    let named = BUILD_FILES
        .iter()
        .find_map(|file| path.strip_suffix(file)?.strip_suffix('/'));
    let read = async {
        let found = remotes.reference(named.unwrap_or(path), name).await;
        let (repository, dir) = Repository::of(found.map_err(|e| error::remote(&e))?);
        let project = Project::new(Path::new("."), features);
        let file = project.load_from(&repository, &dir, place)?;
        Ok(of_file(&file))
    };
    read.await.map_err(super::Failure::into_diagnostics)
}

fn of_file(file: &Loaded) -> Manual {
    let explicit = file.features.has(Feature::ExplicitGlobal);
    let tree = file.tree();
    let globals: Vec<ArgItem> = commands(&tree.base)
        .filter(|c| c.keyword == Keyword::Arg && (!explicit || c.is_on("global")))
        .filter_map(arg)
        .collect();
    let items = tree.recipes.iter().map(|recipe| item(recipe, &globals));
    Manual {
        items: items.collect(),
        file: tree.source.name.clone(),
    }
}

/// Where a build file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shelf {
    /// A directory or a file of this machine, as it was typed; empty for the working directory.
    Local(String),
    /// In a repository: `host/owner/repo/dir:ref`.
    Repository(String),
}

/// Splits what `ls` and `doc` are given: a place, and behind a plus sign a name.
pub fn place_and_name(text: &str) -> std::result::Result<(Shelf, Option<String>), Vec<Diagnostic>> {
    let (place, name) = match text.split_once('+') {
        Some((place, name)) => (place, Some(name.to_owned())),
        None => (text, None),
    };
    let shelf = match Place::parse(place) {
        _ if place.is_empty() || place.starts_with(['.', '/']) => Shelf::Local(place.to_owned()),
        Ok(Place::Remote(place)) => Shelf::Repository(place),
        _ => return Err(error::no_place(text).into_diagnostics()),
    };
    Ok((shelf, name))
}

/// The commands that stand directly in a recipe.
fn commands(block: &Block) -> impl Iterator<Item = &Command> {
    block.statements().filter_map(|statement| match statement {
        Statement::Command(command) => Some(command),
        _ => None,
    })
}

fn item(recipe: &Recipe, globals: &[ArgItem]) -> Item {
    let mut item = Item {
        kind: recipe.kind,
        name: recipe.name.clone(),
        docs: match &recipe.docs {
            None => Docs::Missing,
            Some(text) if first_word(text) == recipe.name => Docs::Text(text.clone()),
            Some(_) => Docs::OtherName,
        },
        args: match recipe.kind {
            RecipeKind::Target => globals.to_vec(),
            // What a function is called with are its own arguments.
            RecipeKind::Function => Vec::new(),
        },
        own_args: Vec::new(),
        artifacts: Vec::new(),
        local_artifacts: Vec::new(),
        images: Vec::new(),
    };
    for command in commands(&recipe.body) {
        match command.keyword {
            Keyword::Arg => {
                if let Some(arg) = arg(command) {
                    item.own_args.push(arg.name.clone());
                    item.args.push(arg);
                }
            }
            Keyword::SaveArtifact => saved_artifact(command, &mut item),
            Keyword::SaveImage if !command.args.is_empty() => {
                let names: Vec<&str> = command.args.iter().map(|w| w.text.as_str()).collect();
                item.images.push(Saved {
                    docs: docs_of(command, &names),
                    name: names.join(", "),
                });
            }
            _ => {}
        }
    }
    item
}

fn arg(command: &Command) -> Option<ArgItem> {
    let assignment = command.assignments.first()?;
    let name = assignment.key.text.clone();
    Some(ArgItem {
        docs: docs_of(command, &[&name]),
        default: assignment.value.as_ref().map(|word| word.text.clone()),
        required: command.is_on("required"),
        name,
    })
}

fn saved_artifact(command: &Command, item: &mut Item) {
    let Ok(words) = save_artifact::words(command) else {
        return;
    };
    let name = match words.dst {
        Some(dst) if dst.text != "./" => &dst.text,
        _ => &words.src.text,
    };
    match words.local {
        None => item.artifacts.push(Saved {
            name: name.clone(),
            docs: docs_of(command, &[name]),
        }),
        Some(local) => item.local_artifacts.push(Saved {
            name: format!("{name} -> {}", local.text),
            docs: docs_of(command, &[name, &local.text]),
        }),
    }
}

/// The comment above a command, if it begins with one of these names.
fn docs_of(command: &Command, names: &[&str]) -> String {
    let text = command.docs.as_deref().unwrap_or_default();
    match names.contains(&first_word(text)) {
        true => text.to_owned(),
        false => String::new(),
    }
}

fn first_word(text: &str) -> &str {
    text.split([' ', '\n', '\t']).next().unwrap_or_default()
}
