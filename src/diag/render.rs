//! How diagnostics look: for a person with source line and caret, for a machine as JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

use crate::base::url_login::blotted;

use super::{
    diagnostic::{Diagnostic, Severity},
    source::{Location, Span},
};

/// The widest line that is shown whole; a longer one is cut around the caret by the renderer.
const WIDTH: usize = 140;

/// So many frames are shown at most.
const FRAMES: usize = 12;

/// Draws one diagnostic with its source line, caret, notes and hints. Ends with a line end.
pub fn draw(diagnostic: &Diagnostic, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.clone()));
    if let Some(at) = &diagnostic.at {
        group = group.element(snippet(at, AnnotationKind::Primary, &diagnostic.label));
    }
    for (at, words) in &diagnostic.related {
        group = group.element(snippet(at, AnnotationKind::Context, words));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.clone()));
    }
    let frames = &diagnostic.frames;
    let left_out = frames.len().saturating_sub(FRAMES);
    for (number, frame) in frames.iter().enumerate() {
        // A recursion has thousands of frames, all alike: its beginning and its end are enough.
        if left_out > 0 && number == FRAMES / 2 {
            let text = format!("… {left_out} more …");
            group = group.element(Level::NOTE.no_name().message(text));
        }
        if left_out > 0 && (FRAMES / 2..FRAMES / 2 + left_out).contains(&number) {
            continue;
        }
        let text = match &frame.at {
            Some(at) => format!("in {}, called from {at}", frame.what),
            None => format!("in {}", frame.what),
        };
        group = group.element(Level::NOTE.no_name().message(text));
    }
    for hint in &diagnostic.hints {
        group = group.element(Level::HELP.with_name("hint").message(hint.clone()));
    }
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut text = renderer.term_width(WIDTH).render(&[group]);
    text.push('\n');
    text
}

/// The lines of a span, with the path and an annotation. Only these lines are handed to the renderer: a file may have a
/// hundred thousand. A login in a URL is not shown, whatever the problem is.
fn snippet<'a>(
    at: &'a Location,
    kind: AnnotationKind,
    label: &'a str,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = at.file.text.as_str();
    let Span { start, end } = at.span;
    let start = (start as usize).min(text.len());
    // A span over many lines is shown by its first: the statement's place, not its body.
    let line_end = |from: usize| {
        text[from..]
            .find(['\n', '\r'])
            .map_or(text.len(), |n| from + n)
    };
    let end = (end as usize).clamp(start, line_end(start));
    let from = text[..start].rfind(['\n', '\r']).map_or(0, |n| n + 1);
    let upto = line_end(end);
    let annotation = kind.span(start - from..end - from);
    let annotation = if label.is_empty() {
        annotation
    } else {
        annotation.label(label)
    };
    Snippet::source(blotted(&text[from..upto]))
        .line_start(at.line())
        .path(&at.file.name)
        .annotation(annotation)
}

/// One diagnostic as a JSON object: `severity`, `code`, `message`, `file`, `line`, `column`, `endLine`, `endColumn`,
/// `notes`, `hints`. Lines and columns count from 1; without a place the five place keys are absent.
pub fn json(diagnostic: &Diagnostic) -> Value {
    let mut object = json!({
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        "code": diagnostic.code,
        "message": diagnostic.message,
        "notes": diagnostic.notes,
        "hints": diagnostic.hints,
    });
    if let Some(at) = &diagnostic.at {
        let (line, column) = at.file.line_col(at.span.start);
        let (end_line, end_column) = at.file.line_col(at.span.end);
        object["file"] = json!(at.file.name);
        object["line"] = json!(line);
        object["column"] = json!(column);
        object["endLine"] = json!(end_line);
        object["endColumn"] = json!(end_column);
    }
    object
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::SourceFile;

    #[test]
    fn a_login_in_a_source_line_is_not_shown() {
        let text = "  GIT CLONE http://u:hunter2@h.io/r x\n";
        let file = Arc::new(SourceFile::new("Buildfile", text));
        let at = Location::new(&file, Span::new(36, 37));
        let drawn = draw(&Diagnostic::error("x", "wrong").at(at), false);
        assert!(
            drawn.contains("GIT CLONE http://u:xxxxxxx@h.io/r x"),
            "{drawn}"
        );
        assert!(!drawn.contains("hunter2"));
    }

    #[test]
    fn a_drawn_diagnostic_has_position_source_line_caret_and_hint() {
        let file = Arc::new(SourceFile::new(
            "Buildfile",
            "VERSION 0.8\nt:\n    RUN --pish x\n",
        ));
        let at = Location::new(&file, Span::new(23, 29));
        let text = draw(
            &Diagnostic::error("unknown-flag", "unknown flag `--pish`")
                .at(at)
                .hint("did you mean `--push`?"),
            false,
        );
        insta::assert_snapshot!(text, @r"
        error: unknown flag `--pish`
         --> Buildfile:3:9
          |
        3 |     RUN --pish x
          |         ^^^^^^
          |
          = hint: did you mean `--push`?
        ");
    }

    #[test]
    fn a_span_past_the_end_of_the_file_is_drawn_and_does_not_panic() {
        let file = Arc::new(SourceFile::new("Buildfile", "VERSION 0.8"));
        let at = Location::new(&file, Span::new(11, 40));
        assert!(draw(&Diagnostic::error("x", "y").at(at), false).contains("Buildfile:1:12"));
    }
}
