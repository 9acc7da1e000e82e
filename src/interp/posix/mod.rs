//! What `/bin/sh` makes of a text, where that can be said without running it.
//!
//! A condition such as `[ "$mode" = "release" ]` needs no container: everything in it is known. This room reads the part
//! of the shell's language on which all shells agree and gives up (`None`) at the first thing beyond it: a file that would
//! be looked at, a pattern that files could match, a value that would be split, a variable that the shell sets by itself.
//! What it gives up on is run.
//!
//! `lexer` reads the text, `expand` makes fields of words, `test` evaluates `[`, `vars` says which variables can be
//! trusted. It is held against the shells of the machine in `tests`.

mod expand;
mod lexer;
mod test;
#[cfg(test)]
mod tests;
mod vars;

use self::lexer::{Command, Link, Word};
use self::vars::Variable;
use super::{exec::Exec, state::default_shell, value::Value};
use crate::syntax::ast::Command as Statement;

/// What a variable is when the shell starts.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Variable + 'a;

/// Whether the script ends with the status 0; none if that is not certain.
pub(crate) fn condition(script: &str, lookup: &Lookup<'_>) -> Option<bool> {
    let commands = lexer::commands(script)?;
    let mut status = true;
    for (link, command) in &commands {
        let runs = match link {
            Link::First => true,
            Link::And => status,
            Link::Or => !status,
        };
        if runs {
            status = run(command, lookup)? != command.negated;
        }
    }
    Some(status)
}

/// The fields of words as a command gets them; none if they are not certain.
pub(crate) fn fields(script: &str, lookup: &Lookup<'_>) -> Option<Vec<String>> {
    match lexer::commands(script)?.as_slice() {
        [(_, command)] if !command.negated => expand::fields(&command.words, lookup),
        _ => None,
    }
}

/// Whether a simple command gives 0.
fn run(command: &Command, lookup: &Lookup<'_>) -> Option<bool> {
    let fields = expand::fields(&command.words, lookup)?;
    let Some((name, args)) = fields.split_first() else {
        // Words that all expand to nothing are no command, and that succeeds.
        return Some(true);
    };
    match (name.as_str(), args) {
        ("true", []) | (":", _) => Some(true),
        ("false", []) => Some(false),
        ("test", args) => test::evaluate(args),
        ("[", [args @ .., close]) if close == "]" => test::evaluate(args),
        _ => None,
    }
}

impl Exec {
    /// Whether what the command of an `IF` or a `FOR` does depends on nothing but its words and the variables.
    pub fn needs_only_a_shell(&self, statement: &Statement) -> bool {
        // A secret hides a variable, a mount or a privilege has to be allowed.
        let mut flags = statement.flags.iter();
        let mut env = self.state.env.iter();
        self.state.shell == default_shell()
            && flags.all(|flag| matches!(flag.name, "no-cache" | "sep"))
            && !env.any(|(name, _)| vars::changes_the_shell(name))
    }

    /// What a variable is for a command that runs now.
    pub fn shell_sees(&self, name: &str) -> Variable {
        match self.lookup(name) {
            Some(Value::Known(text)) => Variable::Set(text),
            Some(Value::Undecided(_)) => Variable::Unknown,
            // This machine has variables that no build file sets.
            None if self.state.locally.is_some() => Variable::Unknown,
            None => Variable::Unset,
        }
    }
}
