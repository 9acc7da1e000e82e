//! Every sentence of this layer: what goes wrong while a recipe is interpreted.
//!
//! Callers give facts; wording, codes and hints live here. Positions are put on by whoever runs the statement, the
//! innermost wins.

mod blocks;
mod config;
mod copy;
mod dockerfile;
mod extended;
mod files;
mod from;
mod general;
mod interactive;
mod locally;
mod manual;
mod options;
mod references;
mod run;
mod save;
mod variables;
mod wildcards;
mod with_docker;

pub(crate) use self::{
    blocks::*, config::*, copy::*, dockerfile::*, extended::*, files::*, from::*, general::*,
    interactive::*, locally::*, manual::*, options::*, references::*, run::*, save::*,
    variables::*, wildcards::*, with_docker::*,
};

use crate::diag::{Diagnostic, Frame, Location, Severity};

/// Why interpretation stopped: one error, or several that were found together.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure(Vec<Diagnostic>);

/// The code of what `--strict` forbids.
pub const STRICT: &str = "strict";

/// What everything here gives.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The errors among diagnostics.
    pub(crate) fn errors_of(diagnostics: Vec<Diagnostic>) -> Self {
        Self(
            diagnostics
                .into_iter()
                .filter(|d| d.severity == Severity::Error)
                .collect(),
        )
    }

    /// Gives every error that has no place this one.
    #[must_use]
    pub(crate) fn at(self, at: &Location) -> Self {
        self.map(|d| d.at(at.clone()))
    }

    /// Adds another place to every error.
    #[must_use]
    pub(crate) fn related(self, at: &Location, words: &str) -> Self {
        self.map(|d| d.related(at.clone(), words))
    }

    /// Adds an outer step of the way to every error.
    #[must_use]
    pub(crate) fn frame(self, what: &str, called_from: Option<&Location>) -> Self {
        self.map(|d| {
            d.frame(Frame {
                what: what.to_owned(),
                at: called_from.cloned(),
            })
        })
    }

    /// Says from where the outermost step was reached.
    #[must_use]
    pub(crate) fn called_from(self, at: &Location) -> Self {
        self.map(|mut d| {
            if let Some(frame) = d.frames.last_mut() {
                frame.at.get_or_insert(at.clone());
            }
            d
        })
    }

    /// Adds a hint to every error.
    #[must_use]
    pub(crate) fn hint(self, hint: &str) -> Self {
        self.map(|d| d.hint(hint))
    }

    /// The errors.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.0
    }

    fn map(mut self, change: impl Fn(Diagnostic) -> Diagnostic) -> Self {
        self.0 = self.0.drain(..).map(change).collect();
        self
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Box<Diagnostic>> for Failure {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::from(*diagnostic)
    }
}

fn fail(code: &'static str, message: impl Into<String>) -> Failure {
    Diagnostic::error(code, message).into()
}

fn fail_hint(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Diagnostic::error(code, message).hint(hint).into()
}
