//! A diagnostic is data: what, where, why, what next.

use std::{fmt, sync::Arc};

use super::source::Location;

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something a reader may want to know.
    Note,
    /// Something that works and probably is not meant.
    Warning,
    /// Something that stops the work.
    Error,
}

/// One step of the way by which the build got to the place of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `+target --arg=value`; only arguments that the target declares, never a secret.
    pub what: String,
    /// The statement that led there; none for the command line.
    pub at: Option<Location>,
}

/// The whole way to a place, innermost step first. The outer part is shared by everything that was reached through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The innermost step.
    pub frame: Frame,
    /// How that was reached; none for the command line.
    pub outer: Option<Arc<Way>>,
}

impl Way {
    /// The steps, innermost first.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        std::iter::successors(Some(self), |way| way.outer.as_deref()).map(|way| &way.frame)
    }
}

impl Drop for Way {
    // A recursion of the user's is thousands of steps deep; dropping it must not be one of ours.
    fn drop(&mut self) {
        let mut next = self.outer.take();
        while let Some(mut way) = next.and_then(Arc::into_inner) {
            next = way.outer.take();
        }
    }
}

/// One problem, ready to be drawn for a person or written as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Weight.
    pub severity: Severity,
    /// A stable name for tests and machines, `unknown-target`.
    pub code: &'static str,
    /// One lower-case line without a final period.
    pub message: String,
    /// The place it is about.
    pub at: Option<Location>,
    /// A few words beside the caret.
    pub label: String,
    /// Other places that explain it, each with a few words.
    pub related: Vec<(Location, String)>,
    /// Further facts: output of a command, what was tried.
    pub notes: Vec<String>,
    /// What to do next, one line each.
    pub hints: Vec<String>,
    /// How the build got here, innermost first.
    pub frames: Vec<Frame>,
}

impl Diagnostic {
    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            at: None,
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
            hints: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// An error.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A note.
    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    /// Sets the place. The innermost place wins: a second call changes nothing.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.at.get_or_insert(location);
        self
    }

    /// Sets the words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, location: Location, words: impl Into<String>) -> Self {
        self.related.push((location, words.into()));
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds one outer step of the way.
    #[must_use]
    pub fn frame(mut self, frame: Frame) -> Self {
        self.frames.push(frame);
        self
    }
}

impl fmt::Display for Diagnostic {
    /// One line, for logs and for tests: `file:line:col: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}
