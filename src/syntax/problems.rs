//! A heap of diagnostics about one file.

use std::sync::Arc;

use super::problem;
use crate::diag::{Diagnostic, Location, SourceFile, Span};

/// Collects what is wrong with one file. Nobody stops at the first.
pub(super) struct Problems {
    source: Arc<SourceFile>,
    found: Vec<Diagnostic>,
}

impl Problems {
    pub(super) fn new(source: &Arc<SourceFile>) -> Self {
        Self {
            source: Arc::clone(source),
            found: Vec::new(),
        }
    }

    /// Reports a problem at a place.
    pub(super) fn push(&mut self, span: Span, problem: Diagnostic) {
        self.found.push(problem.at(self.location(span)));
    }

    /// Reports that the file has no version.
    pub(super) fn missing_version(&mut self) {
        let problem = problem::missing_version(&self.source.name);
        self.push(Span::default(), problem);
    }

    /// A place in the file.
    pub(super) fn location(&self, span: Span) -> Location {
        Location::new(&self.source, span)
    }

    /// Everything, in the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        sort(&mut self.found);
        self.found
    }
}

/// Sorts by position; at one position, the order of finding.
pub(super) fn sort(problems: &mut [Diagnostic]) {
    problems.sort_by_key(|p| p.at.as_ref().map_or(0, |at| at.span.start));
}
