//! Instructions: logical lines, put together from lines with continuations, without comments.
//!
//! Source: Docker's Dockerfile reference, and what BuildKit's `frontend/dockerfile/parser` does where that is silent.

use crate::diag::Span;

/// A Dockerfile, cut into instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// In order.
    pub instructions: Vec<Instruction>,
    /// The value of a `# syntax=` line, and where it stands.
    pub syntax: Option<(String, Span)>,
    /// What continues a line and escapes a character: a backslash, or a backquote where a directive says so.
    pub escape: char,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// `FROM`, in capital letters.
    pub keyword: String,
    /// Everything behind it, lines put together.
    pub rest: String,
    /// All of it in the file, heredocs included.
    pub span: Span,
    /// Comment lines right above it, without the `#`.
    pub comments: Vec<String>,
    /// The here-documents that it has.
    pub heredocs: Vec<Heredoc>,
    /// For each byte of `rest`, where it stands in the file.
    places: Vec<u32>,
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: String,
    /// Its lines.
    pub body: String,
}

/// A word between blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its text.
    pub text: String,
    /// Where it stands in the file.
    pub span: Span,
}

impl Instruction {
    /// The words between blanks; quotes mean nothing.
    pub fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        let mut start = None;
        for (at, c) in self.rest.char_indices() {
            match (c.is_whitespace(), start) {
                (true, Some(from)) => {
                    words.push(self.word(from, at));
                    start = None;
                }
                (false, None) => start = Some(at),
                _ => {}
            }
        }
        if let Some(from) = start {
            words.push(self.word(from, self.rest.len()));
        }
        words
    }

    /// A part of the text behind the keyword.
    pub fn word(&self, from: usize, to: usize) -> Word {
        let place = |at: usize| self.places.get(at).copied().unwrap_or(self.span.end);
        let start = place(from);
        let end = to.checked_sub(1).map_or(start, place) + 1;
        Word {
            text: self.rest[from..to].to_owned(),
            span: Span { start, end },
        }
    }
}

impl Text {
    /// Reads a Dockerfile. Anything is one, at worst one without instructions.
    pub fn parse(text: &str) -> Self {
        let mut reader = Reader {
            text,
            at: 0,
            escape: '\\',
        };
        if text.starts_with('\u{feff}') {
            reader.at = '\u{feff}'.len_utf8();
        }
        let syntax = reader.directives();
        let mut instructions = Vec::new();
        let mut comments = Vec::new();
        while let Some((start, line)) = reader.line() {
            let trimmed = line.trim();
            if trimmed.is_empty() {
                comments.clear();
            } else if let Some(comment) = trimmed.strip_prefix('#') {
                comments.push(comment.trim_end().to_owned());
            } else {
                let comments = std::mem::take(&mut comments);
                instructions.push(reader.instruction(start, line, comments));
            }
        }
        Self {
            instructions,
            syntax,
            escape: reader.escape,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    escape: char,
}

impl<'a> Reader<'a> {
    /// The next line without its end, and where it begins.
    fn line(&mut self) -> Option<(usize, &'a str)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let end = rest.find('\n').unwrap_or(rest.len());
        self.at = (start + end + 1).min(self.text.len());
        let line = &rest[..end];
        Some((start, line.strip_suffix('\r').unwrap_or(line)))
    }

    /// The lines `# name=value` at the very top. They end with the first line that is something else.
    fn directives(&mut self) -> Option<(String, Span)> {
        let mut syntax = None;
        loop {
            let before = self.at;
            let directive = self.line().and_then(|(start, line)| {
                let (name, value) = line.trim().strip_prefix('#')?.split_once('=')?;
                let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
                let word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
                let span = Span::new(start, start + line.len());
                (word && !value.is_empty()).then(|| (name, value.to_owned(), span))
            });
            match directive {
                Some((name, value, span)) if name == "syntax" => {
                    syntax.get_or_insert((value, span));
                }
                Some((name, value, _)) if name == "escape" => {
                    if let "`" | "\\" = value.as_str() {
                        self.escape = value.chars().next().unwrap_or('\\');
                    }
                }
                Some(_) => {}
                None => {
                    self.at = before;
                    return syntax;
                }
            }
        }
    }

    fn instruction(&mut self, start: usize, first: &'a str, comments: Vec<String>) -> Instruction {
        let indent = first.len() - first.trim_start().len();
        let start = start + indent;
        let mut joined = String::new();
        let mut places = Vec::new();
        let mut take = |at: usize, part: &str| {
            joined.push_str(part);
            places.extend((at..at + part.len()).map(|at| u32::try_from(at).unwrap_or(u32::MAX)));
        };
        let mut goes_on = match self.continued(&first[indent..]) {
            Some(part) => {
                take(start, part);
                true
            }
            None => {
                take(start, &first[indent..]);
                false
            }
        };
        let mut end = start + first.len() - indent;
        while goes_on {
            let Some((at, line)) = self.line() else { break };
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            end = at + line.len();
            match self.continued(line) {
                Some(part) => take(at, part),
                None => {
                    take(at, line);
                    goes_on = false;
                }
            }
        }
        let keyword_end = joined.find(char::is_whitespace).unwrap_or(joined.len());
        let keyword = joined[..keyword_end].to_ascii_uppercase();
        let blanks = joined[keyword_end..].len() - joined[keyword_end..].trim_start().len();
        let rest_start = keyword_end + blanks;
        let rest = joined[rest_start..].trim_end().to_owned();
        let places = places[rest_start..rest_start + rest.len()].to_vec();
        let mut heredocs = Vec::new();
        if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
            for (name, tabs) in rest.split_whitespace().filter_map(heredoc) {
                let body = self.body(&name, tabs, &mut end);
                heredocs.push(Heredoc { name, body });
            }
        }
        Instruction {
            keyword,
            rest,
            span: Span::new(start, end),
            comments,
            heredocs,
            places,
        }
    }

    /// A line without its continuation; none if it has none. An escaped escape character continues nothing.
    fn continued<'l>(&self, line: &'l str) -> Option<&'l str> {
        let rest = line
            .trim_end_matches([' ', '\t'])
            .strip_suffix(self.escape)?;
        (!rest.ends_with(self.escape)).then_some(rest)
    }

    fn body(&mut self, name: &str, tabs: bool, end: &mut usize) -> String {
        let mut body = String::new();
        while let Some((at, line)) = self.line() {
            *end = at + line.len();
            let shown = if tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            if shown == name {
                break;
            }
            body.push_str(line);
            body.push('\n');
        }
        body
    }
}

/// `<<EOF`, `<<-"EOF"`, `3<<EOF`: the word that ends it, and whether tabs in front of that do not count.
fn heredoc(word: &str) -> Option<(String, bool)> {
    let word = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = word.strip_prefix("<<")?;
    let (rest, tabs) = match rest.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let name = match quote {
        Some(quote) => rest.strip_prefix(quote)?.strip_suffix(quote)?,
        None => rest,
    };
    let mut letters = name.chars();
    let first = letters.next()?;
    let valid = (first.is_ascii_alphabetic() || first == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    valid.then(|| (name.to_owned(), tabs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let parsed = Text::parse(text);
        let show = |i: &Instruction| format!("{} {}", i.keyword, i.rest);
        parsed.instructions.iter().map(show).collect()
    }

    #[test]
    fn lines_are_put_together_and_comments_between_them_vanish() {
        let text = "\u{feff}# syntax=x\n\n  from  a \\\n # why\n\n   AS b  \r\nRUN a && \\ \n\tb \\\\\nCMD x";
        assert_eq!(read(text), ["FROM a    AS b", "RUN a && \tb \\\\", "CMD x"]);
    }

    #[test]
    fn directives_stand_at_the_top_only() {
        let parsed =
            Text::parse("# escape=`\n# syntax = d/f:1 \nFROM a `\n  AS b\n# syntax=late\n");
        assert_eq!(parsed.escape, '`');
        assert_eq!(parsed.syntax.unwrap().0, "d/f:1");
        assert_eq!(parsed.instructions[0].rest, "a   AS b");
        assert_eq!(Text::parse("# c\n# syntax=x\nFROM a").syntax, None);
    }

    #[test]
    fn words_know_where_they_stand() {
        let text = "# c\nFROM --platform=x \\\n  busybox:1 AS y";
        let parsed = Text::parse(text);
        let words = parsed.instructions[0].words();
        let shown: Vec<&str> = words.iter().map(|w| &text[w.span.range()]).collect();
        assert_eq!(shown, ["--platform=x", "busybox:1", "AS", "y"]);
        assert_eq!(parsed.instructions[0].comments, [" c"]);
        // A word may be broken by a continuation.
        let text = "FROM busy\\\nbox";
        let word = &Text::parse(text).instructions[0].words()[0];
        assert_eq!(
            (word.text.as_str(), &text[word.span.range()]),
            ("busybox", "busy\\\nbox")
        );
    }

    #[test]
    fn here_documents_hold_no_instructions() {
        let text = "RUN <<A cat <<-\"B\"\nFROM a\nA\n\tFROM b\n\tB\nCMD x <<< y\nFROM c";
        assert_eq!(
            read(text),
            ["RUN <<A cat <<-\"B\"", "CMD x <<< y", "FROM c"]
        );
        let parsed = Text::parse(text);
        assert_eq!(parsed.instructions[0].heredocs[0].body, "FROM a\n");
        assert_eq!(parsed.instructions[0].heredocs[1].name, "B");
    }

    #[test]
    fn any_text_can_be_read() {
        for text in [
            "",
            "\n",
            "\\",
            "#",
            "# a=",
            "FROM",
            "FROM \\",
            "RUN <<E",
            "\u{feff}",
            "é \\\né",
        ] {
            let parsed = Text::parse(text);
            for instruction in parsed.instructions {
                for word in instruction.words() {
                    assert!(text.get(word.span.range()).is_some(), "{text:?}");
                }
            }
        }
    }
}
