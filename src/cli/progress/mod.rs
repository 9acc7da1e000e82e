//! Consumers of build events: plain lines for pipes, live lines for terminals, JSON for machines.
//!
//! What all of them need is here: putting chunks of output together to lines, and the words of the summary.

mod json;
mod lines;
mod plain;
mod terminal;
mod text;

pub use text::one_line;

use std::sync::Arc;

use crate::{cli::args::ProgressStyle, events::EventSink};

use super::printer::Streams;

/// A display that can be told that nothing more will come.
pub trait Progress: EventSink {
    /// Writes what is still held back.
    fn finish(&self);
}

/// The display that was asked for.
pub fn for_style(style: ProgressStyle, streams: Streams, ci: bool) -> Arc<dyn Progress> {
    match style {
        ProgressStyle::Json => Arc::new(json::Json),
        ProgressStyle::Tty => Arc::new(terminal::Terminal::new(streams)),
        ProgressStyle::Auto if streams.terminal && !ci => {
            Arc::new(terminal::Terminal::new(streams))
        }
        ProgressStyle::Auto | ProgressStyle::Plain => Arc::new(plain::Plain::new(streams)),
    }
}
