//! What GitHub Actions understands in a log: parts that fold, and errors that are shown beside the line they are about.
//!
//! Source: GitHub's documentation, "Workflow commands for GitHub Actions".

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    cli::printer,
    diag::{Diagnostic, Severity},
    events::{Event, EventSink},
};

use super::{Outcome, Progress, text};

/// Another display, with annotations.
pub struct Github {
    inner: Arc<dyn Progress>,
    open: AtomicBool,
}

impl Github {
    /// Annotates what `inner` shows.
    pub fn new(inner: Arc<dyn Progress>) -> Self {
        Self {
            inner,
            open: AtomicBool::new(false),
        }
    }

    fn close(&self) {
        if self.open.swap(false, Ordering::SeqCst) {
            printer::message("::endgroup::\n");
        }
    }
}

impl EventSink for Github {
    fn emit(&self, event: Event) {
        if let Event::Phase(name) = &event {
            self.close();
            let title = text::phase(name);
            printer::message(&format!("::group::{}\n", title.trim_matches(['=', ' '])));
            self.open.store(true, Ordering::SeqCst);
        }
        self.inner.emit(event);
    }
}

impl Progress for Github {
    fn pause(&self, on: bool) {
        self.inner.pause(on);
    }

    fn end(&self, outcome: Outcome, problems: &[Diagnostic]) {
        self.close();
        for problem in problems.iter().filter(|p| p.severity == Severity::Error) {
            printer::message(&annotation(problem));
        }
        self.inner.end(outcome, problems);
    }
}

/// `::error file=Buildfile,line=3,col=5,title=Error::message`.
fn annotation(problem: &Diagnostic) -> String {
    let place = problem.at.as_ref().map_or_else(String::new, |at| {
        let (line, column) = at.file.line_col(at.span.start);
        format!("file={},line={line},col={column},", property(&at.file.name))
    });
    let mut message = problem.message.clone();
    for hint in &problem.hints {
        message.push_str("\nHint: ");
        message.push_str(hint);
    }
    format!("::error {place}title=Error::{}\n", data(&message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Location, SourceFile, Span};

    #[test]
    fn an_annotation_names_the_place_and_is_one_line() {
        let file = Arc::new(SourceFile::new("a,b:c", "VERSION 0.8\nt:\n  RUN x\n"));
        let problem = Diagnostic::error("x", "100% wrong\nreally")
            .at(Location::new(&file, Span::new(17, 20)))
            .hint("do something");
        assert_eq!(
            annotation(&problem),
            "::error file=a%2Cb%3Ac,line=3,col=3,title=Error::100%25 wrong%0Areally%0AHint: do something\n"
        );
        assert_eq!(
            annotation(&Diagnostic::error("x", "no place")),
            "::error title=Error::no place\n"
        );
    }
}
