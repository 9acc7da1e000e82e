//! Privileged commands that are certain to be reached: they are told of before anything is run, not after an hour.
//!
//! Only what the text of the root's file says for sure counts. Everything else is asked for when the interpreter comes
//! to it.

use std::collections::BTreeSet;

use super::{
    error::{self, Failure, Result},
    project::{BASE, Loaded},
    session::Session,
};
use crate::{
    diag::Span,
    syntax::ast::{Block, Command, Keyword, Statement},
};

/// A command that gets all privileges.
struct Found {
    what: &'static str,
    recipe: String,
    span: Span,
}

/// An error if what a target certainly does needs privileges that nobody gives.
pub(super) async fn check(session: &Session, file: &Loaded, target: &str) -> Result<()> {
    let Some(found) = Search::new(file).certain(target) else {
        return Ok(());
    };
    let missing = if session.request.allow_privileged {
        session.probe.privileged().await.map_err(Failure::from)
    } else {
        Err(error::privileges_not_allowed(found.what))
    };
    missing.map_err(|failure| {
        let place = file.at(found.span);
        failure.at(&place).frame(&file.target(&found.recipe), None)
    })
}

struct Search<'a> {
    file: &'a Loaded,
    seen: BTreeSet<String>,
    /// What is reached and was not looked at yet. A list, not a recursion: chains may be ten thousand targets long.
    open: Vec<String>,
}

impl<'a> Search<'a> {
    fn new(file: &'a Loaded) -> Self {
        Self {
            file,
            seen: BTreeSet::new(),
            open: Vec::new(),
        }
    }

    fn certain(mut self, target: &str) -> Option<Found> {
        self.open = vec![target.to_owned(), BASE.to_owned()];
        while let Some(name) = self.open.pop() {
            if self.seen.insert(name.clone())
                && let Some(found) = self.recipe(&name)
            {
                return Some(found);
            }
        }
        None
    }

    fn recipe(&mut self, name: &str) -> Option<Found> {
        let tree = self.file.tree();
        let body = if name == BASE {
            &tree.base
        } else {
            let known = self.file.recipe(name).ok().flatten();
            &known.or_else(|| tree.function(name))?.body
        };
        // What runs on the host needs no privileges, or is refused for another reason; which commands run there is not
        // told by the text if a function may say it.
        let mut on_host = false;
        body.walk_commands(&mut |command| {
            on_host |= matches!(command.keyword, Keyword::Locally | Keyword::Do);
        });
        self.block(body, name).filter(|_| !on_host)
    }

    fn block(&mut self, block: &Block, recipe: &str) -> Option<Found> {
        let found = |what, command: &Command| Found {
            what,
            recipe: recipe.to_owned(),
            span: command.span,
        };
        for statement in block.statements() {
            let here = match statement {
                Statement::Command(command) if command.keyword == Keyword::Run => {
                    (command.is_on("privileged") && !command.may_be_on("push"))
                        .then(|| found("RUN --privileged", command))
                }
                Statement::Command(command) => {
                    self.refer(command);
                    None
                }
                Statement::If(s) => {
                    let first = s.branches.first().map(|b| &b.condition);
                    let first = first.filter(|c| c.is_on("privileged"));
                    first.map(|command| found("IF --privileged", command))
                }
                Statement::For(s) => s
                    .opener
                    .is_on("privileged")
                    .then(|| found("FOR --privileged", &s.opener)),
                Statement::Wait(s) => self.block(&s.body, recipe),
                Statement::WithDocker(s) => Some(found("WITH DOCKER", &s.opener)),
                Statement::Try(s) => self.block(&s.body, recipe),
            };
            if here.is_some() {
                return here;
            }
        }
        None
    }

    /// Notes what a command refers to in this file by a name that is written out.
    fn refer(&mut self, command: &Command) {
        let words = match (command.keyword, command.args.as_slice()) {
            (Keyword::From | Keyword::Build | Keyword::Do, [first, ..]) => {
                std::slice::from_ref(first)
            }
            (Keyword::Copy, [sources @ .., _]) => sources,
            _ => return,
        };
        for text in words.iter().map(|word| word.text.as_str()) {
            if !text.starts_with('+') || text.contains(['$', '"', '\'', '(']) {
                continue;
            }
            let name = text[1..].split('/').next().unwrap_or_default();
            self.open.push(name.to_owned());
        }
    }
}
