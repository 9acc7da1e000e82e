//! A daemon that goes away: a socket in front of the real one, which can be cut.

use std::{
    io::{self, Read as _, Write as _},
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
        Self::listen(daemon, dir.join("docker.sock"), |_| {})
    }

    /// Makes of the BuildKit in a newer Docker daemon one that stands alone: nothing but gRPC is spoken at the socket.
    pub fn standalone(daemon: &str, dir: &Path) -> Self {
        Self::listen(daemon, dir.join("buildkitd.sock"), |mut server| {
            let request = "POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\
                           Content-Length: 0\r\n\r\n";
            server.write_all(request.as_bytes()).expect("it reads");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                // One by one: what comes behind the head belongs to the client.
                let mut byte = [0];
                server.read_exact(&mut byte).expect("it answers");
                head.push(byte[0]);
            }
            assert!(head.starts_with(b"HTTP/1.1 101"), "{head:?}");
        })
    }

    fn listen(daemon: &str, socket: PathBuf, greet: fn(&UnixStream)) -> Self {
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
                greet(&server);
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
