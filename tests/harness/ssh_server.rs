//! An SSH server of our own, with a key of its own, and an agent that can log in there.

use std::{
    fs,
    io::Read as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{repository::Repository, skip::skip_program};

/// A running server; it ends with the value.
pub struct SshServer {
    dir: TempDir,
    port: u16,
    sshd: Child,
    agent: Child,
    host_key: String,
}

impl SshServer {
    /// Starts it. Where there is no `sshd` program the test is skipped.
    #[track_caller]
    pub fn start(test: &str) -> Option<Self> {
        let programs = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"];
        let Some(sshd) = programs.into_iter().find(|path| Path::new(path).exists()) else {
            skip_program(test, "`sshd` (the package `openssh-server`)");
            return None;
        };
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
                .arg(at(key))
                .status()
                .expect("ssh-keygen starts");
            assert!(made.success());
        }
        fs::copy(at("user.pub"), at("authorized")).expect("a file");
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("an address").port()
        };
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n",
            at("host").display(),
            at("authorized").display()
        );
        fs::write(at("sshd_config"), config).expect("a file");
        // Where it gives up its rights; the package makes it when the service starts.
        let _ = fs::create_dir_all("/run/sshd");
        let sshd = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd starts");
        let agent = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(at("agent"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent starts");
        let host_key = fs::read_to_string(at("host.pub")).expect("a key");
        let server = Self {
            dir,
            port,
            sshd,
            agent,
            host_key: host_key.trim().to_owned(),
        };
        server.wait();
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(server.dir.path().join("user"))
            .env("SSH_AUTH_SOCK", server.agent())
            .status()
            .expect("ssh-add starts");
        assert!(added.success());
        Some(server)
    }

    #[track_caller]
    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            let mut greeting = [0; 4];
            let greeted = TcpStream::connect(("127.0.0.1", self.port))
                .and_then(|mut s| s.read_exact(&mut greeting))
                .is_ok();
            if greeted && self.agent().exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("sshd does not answer");
    }

    /// The socket of the agent.
    pub fn agent(&self) -> PathBuf {
        self.dir.path().join("agent")
    }

    /// A new repository at `owner/name`.
    pub fn repository(&self, name: &str) -> Repository {
        Repository::new(&self.dir.path().join("srv").join(format!("{name}.git")))
    }

    /// A `git:` section by which `127.0.0.1/owner/name` is on this server; more lines of the entry behind it.
    pub fn config(&self, more: &[&str]) -> String {
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let mut text = format!(
            "git:\n  127.0.0.1:\n    user: {user}\n    port: {}\n    prefix: {}/srv/\n",
            self.port,
            self.dir.path().display()
        );
        for line in more {
            text.push_str(&format!("    {line}\n"));
        }
        text
    }

    /// The line of a `known_hosts` file.
    pub fn known_host(&self) -> String {
        format!("[127.0.0.1]:{} {}", self.port, self.host_key)
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        for child in [&mut self.sshd, &mut self.agent] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
