//! Documentation comments (language specification, 1.11): which comment block belongs to which item.

/// The comment lines directly above the line that comes next.
#[derive(Default)]
pub(super) struct Docs {
    lines: Vec<String>,
    indent: u32,
    /// Lines of different indentation are no documentation.
    uneven: bool,
}

impl Docs {
    /// A comment line, with its `#`.
    pub(super) fn comment(&mut self, indent: u32, text: &str) {
        if self.lines.is_empty() {
            self.indent = indent;
        } else if self.indent != indent {
            self.uneven = true;
        }
        self.lines
            .push(text.strip_prefix('#').unwrap_or(text).to_owned());
    }

    /// Something stands between.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.uneven = false;
    }

    /// The documentation of an item in this column.
    pub(super) fn take(&mut self, indent: u32) -> Option<String> {
        let lines = std::mem::take(&mut self.lines);
        let uneven = std::mem::take(&mut self.uneven);
        let first = lines.first()?;
        if uneven || indent != self.indent {
            return None;
        }
        let leading = &first[..first.len() - first.trim_start_matches([' ', '\t']).len()];
        let lines: Vec<&str> = lines
            .iter()
            .map(|line| line.strip_prefix(leading).unwrap_or(line.trim_start()))
            .collect();
        Some(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docs(lines: &[(u32, &str)], indent: u32) -> Option<String> {
        let mut docs = Docs::default();
        for (indent, line) in lines {
            docs.comment(*indent, line);
        }
        docs.take(indent)
    }

    #[test]
    fn the_first_lines_indentation_is_taken_off_every_line() {
        assert_eq!(
            docs(&[(0, "#  a"), (0, "#    b"), (0, "#")], 0).as_deref(),
            Some("a\n  b\n")
        );
    }

    #[test]
    fn a_block_in_another_column_or_an_uneven_one_documents_nothing() {
        assert_eq!(docs(&[(4, "# a")], 0), None);
        assert_eq!(docs(&[(0, "# a"), (2, "# b")], 0), None);
        assert_eq!(docs(&[], 0), None);
    }
}
