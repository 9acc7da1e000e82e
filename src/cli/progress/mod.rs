//! Consumers of build events: plain lines for pipes, live lines for terminals, JSON for machines.
//!
//! What all of them need is here: putting chunks of output together to lines, and the words of the summary.

mod github;
mod json;
mod lines;
mod paused;
mod plain;
mod terminal;
mod text;

pub use text::one_line;

use std::sync::Arc;

use crate::{cli::args::ProgressStyle, diag::Diagnostic, events::EventSink};

use super::printer::Streams;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything asked for is done.
    Success,
    /// Something failed.
    Failure,
    /// The user stopped it.
    Canceled,
}

/// A display that can be told that nothing more will come.
pub trait Progress: EventSink {
    /// Writes what is still held back, what went wrong, and how the run ended.
    fn end(&self, outcome: Outcome, problems: &[Diagnostic]);

    /// Shows nothing for a while, because somebody else has the terminal; afterwards everything that was kept back.
    fn pause(&self, on: bool);
}

/// The same with annotations for GitHub Actions.
pub fn annotated(display: Arc<dyn Progress>) -> Arc<dyn Progress> {
    Arc::new(github::Github::new(display))
}

/// The display that was asked for; `verbose` shows bld's own steps, too.
pub fn for_style(
    style: ProgressStyle,
    streams: Streams,
    ci: bool,
    verbose: bool,
) -> Arc<dyn Progress> {
    Arc::new(paused::Paused::new(shown(style, streams, ci, verbose)))
}

fn shown(style: ProgressStyle, streams: Streams, ci: bool, verbose: bool) -> Arc<dyn Progress> {
    match style {
        ProgressStyle::Json => Arc::new(json::Json),
        // Lines can only be redrawn on a terminal.
        ProgressStyle::Tty if streams.terminal => Arc::new(terminal::Terminal::new(streams)),
        ProgressStyle::Auto if streams.terminal && !ci => {
            Arc::new(terminal::Terminal::new(streams))
        }
        ProgressStyle::Auto | ProgressStyle::Plain | ProgressStyle::Tty => {
            Arc::new(plain::Plain::new(streams, verbose))
        }
    }
}
