//! Chunks of output to lines. Chunks are neither aligned to lines nor to characters.

use std::collections::HashMap;

use crate::base::Digest;

/// A line longer than this is passed on in pieces, so that a step that never ends a line cannot fill the memory.
const LONGEST: usize = 16 * 1024;

/// Unfinished lines, one for each step and stream.
#[derive(Debug, Default)]
pub struct Lines {
    open: HashMap<(Digest, bool), Vec<u8>>,
}

impl Lines {
    /// Takes a chunk; gives the lines that it completes, without their ends. A carriage return overwrites the line, as
    /// on a terminal: only what follows the last one is kept.
    pub fn push(&mut self, id: &Digest, stderr: bool, data: &[u8]) -> Vec<String> {
        let open = self.open.entry((id.clone(), stderr)).or_default();
        let mut done = Vec::new();
        for byte in data {
            if *byte == b'\n' || open.len() >= LONGEST {
                done.push(shown(open));
                open.clear();
            }
            if *byte != b'\n' {
                open.push(*byte);
            }
        }
        done
    }

    /// Gives the lines of a step that were never ended.
    pub fn close(&mut self, id: &Digest) -> Vec<String> {
        [false, true]
            .into_iter()
            .filter_map(|stderr| self.open.remove(&(id.clone(), stderr)))
            .filter(|open| !open.is_empty())
            .map(|open| shown(&open))
            .collect()
    }
}

fn shown(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let from = line
        .iter()
        .rposition(|b| *b == b'\r')
        .map_or(0, |at| at + 1);
    String::from_utf8_lossy(&line[from..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_lines_and_what_is_left_comes_at_the_end() {
        let id = Digest::of(b"step");
        let mut lines = Lines::default();
        assert!(lines.push(&id, false, b"on").is_empty());
        assert_eq!(
            lines.push(&id, false, b"e\ntwo\r\n10%\r20%\nrest"),
            ["one", "two", "20%"]
        );
        assert_eq!(lines.push(&id, true, b"other stream\n"), ["other stream"]);
        assert_eq!(lines.close(&id), ["rest"]);
        assert!(lines.close(&id).is_empty());
    }
}
