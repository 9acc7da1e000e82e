//! Names of targets and functions: reserved ones, and the same name twice.

use std::collections::HashMap;

use super::View;
use crate::{
    diag::Span,
    syntax::{ast::RecipeKind, problem, problems::Problems},
};

pub(super) fn check(view: &View<'_>, problems: &mut Problems) {
    let mut seen: HashMap<(RecipeKind, &str), Span> = HashMap::new();
    for recipe in &view.file.recipes {
        if recipe.kind == RecipeKind::Target && recipe.name == "base" {
            problems.push(recipe.name_span, problem::reserved_name(&recipe.name));
            continue;
        }
        let kind = match recipe.kind {
            RecipeKind::Target => "target",
            RecipeKind::Function => "function",
        };
        match seen.get(&(recipe.kind, recipe.name.as_str())) {
            Some(first) => {
                let first = problems.location(*first);
                let problem = problem::duplicate(kind, &recipe.name, first);
                problems.push(recipe.name_span, problem);
            }
            None => {
                seen.insert((recipe.kind, &recipe.name), recipe.name_span);
            }
        }
    }
}
