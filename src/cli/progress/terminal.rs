//! Progress for a terminal: running steps are redrawn in place, with their last line of output; what is finished moves
//! up. Cached steps are folded into a count.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    base::Digest,
    cli::printer::{self, Streams},
    diag::{Diagnostic, render, words},
    events::{Event, EventSink, Label, StepState},
};

use super::{Outcome, Progress, lines::Lines, text};

/// How often running steps are redrawn.
const TICK: Duration = Duration::from_millis(120);

/// The live display.
pub struct Terminal {
    streams: Streams,
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lines: Lines,
    running: HashMap<Digest, ProgressBar>,
    cached: usize,
}

impl Terminal {
    /// A display on standard error.
    pub fn new(streams: Streams) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15));
        Self {
            streams,
            bars,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    fn print(&self, text: &str) {
        // The bars are drawn by the same object, so that a line never lands inside one.
        let _ = self.bars.println(text.trim_end_matches('\n'));
    }

    fn step(&self, id: Digest, label: &Label, step: StepState) {
        let mut state = self.state();
        match step {
            StepState::Started => {
                state
                    .running
                    .entry(id)
                    .or_insert_with(|| self.spinner(label));
            }
            StepState::Cached => {
                if let Some(bar) = state.running.remove(&id) {
                    self.bars.remove(&bar);
                }
                state.cached += 1;
            }
            StepState::Done { took } => {
                self.close(&mut state, &id, label);
                if took >= Duration::from_millis(50) && !label.target.is_empty() {
                    let took = text::duration(took);
                    self.print(&format!(
                        "{}{} ({took})",
                        text::prefix(label, self.streams.names),
                        text::command(label)
                    ));
                }
            }
            StepState::Failed { reason } => {
                self.close(&mut state, &id, label);
                let reason = text::one_line(&reason);
                self.print(&format!(
                    "{}*failed* {reason}",
                    text::prefix(label, self.streams.names)
                ));
            }
            StepState::Canceled => self.close(&mut state, &id, label),
        }
    }

    /// Takes the running line away and prints what the step left unfinished.
    fn close(&self, state: &mut State, id: &Digest, label: &Label) {
        if let Some(bar) = state.running.remove(id) {
            self.bars.remove(&bar);
        }
        for line in state.lines.close(id) {
            self.print(&text::written(label, &line, self.streams.names));
        }
    }

    fn spinner(&self, label: &Label) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let template = "{spinner} {prefix}{wide_msg} {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(text::prefix(label, self.streams.names));
        bar.set_message(text::command(label));
        bar.enable_steady_tick(TICK);
        bar
    }
}

impl EventSink for Terminal {
    fn emit(&self, event: Event) {
        match event {
            Event::Phase(name) => self.print(&text::phase(name)),
            Event::Step { label, state, .. } if text::is_internal(&label, &state) => {}
            Event::Step { id, label, state } => self.step(id, &label, state),
            Event::Log {
                id,
                label,
                stderr,
                data,
            } => {
                let mut state = self.state();
                let lines = state.lines.push(&id, stderr, &data);
                if let (Some(bar), Some(last)) = (state.running.get(&id), lines.last()) {
                    bar.set_message(format!("{} : {last}", text::command(&label)));
                }
                for line in lines {
                    self.print(&text::written(&label, &line, self.streams.names));
                }
            }
            Event::Transfer {
                id,
                label,
                part,
                current,
                total,
            } => {
                if let Some(bar) = self.state().running.get(&id) {
                    let percent = current.saturating_mul(100).checked_div(total);
                    let percent = percent.map_or(String::new(), |p| format!(" {p}%"));
                    bar.set_message(format!("{} : {part}{percent}", text::command(&label)));
                }
            }
            Event::Remark(diagnostic) => self.print(&render::draw(&diagnostic, self.streams.color)),
            Event::Output(output) => self.print(&text::output(&output)),
        }
    }
}

impl Progress for Terminal {
    fn pause(&self, on: bool) {
        let target = if on {
            let _ = self.bars.clear();
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(15)
        };
        self.bars.set_draw_target(target);
    }

    fn end(&self, outcome: Outcome, problems: &[Diagnostic]) {
        let mut state = self.state();
        for (_, bar) in state.running.drain() {
            self.bars.remove(&bar);
        }
        if state.cached > 0 {
            let cached = std::mem::take(&mut state.cached);
            self.print(&format!("{} from the cache", words::count(cached, "step")));
        }
        printer::diagnostics(problems, self.streams);
        printer::message(text::banner(outcome));
    }
}
