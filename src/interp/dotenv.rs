//! `.env`, `.arg` and `.secret`: `K=V` lines (language specification, 7.3).
//!
//! `export K=V`, `#` comments, quotes, escapes in double quotes, `$K` and `${K}` of earlier lines. A value never appears
//! in an error: the file may hold secrets.

use std::{collections::HashMap, fs, io, path::Path};

use crate::diag::Diagnostic;

/// Reads the named file, else `default` in `cwd`. A missing default file is no error, a missing named one is.
pub fn read(
    named: Option<&Path>,
    cwd: &Path,
    default: &str,
) -> Result<Vec<(String, String)>, Box<Diagnostic>> {
    let path = named.map_or_else(|| cwd.join(default), |named| cwd.join(named));
    let shown = named.map_or_else(|| default.to_owned(), |named| named.display().to_string());
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if named.is_none() && e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            let message = format!("cannot read `{shown}`: {e}");
            return Err(Box::new(Diagnostic::error("dotenv-unreadable", message)));
        }
    };
    parse(&text).map_err(|(line, why)| {
        let message = format!("`{shown}`, line {line}: {why}");
        Box::new(
            Diagnostic::error("dotenv-syntax", message)
                .hint("write one `KEY=value` a line; quote a value that has blanks or `#`"),
        )
    })
}

/// All pairs in order, or the line that cannot be read and why.
fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut known: HashMap<String, String> = HashMap::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let Some((key, rest)) = line.split_once('=') else {
            return Err((at + 1, "there is no `=`"));
        };
        let key = key.trim_end();
        let valid = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if !valid {
            return Err((at + 1, "the key is not a name"));
        }
        let mut raw = rest.trim_start().to_owned();
        // A quoted value may go over several lines.
        while let Some(quote @ ('"' | '\'')) = raw.chars().next() {
            if closing(&raw, quote).is_some() {
                break;
            }
            let Some((_, more)) = lines.next() else {
                return Err((at + 1, "the quote is not closed"));
            };
            raw.push('\n');
            raw.push_str(more);
        }
        let value = value(&raw, &known);
        known.insert(key.to_owned(), value.clone());
        pairs.push((key.to_owned(), value));
    }
    Ok(pairs)
}

/// Where the quote that begins the text ends.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = quote == '"' && c == '\\' && !escaped;
        ends.then_some(at)
    })
}

fn value(raw: &str, known: &HashMap<String, String>) -> String {
    match raw.chars().next() {
        Some('\'') => raw[1..closing(raw, '\'').unwrap_or(raw.len())].to_owned(),
        Some('"') => expand(&raw[1..closing(raw, '"').unwrap_or(raw.len())], known, true),
        _ => {
            let end = raw.find(" #").unwrap_or(raw.len());
            expand(raw[..end].trim_end(), known, false)
        }
    }
}

/// Puts values in the place of `$K` and `${K}`; in double quotes, reads escapes.
fn expand(text: &str, known: &HashMap<String, String>, escapes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if escapes || chars.peek() == Some(&'$') => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            '$' => {
                let braced = chars.next_if_eq(&'{').is_some();
                let mut name = String::new();
                while let Some(n) = chars.next_if(|n| n.is_ascii_alphanumeric() || *n == '_') {
                    name.push(n);
                }
                if braced {
                    chars.next_if_eq(&'}');
                }
                if name.is_empty() && !braced {
                    out.push('$');
                }
                out.push_str(known.get(&name).map_or("", String::as_str));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).expect("it is well-formed")
    }

    fn one(text: &str) -> String {
        pairs(text).pop().expect("one pair").1
    }

    #[test]
    fn values_are_read_as_dotenv_files_write_them() {
        for (line, value) in [
            ("K=v", "v"),
            ("export K = v # why", "v"),
            ("K=a#b", "a#b"),
            ("K='a $X # b'", "a $X # b"),
            ("K=\"a\\nb\\\"c\"", "a\nb\"c"),
            ("K=", ""),
            ("A=1\nK=${A}2$A", "121"),
            ("K=\"two\nlines\"", "two\nlines"),
            ("\u{feff}# c\n\nK=v\r\n", "v"),
        ] {
            assert_eq!(one(line), value, "{line}");
        }
    }

    #[test]
    fn an_error_names_the_line_and_never_the_value() {
        assert_eq!(parse("A=1\nhunter2"), Err((2, "there is no `=`")));
        assert_eq!(parse("1 A=x").unwrap_err().0, 1);
        assert_eq!(parse("A=\"hunter2"), Err((1, "the quote is not closed")));
    }
}
