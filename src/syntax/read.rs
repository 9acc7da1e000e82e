//! From bytes to a source file: the encoding, the byte-order mark, the size.

use std::sync::Arc;

use super::problem;
use crate::diag::{Diagnostic, Location, SourceFile, Span};

/// The largest build file that is read. Positions are 32 bits wide, and nobody writes half as much.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Takes the bytes of a file in.
pub fn read(name: &str, bytes: &[u8]) -> Result<Arc<SourceFile>, Box<Diagnostic>> {
    if bytes.len() > MAX_BYTES {
        return Err(Box::new(problem::too_large(name, MAX_BYTES)));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Arc::new(SourceFile::new(name, text))),
        Err(e) => {
            // The text up to the bad byte is enough to show the line.
            let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
            let end = good.len();
            let file = Arc::new(SourceFile::new(name, good));
            let at = Location::new(&file, Span::new(end, end));
            let (line, column) = file.line_col(at.span.start);
            Err(Box::new(problem::not_utf8(name, line, column).at(at)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let file = read("f", b"\xEF\xBB\xBFVERSION 0.8").expect("is read");
        assert_eq!(file.text, "VERSION 0.8");
    }

    #[test]
    fn a_byte_that_is_not_utf8_has_a_place() {
        let problem = read("f", b"VERSION 0.8\n# a\xFF").expect_err("is refused");
        insta::assert_snapshot!(problem.to_string(), @"f:2:4: `f` is not UTF-8 text: line 2, column 4");
    }

    #[test]
    fn a_file_of_absurd_size_is_refused() {
        let problem = read("f", &vec![b' '; MAX_BYTES + 1]).expect_err("is refused");
        insta::assert_snapshot!(problem.to_string(), @"`f` is larger than 64 MiB");
    }
}
