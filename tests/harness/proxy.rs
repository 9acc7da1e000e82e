//! A daemon that goes away: a socket in front of the real one, which can be cut.

use std::{
    io,
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Passes everything on until it is cut.
pub struct Proxy {
    socket: PathBuf,
    streams: Arc<Mutex<Vec<UnixStream>>>,
    cut: Arc<AtomicBool>,
}

impl Proxy {
    /// In front of `unix:///…`, at a socket in `dir`.
    pub fn before(daemon: &str, dir: &Path) -> Self {
        let socket = dir.join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let daemon = daemon.trim_start_matches("unix://").to_owned();
        let streams: Arc<Mutex<Vec<UnixStream>>> = Arc::default();
        let cut = Arc::new(AtomicBool::new(false));
        let (kept, gone) = (Arc::clone(&streams), Arc::clone(&cut));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if gone.load(Ordering::SeqCst) {
                    return;
                }
                let server = UnixStream::connect(&daemon).expect("the daemon");
                let copy = |stream: &UnixStream| stream.try_clone().expect("a second handle");
                kept.lock()
                    .expect("no panics")
                    .extend([copy(&client), copy(&server)]);
                pump(copy(&client), copy(&server));
                pump(server, client);
            }
        });
        Self {
            socket,
            streams,
            cut,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Cuts every connection, and accepts no other.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in self.streams.lock().expect("no panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn pump(mut from: UnixStream, mut to: UnixStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
