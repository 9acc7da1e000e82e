//! Takes the flags off the front of a command's words (language specification, 1.8).

use super::{
    ast::{Flag, Keyword, Word},
    flags::{self, Carries, FlagRow},
    problem,
    problems::Problems,
};
use crate::diag::Span;

/// Takes the flags; what is left in `words` begins with the first word that is no flag.
pub(super) fn take_flags(
    keyword: Keyword,
    words: Vec<Word>,
    problems: &mut Problems,
) -> (Vec<Flag>, Vec<Word>) {
    let Some(rows) = flags::of(keyword).flags else {
        return (Vec::new(), words);
    };
    if !words.first().is_some_and(|w| is_flag(&w.text)) {
        return (Vec::new(), words);
    }
    let mut found = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next_if(|w| is_flag(&w.text)) {
        if word.text == "--" {
            break;
        }
        let (name, inline) = split(&word);
        let Some(row) = rows.iter().find(|row| row.name == name) else {
            let near = problem::nearest(&name, rows.iter().map(|row| row.name));
            problems.push(word.span, problem::unknown_flag(keyword, &name, near));
            continue;
        };
        match row.carries {
            Carries::Nothing => found.push(switch(keyword, row, &word, inline, problems)),
            Carries::Value => {
                let separate = inline.is_none();
                let value = match inline {
                    Some(value) => Some(value),
                    None => words.next_if(|w| !is_flag(&w.text)),
                };
                let Some(value) = value else {
                    let next = words.peek().map(|w| w.text.as_str());
                    problems.push(word.span, problem::missing_value(row.name, next));
                    continue;
                };
                let span = if separate {
                    word.span.to(value.span)
                } else {
                    word.span
                };
                if let Some(value) = unquoted(row.name, value, problems) {
                    found.push(Flag {
                        name: row.name,
                        value: Some(value),
                        span,
                    });
                }
            }
        }
    }
    (found, words.collect())
}

/// `-x`, `--x`, `--`; not `-` alone.
fn is_flag(text: &str) -> bool {
    text.len() > 1 && text.starts_with('-')
}

/// The name without dashes, and the value behind `=`.
fn split(word: &Word) -> (String, Option<Word>) {
    let text = &word.text;
    let dashes = if text.starts_with("--") { 2 } else { 1 };
    let Some(equals) = text.find('=') else {
        return (text[dashes..].to_owned(), None);
    };
    let value = text[equals + 1..].to_owned();
    // With a continuation inside, text and span do not run side by side; the place of the value is then the whole word.
    let start = word.span.start as usize + equals + 1;
    let span = if start + value.len() == word.span.end as usize {
        Span::new(start, word.span.end as usize)
    } else {
        word.span
    };
    let value = Word { text: value, span };
    (text[dashes..equals].to_owned(), Some(value))
}

fn switch(
    keyword: Keyword,
    row: &FlagRow,
    word: &Word,
    inline: Option<Word>,
    problems: &mut Problems,
) -> Flag {
    if let Some(value) = &inline {
        // RUN alone expands the value before it is read.
        let expanded_later = keyword == Keyword::Run && value.text.contains('$');
        if !expanded_later && truth(&value.text).is_none() {
            problems.push(value.span, problem::bad_boolean(row.name, &value.text));
        }
    }
    Flag {
        name: row.name,
        value: inline,
        span: word.span,
    }
}

/// What the value of a switch says.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// Reads the C-like escapes of a value that begins with a double quote.
fn unquoted(flag: &str, value: Word, problems: &mut Problems) -> Option<Word> {
    if !value.text.starts_with('"') {
        return Some(value);
    }
    if let Some(text) = c_string(&value.text) {
        return Some(Word { text, ..value });
    }
    problems.push(value.span, problem::malformed_quoted(flag, &value.text));
    None
}

/// The contents of `"…"`.
fn c_string(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => text.push(escape(&mut chars)?),
            c => text.push(c),
        }
    }
    // `"` alone was prefix and suffix at once.
    (quoted.len() > 1).then_some(text)
}

fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        c @ ('\\' | '"') => c,
        'x' => number(chars, 2, 16)?,
        'u' => number(chars, 4, 16)?,
        'U' => number(chars, 8, 16)?,
        first @ '0'..='7' => {
            let mut rest = chars.clone();
            let digits: String = std::iter::once(first)
                .chain(rest.by_ref().take(2))
                .collect();
            let value = (digits.len() == 3).then(|| u32::from_str_radix(&digits, 8).ok())??;
            *chars = rest;
            char::from_u32(value)?
        }
        _ => return None,
    })
}

fn number(chars: &mut std::str::Chars<'_>, digits: usize, radix: u32) -> Option<char> {
    let text: String = chars.by_ref().take(digits).collect();
    if text.chars().count() < digits || text.starts_with('+') {
        return None;
    }
    char::from_u32(u32::from_str_radix(&text, radix).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_is_read_like_a_c_string() {
        assert_eq!(
            c_string(r#""a\n\t\"\\\x41\u00e9\101""#).as_deref(),
            Some("a\n\t\"\\A\u{e9}A")
        );
        for malformed in ["\"", "\"a", r#""a"b""#, r#""\q""#, r#""\x4""#, r#""\"#] {
            assert_eq!(c_string(malformed), None, "{malformed}");
        }
    }
}
