//! Words that will be expanded, and cannot be (language specification, 1.13).

use super::View;
use crate::{
    diag::Span,
    syntax::{
        ast::{Command, Keyword, Word},
        dialect::Feature,
        problem,
        problems::Problems,
        words::{self, WordOptions},
    },
};

pub(super) fn check(view: &View<'_>, command: &Command, problems: &mut Problems) {
    // Before shell-outs were allowed anywhere, a malformed word stood for itself.
    if !view.has(Feature::ShellOutAnywhere) {
        return;
    }
    let args = match command.keyword {
        // The shell expands these.
        Keyword::Run | Keyword::If | Keyword::ElseIf | Keyword::For => &[],
        Keyword::Project | Keyword::Version => &[],
        _ if command.exec.is_some() => &[],
        _ => command.args.as_slice(),
    };
    let pairs = command.assignments.iter().flat_map(|pair| {
        let key = (command.keyword == Keyword::Label).then_some(&pair.key);
        key.into_iter().chain(&pair.value)
    });
    let values = command
        .flags
        .iter()
        .filter(|flag| !matches!(flag.name, "cache-id" | "network" | "sep"))
        .filter_map(|flag| flag.value.as_ref());
    for text in args.iter().chain(pairs).chain(values) {
        word(text, problems);
    }
}

fn word(word: &Word, problems: &mut Problems) {
    if !word.text.contains(['$', '\'', '"']) {
        return;
    }
    if let Err(error) = words::parse(&word.text, WordOptions::default()) {
        let start = word.span.start as usize;
        let span = if start + word.text.len() == word.span.end as usize {
            Span::new(start + error.range.start, start + error.range.end)
        } else {
            word.span
        };
        problems.push(span, problem::malformed_word(error));
    }
}
