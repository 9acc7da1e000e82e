//! The last lines that a step wrote, within fixed limits.

use std::collections::VecDeque;

/// How many lines are kept.
const LINES: usize = 60;
/// How long a line may be, in bytes.
const LINE: usize = 4096;

/// The end of both output streams of one step, in the order in which lines were completed.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    lines: VecDeque<String>,
    partial: [Vec<u8>; 2],
}

impl Tail {
    /// Takes a chunk; chunks are not aligned to lines.
    pub fn push(&mut self, stderr: bool, mut data: &[u8]) {
        let stream = usize::from(stderr);
        while let Some(end) = data.iter().position(|b| *b == b'\n') {
            let mut line = std::mem::take(&mut self.partial[stream]);
            append(&mut line, &data[..end]);
            self.complete(&line);
            data = &data[end + 1..];
        }
        append(&mut self.partial[stream], data);
    }

    /// The lines, oldest first, with those that were not ended.
    pub fn lines(&self) -> Vec<String> {
        let mut all = self.clone();
        for stream in 0..2 {
            let line = std::mem::take(&mut all.partial[stream]);
            if !line.is_empty() {
                all.complete(&line);
            }
        }
        all.lines.into()
    }

    fn complete(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A progress bar rewrites its line; what was last visible counts.
        let shown = line.rsplit(|b| *b == b'\r').next().unwrap_or(line);
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines
            .push_back(String::from_utf8_lossy(shown).into_owned());
    }
}

/// Appends, and forgets the beginning of a line that is too long.
fn append(line: &mut Vec<u8>, data: &[u8]) {
    line.extend_from_slice(data);
    if line.len() > LINE {
        line.drain(..line.len() - LINE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_two_streams_do_not_mix_within_a_line() {
        let mut tail = Tail::default();
        tail.push(false, b"out 1\nou");
        tail.push(true, b"err 1\n");
        tail.push(false, b"t 2\npart");
        assert_eq!(tail.lines(), ["out 1", "err 1", "out 2", "part"]);
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut tail = Tail::default();
        for n in 0..1000 {
            tail.push(false, format!("{n}\n").as_bytes());
        }
        assert_eq!(tail.lines().len(), LINES);
        assert_eq!(tail.lines().last().unwrap(), "999");
        tail.push(false, &vec![b'x'; 1 << 20]);
        assert_eq!(tail.lines().last().unwrap().len(), LINE);
    }

    #[test]
    fn of_a_rewritten_line_the_last_state_is_kept() {
        let mut tail = Tail::default();
        tail.push(false, b"10%\r50%\r100%\r\n");
        assert_eq!(tail.lines(), ["100%"]);
    }
}
