//! `.env`, `.arg` and `.secret`: names with values (language specification, 7.3).
//!
//! `K=V` and `export K=V`, one a line; `#` begins a comment; single quotes are literal, double quotes know escapes, and
//! both may go over lines; `$K` and `${K}` mean an earlier line of the file.

use std::sync::Arc;

use crate::diag::{Diagnostic, Location, SourceFile, Span};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// The value, quotes taken off.
    pub value: String,
    /// The name in the file.
    pub at: Location,
}

/// Reads a file's text. No message ever shows a value: it may be a secret.
pub fn parse(name: &str, text: &str) -> Result<Vec<Entry>, Box<Diagnostic>> {
    let file = Arc::new(SourceFile::new(name, text));
    let mut reader = Reader {
        file: &file,
        at: text.len() - text.trim_start_matches('\u{feff}').len(),
        entries: Vec::new(),
    };
    while reader.line()? {}
    Ok(reader.entries)
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    at: usize,
    entries: Vec<Entry>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        let file: &'a SourceFile = self.file;
        &file.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, stop: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(stop).unwrap_or(rest.len());
    }

    fn blanks(&mut self) {
        self.skip(|c| c != ' ' && c != '\t');
    }

    fn error(&self, from: usize, message: &str) -> Box<Diagnostic> {
        let at = Location::new(self.file, Span::new(from, self.at.max(from)));
        Box::new(
            // The place is part of the message: drawn with its source line, it would show a value.
            Diagnostic::error("dotenv", format!("{at}: {message}"))
                .hint("a line is `NAME=value`; `#` begins a comment, quotes protect blanks"),
        )
    }

    /// Reads one entry; false at the end of the file.
    fn line(&mut self) -> Result<bool, Box<Diagnostic>> {
        self.skip(|c| !c.is_whitespace());
        match self.peek() {
            None => return Ok(false),
            Some('#') => {
                self.skip(|c| c == '\n');
                return Ok(true);
            }
            Some(_) => {}
        }
        let mut start = self.at;
        self.name();
        if &self.file.text[start..self.at] == "export" {
            self.blanks();
            if !matches!(self.peek(), Some('=' | ':')) {
                start = self.at;
                self.name();
            }
        }
        let name = self.file.text[start..self.at].to_owned();
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !valid {
            self.skip(|c| c == '\n');
            return Err(self.error(start, "expected a name at the start of the line"));
        }
        let at = Location::new(self.file, Span::new(start, self.at));
        self.blanks();
        if self.peek() != Some('=') {
            // Not with the text: it may be the second line of a secret.
            return Err(self.error(
                start,
                "expected `=` behind the name; a value of several lines needs quotes",
            ));
        }
        self.at += 1;
        self.blanks();
        let value = match self.peek() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote, &name)?,
            _ => self.unquoted(),
        };
        self.entries.push(Entry { name, value, at });
        Ok(true)
    }

    fn name(&mut self) {
        self.skip(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')));
    }

    /// To the end of the line, or to a comment.
    fn unquoted(&mut self) -> String {
        let line = self.rest();
        let line = &line[..line.find('\n').unwrap_or(line.len())];
        self.at += line.len();
        let comment = line
            .char_indices()
            .find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with([' ', '\t'])));
        let text = comment.map_or(line, |(at, _)| &line[..at]);
        self.with_references(text.trim())
    }

    fn quoted(&mut self, quote: char, name: &str) -> Result<String, Box<Diagnostic>> {
        let start = self.at;
        self.at += 1;
        let rest = self.rest();
        let mut end = None;
        let mut escaped = false;
        for (at, c) in rest.char_indices() {
            if c == quote && !escaped {
                end = Some(at);
                break;
            }
            escaped = c == '\\' && !escaped && quote == '"';
        }
        let Some(end) = end else {
            self.at = start + 1;
            return Err(self.error(start, &format!("the quote of `{name}` is not closed")));
        };
        self.at += end + 1;
        let after = self.at;
        self.blanks();
        if !matches!(self.peek(), None | Some('\n' | '\r' | '#')) {
            self.skip(|c| c == '\n');
            return Err(self.error(
                after,
                &format!("unexpected text behind the quoted value of `{name}`"),
            ));
        }
        self.skip(|c| c == '\n');
        let inner = &rest[..end];
        Ok(if quote == '"' {
            self.with_references(inner)
        } else {
            inner.to_owned()
        })
    }

    /// Escapes and references of a value.
    fn with_references(&self, text: &str) -> String {
        let mut value = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\\' => {
                    let next = rest.chars().next();
                    rest = &rest[next.map_or(0, char::len_utf8)..];
                    match next {
                        Some('n') => value.push('\n'),
                        Some('r') => value.push('\r'),
                        Some('t') => value.push('\t'),
                        Some(other @ ('"' | '\\' | '$' | '\'')) => value.push(other),
                        Some(other) => value.extend(['\\', other]),
                        None => value.push('\\'),
                    }
                }
                '$' => {
                    let braced = rest.starts_with('{');
                    let inner = rest.strip_prefix('{').unwrap_or(rest);
                    let len = inner
                        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                        .unwrap_or(inner.len());
                    let closed = !braced || inner[len..].starts_with('}');
                    if len == 0 || !closed {
                        value.push('$');
                        continue;
                    }
                    let name = &inner[..len];
                    let earlier = self.entries.iter().rev().find(|e| e.name == name);
                    value.push_str(earlier.map_or("", |e| e.value.as_str()));
                    rest = &rest[len + 2 * usize::from(braced)..];
                }
                c => value.push(c),
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(".env", text) {
            Ok(entries) => {
                let lines: Vec<String> = entries
                    .iter()
                    .map(|e| format!("{}={:?}", e.name, e.value))
                    .collect();
                lines.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        assert_eq!(
            read(
                "# c\n\nA=1\nexport B = two words  # c\nC='$A #x'\nD=\"a\\n$A-${A}\\$A\" # c\nE=\nexport=x\r\nF=a#b"
            ),
            r#"A="1" B="two words" C="$A #x" D="a\n1-1$A" E="" export="x" F="a#b""#
        );
    }

    #[test]
    fn a_quoted_value_goes_over_lines() {
        assert_eq!(read("KEY=\"a\nb\"\nX='\n'\n"), r#"KEY="a\nb" X="\n""#);
    }

    #[test]
    fn mistakes_have_a_place_and_show_no_value() {
        for (text, message) in [
            (
                "A=1\n=hunter2",
                ".env:2:1: expected a name at the start of the line",
            ),
            (
                "TOKEN hunter2",
                ".env:1:1: expected `=` behind the name; a value of several lines needs quotes",
            ),
            (
                "TOKEN='hunter2",
                ".env:1:7: the quote of `TOKEN` is not closed",
            ),
            (
                "A='x' hunter2",
                ".env:1:6: unexpected text behind the quoted value of `A`",
            ),
        ] {
            assert_eq!(read(text), message);
        }
    }

    #[test]
    fn any_text_is_read_or_refused() {
        for text in [
            "$",
            "A=$",
            "A=${",
            "A=${}",
            "A=\\",
            "A=\"\\",
            "é=1",
            "A=é\\é",
            "\u{feff}A=1",
            "A",
        ] {
            let _ = read(text);
        }
    }
}
