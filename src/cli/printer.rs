//! The only place that writes to standard output and standard error.

use std::io::{IsTerminal as _, Write as _};

use super::env_vars::env_bool;
use crate::{
    diag::{Diagnostic, render},
    events::{Event, EventSink},
};

/// What the two streams can show.
#[derive(Debug, Clone, Copy)]
pub struct Streams {
    /// Standard error is a terminal.
    pub terminal: bool,
    /// Somebody sits in front of it: standard input is a terminal, too.
    pub interactive: bool,
    /// Colours are wanted.
    pub color: bool,
    /// How targets are named in front of lines.
    pub names: Names,
}

/// The column of target names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// How wide it is at least, so that short names stand under each other.
    pub padding: usize,
    /// What is longer is shortened; none leaves every name whole.
    pub longest: Option<usize>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            padding: 14,
            longest: Some(40),
        }
    }
}

impl Names {
    /// What `…_TARGET_PADDING` and `…_FULL_TARGET` say.
    fn detect(get: impl Fn(&str) -> Option<String>) -> Self {
        let ours =
            |name: &str| get(&format!("BLD_{name}")).or_else(|| get(&format!("EARTHLY_{name}")));
        let full = ours("FULL_TARGET").and_then(|v| env_bool(&v));
        if full == Some(true) {
            return Self {
                padding: 0,
                longest: None,
            };
        }
        // More than a line's width helps nobody.
        match ours("TARGET_PADDING").and_then(|v| v.parse::<usize>().ok()) {
            Some(padding) => Self {
                padding: padding.min(200),
                longest: Some(padding),
            },
            None => Self::default(),
        }
    }
}

impl Streams {
    /// Looks at the streams and at `NO_COLOR` and `FORCE_COLOR`.
    pub fn detect(get: impl Fn(&str) -> Option<String>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let set = |name: &str| get(name).is_some_and(|v| !v.is_empty() && v != "0");
        let dumb = get("TERM").is_some_and(|t| t == "dumb");
        let color = set("FORCE_COLOR") || (terminal && !set("NO_COLOR") && !dumb);
        let interactive = terminal && std::io::stdin().is_terminal();
        Self {
            terminal,
            interactive,
            color,
            names: Names::detect(get),
        }
    }
}

/// Writes data to standard output. A reader that went away ends the program quietly, as in any pipe.
pub fn data(text: &str) -> Result<(), Box<Diagnostic>> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            let message = format!("cannot write to standard output: {e}");
            Err(Box::new(Diagnostic::error("output", message)))
        }
        _ => Ok(()),
    }
}

/// Writes to standard error. There is nobody to tell if that fails.
pub fn message(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// Writes bytes to standard error, as they are.
pub fn bytes(data: &[u8]) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(data).and_then(|()| err.flush());
}

/// Draws problems to standard error, a blank line between two.
pub fn diagnostics(list: &[Diagnostic], streams: Streams) {
    let drawn: Vec<String> = list
        .iter()
        .map(|d| render::draw(d, streams.color))
        .collect();
    message(&drawn.join("\n"));
}

/// Shows remarks of commands that have no progress display.
#[derive(Debug, Clone, Copy)]
pub struct Remarks(pub Streams);

impl EventSink for Remarks {
    fn emit(&self, event: Event) {
        if let Event::Remark(diagnostic) = event {
            message(&render::draw(&diagnostic, self.0.color));
        }
    }
}
