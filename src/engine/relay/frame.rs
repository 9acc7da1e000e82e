//! What the two sides say to each other: a byte for the kind, four for the length, and the content.
//!
//! Whatever runs in the step can write to the socket, so nothing of it is believed: a length has a limit, an unknown kind is
//! an error.

use std::io;

use crate::engine::terminal::Size;

/// More is never said at once.
pub const LIMIT: usize = 64 << 10;
/// Kind and length.
const HEAD: usize = 5;

/// One thing that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// What was typed, or what was written.
    Bytes(Vec<u8>),
    /// The size of the terminal.
    Size(Size),
    /// What the variable `TERM` is to say.
    Kind(String),
    /// The command has ended, and has written all that it will.
    End,
}

impl Frame {
    /// As it is sent.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, content) = match self {
            Self::Bytes(bytes) => (b'b', bytes.clone()),
            Self::Size(size) => {
                let sides = [size.rows, size.columns];
                (b's', sides.iter().flat_map(|n| n.to_le_bytes()).collect())
            }
            Self::Kind(kind) => (b'k', kind.clone().into_bytes()),
            Self::End => (b'e', Vec::new()),
        };
        let length = u32::try_from(content.len()).expect("never more than the limit");
        let mut message = Vec::with_capacity(HEAD + content.len());
        message.push(kind);
        message.extend(length.to_le_bytes());
        message.extend(content);
        message
    }

    /// Takes the first one off what has been received; nothing while it is not there as a whole.
    pub fn take(received: &mut Vec<u8>) -> io::Result<Option<Self>> {
        let Some((&[kind, a, b, c, d], rest)) = received.split_first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > LIMIT {
            return Err(broken());
        }
        let Some(content) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = match (kind, content) {
            (b'b', bytes) => Self::Bytes(bytes.to_vec()),
            (b's', &[a, b, c, d, e, f, g, h]) => Self::Size(Size {
                rows: u32::from_le_bytes([a, b, c, d]),
                columns: u32::from_le_bytes([e, f, g, h]),
            }),
            (b'k', kind) => Self::Kind(String::from_utf8_lossy(kind).into_owned()),
            (b'e', []) => Self::End,
            _ => return Err(broken()),
        };
        received.drain(..HEAD + length);
        Ok(Some(frame))
    }
}

fn broken() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "what came from the step is not what bld says there",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_understood_however_it_is_cut() {
        let said = [
            Frame::Kind("xterm".to_owned()),
            Frame::Size(Size {
                rows: 31,
                columns: 97,
            }),
            Frame::Bytes(b"\x03\x00\xff".to_vec()),
            Frame::Bytes(Vec::new()),
            Frame::End,
        ];
        let sent: Vec<u8> = said.iter().flat_map(Frame::encode).collect();
        for pieces in 1..=sent.len() {
            let (mut received, mut understood) = (Vec::new(), Vec::new());
            for piece in sent.chunks(pieces) {
                received.extend(piece);
                while let Some(frame) = Frame::take(&mut received).unwrap() {
                    understood.push(frame);
                }
            }
            assert_eq!(understood, said);
            assert!(received.is_empty());
        }
    }

    #[test]
    fn what_nobody_says_is_an_error_before_it_is_there() {
        for mut received in [
            b"b\xff\xff\xff\xff".to_vec(),
            b"x\0\0\0\0".to_vec(),
            b"s\x01\0\0\0!".to_vec(),
            b"e\x01\0\0\0!".to_vec(),
        ] {
            assert!(Frame::take(&mut received).is_err(), "{received:?}");
        }
    }
}
