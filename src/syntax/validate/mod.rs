//! Judges a tree by the dialect of its `VERSION` line: everything that is wrong whatever the build is asked to do.
//!
//! The parser has reported what it could not read. Each file here looks at the tree for one kind of mistake; what depends
//! on values, branches or other files is left to the interpreter. When in doubt nothing is reported.

mod before_from;
mod blocks;
mod build_args;
mod commands;
mod expansions;
mod gates;
mod literals;
mod names;
mod places;
mod variables;

use std::sync::Arc;

use super::{
    ast::{Block, BuildFile, RecipeKind},
    dialect::{Feature, FeatureSet, VersionNumber},
    parser::{Parsed, parse, parse_as},
    problem,
    problems::{Problems, sort},
};
use crate::diag::{Diagnostic, Severity, SourceFile};

/// What is wrong with a tree. `overrides` are features that the command line turns on in every file.
pub fn validate(file: &BuildFile, overrides: &[Feature]) -> Vec<Diagnostic> {
    let mut problems = Problems::new(&file.source);
    let view = View {
        file,
        features: features(file, overrides),
        number: file.version.as_ref().map(|v| v.number),
        in_buildfile: is_buildfile(&file.source.name),
    };
    if let Some(version) = &file.version
        && view.has(Feature::ArgScopeAndSet)
        && !view.has(Feature::ShellOutAnywhere)
    {
        problems.push(version.span, problem::needs_shell_outs());
    }
    names::check(&view, &mut problems);
    places::check(&view, &mut problems);
    before_from::check(&view, &mut problems);
    for (place, block) in view.bodies() {
        variables::check(&view, place, block, &mut problems);
        blocks::check(block, &mut problems);
        block.walk_commands(&mut |command| {
            gates::check(&view, command, &mut problems);
            commands::check(command, &mut problems);
            build_args::check(&view, command, &mut problems);
            expansions::check(&view, command, &mut problems);
        });
    }
    problems.into_sorted()
}

/// Parses and validates.
pub fn load(source: &Arc<SourceFile>, overrides: &[Feature]) -> Parsed {
    let mut parsed = if overrides.contains(&Feature::Extended) {
        parse_as(source, true)
    } else {
        parse(source)
    };
    parsed.problems.extend(validate(&parsed.file, overrides));
    sort(&mut parsed.problems);
    parsed.problems = without_consequences(parsed.problems);
    parsed
}

/// A command whose flags or words could not be read has the wrong number of words as a consequence: that is dropped.
fn without_consequences(problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let place = |p: &Diagnostic| p.at.as_ref().map(|at| at.span).unwrap_or_default();
    let is_consequence = |n: usize, problem: &Diagnostic| {
        problem.code == problem::WRONG_NUMBER
            && problems[n + 1..]
                .iter()
                .take_while(|p| place(p).start < place(problem).end)
                .any(|p| p.severity == Severity::Error && p.code != problem::WRONG_NUMBER)
    };
    let keep: Vec<bool> = problems
        .iter()
        .enumerate()
        .map(|(n, p)| !is_consequence(n, p))
        .collect();
    let mut keep = keep.into_iter();
    let mut problems = problems;
    problems.retain(|_| keep.next().unwrap_or(true));
    problems
}

/// A tree, and what it means in its dialect.
struct View<'a> {
    file: &'a BuildFile,
    features: FeatureSet,
    /// None if the `VERSION` line is missing or wrong, which has been reported: then everything is on.
    number: Option<VersionNumber>,
    /// Whether the file is called `Buildfile`.
    in_buildfile: bool,
}

/// Where a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Base,
    Target,
    Function,
}

impl<'a> View<'a> {
    /// The base recipe and all others.
    fn bodies(&self) -> impl Iterator<Item = (Place, &'a Block)> {
        let file = self.file;
        let recipes = file.recipes.iter().map(|recipe| {
            let place = match recipe.kind {
                RecipeKind::Target => Place::Target,
                RecipeKind::Function => Place::Function,
            };
            (place, &recipe.body)
        });
        std::iter::once((Place::Base, &file.base)).chain(recipes)
    }

    /// Whether a feature is on.
    fn has(&self, feature: Feature) -> bool {
        self.number.is_none() || self.features.has(feature)
    }
}

fn features(file: &BuildFile, overrides: &[Feature]) -> FeatureSet {
    let mut features = file
        .version
        .as_ref()
        .map_or(FeatureSet::of_version(VersionNumber::V0_8), |v| v.features);
    for feature in overrides {
        features.insert(*feature);
    }
    features
}

fn is_buildfile(name: &str) -> bool {
    name.rsplit('/').next() == Some("Buildfile")
}
