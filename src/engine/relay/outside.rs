//! The side of the user: takes the call from the step, and joins it to the terminal.

use std::io;

use async_trait::async_trait;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream},
    sync::{Mutex, mpsc, watch},
};

use super::frame::{Frame, LIMIT};
use crate::engine::{
    lent::{ByteStream, Socket},
    terminal::{Show, Size, Terminal},
};

/// Bytes on their way between this side and the session with the engine.
const PIPE: usize = 64 << 10;

/// What stands behind the socket in the step: one call comes, and no second one is taken.
pub struct Seat {
    call: Mutex<Option<mpsc::Sender<DuplexStream>>>,
}

impl Seat {
    /// A socket, and where the call comes out.
    pub fn new() -> (Self, mpsc::Receiver<DuplexStream>) {
        let (call, calls) = mpsc::channel(1);
        let call = Mutex::new(Some(call));
        (Self { call }, calls)
    }
}

#[async_trait]
impl Socket for Seat {
    async fn connect(&self) -> io::Result<Box<dyn ByteStream>> {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "it has been taken");
        let call = self.call.lock().await.take().ok_or_else(refused)?;
        let (ours, theirs) = tokio::io::duplex(PIPE);
        call.send(ours).await.map_err(|_| refused())?;
        Ok(Box::new(theirs))
    }
}

/// Carries bytes to and fro until the command has ended. Hanging up tells the step that all of it was shown.
pub async fn serve(call: impl ByteStream, terminal: Terminal) -> io::Result<()> {
    let Terminal {
        input,
        output,
        size,
        kind,
        guard: _guard,
    } = terminal;
    let (from_step, to_step) = tokio::io::split(call);
    // Each direction for itself: a command that writes before it reads must not wait for what it has not read.
    tokio::select! {
        ended = show(from_step, &output) => ended,
        broken = feed(to_step, kind, input, size) => broken,
    }
}

async fn show(mut from_step: impl AsyncRead + Unpin, output: &Show) -> io::Result<()> {
    let mut received = Vec::new();
    loop {
        while let Some(frame) = Frame::take(&mut received)? {
            match frame {
                Frame::Bytes(bytes) => output(&bytes),
                Frame::End => return Ok(()),
                Frame::Size(_) | Frame::Kind(_) => {}
            }
        }
        // How the step ended says more than that it hung up.
        if from_step.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}

async fn feed(
    mut to_step: impl AsyncWrite + Unpin,
    kind: String,
    mut input: mpsc::Receiver<Vec<u8>>,
    mut size: watch::Receiver<Size>,
) -> io::Result<()> {
    let now = *size.borrow_and_update();
    for frame in [Frame::Kind(kind), Frame::Size(now)] {
        to_step.write_all(&frame.encode()).await?;
    }
    let mut typing = true;
    loop {
        tokio::select! {
            typed = input.recv(), if typing => match typed {
                Some(typed) => {
                    for piece in typed.chunks(LIMIT) {
                        to_step.write_all(&Frame::Bytes(piece.to_vec()).encode()).await?;
                    }
                }
                None => typing = false,
            },
            Ok(()) = size.changed() => {
                let now = *size.borrow_and_update();
                to_step.write_all(&Frame::Size(now).encode()).await?;
            }
            else => return std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex as Lock};

    use super::*;

    type Screen = Arc<Lock<Vec<u8>>>;

    fn terminal() -> (Terminal, mpsc::Sender<Vec<u8>>, Screen) {
        let (typed, input) = mpsc::channel(4);
        let (sizes, size) = watch::channel(Size {
            rows: 3,
            columns: 4,
        });
        let shown = Arc::new(Lock::new(Vec::new()));
        let screen = Arc::clone(&shown);
        let terminal = Terminal {
            input,
            output: Box::new(move |bytes| screen.lock().unwrap().extend(bytes)),
            size,
            kind: "dumb".to_owned(),
            guard: Box::new(sizes),
        };
        (terminal, typed, shown)
    }

    #[tokio::test]
    async fn a_step_is_told_of_the_terminal_hears_what_is_typed_and_is_shown() {
        let (seat, mut calls) = Seat::new();
        let mut step = seat.connect().await.unwrap();
        let (terminal, typed, shown) = terminal();
        let served = tokio::spawn(serve(calls.recv().await.unwrap(), terminal));
        typed.send(b"ls\r".to_vec()).await.unwrap();
        let (mut received, mut heard) = (Vec::new(), Vec::new());
        while heard.len() < 3 {
            step.read_buf(&mut received).await.unwrap();
            while let Some(frame) = Frame::take(&mut received).unwrap() {
                heard.push(frame);
            }
        }
        let size = Frame::Size(Size {
            rows: 3,
            columns: 4,
        });
        let expected = [
            Frame::Kind("dumb".to_owned()),
            size,
            Frame::Bytes(b"ls\r".to_vec()),
        ];
        assert_eq!(heard, expected);
        for frame in [Frame::Bytes(b"a b".to_vec()), Frame::End] {
            step.write_all(&frame.encode()).await.unwrap();
        }
        served.await.unwrap().unwrap();
        assert_eq!(*shown.lock().unwrap(), b"a b");
        // Hung up: that is how the step knows.
        assert_eq!(step.read_buf(&mut received).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_second_call_is_refused() {
        let (seat, _calls) = Seat::new();
        let _first = seat.connect().await.unwrap();
        assert!(seat.connect().await.is_err());
    }

    #[tokio::test]
    async fn what_a_step_makes_up_ends_the_session() {
        let (seat, mut calls) = Seat::new();
        let mut step = seat.connect().await.unwrap();
        let (terminal, _typed, _) = terminal();
        let served = tokio::spawn(serve(calls.recv().await.unwrap(), terminal));
        step.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        assert!(served.await.unwrap().is_err());
    }
}
