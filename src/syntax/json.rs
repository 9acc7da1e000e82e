//! The tree as JSON, in the shape that `bld debug ast` prints (language specification, 1.15).
//!
//! Commands show their words as they are written: not grouped, flags not taken off.

use serde_json::{Map, Value, json};

use super::{
    ast::{Block, BuildFile, Command, If, Keyword, Recipe, RecipeKind, Statement},
    line,
};
use crate::diag::Span;

/// One object for a file. With `source_map` every node says where it stands.
pub fn json(file: &BuildFile, source_map: bool) -> Value {
    let writer = Writer { file, source_map };
    let mut object = Map::new();
    let version = file.base.statements().next();
    if let Some(Statement::Command(command)) = version
        && command.keyword == Keyword::Version
    {
        let object_of_version = json!({ "args": writer.words(command) });
        object.insert(
            "version".to_owned(),
            writer.located(object_of_version, command.span),
        );
    }
    object.insert("baseRecipe".to_owned(), writer.block(&file.base));
    for (key, kind) in [
        ("targets", RecipeKind::Target),
        ("functions", RecipeKind::Function),
    ] {
        let recipes: Vec<Value> = file
            .recipes
            .iter()
            .filter(|r| r.kind == kind)
            .map(|r| writer.recipe(r))
            .collect();
        if !recipes.is_empty() {
            object.insert(key.to_owned(), Value::Array(recipes));
        }
    }
    let whole = Span::new(0, file.source.text.len());
    writer.located(Value::Object(object), whole)
}

struct Writer<'a> {
    file: &'a BuildFile,
    source_map: bool,
}

impl Writer<'_> {
    /// Adds the place, if places are wanted.
    fn located(&self, mut value: Value, span: Span) -> Value {
        if self.source_map {
            let (start_line, start_column) = self.file.source.line_col(span.start);
            let (end_line, end_column) = self.file.source.line_col(span.end);
            value["sourceLocation"] = json!({
                "file": self.file.source.name,
                "startLine": start_line,
                "startColumn": start_column - 1,
                "endLine": end_line,
                "endColumn": end_column - 1,
            });
        }
        value
    }

    fn recipe(&self, recipe: &Recipe) -> Value {
        let mut object = json!({ "name": recipe.name });
        if let Some(docs) = &recipe.docs {
            object["docs"] = docs_value(docs);
        }
        object["recipe"] = self.block(&recipe.body);
        self.located(object, recipe.span)
    }

    fn block(&self, block: &Block) -> Value {
        let is_version =
            |s: &Statement| matches!(s, Statement::Command(c) if c.keyword == Keyword::Version);
        block
            .statements()
            .filter(|s| !is_version(s))
            .map(|s| self.located(self.statement(s), s.span()))
            .collect()
    }

    fn statement(&self, statement: &Statement) -> Value {
        match statement {
            Statement::Command(command) => json!({ "command": self.command(command) }),
            Statement::WithDocker(s) => {
                let mut command = self.command(&s.opener);
                // The reference names the command by its second word.
                command["name"] = json!("DOCKER");
                let object = json!({ "command": command, "body": self.block(&s.body) });
                json!({ "with": self.located(object, s.span) })
            }
            Statement::If(s) => json!({ "if": self.located(self.if_statement(s), s.span) }),
            Statement::For(s) => {
                let object = json!({ "args": self.words(&s.opener), "body": self.block(&s.body) });
                json!({ "for": self.located(object, s.span) })
            }
            Statement::Wait(s) => {
                let object = json!({ "args": self.words(&s.opener), "body": self.block(&s.body) });
                json!({ "wait": self.located(object, s.span) })
            }
            Statement::Try(s) => {
                let mut object = json!({ "tryBody": self.block(&s.body) });
                for (key, part) in [("catchBody", &s.catch), ("finallyBody", &s.finally)] {
                    if let Some(block) = part {
                        object[key] = self.block(block);
                    }
                }
                json!({ "try": self.located(object, s.span) })
            }
        }
    }

    fn if_statement(&self, s: &If) -> Value {
        let mut object = Value::Null;
        let mut others = Vec::new();
        for (n, branch) in s.branches.iter().enumerate() {
            let mut part = json!({ "expression": self.words(&branch.condition) });
            if is_list(&branch.condition) {
                part["execMode"] = json!(true);
            }
            if n == 0 {
                part["ifBody"] = self.block(&branch.body);
                object = part;
            } else {
                part["body"] = self.block(&branch.body);
                others.push(self.located(part, branch.condition.span));
            }
        }
        if !others.is_empty() {
            object["elseIf"] = Value::Array(others);
        }
        if let Some(block) = &s.otherwise {
            object["elseBody"] = self.block(block);
        }
        object
    }

    fn command(&self, command: &Command) -> Value {
        let mut object = json!({ "name": command.keyword.text() });
        if let Some(docs) = &command.docs {
            object["docs"] = docs_value(docs);
        }
        object["args"] = self.words(command);
        if is_list(command) {
            object["execMode"] = json!(true);
        }
        self.located(object, command.span)
    }

    fn words(&self, command: &Command) -> Value {
        let text = &self.file.source.text[command.line().range()];
        if is_list(command) {
            // Flags of the list are elements of it; they come first.
            let mut words: Vec<String> = Vec::new();
            for flag in &command.flags {
                words.push(match &flag.value {
                    Some(value) => format!("--{}={}", flag.name, value.text),
                    None => format!("--{}", flag.name),
                });
            }
            words.extend(command.exec.iter().flatten().cloned());
            return json!(words);
        }
        json!(line::raw_words(text))
    }
}

/// Whether the words are a JSON list as a whole, without flags in front of it.
fn is_list(command: &Command) -> bool {
    command.exec.is_some()
        && command
            .args
            .first()
            .is_some_and(|w| command.flags.iter().all(|f| f.span.start >= w.span.start))
}

fn docs_value(docs: &str) -> Value {
    json!(format!("{docs}\n"))
}
