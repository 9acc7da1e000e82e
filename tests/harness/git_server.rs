//! A git server over HTTP: `git http-backend` behind a few lines of CGI, with a password where a test wants one, and with
//! the misbehaviour of servers on the internet.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tempfile::TempDir;

use super::{lfs::Objects, repository::Repository};

/// A server with repositories below one directory.
pub struct GitServer {
    dir: TempDir,
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// `user:password` in base64; then nobody else gets in.
    login: Mutex<Option<String>>,
    /// Bytes of a fetch after which the connection breaks; the most there is: never.
    cut: AtomicUsize,
    /// Speaks the oldest protocol, which gives no commit by its digits.
    old: std::sync::atomic::AtomicBool,
    requests: Mutex<Vec<String>>,
    objects: Objects,
}

impl GitServer {
    /// A server that lets everybody in.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let dir = tempfile::tempdir().expect("a directory");
        let shared = Arc::new(Shared::default());
        shared.cut.store(usize::MAX, Ordering::SeqCst);
        let root = dir.path().to_path_buf();
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, shared) = (root.clone(), Arc::clone(&for_thread));
                std::thread::spawn(move || {
                    // A client that goes away is its own business.
                    let _ = serve(stream, &root, &shared);
                });
            }
        });
        Self { dir, port, shared }
    }

    /// Wants this login from now on.
    #[must_use]
    pub fn with_login(self, login: &str) -> Self {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(login);
        *self.shared.login.lock().expect("whole") = Some(encoded);
        self
    }

    /// Gives commits by the names of branches and tags alone.
    #[must_use]
    pub fn of_the_old_kind(self) -> Self {
        self.shared.old.store(true, Ordering::SeqCst);
        self
    }

    /// Breaks every fetch off after so many bytes; the most there is: never.
    pub fn cut_after(&self, bytes: usize) {
        self.shared.cut.store(bytes, Ordering::SeqCst);
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A new repository at `/owner/name.git`.
    pub fn repository(&self, name: &str) -> Repository {
        Repository::new(&self.dir.path().join(format!("{name}.git")))
    }

    /// Takes a large file; gives the pointer that stands for it in a repository.
    pub fn large_file(&self, content: &[u8]) -> String {
        self.shared.objects.add(content)
    }

    /// How many fetches there were, beside questions for references.
    pub fn fetches(&self) -> usize {
        let requests = self.shared.requests.lock().expect("whole");
        requests.iter().filter(|r| r.contains("want ")).count()
    }

    /// A `git:` section by which `git.test/owner/name` is on this server.
    pub fn config(&self) -> String {
        self.config_with("http://")
    }

    /// The same with something in front of the host: `http://user:password@`.
    pub fn config_with(&self, scheme: &str) -> String {
        format!(
            "git:\n  git.test:\n    pattern: 'git.test/([^/]+)/([^/]+)'\n    substitute: '{scheme}127.0.0.1:{}/$1/$2.git'\n",
            self.port
        )
    }
}

fn serve(stream: TcpStream, root: &Path, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (
        words.next().unwrap_or_default().to_owned(),
        words.next().unwrap_or_default().to_owned(),
    );
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let header = |name: &str| {
        headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let length: usize = header("content-length")
        .and_then(|l| l.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut stream = stream;
    if let Some(login) = shared.login.lock().expect("whole").clone()
        && header("authorization") != Some(&format!("Basic {login}"))
    {
        return stream.write_all(
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    let text = plain(&body, header("content-encoding"));
    shared
        .requests
        .lock()
        .expect("whole")
        .push(format!("{target} {text}"));
    let host = header("host").unwrap_or_default();
    if let Some(content) = shared.objects.answer(&target, host, &text) {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.git-lfs+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            content.len()
        )?;
        return stream.write_all(&content);
    }
    let is_fetch = text.contains("want ");
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let old = shared.old.load(Ordering::SeqCst);
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_LENGTH", length.to_string())
        .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
        .env(
            "HTTP_CONTENT_ENCODING",
            header("content-encoding").unwrap_or_default(),
        )
        .env(
            "GIT_PROTOCOL",
            header("git-protocol").filter(|_| !old).unwrap_or_default(),
        )
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    child.stdin.take().expect("piped").write_all(&body)?;
    let mut answer = Vec::new();
    child
        .stdout
        .take()
        .expect("piped")
        .read_to_end(&mut answer)?;
    child.wait()?;
    let end = find(&answer, b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let content = answer.get(end + 4..).unwrap_or_default();
    let status = head
        .lines()
        .find_map(|l| l.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let rest: String = head
        .lines()
        .filter(|l| !l.starts_with("Status: "))
        .map(|l| format!("{l}\r\n"))
        .collect();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{rest}Content-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    )?;
    let cut = shared.cut.load(Ordering::SeqCst);
    let sent = if is_fetch {
        content.len().min(cut)
    } else {
        content.len()
    };
    stream.write_all(&content[..sent])
}

/// A request's body as text, as far as it is.
fn plain(body: &[u8], encoding: Option<&str>) -> String {
    let mut text = Vec::new();
    if encoding == Some("gzip") {
        let _ = flate2::read::GzDecoder::new(body).read_to_end(&mut text);
    } else {
        text.extend_from_slice(body);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}
