//! One logical line: from the pairs of the grammar to a [`Command`], without regard to what stands around it.

use pest::{Parser, iterators::Pair};

use super::{
    ast::{Assignment, Command, Keyword, Word},
    documents,
    flag_reader::take_flags,
    flags,
    grammar::{FileGrammar, Rule},
    group::group,
    problem,
    problems::Problems,
};
use crate::diag::{Diagnostic, Location, Span};

/// What a `statement` pair turned out to be.
pub(super) enum Line {
    /// A command, and whether a word of it on a later physical line is `END`.
    Command(Box<Command>, bool),
    /// Not readable; it has been reported.
    Bad(Span),
}

pub(super) fn span(pair: &Pair<'_, Rule>) -> Span {
    let place = pair.as_span();
    Span::new(place.start(), place.end())
}

/// Reads a pair of the rule `statement`.
pub(super) fn read(statement: Pair<'_, Rule>, problems: &mut Problems) -> Line {
    let (mut form, mut documents) = (None, Vec::new());
    for pair in statement.into_inner() {
        match pair.as_rule() {
            Rule::assignment
            | Rule::labels
            | Rule::command
            | Rule::documented_command
            | Rule::unknown => form = Some(pair),
            Rule::document_1 | Rule::document_2 | Rule::document_3 | Rule::document_4 => {
                documents.push(pair);
            }
            Rule::comment | Rule::continuation => {}
            rule => {
                let opener = span(&pair);
                let start = form.as_ref().map_or(opener.start, |f| span(f).start);
                let command = problems.location(Span { start, end: start });
                let before = command.line() < problems.location(opener).line();
                let problem = unclosed(rule, pair.as_str(), before.then_some(command));
                problems.push(opener, problem);
                return Line::Bad(Span {
                    start: start.min(opener.start),
                    end: opener.end,
                });
            }
        }
    }
    let form = form.expect("every statement has a form");
    let rule = form.as_rule();
    if rule == Rule::unknown {
        return unknown(form, problems);
    }
    let multi_line = form.as_str().contains(['\n', '\r']);
    let mut parts = form
        .into_inner()
        .filter(|pair| pair.as_rule() != Rule::continuation);
    let keyword_pair = parts.next().expect("the form begins with its keyword");
    let keyword = keyword(keyword_pair.as_str());
    let keyword_span = span(&keyword_pair);
    let mut command = Command {
        keyword,
        keyword_span,
        flags: Vec::new(),
        args: Vec::new(),
        exec: None,
        assignments: Vec::new(),
        documents: Vec::new(),
        docs: None,
        span: keyword_span,
    };
    if rule == Rule::documented_command {
        let parts: Vec<Pair<'_, Rule>> = parts.collect();
        let read = documents::read(&parts, documents, problems);
        words(&mut command, parts.into_iter(), problems);
        if let Some(last) = read.last() {
            command.span = command.span.to(last.span);
        }
        command.documents = read;
        return Line::Command(Box::new(command), false);
    }
    match rule {
        Rule::assignment => assignment(&mut command, parts, problems),
        Rule::labels => labels(&mut command, parts, problems),
        _ => words(&mut command, parts, problems),
    }
    let end_in_words = multi_line && command.args.iter().any(|w| w.text == "END");
    Line::Command(Box::new(command), end_in_words)
}

/// The keyword, its blanks made single spaces.
fn keyword(text: &str) -> Keyword {
    Keyword::from_text(text)
        .or_else(|| {
            let words: Vec<&str> = text
                .split(|c: char| !c.is_ascii_uppercase())
                .filter(|w| !w.is_empty())
                .collect();
            // Between the two words may stand a continuation with a comment in it.
            let (first, last) = (words.first()?, words.last()?);
            Keyword::from_text(&format!("{first} {last}"))
        })
        .expect("the grammar and the table of keywords agree")
}

/// A word of the grammar, continuations taken out.
fn word(pair: &Pair<'_, Rule>) -> Word {
    Word {
        text: without_continuations(pair.as_str()),
        span: span(pair),
    }
}

fn without_continuations(raw: &str) -> String {
    if !raw.contains(['\n', '\r']) {
        return raw.to_owned();
    }
    let pieces = FileGrammar::parse(Rule::pieces_of_word, raw).expect("the rule takes any text");
    let (mut text, mut at) = (String::with_capacity(raw.len()), 0);
    for piece in pieces.flatten() {
        if matches!(
            piece.as_rule(),
            Rule::continuation | Rule::quoted_continuation
        ) {
            text.push_str(&raw[at..piece.as_span().start()]);
            at = piece.as_span().end();
        }
    }
    text.push_str(&raw[at..]);
    text
}

/// Flags and words, or an exec form.
fn words<'i>(
    command: &mut Command,
    parts: impl Iterator<Item = Pair<'i, Rule>>,
    problems: &mut Problems,
) {
    let row = flags::of(command.keyword);
    let words: Vec<Word> = parts.map(|pair| word(&pair)).collect();
    if let Some(last) = words.last() {
        command.span = command.span.to(last.span);
    }
    if row.exec
        && words.first().is_some_and(|w| w.text.starts_with('['))
        && let Some(list) = exec_form(&words)
    {
        let place = words[0].span.to(words[words.len() - 1].span);
        exec(command, list, place, problems);
        command.args = words;
        return;
    }
    let words = if row.grouped {
        let (words, open) = group(words);
        // The words of a shell command are joined again, so that a `\(` in it harms nothing.
        if open == Some('(') && !is_shell(command.keyword) {
            let last = words.last().expect("an open group has a word");
            problems.push(last.span, problem::unclosed_group(&last.text));
        }
        words
    } else {
        words
    };
    let (flags, words) = take_flags(command.keyword, words, problems);
    command.flags = flags;
    if row.exec
        && !command.flags.is_empty()
        && words.first().is_some_and(|w| w.text.starts_with('['))
    {
        command.exec = exec_form(&words);
    }
    command.args = words;
}

fn is_shell(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::Run | Keyword::If | Keyword::ElseIf | Keyword::For | Keyword::Healthcheck
    )
}

/// The words as a JSON list of strings.
fn exec_form(words: &[Word]) -> Option<Vec<String>> {
    if !words.last()?.text.ends_with(']') {
        return None;
    }
    let texts: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
    serde_json::from_str(&texts.join(" ")).ok()
}

/// Flags of an exec form are elements of the list.
fn exec(command: &mut Command, list: Vec<String>, place: Span, problems: &mut Problems) {
    let elements = list
        .into_iter()
        .map(|text| Word { text, span: place })
        .collect();
    let (flags, rest) = take_flags(command.keyword, elements, problems);
    command.flags = flags;
    command.exec = Some(rest.into_iter().map(|w| w.text).collect());
}

/// `KEY=value` and its relatives.
fn assignment<'i>(
    command: &mut Command,
    parts: impl Iterator<Item = Pair<'i, Rule>>,
    problems: &mut Problems,
) {
    let (mut options, mut rest) = (Vec::new(), Vec::new());
    let (mut key, mut equals, mut value) = (None, false, None);
    for pair in parts {
        command.span = command.span.to(span(&pair));
        match pair.as_rule() {
            Rule::option => options.push(word(&pair)),
            Rule::key => key = Some(word(&pair)),
            Rule::equals => equals = true,
            Rule::value => value = Some(word(&pair)),
            _ => rest.push(word(&pair)),
        }
    }
    let keyword = command.keyword;
    if flags::of(keyword).flags.is_some() {
        let (flags, left) = take_flags(keyword, options, problems);
        command.flags = flags;
        options = left;
    }
    if let Some(option) = options.into_iter().next() {
        // ENV knows no flags: what looks like one is a bad key.
        problems.push(option.span, problem::invalid_key(keyword, &option.text));
        return;
    }
    let Some(key) = key else {
        let problem = match rest.first() {
            Some(_) => problem::missing_key(keyword),
            None => problem::no_words(keyword),
        };
        problems.push(command.span, problem);
        return;
    };
    if !is_key(&key.text) {
        problems.push(key.span, problem::invalid_key(keyword, &key.text));
    }
    if !equals && !rest.is_empty() && keyword == Keyword::Env {
        let place = rest[0].span.to(rest[rest.len() - 1].span);
        let texts: Vec<&str> = rest.iter().map(|w| w.text.as_str()).collect();
        value = Some(Word {
            text: texts.join(" "),
            span: place,
        });
    } else if let Some(stray) = rest.first() {
        problems.push(
            stray.span,
            problem::value_without_equals(keyword, &key.text),
        );
    } else if matches!(keyword, Keyword::Let | Keyword::Set) && value.is_none() {
        problems.push(command.span, problem::no_value(keyword, &key.text, equals));
    }
    command.assignments.push(Assignment { key, value });
}

/// `[A-Za-z_][A-Za-z0-9_]*`.
pub(super) fn is_key(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `key=value` pairs.
fn labels<'i>(
    command: &mut Command,
    parts: impl Iterator<Item = Pair<'i, Rule>>,
    problems: &mut Problems,
) {
    for pair in parts {
        let place = span(&pair);
        command.span = command.span.to(place);
        if pair.as_rule() != Rule::pair {
            problems.push(place, problem::label_without_key());
            continue;
        }
        let (mut key, mut value) = (None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::pair_key => key = Some(word(&part)),
                Rule::word => value = Some(word(&part)),
                _ => {}
            }
        }
        let key = key.expect("a pair begins with its key");
        if value.is_none() {
            problems.push(place, problem::label_without_value(&key.text));
        }
        command.assignments.push(Assignment { key, value });
    }
}

/// A line that begins with no keyword.
fn unknown(form: Pair<'_, Rule>, problems: &mut Problems) -> Line {
    let words: Vec<Word> = form
        .into_inner()
        .filter(|pair| pair.as_rule() != Rule::continuation)
        .map(|pair| word(&pair))
        .collect();
    let first = words.first().expect("the form begins with a word");
    let place = first.span.to(words[words.len() - 1].span);
    let second = words.get(1).map(|w| w.text.as_str());
    problems.push(first.span, problem::unknown_keyword(&first.text, second));
    Line::Bad(place)
}

/// The words of one logical line behind its keyword, one by one; `=` of an assignment is a word of its own.
pub(super) fn raw_words(line: &str) -> Vec<String> {
    let Ok(pairs) = FileGrammar::parse(Rule::statement, line) else {
        return Vec::new();
    };
    pairs
        .flatten()
        .filter(|pair| {
            matches!(
                pair.as_rule(),
                Rule::word | Rule::option | Rule::key | Rule::equals | Rule::value | Rule::pair_key
            )
        })
        .map(|pair| without_continuations(pair.as_str()))
        .collect()
}

fn unclosed(rule: Rule, text: &str, command: Option<Location>) -> Diagnostic {
    match rule {
        Rule::unclosed_double => problem::unclosed_quote('"', text, command),
        Rule::unclosed_single => problem::unclosed_quote('\'', text, command),
        Rule::unclosed_shell => problem::unclosed_shell_out(text),
        Rule::lone_backslash => problem::lone_backslash(),
        rule => unreachable!("{rule:?} is not part of a statement"),
    }
}
