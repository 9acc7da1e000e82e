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
    graph::reference::{FunctionRef, Place, TargetRef},
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
    let mut search = Search {
        file,
        seen: BTreeSet::new(),
    };
    let Some(found) = search.recipe(target) else {
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
}

impl Search<'_> {
    fn recipe(&mut self, name: &str) -> Option<Found> {
        if !self.seen.insert(name.to_owned()) {
            return None;
        }
        let file = self.file;
        if name != BASE
            && let Some(found) = self.recipe(BASE)
        {
            return Some(found);
        }
        let tree = file.tree();
        let body = if name == BASE {
            &tree.base
        } else {
            let recipe = tree.target(name).or_else(|| tree.function(name));
            &recipe?.body
        };
        // On the host Docker is there already; which commands run there is not told by the text if a function may say it.
        let mut on_host = false;
        body.walk_commands(&mut |command| {
            on_host |= matches!(command.keyword, Keyword::Locally | Keyword::Do);
        });
        self.block(body, name, on_host)
    }

    fn block(&mut self, block: &Block, recipe: &str, on_host: bool) -> Option<Found> {
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
                Statement::Command(command) => self.referred(command),
                Statement::If(s) => {
                    let first = s.branches.first().map(|b| &b.condition);
                    let first = first.filter(|c| c.is_on("privileged"));
                    first.map(|command| found("IF --privileged", command))
                }
                Statement::For(s) => s
                    .opener
                    .is_on("privileged")
                    .then(|| found("FOR --privileged", &s.opener)),
                Statement::Wait(s) => self.block(&s.body, recipe, on_host),
                Statement::WithDocker(s) => (!on_host).then(|| found("WITH DOCKER", &s.opener)),
                Statement::Try(s) => self.block(&s.body, recipe, on_host),
            };
            if here.is_some() {
                return here;
            }
        }
        None
    }

    /// What a command refers to in this file, by a name that is written out.
    fn referred(&mut self, command: &Command) -> Option<Found> {
        let words = match command.keyword {
            Keyword::From | Keyword::Build | Keyword::Do => command.args.get(..1)?,
            Keyword::Copy => command.args.split_last()?.1,
            _ => return None,
        };
        for word in words {
            let text = word.text.as_str();
            if text.contains(['$', '"', '\'', '(']) {
                continue;
            }
            let name = if command.keyword == Keyword::Do {
                FunctionRef::parse(text)
                    .ok()
                    .filter(|r| r.place == Place::Here)
                    .map(|r| r.name)
            } else {
                let target = match text.split_once('/') {
                    Some((target, _)) if target.starts_with('+') => target,
                    _ => text,
                };
                TargetRef::parse(target)
                    .ok()
                    .filter(|r| r.place == Place::Here)
                    .map(|r| r.name)
            };
            if let Some(found) = name.and_then(|name| self.recipe(&name)) {
                return Some(found);
            }
        }
        None
    }
}
