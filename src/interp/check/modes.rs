//! Where each command of a recipe works: on this machine, or in an image.

use crate::syntax::ast::{Block, Command, Keyword, Statement};

/// Where a command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// In an image, or before the first `FROM`.
    Image,
    /// On this machine: behind `LOCALLY`.
    Host,
    /// That depends on what is not known here: on a condition, on a function.
    Unknown,
}

/// Every command of a recipe that begins in one mode, with the mode that it works in. Openers of blocks are commands.
pub(super) fn modes(block: &Block, mut mode: Mode) -> Vec<(&Command, Mode)> {
    let mut found = Vec::new();
    walk(block, &mut mode, &mut found);
    found
}

/// Whether a recipe says `LOCALLY` anywhere.
pub(super) fn has_locally(block: &Block) -> bool {
    let mut found = false;
    block.walk_commands(&mut |command| found |= command.keyword == Keyword::Locally);
    found
}

fn walk<'a>(block: &'a Block, mode: &mut Mode, found: &mut Vec<(&'a Command, Mode)>) {
    for statement in block.statements() {
        match statement {
            Statement::Command(command) => {
                found.push((command, *mode));
                *mode = behind(command, *mode);
            }
            Statement::If(s) => {
                let before = *mode;
                let mut ends = Vec::new();
                for branch in &s.branches {
                    found.push((&branch.condition, before));
                    let mut end = before;
                    walk(&branch.body, &mut end, found);
                    ends.push(end);
                }
                let mut end = before;
                if let Some(otherwise) = &s.otherwise {
                    walk(otherwise, &mut end, found);
                }
                ends.push(end);
                *mode = common(&ends);
            }
            Statement::For(s) => {
                found.push((&s.opener, *mode));
                let before = *mode;
                let mut end = before;
                walk(&s.body, &mut end, &mut Vec::new());
                // The second pass begins as the first one ended.
                let mut pass = common(&[before, end]);
                walk(&s.body, &mut pass, found);
                *mode = common(&[before, pass]);
            }
            Statement::Wait(s) | Statement::WithDocker(s) => {
                found.push((&s.opener, *mode));
                walk(&s.body, mode, found);
            }
            Statement::Try(s) => {
                found.push((&s.opener, *mode));
                walk(&s.body, mode, found);
                for part in [&s.catch, &s.finally].into_iter().flatten() {
                    walk(part, mode, found);
                }
            }
        }
    }
}

fn behind(command: &Command, mode: Mode) -> Mode {
    match command.keyword {
        Keyword::Locally => Mode::Host,
        // What comes of a target is an image, whatever that did.
        Keyword::From | Keyword::FromDockerfile => Mode::Image,
        Keyword::Do => Mode::Unknown,
        _ => mode,
    }
}

fn common(ends: &[Mode]) -> Mode {
    match ends {
        [first, rest @ ..] if rest.iter().all(|end| end == first) => *first,
        _ => Mode::Unknown,
    }
}
