//! The last lines that a step wrote, within fixed limits.

use std::collections::VecDeque;

/// How many lines are kept.
const LINES: usize = 60;
/// How long a line may be, in bytes.
const LINE: usize = 4096;

/// The end of both output streams of one step, in the order in which lines came.
///
/// Which of two streams comes first is chance: an error message may be followed by a hundred older lines of standard
/// output. So each stream has its own end, and neither pushes the other out.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    streams: [Stream; 2],
    count: u64,
}

#[derive(Debug, Clone, Default)]
struct Stream {
    /// With the number of the line among those of both streams.
    lines: VecDeque<(u64, String)>,
    partial: Vec<u8>,
}

impl Tail {
    /// Takes a chunk; chunks are not aligned to lines.
    pub fn push(&mut self, stderr: bool, mut data: &[u8]) {
        let stream = &mut self.streams[usize::from(stderr)];
        while let Some(end) = data.iter().position(|b| *b == b'\n') {
            let mut line = std::mem::take(&mut stream.partial);
            append(&mut line, &data[..end]);
            stream.complete(self.count, &line);
            self.count += 1;
            data = &data[end + 1..];
        }
        append(&mut stream.partial, data);
    }

    /// The lines, oldest first, with those that were not ended.
    pub fn lines(&self) -> Vec<String> {
        let mut streams = self.streams.clone();
        for (stream, number) in streams.iter_mut().zip(self.count..) {
            let line = std::mem::take(&mut stream.partial);
            if !line.is_empty() {
                stream.complete(number, &line);
            }
        }
        let [out, err] = streams.map(|s| s.lines);
        // Half of the room for each, or more where the other one needs less.
        let of_err = err.len().min((LINES / 2).max(LINES - out.len().min(LINES)));
        let of_out = out.len().min(LINES - of_err);
        let mut lines: Vec<(u64, String)> = Vec::with_capacity(LINES);
        for (stream, last) in [(out, of_out), (err, of_err)] {
            let skip = stream.len() - last;
            lines.extend(stream.into_iter().skip(skip));
        }
        lines.sort_by_key(|(number, _)| *number);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

impl Stream {
    fn complete(&mut self, number: u64, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A progress bar rewrites its line; what was last visible counts.
        let shown = line.rsplit(|b| *b == b'\r').next().unwrap_or(line);
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        let text = String::from_utf8_lossy(shown).into_owned();
        self.lines.push_back((number, text));
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
    fn an_error_message_is_not_pushed_out_by_older_output_that_comes_later() {
        let mut tail = Tail::default();
        tail.push(true, b"bad\n");
        for n in 0..100 {
            tail.push(false, format!("{n}\n").as_bytes());
        }
        let lines = tail.lines();
        assert_eq!((lines.len(), lines[0].as_str()), (LINES, "bad"));
        assert_eq!(lines[LINES - 1], "99");
        for n in 0..100 {
            tail.push(true, format!("e{n}\n").as_bytes());
        }
        let errors = tail.lines().iter().filter(|l| l.starts_with('e')).count();
        assert_eq!(errors, LINES / 2);
    }

    #[test]
    fn of_a_rewritten_line_the_last_state_is_kept() {
        let mut tail = Tail::default();
        tail.push(false, b"10%\r50%\r100%\r\n");
        assert_eq!(tail.lines(), ["100%"]);
    }
}
