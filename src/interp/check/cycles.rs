//! Targets that need themselves whatever the arguments are.
//!
//! Only links count that are always taken and pass nothing on: no branch, no loop, no arguments, no platform. What
//! else goes round in circles only a build can tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    diag::{Diagnostic, Location},
    interp::error,
    syntax::ast::{Block, Command, Keyword, Statement},
};

/// A target, by its file and its name.
pub(super) type Node = (PathBuf, String);

/// Who always needs whom.
#[derive(Debug, Default)]
pub(super) struct Links(BTreeMap<Node, Vec<(Node, Option<Location>)>>);

impl Links {
    /// `from` always needs `to`; without a place by the rule that every target begins with the base recipe.
    pub fn add(&mut self, from: Node, to: Node, at: Option<Location>) {
        self.0.entry(from).or_default().push((to, at));
    }

    /// One error for each circle, at the link that closes it; `show` says what a target is called.
    pub fn cycles(&self, show: impl Fn(&Node) -> String) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut done = BTreeSet::new();
        for start in self.0.keys() {
            self.walk(start, &mut done, &show, &mut found);
        }
        found
    }

    /// Depth first, without recursion: a chain of targets may be long.
    fn walk<'a>(
        &'a self,
        start: &'a Node,
        done: &mut BTreeSet<&'a Node>,
        show: &impl Fn(&Node) -> String,
        found: &mut Vec<Diagnostic>,
    ) {
        let mut way: Vec<(&Node, usize)> = vec![(start, 0)];
        let mut on_way = BTreeSet::from([start]);
        if done.contains(start) {
            return;
        }
        while let Some((node, next)) = way.last_mut() {
            let link = self.0.get(*node).and_then(|links| links.get(*next));
            *next += 1;
            let Some((to, at)) = link else {
                done.insert(*node);
                on_way.remove(*node);
                way.pop();
                continue;
            };
            if on_way.contains(to) {
                let from = way.iter().position(|(node, _)| *node == to).unwrap_or(0);
                let mut path: Vec<String> =
                    way[from..].iter().map(|(node, _)| show(node)).collect();
                path.push(show(to));
                let failure = error::cycle(&show(to), &path);
                // The rule about the base recipe stands nowhere; the statement that it answers does.
                let at = at
                    .clone()
                    .or_else(|| self.link_to(way[from..].iter().map(|w| w.0)));
                let failure = match &at {
                    Some(at) => failure.at(at),
                    None => failure,
                };
                found.extend(failure.into_diagnostics());
            } else if !done.contains(to) {
                on_way.insert(to);
                way.push((to, 0));
            }
        }
    }

    /// The place of the last written link on a way.
    fn link_to<'a>(&'a self, way: impl Iterator<Item = &'a Node>) -> Option<Location> {
        let nodes: Vec<&Node> = way.collect();
        let links = nodes.windows(2).rev().filter_map(|pair| {
            let links = self.0.get(pair[0])?;
            links.iter().find(|(to, _)| to == pair[1])?.1.clone()
        });
        links.into_iter().next()
    }
}

/// The commands of a recipe that always run: those of its own level, and of `WAIT` blocks there.
pub(super) fn always(block: &Block) -> Vec<&Command> {
    let mut commands = Vec::new();
    let mut open = vec![block];
    while let Some(block) = open.pop() {
        for statement in block.statements() {
            match statement {
                Statement::Command(command) => commands.push(command),
                Statement::Wait(wait) => open.push(&wait.body),
                Statement::WithDocker(docker) => commands.push(&docker.opener),
                _ => {}
            }
        }
    }
    commands
}

/// Whether a reference passes nothing on that could make the same target another one.
pub(super) fn passes_nothing(command: &Command) -> bool {
    let changes = ["build-arg", "platform", "pass-args"];
    let has_arguments =
        matches!(command.keyword, Keyword::From | Keyword::Build) && command.args.len() > 1;
    !has_arguments && !changes.iter().any(|flag| command.flag(flag).is_some())
}
