//! The user's terminal, lent to a command: bytes as they are typed, without the progress display in between.
//!
//! Whatever happens the terminal gets its own mode back: when what was lent is dropped, also by a panic or by a cancelled
//! build, and, by [`restore`], before the program leaves at once.

use std::{
    fmt, io,
    os::fd::AsFd as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};
use tokio::sync::{mpsc, watch};

use super::{printer, progress::Progress};
use crate::engine::terminal::{Console, Size, Terminal};

/// The mode to go back to, while another one is set.
static MODE: Mutex<Option<Termios>> = Mutex::new(None);

/// How often it is looked whether the terminal was given back.
const TICK: Duration = Duration::from_millis(50);

/// The terminal at standard input and standard error.
pub struct Tty {
    /// What is shown there otherwise.
    pub display: Arc<dyn Progress>,
}

impl fmt::Debug for Tty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tty")
    }
}

/// Gives the terminal back its own mode, if it has another one.
pub fn restore() {
    let mut mode = MODE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(mode) = mode.take() {
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &mode);
    }
}

impl Console for Tty {
    fn take(&self) -> io::Result<Terminal> {
        let own = tcgetattr(io::stdin())?;
        let (typed, input) = mpsc::channel(16);
        let (sizes, size) = watch::channel(size());
        self.display.pause(true);
        let guard = Lent {
            over: Arc::default(),
            display: Arc::clone(&self.display),
        };
        let mut raw = own.clone();
        raw.make_raw();
        *MODE.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        let over = Arc::clone(&guard.over);
        std::thread::spawn(move || read(&typed, &over));
        let over = Arc::clone(&guard.over);
        tokio::spawn(follow_size(sizes, over));
        Ok(Terminal {
            input,
            output: Box::new(printer::bytes),
            size,
            kind: std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned()),
            guard: Box::new(guard),
        })
    }
}

/// Ends what was lent.
struct Lent {
    over: Arc<AtomicBool>,
    display: Arc<dyn Progress>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        restore();
        printer::message("\n");
        self.display.pause(false);
    }
}

/// Reads what is typed. It never waits in a read, which would take what is typed after the end.
fn read(typed: &mpsc::Sender<Vec<u8>>, over: &AtomicBool) {
    let stdin = io::stdin();
    let fd = stdin.as_fd();
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: i64::try_from(TICK.as_nanos()).unwrap_or(i64::MAX),
    };
    let mut buffer = [0; 4096];
    while !over.load(Ordering::SeqCst) {
        let mut waiting = [PollFd::new(&fd, PollFlags::IN)];
        match poll(&mut waiting, Some(&tick)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        if over.load(Ordering::SeqCst) {
            return;
        }
        match rustix::io::read(fd, &mut buffer) {
            Ok(n @ 1..) => {
                if typed.blocking_send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

async fn follow_size(sizes: watch::Sender<Size>, over: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut changes) = signal(SignalKind::window_change()) else {
        return;
    };
    while changes.recv().await.is_some() && !over.load(Ordering::SeqCst) {
        let _ = sizes.send(size());
    }
}

fn size() -> Size {
    match tcgetwinsize(io::stdin()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => Size {
            rows: size.ws_row.into(),
            columns: size.ws_col.into(),
        },
        _ => Size {
            rows: 24,
            columns: 80,
        },
    }
}
