//! Statements in a row: dispatch, `IF`, and the look-ahead for `BUILD` (language specification, 4.6, 4.11).

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;

use super::{
    commands,
    error::{self, Failure, Result},
    exec::Exec,
    probe::Answer,
    with_docker,
};
use crate::{
    base::url_login,
    graph::plan::{Keep, StepId},
    syntax::{
        ast::{Block, Branch, Command, If, Keyword, Statement},
        dialect::Feature,
        truth,
    },
};

/// How deep blocks and calls of functions may stand inside each other: a function may call itself a thousand times from
/// inside of an `IF`.
const MAX_NESTING: usize = 2_000;

/// A future that gives itself more stack where little is left: blocks stand inside of blocks, and whoever polls or drops
/// the outermost one does so with them all.
struct Deep<'a, T>(Option<BoxFuture<'a, T>>);

/// What one block needs until the next one looks, without optimization, and what is taken at once; in bytes.
const LITTLE_STACK: usize = 256 << 10;
const MORE_STACK: usize = 4 << 20;

impl<T> Future for Deep<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let work = self.0.as_mut().expect("there until it is dropped");
        stacker::maybe_grow(LITTLE_STACK, MORE_STACK, || work.as_mut().poll(context))
    }
}

impl<T> Drop for Deep<'_, T> {
    fn drop(&mut self) {
        let work = self.0.take();
        stacker::maybe_grow(LITTLE_STACK, MORE_STACK, || drop(work));
    }
}

/// What became of a condition.
enum Condition {
    /// It is true or false.
    Known(bool),
    /// This step would tell.
    Undecided(StepId),
}

impl Exec {
    /// Executes statements in order.
    pub fn block<'a>(&'a mut self, block: &'a Block) -> BoxFuture<'a, Result<()>> {
        let work = Box::pin(async move {
            if self.depth == MAX_NESTING {
                let name = self.frame().name.clone();
                return Err(error::nested_too_deep(
                    &name,
                    self.frames.len() > 1,
                    MAX_NESTING,
                ));
            }
            self.depth += 1;
            let statements: Vec<&Statement> = block.statements().collect();
            self.look_ahead(&statements);
            let mut variables = false;
            for (at, statement) in statements.iter().enumerate() {
                let is_variable = matches!(
                    statement,
                    Statement::Command(c)
                        if matches!(c.keyword, Keyword::Arg | Keyword::Let | Keyword::Set)
                );
                if variables && !is_variable {
                    self.look_ahead(&statements[at..]);
                }
                variables = is_variable;
                self.failed_meanwhile()?;
                self.statement(statement).await?;
            }
            self.depth -= 1;
            Ok(())
        });
        Box::pin(Deep(Some(work)))
    }

    /// Executes one statement; an error without a place gets the statement's.
    async fn statement(&mut self, statement: &Statement) -> Result<()> {
        self.stand_at(statement);
        let at = self.at.clone();
        self.check_after_interactive(statement)
            .map_err(|failure| failure.at(&at))?;
        if let Some(opener) = statement.openers().first() {
            self.frame().file.mistakes(opener.span, self.features())?;
        }
        let result = self.begin(statement).await;
        result.map_err(|failure| failure.at(&at))
    }

    /// The work of a statement, in a box: what the work of all kinds of statements needs lies on the stack only while this
    /// function runs, and not once for every level of nesting.
    fn begin<'a>(&'a mut self, statement: &'a Statement) -> BoxFuture<'a, Result<()>> {
        match statement {
            Statement::Command(command) => self.command(command),
            Statement::If(s) => Box::pin(self.if_statement(s)),
            Statement::For(s) => Box::pin(self.for_statement(s)),
            Statement::Wait(s) => Box::pin(self.wait_statement(s)),
            Statement::WithDocker(s) => Box::pin(with_docker::statement(self, s)),
            Statement::Try(s) => Box::pin(self.try_statement(s)),
        }
    }

    /// Makes a statement the current one. A block is shown by its opener.
    fn stand_at(&mut self, statement: &Statement) {
        let opener = match statement {
            Statement::Command(c) => c,
            Statement::If(s) => &s.branches[0].condition,
            Statement::For(s) | Statement::Wait(s) | Statement::WithDocker(s) => &s.opener,
            Statement::Try(s) => &s.opener,
        };
        self.stand_at_command(opener);
    }

    /// Makes a line the current one.
    pub fn stand_at_command(&mut self, command: &Command) {
        self.at = self.frame().file.at(command.line());
        let text = one_line(self.at.text());
        self.text = match command.keyword {
            // A URL may hold a login, and this is what plans, progress and errors call the step.
            Keyword::GitClone => url_login::masked(&text),
            _ => text,
        };
    }

    fn command<'a>(&'a mut self, command: &'a Command) -> BoxFuture<'a, Result<()>> {
        if let Err(failure) = self.check_after_push(command) {
            return failed(failure);
        }
        match command.keyword {
            Keyword::From => Box::pin(commands::from::run(self, command)),
            Keyword::FromDockerfile => Box::pin(commands::dockerfile::run(self, command)),
            Keyword::Run => Box::pin(commands::run::run(self, command)),
            Keyword::Copy => Box::pin(commands::copy::run(self, command)),
            Keyword::SaveArtifact => Box::pin(commands::save_artifact::run(self, command)),
            Keyword::SaveImage => Box::pin(commands::save_image::run(self, command)),
            Keyword::Build => Box::pin(commands::build::run(self, command)),
            Keyword::Arg => Box::pin(commands::arg::run(self, command)),
            Keyword::Let => Box::pin(commands::variable::run_let(self, command)),
            Keyword::Set => Box::pin(commands::variable::run_set(self, command)),
            Keyword::Env
            | Keyword::Workdir
            | Keyword::User
            | Keyword::Cmd
            | Keyword::Entrypoint
            | Keyword::Expose
            | Keyword::Volume
            | Keyword::Label
            | Keyword::Shell
            | Keyword::Stopsignal => Box::pin(commands::config::run(self, command)),
            Keyword::Healthcheck => Box::pin(commands::healthcheck::run(self, command)),
            Keyword::Do => Box::pin(commands::function::run(self, command)),
            Keyword::Import => Box::pin(commands::import::run(self, command)),
            Keyword::GitClone => Box::pin(commands::git_clone::run(self, command)),
            Keyword::Host => Box::pin(commands::host::run(self, command)),
            Keyword::Locally => Box::pin(commands::locally::run(self)),
            // Validated while the file was read; nothing depends on it any more.
            Keyword::Version => Box::pin(async { Ok(()) }),
            Keyword::Project => {
                self.warn(error::project_has_no_effect());
                Box::pin(async { Ok(()) })
            }
            Keyword::Function | Keyword::Command => {
                failed(error::function_keyword_here(command.keyword))
            }
            Keyword::Add => Box::pin(commands::add::run(self, command)),
            Keyword::Onbuild => failed(error::not_supported(command.keyword)),
            Keyword::Cache => Box::pin(commands::cache::run(self, command)),
            Keyword::Catch
            | Keyword::Else
            | Keyword::ElseIf
            | Keyword::End
            | Keyword::Finally
            | Keyword::For
            | Keyword::If
            | Keyword::Try
            | Keyword::Wait
            | Keyword::WithDocker => failed(error::not_yet(command.keyword.text())),
        }
    }

    /// Before `wait-block`, pushes are a phase of their own: what comes after one cannot be part of the build.
    fn check_after_push(&self, command: &Command) -> Result<()> {
        if !self.state.after_push {
            return Ok(());
        }
        let push = command.keyword == Keyword::Run && command.may_be_on("push");
        // A function is asked command by command.
        let others = matches!(
            command.keyword,
            Keyword::SaveArtifact
                | Keyword::SaveImage
                | Keyword::Do
                | Keyword::Import
                | Keyword::Host
                | Keyword::Cache
        );
        if push || others {
            Ok(())
        } else {
            Err(error::after_push())
        }
    }

    /// Starts the `BUILD`s that nothing in between can change, so that they run beside what stands above them.
    fn look_ahead(&self, statements: &[&Statement]) {
        // In a plan nothing runs, so nothing is gained; and what stands behind a command of this machine waits for it.
        if self.undecided_by.is_some() || self.state.locally.is_some() {
            return;
        }
        for statement in statements {
            let Statement::Command(command) = statement else {
                match statement {
                    Statement::WithDocker(_) => continue,
                    _ => return,
                }
            };
            match command.keyword {
                Keyword::Build => commands::build::start_early(self, command),
                Keyword::From
                | Keyword::FromDockerfile
                | Keyword::Locally
                | Keyword::Arg
                | Keyword::Let
                | Keyword::Set
                // A function can bring a FROM of its own, and with it other globals.
                | Keyword::Do => return,
                _ => {}
            }
        }
    }

    /// `IF`: runs conditions in order as far as needed. Where a condition is not run, both ways are interpreted.
    async fn if_statement(&mut self, statement: &If) -> Result<()> {
        let mut forks = Vec::new();
        let mut taken: Option<&Block> = statement.otherwise.as_ref();
        for branch in &statement.branches {
            match self.condition(branch).await? {
                Condition::Known(true) => {
                    taken = Some(&branch.body);
                    break;
                }
                Condition::Known(false) => {}
                Condition::Undecided(step) => {
                    let outer = self.undecided_by;
                    let here = self.fork();
                    self.undecided_by.get_or_insert(step);
                    self.block(&branch.body).await?;
                    let name = match branch.condition.keyword {
                        Keyword::If => "then".to_owned(),
                        _ => one_line(self.frame().file.at(branch.condition.span).text()),
                    };
                    let then = self.swap(here);
                    // What follows runs only if this condition is false, and that is just as unknown.
                    self.undecided_by.get_or_insert(step);
                    forks.push((step, name, then, outer));
                }
            }
        }
        if let Some(block) = taken {
            self.block(block).await?;
        }
        for (step, name, then, outer) in forks.into_iter().rev() {
            self.merge(step, &name, then);
            self.undecided_by = outer;
        }
        Ok(())
    }

    /// Decides one condition, or runs it.
    async fn condition(&mut self, branch: &Branch) -> Result<Condition> {
        let command = &branch.condition;
        self.stand_at_command(command);
        self.frame().file.mistakes(command.span, self.features())?;
        let at = self.at.clone();
        let answer = self.exit_status(command).await;
        answer.map_err(|failure| failure.at(&at))
    }

    async fn exit_status(&mut self, command: &Command) -> Result<Condition> {
        let locally = self.state.locally.is_some();
        if locally {
            commands::locally::refuse_options(self, command, commands::locally::IF)?;
        }
        // A JSON list by accident is still meant for the shell.
        let script = match &command.exec {
            Some(words) => words.join(" "),
            None => command.shell_text(),
        };
        if script.trim().is_empty() {
            return Err(error::no_condition(command.keyword));
        }
        let on = self.fs(command.keyword.text())?;
        if self.needs_only_a_shell(command)
            && let Some(known) = super::posix::condition(&script, &|name| self.shell_sees(name))
        {
            return Ok(Condition::Known(known));
        }
        let shell = self.shell(&script);
        let (step, answer) = if locally {
            let (step, answer) = self.on_host(shell, Keep::ExitStatus).await?;
            (step, answer.map(|captured| captured.status))
        } else {
            let options = self.run_options(command).await?;
            let mut run = self.run_step(on, shell, Keep::ExitStatus);
            self.apply(&options, &mut run).await?;
            let step = self.push_run(run, &options).await?;
            (step, self.session.probe.exit_status(step).await?)
        };
        Ok(match answer {
            Answer::Known(status) => {
                if script.trim_start().starts_with("[[") && status == 127 {
                    self.warn(
                        crate::diag::Diagnostic::note(
                            "double-brackets",
                            "the shell of this image has no `[[`: the condition is false",
                        )
                        .hint("write `[ … ]`"),
                    );
                }
                Condition::Known(status == 0)
            }
            Answer::Undecided => Condition::Undecided(step),
        })
    }

    /// A switch: given, and its value, if it has one, is true.
    pub async fn switch(&mut self, command: &Command, name: &str) -> Result<bool> {
        let Some(flag) = command.flag(name) else {
            return Ok(false);
        };
        let Some(word) = flag.value.clone() else {
            return Ok(true);
        };
        let value = self.expand(&word, super::expand::How::default()).await?;
        let Some(text) = value.known() else {
            return Ok(true);
        };
        truth(text).ok_or_else(|| error::bad_boolean(name, text).at(&self.place(&word)))
    }

    /// Whether the whole build is one `WAIT` block, so that pushes run in place.
    pub fn pushes_in_place(&self) -> bool {
        self.has(Feature::WaitBlock)
    }
}

fn failed<'a>(failure: Failure) -> BoxFuture<'a, Result<()>> {
    Box::pin(async { Err(failure) })
}

/// The text of a statement in one line, without continuations and the comments inside them.
fn one_line(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let pieces = lines.map(|line| {
        // Behind the backslash that continues a line there may be a comment.
        let line = line.split("\\ #").next().unwrap_or(line).trim();
        line.strip_suffix('\\').unwrap_or(line).trim_end()
    });
    let pieces: Vec<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
    pieces.join(" ")
}
