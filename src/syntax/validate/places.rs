//! Commands that stand where they may not: `VERSION`, `PROJECT`, `FUNCTION`, `COMMAND`.

use super::{Place, View};
use crate::syntax::{
    ast::{Block, Command, Keyword, Node, Recipe, RecipeKind, Statement},
    dialect::Feature,
    problem,
    problems::Problems,
};

pub(super) fn check(view: &View<'_>, problems: &mut Problems) {
    for (place, block) in view.bodies() {
        let outermost: Vec<&Command> = block
            .statements()
            .filter_map(|s| match s {
                Statement::Command(c) => Some(c),
                _ => None,
            })
            .collect();
        block.walk_commands(&mut |command| match command.keyword {
            Keyword::Version => version(view, command, problems),
            Keyword::Project => {
                let allowed =
                    place == Place::Base && outermost.iter().any(|c| std::ptr::eq(*c, command));
                if !allowed {
                    problems.push(
                        command.keyword_span,
                        problem::not_in_recipe(command.keyword),
                    );
                }
            }
            Keyword::Function | Keyword::Command => {
                let first = outermost.first().is_some_and(|c| std::ptr::eq(*c, command));
                if place != Place::Function || !first || !is_first(block, command) {
                    let problem = problem::function_keyword_misplaced(command.keyword);
                    problems.push(command.keyword_span, problem);
                }
            }
            _ => {}
        });
    }
    for recipe in &view.file.recipes {
        if recipe.kind == RecipeKind::Function {
            function(view, recipe, problems);
        }
    }
}

/// The first statement of a file is its version; it has been read.
fn version(view: &View<'_>, command: &Command, problems: &mut Problems) {
    let first = first_node(&view.file.base).map(Node::span);
    if first != Some(command.span) {
        let right = view
            .file
            .version
            .as_ref()
            .map(|v| problems.location(v.span));
        problems.push(command.keyword_span, problem::misplaced_version(right));
    }
}

fn first_node(block: &Block) -> Option<&Node> {
    block
        .nodes
        .iter()
        .find(|n| !matches!(n, Node::Comment(_) | Node::Blank(_)))
}

fn is_first(block: &Block, command: &Command) -> bool {
    first_node(block).is_some_and(|n| n.span() == command.span)
}

fn function(view: &View<'_>, recipe: &Recipe, problems: &mut Problems) {
    let right = if view.has(Feature::UseFunctionKeyword) {
        Keyword::Function
    } else {
        Keyword::Command
    };
    match first_node(&recipe.body) {
        Some(Node::Statement(Statement::Command(command)))
            if matches!(command.keyword, Keyword::Function | Keyword::Command) =>
        {
            // Without a version either may be right.
            if command.keyword != right && view.number.is_some() {
                let problem = problem::wrong_function_keyword(command.keyword, right);
                problems.push(command.keyword_span, problem);
            }
        }
        // The line may have been meant to be it; it has been reported.
        Some(Node::Error(_)) => {}
        _ => {
            let problem = problem::function_without_keyword(&recipe.name, right);
            problems.push(recipe.name_span, problem);
        }
    }
}
