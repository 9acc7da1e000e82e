//! `FOR` and `WAIT` (language specification, 4.13, 4.19).

use super::run::refuse_flags;
use crate::{
    graph::plan::Keep,
    graph::{StepId, plan::StepOp},
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::shell,
        probe::Answer,
        value::Value,
    },
    syntax::ast::{Command, Nested},
};

impl Exec {
    /// `FOR name IN words`: the shell says what the words are.
    pub(crate) async fn for_statement(&mut self, statement: &Nested) -> Result<()> {
        let opener = &statement.opener;
        let words = &opener.args;
        if words.len() < 3 || words[1].text != "IN" {
            return Err(error::for_shape());
        }
        refuse_flags(opener)?;
        let name = words[0].text.clone();
        if self.frame().lets.contains_key(&name) {
            return Err(error::for_hidden(&name));
        }
        let (step, items) = self.items(opener).await?;
        self.loops += 1;
        let result = match items {
            Answer::Known(items) => self.passes(statement, &name, items).await,
            Answer::Undecided => self.undecided_pass(statement, &name, step).await,
        };
        self.loops -= 1;
        result
    }

    async fn items(&mut self, opener: &Command) -> Result<(StepId, Answer<Vec<String>>)> {
        let texts: Vec<&str> = opener.args[2..].iter().map(|w| w.text.as_str()).collect();
        let script = format!("echo {}", texts.join(" "));
        let on = self.fs("FOR")?;
        let mut run = self.run_step(on, shell(&script), Keep::Output);
        run.no_cache = self.switch(opener, "no-cache").await?;
        let step = self.push(StepOp::Run(Box::new(run)));
        let separators = opener.flag("sep").and_then(|f| f.value.as_ref());
        let separators = separators.map_or("\n\t ", |word| word.text.as_str());
        let answer = match self.session.probe.output(step).await? {
            Answer::Known(captured) if captured.status != 0 => {
                return Err(error::shell_out_failed(
                    &script,
                    captured.status,
                    &captured.stdout,
                ));
            }
            Answer::Known(captured) => {
                let text = String::from_utf8_lossy(&captured.stdout);
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let items = text.split(|c| separators.contains(c));
                let items = items.filter(|item| !item.is_empty());
                Answer::Known(items.map(str::to_owned).collect())
            }
            Answer::Undecided => Answer::Undecided,
        };
        Ok((step, answer))
    }

    async fn passes(&mut self, statement: &Nested, name: &str, items: Vec<String>) -> Result<()> {
        for item in items {
            self.pass(statement, name, Value::from(item)).await?;
        }
        Ok(())
    }

    async fn pass(&mut self, statement: &Nested, name: &str, value: Value) -> Result<()> {
        self.frame_mut().args.insert(name.to_owned(), value);
        self.block(&statement.body).await?;
        self.frame_mut().args.remove(name);
        Ok(())
    }

    /// Nobody knows how often the body runs: it is interpreted once, and may not run at all.
    async fn undecided_pass(&mut self, statement: &Nested, name: &str, step: StepId) -> Result<()> {
        let outer = self.undecided_by;
        let before = self.fork();
        self.undecided_by.get_or_insert(step);
        self.pass(statement, name, Value::Undecided(step)).await?;
        let body = self.swap(before);
        self.merge(step, "each", body);
        self.undecided_by = outer;
        Ok(())
    }

    /// `WAIT`: what was started inside has ended at `END`.
    pub(crate) async fn wait_statement(&mut self, statement: &Nested) -> Result<()> {
        let opener = &statement.opener;
        if !opener.args.is_empty() || !opener.flags.is_empty() {
            return Err(error::wait_words());
        }
        let mark = self.pending.len();
        let written = self.writes.len();
        let block = self.session.ledger.wait_block();
        let outer = std::mem::replace(&mut self.wait, block);
        self.block(&statement.body).await?;
        self.join(mark).await?;
        self.wait = outer;
        // From here on these files are there, and no source of a COPY any more.
        if self.chain {
            for (path, at) in &self.writes[written..] {
                self.session.writes(path.clone(), at.clone());
            }
        }
        if let Some(fs) = self.state.fs {
            self.announce(fs);
        }
        if self.undecided_by.is_none() {
            self.session.probe.end_of_wait(block).await?;
        }
        Ok(())
    }

    /// Whether the current statement may run again.
    pub(crate) fn in_loop(&self) -> bool {
        self.loops > 0
    }
}
