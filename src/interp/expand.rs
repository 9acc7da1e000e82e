//! Expansion: from the words of a statement to values, at the moment when the statement runs (language specification,
//! 1.13).

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;

use super::{
    error::{self, Result},
    exec::Exec,
    probe::{Answer, Captured},
    value::Value,
};
use crate::{
    base::shell_pattern::{Pattern, Side},
    graph::{
        StepId,
        plan::{Access, Keep, Mount, MountKind, Network, Run, StepOp},
    },
    syntax::{
        ast::Word,
        dialect::Feature,
        words::{self, Modifier, Piece, ShellOuts, WordOptions},
    },
};

/// How a word is expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct How {
    /// `\+` stays: the result is read as a reference.
    pub reference: bool,
}

/// A word that is read as a reference, now or, as the value of a variable, later.
pub(crate) const REFERENCE: How = How { reference: true };

/// How a shell-out begins.
const SHELL_OUT: &str = "$(";

impl Exec {
    /// The value of a word.
    pub async fn expand(&mut self, word: &Word, how: How) -> Result<Value> {
        Ok(Value::join(self.expand_parts(word, how).await?))
    }

    /// The value of a word as parts; neighbouring known ones are one.
    pub async fn expand_parts(&mut self, word: &Word, how: How) -> Result<Vec<Value>> {
        let pieces = self.pieces(word, how)?;
        let parts = self.parts(&pieces).await;
        parts.map_err(|failure| failure.at(&self.place(word)))
    }

    /// The value of a word where only text fits; what is undecided of it is marked.
    pub async fn expand_text(&mut self, word: &Word, how: How) -> Result<String> {
        Ok(self.expand_marked(word, how).await?.0)
    }

    /// The same, with the step that decides what is undecided of it.
    pub async fn expand_marked(
        &mut self,
        word: &Word,
        how: How,
    ) -> Result<(String, Option<StepId>)> {
        let parts = self.expand_parts(word, how).await?;
        let text = parts.iter().map(Value::text).collect();
        Ok((text, parts.iter().find_map(Value::decided_by)))
    }

    /// The value of a word if it is known now and cannot change before the next `ARG`, `LET` or `SET`: no shell-out,
    /// nothing of the environment.
    pub fn expand_stable(&self, word: &Word, how: How) -> Option<Value> {
        let pieces = self.pieces(word, how).ok()?;
        let value = self.stable(&pieces)?;
        let may_run = !self.has(Feature::ShellOutAnywhere) && value.text().contains(SHELL_OUT);
        (!may_run).then_some(value)
    }

    fn stable(&self, pieces: &[Piece]) -> Option<Value> {
        let mut parts = Vec::new();
        for piece in pieces {
            parts.push(match piece {
                Piece::Literal(text) => Value::from(text.clone()),
                Piece::Variable {
                    name,
                    modifier: None,
                } => self
                    .frame()
                    .lookup_stable(&self.state.env, name)
                    .filter(|v| v.known().is_some())?
                    .clone(),
                Piece::Variable { .. } | Piece::ShellOut(_) => return None,
            });
        }
        Some(Value::join(parts))
    }

    fn pieces(&self, word: &Word, how: How) -> Result<Vec<Piece>> {
        let anywhere = self.has(Feature::ShellOutAnywhere);
        let options = WordOptions {
            keep_escaped_plus: how.reference,
            shell_outs: if anywhere {
                ShellOuts::Anywhere
            } else {
                ShellOuts::Never
            },
            lenient: !anywhere,
            patterns: self.has(Feature::Extended),
        };
        words::parse(&word.text, options).map_err(|e| {
            let mut at = self.place(word);
            // With a continuation inside, text and span do not run side by side.
            if at.text() == word.text {
                at.span.end = at.span.start + u32::try_from(e.range.end).unwrap_or(0);
                at.span.start += u32::try_from(e.range.start).unwrap_or(0);
            }
            error::bad_word(e.message, e.hint).at(&at)
        })
    }

    /// Whether something has to run to know what a word means.
    pub fn has_shell_out(&self, word: &Word) -> Result<bool> {
        if !self.has(Feature::ShellOutAnywhere) {
            return Ok(word.text.contains(SHELL_OUT));
        }
        let pieces = self.pieces(word, REFERENCE)?;
        Ok(pieces.iter().any(|p| matches!(p, Piece::ShellOut(_))))
    }

    /// The value of a variable or of a build argument, from what its word expanded to. Before `shell-out-anywhere` only here
    /// something runs: if the value begins with `$(`, whatever quotes and variables made it so. The whole of it is then one
    /// shell-out that runs `echo` with it, so that a failure inside goes unnoticed.
    pub async fn value_of(&mut self, expanded: Value) -> Result<Value> {
        match expanded.known() {
            Some(text) if text.starts_with(SHELL_OUT) && !self.has(Feature::ShellOutAnywhere) => {
                let text = format!("echo {text}");
                self.shell_out(&text).await
            }
            _ => Ok(expanded),
        }
    }

    /// The value of a variable or of a build argument.
    pub async fn expand_value(&mut self, word: &Word) -> Result<Value> {
        let expanded = self.expand(word, REFERENCE).await?;
        let value = self.value_of(expanded).await;
        value.map_err(|failure| failure.at(&self.place(word)))
    }

    /// Where a word stands.
    pub fn place(&self, word: &Word) -> crate::diag::Location {
        self.frame().file.at(word.span)
    }

    fn parts<'a>(&'a mut self, pieces: &'a [Piece]) -> BoxFuture<'a, Result<Vec<Value>>> {
        Box::pin(async move {
            let mut parts: Vec<Value> = Vec::new();
            for piece in pieces {
                let part = match piece {
                    Piece::Literal(text) => Value::from(text.clone()),
                    Piece::Variable { name, modifier } => {
                        self.variable(name, modifier.as_ref()).await?
                    }
                    Piece::ShellOut(text) => self.shell_out(text).await?,
                };
                match (parts.last_mut(), part) {
                    (Some(Value::Known(last)), Value::Known(text)) => last.push_str(&text),
                    (_, part) => parts.push(part),
                }
            }
            Ok(parts)
        })
    }

    pub async fn joined(&mut self, pieces: &[Piece]) -> Result<Value> {
        Ok(Value::join(self.parts(pieces).await?))
    }

    async fn variable(&mut self, name: &str, modifier: Option<&Modifier>) -> Result<Value> {
        let value = match self.lookup(name) {
            None if matches!(name, "HOME" | "PATH") && self.has(Feature::ShellOutAnywhere) => {
                Some(self.shell_out(&format!("echo \"${name}\"")).await?)
            }
            value => value,
        };
        let Some(modifier) = modifier else {
            return Ok(value.unwrap_or_else(|| Value::from("")));
        };
        if let Some(Value::Undecided(_)) = value {
            return Ok(value.expect("just looked at"));
        }
        let text = value.as_ref().and_then(Value::known);
        match modifier {
            Modifier::Default(word) => match text {
                Some(text) if !text.is_empty() => Ok(Value::from(text)),
                _ => self.joined(word).await,
            },
            Modifier::Alternative(word) => match text {
                Some(text) if !text.is_empty() => self.joined(word).await,
                _ => Ok(Value::from("")),
            },
            Modifier::Required { message, or_empty } => match text {
                Some(text) if !(*or_empty && text.is_empty()) => Ok(Value::from(text)),
                _ => {
                    let message = self.joined(message).await?;
                    Err(error::required_variable(name, message.text()))
                }
            },
            Modifier::StripPrefix(word) => {
                let text = text.unwrap_or_default().to_owned();
                Ok(match self.joined(word).await? {
                    Value::Known(prefix) => match text.strip_prefix(&prefix) {
                        Some(rest) => Value::from(rest),
                        None => Value::Known(text),
                    },
                    undecided @ Value::Undecided(_) => undecided,
                })
            }
            Modifier::StripPattern {
                suffix,
                longest,
                pattern,
            } => {
                let text = text.unwrap_or_default().to_owned();
                let mut read = Pattern::default();
                for part in pattern {
                    match self.joined(std::slice::from_ref(&part.piece)).await? {
                        Value::Known(part_text) if part.quoted => read.literal(&part_text),
                        Value::Known(part_text) => read.wild(&part_text),
                        undecided @ Value::Undecided(_) => return Ok(undecided),
                    }
                }
                let side = if *suffix { Side::End } else { Side::Start };
                Ok(Value::from(read.strip(&text, side, *longest)))
            }
            Modifier::StripSuffix(word) => {
                let text = text.unwrap_or_default().to_owned();
                Ok(match self.joined(word).await? {
                    Value::Known(suffix) => match text.strip_suffix(&suffix) {
                        Some(rest) => Value::from(rest),
                        None => Value::Known(text),
                    },
                    undecided @ Value::Undecided(_) => undecided,
                })
            }
        }
    }

    /// What `$name` means now. In a plan that runs nothing a name may be one that a base image sets.
    pub fn lookup(&self, name: &str) -> Option<Value> {
        let names_something = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        self.frame()
            .lookup(&self.state.env, name)
            .cloned()
            .or_else(|| {
                self.state
                    .env_unknown
                    .filter(|_| names_something)
                    .map(Value::Undecided)
            })
    }

    /// Runs `$(text)` and gives what it prints, without one trailing line end.
    pub async fn shell_out(&mut self, text: &str) -> Result<Value> {
        let (step, answer) = if self.state.locally.is_some() {
            let name = format!("$({text})");
            self.on_host_labelled(self.shell(text), Keep::Output, name, false)
                .await?
        } else {
            let step = self.output_step(text)?;
            let answer = self.session.probe.output(step).await?;
            match &answer {
                Answer::Known(captured) if captured.status != 0 => self.output_again(step).await?,
                _ => (step, answer),
            }
        };
        match answer {
            Answer::Undecided => Ok(Value::Undecided(step)),
            Answer::Known(captured) if captured.status == 0 => {
                let output = String::from_utf8_lossy(&captured.stdout).into_owned();
                Ok(Value::Known(match output.strip_suffix('\n') {
                    Some(line) => line.to_owned(),
                    None => output,
                }))
            }
            Answer::Known(captured) => Err(error::shell_out_failed(
                text,
                captured.status,
                &captured.stdout,
            )),
        }
    }

    /// Runs a step that failed once more. To an engine it has succeeded, so that its result may be that of an earlier
    /// build, and a failure that has passed must not stay. The secret, which nobody has, makes it a step of its own.
    async fn output_again(&mut self, failed: StepId) -> Result<(StepId, Answer<Captured>)> {
        let planned = self.session.plan.step(failed);
        let mut op = planned.op.clone();
        if let StepOp::Run(run) = &mut op {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_or(0, |now| now.as_nanos());
            run.mounts.push(Mount {
                target: "/run/secrets/bld-again".to_owned(),
                kind: MountKind::Secret {
                    id: format!("bld-again-{}-{now}", std::process::id()),
                    access: Access {
                        uid: 0,
                        gid: 0,
                        mode: 0o400,
                    },
                    optional: true,
                },
                read_only: true,
            });
        }
        let step = self.push_named(op, planned.label.text.clone());
        Ok((step, self.session.probe.output(step).await?))
    }

    /// A step whose output is asked for.
    pub fn output_step(&mut self, text: &str) -> Result<StepId> {
        let on = self.fs(&format!("`$({text})`"))?;
        let run = self.run_step(on, self.shell(text), Keep::Output);
        Ok(self.push_named(StepOp::Run(Box::new(run)), format!("$({text})")))
    }

    /// A script for the shell.
    pub fn shell(&self, script: &str) -> Vec<String> {
        let mut words = self.state.shell.clone();
        words.push(script.to_owned());
        words
    }

    /// A command in the current environment.
    pub fn run_step(&self, on: StepId, args: Vec<String>, keep: Keep) -> Run {
        Run {
            on,
            args,
            env: self.frame().command_env(&self.state.env),
            cwd: self.state.cwd.clone(),
            user: self.state.user.clone(),
            network: Network::Default,
            no_cache: false,
            keep,
            hosts: self.state.hosts.clone(),
            mounts: self.state.caches.iter().map(|c| c.mount.clone()).collect(),
            secret_env: Vec::new(),
            privileged: false,
            at_terminal: false,
        }
    }
}
