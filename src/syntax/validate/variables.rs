//! `ARG`, `LET` and `SET`: names declared twice, set before they are declared, and what is reserved
//! (language specification, 4.7 and 4.8).
//!
//! Only declarations that certainly execute count: those outside `IF`, `FOR`, `TRY` and `WITH DOCKER`.

use std::collections::{HashMap, HashSet};

use super::{Place, View};
use crate::{
    diag::Span,
    syntax::{
        ast::{Assignment, Block, Command, Keyword, Statement},
        builtins,
        dialect::Feature,
        line::is_key,
        problem,
        problems::Problems,
    },
};

pub(super) fn check(view: &View<'_>, place: Place, block: &Block, problems: &mut Problems) {
    let (mut lets, mut any_set) = (HashSet::new(), false);
    block.walk_commands(&mut |command| {
        any_set |= command.keyword == Keyword::Set;
        if let Some(pair) = command.assignments.first() {
            match command.keyword {
                Keyword::Arg => arg(view, place, command, pair, problems),
                Keyword::Let => {
                    lets.insert(pair.key.text.as_str());
                    if builtins::is_provided(&pair.key.text, view.features, view.in_buildfile) {
                        let problem = problem::builtin_variable(Keyword::Let, &pair.key.text);
                        problems.push(pair.key.span, problem);
                    }
                }
                _ => {}
            }
        }
    });
    if view.has(Feature::ArgScopeAndSet) {
        let mut frame = Frame::default();
        frame.block(block, problems);
        if any_set {
            frame.sets(block, &lets, problems);
        }
    }
}

fn arg(
    view: &View<'_>,
    place: Place,
    command: &Command,
    pair: &Assignment,
    problems: &mut Problems,
) {
    let name = pair.key.text.as_str();
    if command.is_on("required") && pair.value.is_some() {
        problems.push(command.span, problem::required_with_default(name));
    }
    if command.is_on("global") && place != Place::Base {
        problems.push(command.span, problem::global_outside_base(name));
    }
    if pair.value.is_some() && builtins::is_provided(name, view.features, view.in_buildfile) {
        problems.push(command.span, problem::builtin_default(name));
    }
}

/// What a body has certainly declared so far.
#[derive(Default)]
struct Frame<'a> {
    args: HashMap<&'a str, (Span, bool)>,
    lets: HashMap<&'a str, Span>,
}

impl<'a> Frame<'a> {
    fn block(&mut self, block: &'a Block, problems: &mut Problems) {
        for statement in block.statements() {
            match statement {
                Statement::Command(command) => self.command(command, problems),
                Statement::Wait(wait) => self.block(&wait.body, problems),
                // The loop takes its variable away, even if it was an ARG before.
                Statement::For(s) => {
                    if let Some(name) = s.opener.args.first() {
                        self.args.remove(name.text.as_str());
                    }
                }
                _ => {}
            }
        }
    }

    fn command(&mut self, command: &'a Command, problems: &mut Problems) {
        let Some(pair) = command.assignments.first() else {
            return;
        };
        let (name, span) = (pair.key.text.as_str(), command.span);
        match command.keyword {
            Keyword::Arg => {
                let global = command.is_on("global");
                let declared = self.args.get(name).copied();
                if let Some(first) = self.lets.get(name) {
                    let hint = "a LET variable and an ARG cannot share a name; rename one of them";
                    self.twice(command, name, *first, hint, problems);
                } else if let Some((first, was_global)) = declared
                    // A local one may hide a global one.
                    && (global || !was_global)
                {
                    let hint = if global && !was_global {
                        "declare it once, with `--global`"
                    } else {
                        "to change a value, declare the variable with LET and use SET"
                    };
                    self.twice(command, name, first, hint, problems);
                } else {
                    self.args.insert(name, (span, global));
                }
            }
            Keyword::Let => match self.lets.get(name) {
                Some(first) => {
                    let hint = format!("to change the value, use `SET {name}=…`");
                    self.twice(command, name, *first, &hint, problems);
                }
                None => {
                    self.lets.insert(name, span);
                }
            },
            _ => {}
        }
    }

    fn twice(
        &self,
        command: &Command,
        name: &str,
        first: Span,
        hint: &str,
        problems: &mut Problems,
    ) {
        let first = problems.location(first);
        let problem = problem::declared_twice(command.keyword, name, first, hint);
        problems.push(command.span, problem);
    }

    /// `SET` of names that no `LET` of the body declares, wherever it stands.
    fn sets(&self, block: &'a Block, lets: &HashSet<&str>, problems: &mut Problems) {
        block.walk_commands(&mut |command| {
            let Some(pair) = command.assignments.first() else {
                return;
            };
            let name = pair.key.text.as_str();
            // A key that is none has been reported.
            if command.keyword != Keyword::Set || lets.contains(name) || !is_key(name) {
                return;
            }
            let problem = match self.args.get(name) {
                Some((declared, _)) => problem::set_of_arg(name, problems.location(*declared)),
                None => problem::set_undeclared(name),
            };
            problems.push(command.span, problem);
        });
    }
}
