//! The side of the step: the command on a pseudo-terminal, and what goes to and fro.
//!
//! It runs as the first process of the step, as the user of the command, in whatever image: it uses nothing but the kernel.
//! When it ends, the kernel ends everything else in the step.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            net::UnixStream,
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    process::{Child, Command, ExitCode},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use rustix::{
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use super::{WORD, frame::Frame};
use crate::engine::terminal::Size;

/// Takes the terminal for its own, and becomes the command.
const SIT: &str = "sit";
/// Bytes that are read at once; less than what may be said at once.
const CHUNK: usize = 16 << 10;
/// How long what the command has written is read after its end: something that it left behind may hold the terminal.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long the other side may take to show the rest.
const GOODBYE: Duration = Duration::from_secs(10);
/// The exit code where the other side has hung up.
const HANG_UP: u8 = 129;

/// Does what the command line asks for, if it is that of a command at a terminal. It ends as the command ends.
pub fn asked(mut argv: impl Iterator<Item = String>) -> Option<ExitCode> {
    argv.next()?;
    if argv.next()? != WORD {
        return None;
    }
    let what = argv.next()?;
    let command: Vec<String> = argv.collect();
    Some(if what == SIT {
        sit(&command)
    } else {
        relay(&what, &command).unwrap_or_else(|e| {
            complain(&format!("no terminal in the step: {e}"));
            ExitCode::from(HANG_UP)
        })
    })
}

/// Becomes the command, which is to have the terminal at its standard input.
fn sit(command: &[String]) -> ExitCode {
    let taken =
        rustix::process::setsid().and_then(|_| rustix::process::ioctl_tiocsctty(io::stdin()));
    if let Err(e) = taken {
        complain(&format!("the terminal cannot be taken: {e}"));
    }
    let Some((program, args)) = command.split_first() else {
        return ExitCode::from(127);
    };
    let error = Command::new(program).args(args).exec();
    complain(&format!("cannot run `{program}`: {error}"));
    ExitCode::from(match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    })
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn relay(socket: &str, command: &[String]) -> io::Result<ExitCode> {
    let mut hearing = Hearing::of(UnixStream::connect(socket)?);
    let saying = Arc::new(Mutex::new(hearing.call.try_clone()?));
    let (kind, size) = hearing.greeting()?;

    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal = openpt(flags)?;
    grantpt(&terminal)?;
    unlockpt(&terminal)?;
    resize(&terminal, size)?;
    let mut child = start(ioctl_tiocgptpeer(&terminal, flags)?, &kind, command)?;

    let ended = Arc::new(AtomicBool::new(false));
    let (hung_up, goodbye) = mpsc::channel();
    let (written, over) = (File::from(terminal.try_clone()?), Arc::clone(&ended));
    std::thread::spawn(move || {
        // Either way nobody sits there any more.
        let _ = hearing.obey(terminal);
        if !over.load(Ordering::SeqCst) {
            std::process::exit(HANG_UP.into());
        }
        let _ = hung_up.send(());
    });
    let (done, all_written) = mpsc::channel();
    let caller = Arc::clone(&saying);
    std::thread::spawn(move || {
        let _ = forward(written, &caller);
        let _ = done.send(());
    });

    let status = child.wait()?;
    ended.store(true, Ordering::SeqCst);
    let _ = all_written.recv_timeout(LAST_WORDS);
    if say(&saying, &Frame::End).is_ok() {
        let _ = goodbye.recv_timeout(GOODBYE);
    }
    let code = status.code().or(status.signal().map(|n| 128 + n));
    Ok(ExitCode::from(
        code.and_then(|n| u8::try_from(n).ok()).unwrap_or(1),
    ))
}

/// Starts the command on its terminal.
fn start(seat: OwnedFd, kind: &str, command: &[String]) -> io::Result<Child> {
    let mut child = Command::new("/proc/self/exe");
    child.args([WORD, SIT]).args(command);
    if std::env::var_os("TERM").is_none() {
        child.env("TERM", kind);
    }
    child
        .stdin(seat.try_clone()?)
        .stdout(seat.try_clone()?)
        .stderr(seat);
    // What is lent to the child here is given back at the end: as long as anybody holds it, its output has no end.
    child.spawn()
}

fn resize(terminal: impl AsFd, size: Size) -> io::Result<()> {
    let side = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    let size = Winsize {
        ws_row: side(size.rows),
        ws_col: side(size.columns),
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(terminal, size)?)
}

fn say(call: &Mutex<UnixStream>, frame: &Frame) -> io::Result<()> {
    let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
    call.write_all(&frame.encode())
}

/// Says what is written at the terminal until nobody holds it any more.
fn forward(mut written: File, call: &Mutex<UnixStream>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match written.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => say(call, &Frame::Bytes(buffer[..n].to_vec()))?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // So the kernel says that it is the end.
            Err(_) => return Ok(()),
        }
    }
}

/// What the other side says.
struct Hearing {
    call: UnixStream,
    received: Vec<u8>,
}

impl Hearing {
    fn of(call: UnixStream) -> Self {
        let received = Vec::new();
        Self { call, received }
    }

    /// The next thing; nothing at the end.
    fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut buffer = [0; CHUNK];
        loop {
            if let Some(frame) = Frame::take(&mut self.received)? {
                return Ok(Some(frame));
            }
            match self.call.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(n) => self.received.extend(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// What comes first: the kind of the terminal, and its size.
    fn greeting(&mut self) -> io::Result<(String, Size)> {
        match (self.next()?, self.next()?) {
            (Some(Frame::Kind(kind)), Some(Frame::Size(size))) => Ok((kind, size)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Types and resizes until the other side hangs up.
    fn obey(&mut self, terminal: OwnedFd) -> io::Result<()> {
        let mut terminal = File::from(terminal);
        while let Some(frame) = self.next()? {
            match frame {
                // Nobody may read there any more, and the rest still has to be heard.
                Frame::Bytes(typed) => drop(terminal.write_all(&typed)),
                Frame::Size(size) => resize(&terminal, size)?,
                Frame::Kind(_) | Frame::End => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_word_makes_the_program_a_relay() {
        let asked = |words: &[&str]| asked(words.iter().map(|w| (*w).to_owned())).is_some();
        assert!(!asked(&["bld"]));
        assert!(!asked(&["bld", "+target", WORD]));
        assert!(!asked(&["bld", WORD]));
        // Nobody listens there.
        assert!(asked(&["bld", WORD, "/nowhere/socket", "true"]));
    }
}
