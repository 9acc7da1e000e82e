//! The arguments behind a reference: `--key=value`, `--key value` (language specification, 1.14).

use super::View;
use crate::{
    diag::Span,
    syntax::{
        ast::{Command, Keyword, Word},
        builtins, problem,
        problems::Problems,
    },
};

pub(super) fn check(view: &View<'_>, command: &Command, problems: &mut Problems) {
    for flag in command.flags_named("build-arg") {
        if let Some(value) = &flag.value {
            let key = value.text.split('=').next().unwrap_or_default();
            // `K` alone takes the caller's value, which is a value all the same.
            reserved(view, key, value.span, problems);
        }
    }
    match command.keyword {
        Keyword::From => {
            if let [reference, args @ ..] = command.args.as_slice()
                && reference.text.contains(['+', '$'])
                && !is_as(args)
            {
                words(view, args, problems);
            }
        }
        Keyword::Build | Keyword::Do | Keyword::FromDockerfile => {
            if let [_, args @ ..] = command.args.as_slice() {
                words(view, args, problems);
            }
        }
        Keyword::Copy => {
            for word in &command.args {
                if is_file_with_args(&word.text) {
                    problems.push(word.span, problem::args_with_files());
                }
                grouped(view, word, problems);
            }
        }
        Keyword::WithDocker => {
            for flag in command.flags_named("load") {
                if let Some(value) = &flag.value {
                    grouped(view, value, problems);
                }
            }
        }
        _ => {}
    }
}

/// `FROM x AS y` is reported elsewhere.
fn is_as(args: &[Word]) -> bool {
    args.len() == 2 && args[0].text.eq_ignore_ascii_case("AS")
}

fn reserved(view: &View<'_>, key: &str, span: Span, problems: &mut Problems) {
    if builtins::is_reserved(key, view.in_buildfile) {
        problems.push(span, problem::builtin_passed(key));
    }
}

fn words(view: &View<'_>, args: &[Word], problems: &mut Problems) {
    let mut args = args.iter();
    while let Some(word) = args.next() {
        let text = word.text.as_str();
        // What a variable holds is not known here.
        if text.starts_with(['$', '"', '\'']) {
            return;
        }
        if !text.starts_with('-') {
            problems.push(word.span, problem::not_an_arg(text));
            return;
        }
        let text = text.trim_start_matches('-');
        let key = key_of(text);
        if key.len() == text.len() && args.next().is_none() {
            problems.push(word.span, problem::arg_without_value(&word.text));
        }
        reserved(view, key, word.span, problems);
    }
}

/// The text up to the first `=` without a backslash.
fn key_of(text: &str) -> &str {
    let end = text
        .match_indices('=')
        .map(|(at, _)| at)
        .find(|at| !text[..*at].ends_with('\\'));
    end.map_or(text, |at| &text[..at])
}

/// `(file --a=b)`.
fn is_file_with_args(text: &str) -> bool {
    text.starts_with('(') && text.contains(" --") && !text.contains(['+', '$'])
}

/// `(ref --a=b)`: only the names are looked at, the rest is read after expansion.
fn grouped(view: &View<'_>, word: &Word, problems: &mut Problems) {
    let Some(start) = word.text.find('(') else {
        return;
    };
    if !word.text.ends_with(')') {
        return;
    }
    for part in word.text[start..].split_ascii_whitespace().skip(1) {
        if let Some(text) = part.strip_prefix("--") {
            reserved(view, key_of(text), word.span, problems);
        }
    }
}
