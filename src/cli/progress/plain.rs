//! Progress for pipes and logs: one line for each thing that happens, each naming its target. No percentages.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard},
};

use crate::{
    base::Digest,
    cli::printer::{self, Streams},
    diag::{Diagnostic, render},
    events::{Event, EventSink, Label, StepState},
};

use super::{Outcome, Progress, lines::Lines, text};

/// The plain display.
pub struct Plain {
    streams: Streams,
    verbose: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lines: Lines,
    announced: HashSet<Digest>,
    cached: HashSet<Digest>,
}

impl Plain {
    /// A display on standard error.
    pub fn new(streams: Streams, verbose: bool) -> Self {
        Self {
            streams,
            verbose,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl EventSink for Plain {
    fn emit(&self, event: Event) {
        let mut state = self.state();
        let names = self.streams.names;
        // Behind the label's prefix, with a line end.
        let line = |label: &Label, text: &str| format!("{}{text}\n", text::prefix(label, names));
        let text = match event {
            Event::Phase(name) => format!("{}\n", text::phase(name)),
            Event::Step { label, state, .. }
                if !self.verbose && text::is_internal(&label, &state) =>
            {
                return;
            }
            Event::Step {
                id,
                label,
                state: step,
            } => match step {
                StepState::Started => {
                    if !state.announced.insert(id) {
                        return;
                    }
                    line(&label, &text::command(&label))
                }
                StepState::Cached => {
                    if !state.cached.insert(id.clone()) || !state.announced.insert(id) {
                        return;
                    }
                    line(&label, &format!("*cached* {}", text::command(&label)))
                }
                StepState::Done { .. } | StepState::Canceled => state
                    .lines
                    .close(&id)
                    .iter()
                    .map(|l| format!("{}\n", text::written(&label, l, names)))
                    .collect(),
                StepState::Failed { reason } => {
                    let mut text: String = state
                        .lines
                        .close(&id)
                        .iter()
                        .map(|l| format!("{}\n", text::written(&label, l, names)))
                        .collect();
                    text.push_str(&line(
                        &label,
                        &format!("*failed* {}", text::one_line(&reason)),
                    ));
                    text
                }
            },
            Event::Log {
                id,
                label,
                stderr,
                data,
            } => state
                .lines
                .push(&id, stderr, &data)
                .iter()
                .map(|l| format!("{}\n", text::written(&label, l, names)))
                .collect(),
            Event::Transfer { .. } => return,
            Event::Remark(diagnostic) => render::draw(&diagnostic, self.streams.color),
            Event::Output(output) => format!("{}\n", text::output(&output)),
        };
        // Written under the lock: lines of concurrent steps stay whole and in order.
        if !text.is_empty() {
            printer::message(&text);
        }
    }
}

impl Progress for Plain {
    fn pause(&self, _: bool) {}

    fn end(&self, outcome: Outcome, problems: &[Diagnostic]) {
        printer::diagnostics(problems, self.streams);
        printer::message(text::banner(outcome));
    }
}
