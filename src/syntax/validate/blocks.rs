//! The shapes of `TRY` and `WITH DOCKER`, and the words of `FOR` (language specification, 4.13 to 4.15).

use crate::syntax::{
    ast::{Block, Command, Keyword, Nested, Node, Statement, Try, Word},
    problem,
    problems::Problems,
};

pub(super) fn check(block: &Block, problems: &mut Problems) {
    block.walk(&mut |statement| match statement {
        Statement::Try(statement) => try_block(statement, problems),
        Statement::WithDocker(statement) => with_docker(statement, problems),
        Statement::For(statement) => for_words(&statement.opener, problems),
        _ => {}
    });
}

fn for_words(opener: &Command, problems: &mut Problems) {
    match opener.args.as_slice() {
        [_, second, _, ..] if second.text == "IN" => {}
        [_, second, _, ..] => problems.push(second.span, problem::for_without_in(&second.text)),
        _ => problems.push(opener.span, problem::for_too_short()),
    }
}

/// Whether a block holds a line that could not be read: then nothing is said about its shape.
fn has_errors(block: &Block) -> bool {
    block.nodes.iter().any(|n| matches!(n, Node::Error(_)))
}

fn try_block(statement: &Try, problems: &mut Problems) {
    if !has_errors(&statement.body) {
        let body: Vec<&Statement> = statement.body.statements().collect();
        let (at, wrong) = match body.as_slice() {
            [] => (statement.opener.span, Some("and it is empty")),
            [Statement::WithDocker(_)] => (statement.opener.span, None),
            [Statement::Command(c)] if c.keyword == Keyword::Run => (c.span, None),
            [other] => (other.openers()[0].span, Some("but holds something else")),
            [_, second, ..] => (
                second.openers()[0].span,
                Some("but holds several statements"),
            ),
        };
        if let Some(found) = wrong {
            problems.push(at, problem::try_body(found));
        }
    }
    match &statement.finally {
        Some(finally) => finally.statements().for_each(|s| in_finally(s, problems)),
        None if statement.catch.is_none() => {
            problems.push(statement.opener.span, problem::try_without_finally());
        }
        None => {}
    }
}

fn in_finally(statement: &Statement, problems: &mut Problems) {
    let Statement::Command(command) = statement else {
        problems.push(statement.openers()[0].span, problem::finally_only_saves());
        return;
    };
    if command.keyword != Keyword::SaveArtifact {
        problems.push(command.span, problem::finally_only_saves());
        return;
    }
    for flag in command.flags.iter().filter(|f| f.name != "if-exists") {
        problems.push(flag.span, problem::finally_flag(flag.name));
    }
    let words: Vec<&str> = command.args.iter().map(|w| w.text.as_str()).collect();
    let Some(source) = command.args.first() else {
        return;
    };
    if source.text.contains('*') {
        problems.push(source.span, problem::finally_wildcard(&source.text));
    }
    match words.as_slice() {
        [.., "AS", "LOCAL", path] => {
            if path.contains('$') {
                let span = command.args[command.args.len() - 1].span;
                problems.push(span, problem::finally_variable(path));
            }
        }
        _ => problems.push(command.span, problem::finally_needs_local()),
    }
}

fn with_docker(statement: &Nested, problems: &mut Problems) {
    if let Some(word) = statement.opener.args.first() {
        problems.push(word.span, problem::with_docker_words());
    }
    // Which RUN an IF or a FOR comes to is not known here.
    let mut run = |command: &Command| {
        for name in ["push", "network", "raw-output"] {
            if let Some(flag) = command.flag(name) {
                problems.push(flag.span, problem::with_docker_flag(flag.name));
            }
        }
    };
    statement.body.walk_commands(&mut |command| {
        if command.keyword == Keyword::Run {
            run(command);
        }
    });
    if has_errors(&statement.body) {
        return;
    }
    let body: Vec<&Statement> = statement.body.statements().collect();
    match body.as_slice() {
        [] => problems.push(statement.opener.span, problem::with_docker_empty()),
        [only] => in_with_docker(only, problems),
        [_, second, ..] => {
            if body.iter().any(|s| matches!(s, Statement::WithDocker(_))) {
                body.iter().for_each(|s| in_with_docker(s, problems));
            } else {
                problems.push(second.openers()[0].span, problem::with_docker_many());
            }
        }
    }
}

fn in_with_docker(statement: &Statement, problems: &mut Problems) {
    let opener = statement.openers()[0];
    match opener.keyword {
        Keyword::Run | Keyword::Do | Keyword::If | Keyword::For => {}
        Keyword::WithDocker => problems.push(opener.span, problem::with_docker_nested()),
        keyword => problems.push(opener.span, problem::with_docker_other(keyword)),
    }
}

/// Whether what a word gives depends on the build.
pub(super) fn is_dynamic(word: &Word) -> bool {
    word.text.contains('$')
}
