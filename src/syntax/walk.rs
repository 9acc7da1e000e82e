//! Walking a tree. The order is that of the file; how deep a tree can be is limited by the parser.

use super::ast::{Block, Command, Statement};

impl Statement {
    /// The lines of the statement itself: a command, or the opener and the conditions of a block.
    pub fn openers(&self) -> Vec<&Command> {
        match self {
            Self::Command(command) => vec![command],
            Self::If(s) => s.branches.iter().map(|b| &b.condition).collect(),
            Self::For(s) | Self::Wait(s) | Self::WithDocker(s) => vec![&s.opener],
            Self::Try(s) => vec![&s.opener],
        }
    }

    /// The blocks inside it.
    pub fn blocks(&self) -> Vec<&Block> {
        match self {
            Self::Command(_) => Vec::new(),
            Self::If(s) => s
                .branches
                .iter()
                .map(|b| &b.body)
                .chain(&s.otherwise)
                .collect(),
            Self::For(s) | Self::Wait(s) | Self::WithDocker(s) => vec![&s.body],
            Self::Try(s) => std::iter::once(&s.body)
                .chain(&s.catch)
                .chain(&s.finally)
                .collect(),
        }
    }
}

impl Block {
    /// Calls `visit` for every statement, outer before inner.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Statement)) {
        for statement in self.statements() {
            visit(statement);
            if !matches!(statement, Statement::Command(_)) {
                for block in statement.blocks() {
                    block.walk(visit);
                }
            }
        }
    }

    /// Calls `visit` for every command at any depth: openers and conditions, too.
    pub fn walk_commands<'a>(&'a self, visit: &mut dyn FnMut(&'a Command)) {
        self.walk(&mut |statement| match statement {
            Statement::Command(command) => visit(command),
            block => block.openers().into_iter().for_each(&mut *visit),
        });
    }
}
