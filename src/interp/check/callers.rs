//! Which files call a function: it runs with what their `VERSION` lines turn on.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::cycles::Node;
use crate::{
    diag::{Diagnostic, Span},
    interp::project::{excused, features_of},
    syntax::{
        ast::{BuildFile, RecipeKind},
        dialect::Feature,
    },
};

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    /// In a target of a file.
    File(PathBuf),
    /// In another function.
    Function(Node),
}

/// Who calls which function.
#[derive(Debug, Default)]
pub(super) struct Callers(BTreeMap<Node, BTreeSet<Caller>>);

impl Callers {
    /// A call.
    pub fn add(&mut self, function: Node, caller: Caller) {
        self.0.entry(function).or_default().insert(caller);
    }

    /// The files whose targets come to a function, through others too.
    fn files(&self, function: &Node) -> BTreeSet<&Path> {
        let mut files = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![function];
        while let Some(function) = open.pop() {
            if !seen.insert(function) {
                continue;
            }
            for caller in self.0.get(function).into_iter().flatten() {
                match caller {
                    Caller::File(path) => _ = files.insert(path.as_path()),
                    Caller::Function(function) => open.push(function),
                }
            }
        }
        files
    }

    /// The problems of a file without those that no caller has. A function that nobody calls here is for callers whose
    /// `VERSION` is not known.
    pub fn judge(
        &self,
        path: &Path,
        files: &HashMap<PathBuf, Arc<BuildFile>>,
        overrides: &[Feature],
        mut problems: Vec<Diagnostic>,
    ) -> Vec<Diagnostic> {
        let Some(file) = files.get(path) else {
            return problems;
        };
        let own = features_of(file, overrides);
        for recipe in &file.recipes {
            let inside = |p: &Diagnostic| {
                p.at.as_ref()
                    .is_some_and(|at| recipe.span.contains(Span { ..at.span }))
            };
            if recipe.kind != RecipeKind::Function || !problems.iter().any(inside) {
                continue;
            }
            let callers = self.files(&(path.to_path_buf(), recipe.name.clone()));
            if callers.is_empty() {
                problems.retain(|p| !inside(p) || p.code != FEATURE_OFF);
                continue;
            }
            // What every caller's file turns on is no mistake.
            let mut fine: Option<Vec<Diagnostic>> = None;
            for caller in callers.into_iter().filter_map(|path| files.get(path)) {
                let excused = excused(file, own, features_of(caller, overrides));
                fine = Some(match fine {
                    None => excused,
                    Some(fine) => fine.into_iter().filter(|p| excused.contains(p)).collect(),
                });
            }
            let fine = fine.unwrap_or_default();
            problems.retain(|p| !inside(p) || !fine.contains(p));
        }
        problems
    }
}

/// The code of what `VERSION` does not turn on.
const FEATURE_OFF: &str = "feature-off";
