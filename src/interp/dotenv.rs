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
    /// Where it stands.
    pub at: Place,
}

/// How much of a file messages may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Its lines.
    Everything,
    /// Its lines without values.
    Names,
    /// Only where in it something is.
    Nothing,
}

/// A place in a file of variables, of which not everything may be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    at: Location,
    shown: Shown,
}

impl Place {
    /// Gives a diagnostic this place: with the line as far as it may be seen, else as a part of the message.
    pub fn of(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        match self.shown {
            Shown::Everything => diagnostic.at(self.at.clone()),
            Shown::Names => diagnostic.at(self.without_value()),
            Shown::Nothing => {
                let (line, _) = self.at.file.line_col(self.at.span.start);
                diagnostic.message =
                    format!("{}:{line}: {}", self.at.file.name, diagnostic.message);
                diagnostic
            }
        }
    }

    /// The same place in a text that has nothing but this line, and of that no more than the name.
    fn without_value(&self) -> Location {
        let (line, column) = self.at.file.line_col(self.at.span.start);
        let written = self.at.file.lines(line, line);
        let text = &self.at.file.text[written.range()];
        // What has no name in front may be the second line of a secret, unless it is a setting.
        let seen = match text.split_once('=') {
            Some((name, _)) if is_name(name) => name.len() + 1,
            _ if ["BLD_", "EARTHLY_"].iter().any(|p| text.starts_with(p)) => {
                text.find(char::is_whitespace).unwrap_or(text.len())
            }
            _ => 0,
        };
        let (_, first) = self.at.file.line_col(written.start);
        let mut masked = "\n".repeat(line - 1) + &" ".repeat(first - 1);
        let beginning = masked.len();
        masked.push_str(&text[..seen]);
        let hides = masked.len();
        if seen < text.len() {
            masked.push('…');
        }
        let start = (beginning + column.saturating_sub(first)).min(hides);
        let end = match start + self.at.span.range().len() {
            end if end <= hides => end,
            _ => masked.len(),
        };
        let source = SourceFile::new(self.at.file.name.as_str(), masked);
        Location::new(&Arc::new(source), Span::new(start, end))
    }
}

/// `NAME`, `export NAME`.
fn is_name(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text).trim();
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Reads a file's text. No message shows more of it than it may.
pub fn parse(name: &str, text: &str, shown: Shown) -> Result<Vec<Entry>, Box<Diagnostic>> {
    let file = Arc::new(SourceFile::new(name, text));
    let mut reader = Reader {
        file: &file,
        shown,
        at: text.len() - text.trim_start_matches('\u{feff}').len(),
        entries: Vec::new(),
    };
    while reader.line()? {}
    Ok(reader.entries)
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    shown: Shown,
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

    fn place(&self, from: usize) -> Place {
        Place {
            at: Location::new(self.file, Span::new(from, self.at.max(from))),
            shown: self.shown,
        }
    }

    fn error(&self, from: usize, message: &str) -> Box<Diagnostic> {
        let error = Diagnostic::error("dotenv", message)
            .hint("a line is `NAME=value`; `#` begins a comment, quotes protect blanks");
        Box::new(self.place(from).of(error))
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
        let at = self.place(start);
        let name_end = self.at;
        self.blanks();
        if self.peek() != Some('=') {
            self.at = name_end;
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
        match parse(".env", text, Shown::Everything) {
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
    fn mistakes_have_a_place() {
        for (text, message) in [
            (
                "A=1\n=x",
                ".env:2:1: expected a name at the start of the line",
            ),
            (
                "TOKEN x",
                ".env:1:1: expected `=` behind the name; a value of several lines needs quotes",
            ),
            ("TOKEN='x", ".env:1:7: the quote of `TOKEN` is not closed"),
            (
                "A='x' y",
                ".env:1:6: unexpected text behind the quoted value of `A`",
            ),
        ] {
            assert_eq!(read(text), message);
        }
    }

    fn drawn(text: &str, shown: Shown) -> String {
        let error = parse("f", text, shown).expect_err(text);
        let drawn = crate::diag::render::draw(&error, false);
        drawn.lines().take(5).collect::<Vec<_>>().join("\n")
    }

    const MISTAKES: [&str; 6] = [
        "A=1\n=hunter2",
        "A=1\nhunter2 hunter2",
        "A=1\nTOKEN='hunter2",
        "A=1\nexport A='x' hunter2",
        "A=1\nhunter2+hunter2=",
        "A=1\n  BLD_PUSH hunter2",
    ];

    #[test]
    fn a_file_of_arguments_is_shown() {
        insta::assert_snapshot!(drawn("A=1\n  B x # c\n", Shown::Everything), @r"
        error: expected `=` behind the name; a value of several lines needs quotes
         --> f:2:3
          |
        2 |   B x # c
          |   ^
        ");
    }

    #[test]
    fn of_a_file_of_settings_names_are_shown_and_values_are_not() {
        let all: Vec<String> = MISTAKES
            .iter()
            .map(|text| drawn(text, Shown::Names))
            .collect();
        let all = all.join("\n");
        assert!(!all.contains("hunter2"), "{all}");
        insta::assert_snapshot!(all, @r"
        error: expected a name at the start of the line
         --> f:2:1
          |
        2 | …
          | ^
        error: expected `=` behind the name; a value of several lines needs quotes
         --> f:2:1
          |
        2 | …
          | ^
        error: the quote of `TOKEN` is not closed
         --> f:2:7
          |
        2 | TOKEN=…
          |       ^
        error: unexpected text behind the quoted value of `A`
         --> f:2:10
          |
        2 | export A=…
          |          ^
        error: expected `=` behind the name; a value of several lines needs quotes
         --> f:2:1
          |
        2 | …
          | ^
        error: expected `=` behind the name; a value of several lines needs quotes
         --> f:2:3
          |
        2 |   BLD_PUSH…
          |   ^^^^^^^^
        ");
    }

    #[test]
    fn of_a_file_of_secrets_only_the_line_is_told() {
        for text in MISTAKES {
            let drawn = drawn(text, Shown::Nothing);
            assert!(drawn.starts_with("error: f:2: "), "{drawn}");
            assert!(
                !drawn.contains("hunter2") && !drawn.contains("-->"),
                "{drawn}"
            );
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
            for shown in [Shown::Names, Shown::Nothing] {
                let _ = parse(".env", text, shown).map_err(|e| e.to_string());
            }
        }
    }
}
