//! Files as sources of text, and positions in them.

use std::{fmt, ops::Range, sync::Arc};

/// A range of bytes in one file. Half open; both ends lie on character boundaries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span from byte offsets. A file of 4 GiB or more is refused before it gets here.
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |n: usize| u32::try_from(n).expect("files of 4 GiB are refused on reading");
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// As a range for slicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether `other` lies inside.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// One file that has been read: the name shown to people, its text, and where its lines begin.
#[derive(PartialEq, Eq)]
pub struct SourceFile {
    /// As shown in messages: relative to the working directory where that is shorter.
    pub name: String,
    /// The whole text.
    pub text: String,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// Takes the text in and finds its lines. Lines end with LF, CRLF or a lone CR.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let bytes = text.as_bytes();
        let mut line_starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                line_starts
                    .push(u32::try_from(at + 1).expect("files of 4 GiB are refused on reading"));
            }
        }
        Self {
            name: name.into(),
            text,
            line_starts,
        }
    }

    /// Line and column of a byte offset, both counted from 1, the column in characters.
    pub fn line_col(&self, offset: u32) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let start = self.line_starts[line] as usize;
        let upto = (offset as usize).min(self.text.len());
        let column = self.text.get(start..upto).map_or(0, |s| s.chars().count());
        (line + 1, column + 1)
    }

    /// The text of some lines, counted from 1, the last one included, without the blanks around it.
    pub fn lines(&self, first: usize, last: usize) -> Span {
        let start_of = |line: usize| {
            let start = self.line_starts.get(line.saturating_sub(1));
            start.map_or(self.text.len(), |start| *start as usize)
        };
        let start = start_of(first);
        let end = start_of(last.saturating_add(1)).max(start);
        let text = self.text.get(start..end).unwrap_or_default();
        let indent = text.len() - text.trim_start().len();
        let start = start + indent;
        Span::new(start, start + text.trim().len())
    }

    /// The number of lines.
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({})", self.name)
    }
}

/// A place in a file; cheap to clone and to carry along.
#[derive(Clone, Debug)]
pub struct Location {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes in it.
    pub span: Span,
}

impl Location {
    /// A place in `file`.
    pub fn new(file: &Arc<SourceFile>, span: Span) -> Self {
        Self {
            file: Arc::clone(file),
            span,
        }
    }

    /// The text at this place.
    pub fn text(&self) -> &str {
        self.file.text.get(self.span.range()).unwrap_or_default()
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.file.line_col(self.span.start).0
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.file.name == other.file.name && self.span == other.span
    }
}

impl Eq for Location {}

impl fmt::Display for Location {
    /// `file:line:col`, counted from 1, the form that editors and terminals turn into a link.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, col) = self.file.line_col(self.span.start);
        write!(f, "{}:{line}:{col}", self.file.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_know_every_line_ending() {
        let file = SourceFile::new("f", "a\nbc\r\nd\re\u{e9}f");
        let at = |offset| file.line_col(offset);
        assert_eq!(
            (at(0), at(2), at(3), at(6), at(8)),
            ((1, 1), (2, 1), (2, 2), (3, 1), (4, 1))
        );
        assert_eq!(at(11), (4, 3), "a two-byte letter is one column");
        let text = |first, last| &file.text[file.lines(first, last).range()];
        assert_eq!(
            (text(1, 1), text(2, 3), text(4, 9)),
            ("a", "bc\r\nd", "e\u{e9}f")
        );
        assert_eq!(text(7, 7), "", "there are only four");
    }
}
