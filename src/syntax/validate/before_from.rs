//! Commands that need a file system, before there is one (language specification, 4.0).

use super::View;
use crate::syntax::{
    ast::{Block, Keyword, Node, RecipeKind, Statement},
    problem,
    problems::Problems,
};

/// Whether a recipe has a file system, at one point of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Has {
    No,
    Yes,
    /// A branch, a function or a line that could not be read decides.
    Unknown,
}

/// Reports the first such command of each recipe; the others are its consequence.
pub(super) fn check(view: &View<'_>, problems: &mut Problems) {
    let base = after(&view.file.base, Has::No, problems);
    for recipe in &view.file.recipes {
        // What a function starts with is its caller's.
        if recipe.kind == RecipeKind::Target {
            after(&recipe.body, base, problems);
        }
    }
}

fn after(block: &Block, mut has: Has, problems: &mut Problems) -> Has {
    for node in &block.nodes {
        if has != Has::No {
            break;
        }
        match node {
            Node::Statement(statement) => has = step(statement, problems),
            Node::Error(_) => has = Has::Unknown,
            Node::Comment(_) | Node::Blank(_) => {}
        }
    }
    has
}

/// The state after a statement that found nothing.
fn step(statement: &Statement, problems: &mut Problems) -> Has {
    let command = match statement {
        Statement::Command(command) => command,
        Statement::Wait(wait) => return after(&wait.body, Has::No, problems),
        Statement::If(s) => &s.branches[0].condition,
        Statement::For(s) | Statement::WithDocker(s) => &s.opener,
        // Its body decides, and is checked on its own.
        Statement::Try(_) => return Has::Unknown,
    };
    match command.keyword {
        Keyword::From | Keyword::FromDockerfile | Keyword::Locally => Has::Yes,
        Keyword::Do => Has::Unknown,
        Keyword::Build
        | Keyword::Arg
        | Keyword::Let
        | Keyword::Set
        | Keyword::Import
        | Keyword::Project
        | Keyword::Version
        | Keyword::Function
        | Keyword::Command
        // These are errors anywhere.
        | Keyword::Add
        | Keyword::Shell
        | Keyword::Stopsignal
        | Keyword::Onbuild => Has::No,
        keyword => {
            problems.push(command.keyword_span, problem::needs_from(keyword));
            Has::Unknown
        }
    }
}
