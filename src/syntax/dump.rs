//! The tree as a compact S-expression, for tests and for people who debug the parser.

use std::fmt::{self, Write};

use super::ast::{Block, BuildFile, Command, Node, Recipe, RecipeKind, Statement};

/// Writes a tree, one line to the node, two blanks of indentation to the level.
pub fn dump(file: &BuildFile) -> String {
    let mut out = Dumper {
        text: String::new(),
        depth: 0,
    };
    out.file(file).expect("writing to a string cannot fail");
    out.text
}

struct Dumper {
    text: String,
    depth: usize,
}

impl Dumper {
    fn line(&mut self, line: fmt::Arguments<'_>) -> fmt::Result {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        writeln!(self.text, "{line}")
    }

    /// A line and what stands under it.
    fn nest(
        &mut self,
        line: fmt::Arguments<'_>,
        inner: impl FnOnce(&mut Self) -> fmt::Result,
    ) -> fmt::Result {
        self.line(line)?;
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn file(&mut self, file: &BuildFile) -> fmt::Result {
        if let Some(version) = &file.version {
            self.line(format_args!("(version {:?})", version.number))?;
        }
        self.nest(format_args!("(base)"), |d| d.block(&file.base))?;
        for recipe in &file.recipes {
            self.recipe(recipe)?;
        }
        Ok(())
    }

    fn recipe(&mut self, recipe: &Recipe) -> fmt::Result {
        let kind = match recipe.kind {
            RecipeKind::Target => "target",
            RecipeKind::Function => "function",
        };
        let docs = docs(recipe.docs.as_deref());
        self.nest(format_args!("({kind} {}{docs})", recipe.name), |d| {
            d.block(&recipe.body)
        })
    }

    fn block(&mut self, block: &Block) -> fmt::Result {
        for node in &block.nodes {
            match node {
                Node::Statement(statement) => self.statement(statement)?,
                Node::Comment(_) => self.line(format_args!("#"))?,
                Node::Blank(_) => {}
                Node::Error(_) => self.line(format_args!("(error)"))?,
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement) -> fmt::Result {
        match statement {
            Statement::Command(command) => self.command(command),
            Statement::For(n) | Statement::Wait(n) | Statement::WithDocker(n) => {
                self.command(&n.opener)?;
                self.part("do", &n.body)
            }
            Statement::If(s) => {
                for branch in &s.branches {
                    self.command(&branch.condition)?;
                    self.part("then", &branch.body)?;
                }
                s.otherwise
                    .as_ref()
                    .map_or(Ok(()), |b| self.part("else", b))
            }
            Statement::Try(s) => {
                self.command(&s.opener)?;
                self.part("do", &s.body)?;
                for (name, part) in [("catch", &s.catch), ("finally", &s.finally)] {
                    if let Some(block) = part {
                        self.part(name, block)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn part(&mut self, name: &str, block: &Block) -> fmt::Result {
        self.depth += 1;
        let result = self.nest(format_args!("({name})"), |d| d.block(block));
        self.depth -= 1;
        result
    }

    fn command(&mut self, command: &Command) -> fmt::Result {
        let mut line = format!("({}", command.keyword.text());
        for flag in &command.flags {
            write!(line, " --{}", flag.name)?;
            if let Some(value) = &flag.value {
                write!(line, "={:?}", value.text)?;
            }
        }
        if let Some(exec) = &command.exec {
            write!(line, " exec{exec:?}")?;
        } else {
            for word in &command.args {
                write!(line, " {:?}", word.text)?;
            }
        }
        for pair in &command.assignments {
            write!(line, " ({:?}", pair.key.text)?;
            if let Some(value) = &pair.value {
                write!(line, " {:?}", value.text)?;
            }
            line.push(')');
        }
        for document in &command.documents {
            let quoted = if document.quoted { " quoted" } else { "" };
            let indented = if document.indented { " indented" } else { "" };
            write!(
                line,
                " (<< {:?}{quoted}{indented} {:?})",
                document.name,
                document.text()
            )?;
        }
        let docs = docs(command.docs.as_deref());
        self.line(format_args!("{line}){docs}"))
    }
}

fn docs(docs: Option<&str>) -> String {
    docs.map_or_else(String::new, |text| format!(" ; {text:?}"))
}
