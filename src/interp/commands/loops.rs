//! `FOR` and `WAIT` (language specification, 4.13, 4.19).

use crate::{
    graph::StepId,
    graph::plan::Keep,
    interp::{
        error::{self, Result},
        exec::Exec,
        posix,
        probe::Answer,
        value::Value,
    },
    syntax::ast::{Command, Nested},
};

/// What a loop goes through.
enum Items {
    Known(Vec<String>),
    /// This step would tell.
    Undecided(StepId),
}

/// What `echo` prints, where all shells agree on it.
fn echoed(fields: &[String]) -> Option<String> {
    let option = fields.first().is_some_and(|first| first.starts_with('-'));
    let escape = fields.iter().any(|field| field.contains('\\'));
    (!option && !escape).then(|| fields.join(" "))
}

fn split(text: &str, separators: &str) -> Vec<String> {
    text.split(|c| separators.contains(c))
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Exec {
    /// `FOR name IN words`: the shell says what the words are.
    pub(crate) async fn for_statement(&mut self, statement: &Nested) -> Result<()> {
        let opener = &statement.opener;
        let words = &opener.args;
        if words.len() < 3 || words[1].text != "IN" {
            return Err(error::for_shape());
        }
        let name = words[0].text.clone();
        if self.frame().lets.contains_key(&name) {
            return Err(error::for_hidden(&name));
        }
        let items = self.items(opener).await?;
        self.loops += 1;
        let result = match items {
            Items::Known(items) => self.passes(statement, &name, items).await,
            Items::Undecided(step) => self.undecided_pass(statement, &name, step).await,
        };
        self.loops -= 1;
        result
    }

    async fn items(&mut self, opener: &Command) -> Result<Items> {
        let texts: Vec<&str> = opener.args[2..].iter().map(|w| w.text.as_str()).collect();
        let words = texts.join(" ");
        let separators = opener.flag("sep").and_then(|f| f.value.as_ref());
        let separators = separators.map_or("\n\t ", |word| word.text.as_str());
        let on = self.fs("FOR")?;
        let locally = self.state.locally.is_some();
        if locally {
            super::locally::refuse_options(self, opener, super::locally::FOR)?;
        }
        if self.needs_only_a_shell(opener)
            && let Some(fields) = posix::fields(&words, &|name| self.shell_sees(name))
            && let Some(printed) = echoed(&fields)
        {
            return Ok(Items::Known(split(&printed, separators)));
        }
        let script = format!("echo {words}");
        let (step, answer) = if locally {
            self.on_host(self.shell(&script), Keep::Output).await?
        } else {
            let options = self.run_options(opener).await?;
            let mut run = self.run_step(on, self.shell(&script), Keep::Output);
            self.apply(&options, &mut run).await?;
            let step = self.push_run(run, &options).await?;
            (step, self.session.probe.output(step).await?)
        };
        match answer {
            Answer::Known(captured) if captured.status != 0 => Err(error::shell_out_failed(
                &script,
                captured.status,
                &captured.stdout,
            )),
            Answer::Known(captured) => {
                let text = String::from_utf8_lossy(&captured.stdout);
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Ok(Items::Known(split(text, separators)))
            }
            Answer::Undecided => Ok(Items::Undecided(step)),
        }
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
            if self.writes.len() > written {
                self.session.host_changed();
            }
        }
        Ok(())
    }

    /// Whether the current statement may run again.
    pub(crate) fn in_loop(&self) -> bool {
        self.loops > 0
    }
}
