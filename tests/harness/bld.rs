//! A bld of its own: a project directory, an empty home, and nothing of the caller's environment.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use super::services::Services;

/// A project and how bld is called in it.
pub struct Bld {
    dir: TempDir,
    cwd: PathBuf,
    env: Vec<(String, String)>,
}

/// What a run left behind.
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error, with the project's directory replaced by `[dir]`.
    pub stderr: String,
}

impl Bld {
    /// An empty project.
    #[track_caller]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("bld-test-")
            .tempdir()
            .expect("a temporary directory");
        let cwd = dir.path().join("project");
        fs::create_dir_all(&cwd).expect("a project directory");
        fs::create_dir_all(dir.path().join("home")).expect("a home");
        Self {
            dir,
            cwd,
            env: Vec::new(),
        }
    }

    /// A project with this build file.
    #[track_caller]
    pub fn with(buildfile: &str) -> Self {
        Self::new().file("Buildfile", buildfile)
    }

    /// Uses the services' daemon, registry and mirror settings.
    #[must_use]
    pub fn on(self, services: &Services) -> Self {
        self.env("BLD_ENGINE", &services.docker)
            .env("BLD_CONFIG", &services.config)
    }

    /// Writes a file of the project.
    #[track_caller]
    #[must_use]
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.cwd.join(name);
        fs::create_dir_all(path.parent().expect("inside the project")).expect("a directory");
        fs::write(path, text).expect("a file");
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path of the project.
    pub fn path(&self, name: &str) -> PathBuf {
        self.cwd.join(name)
    }

    /// The home directory.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// A file of the project as text.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The command, for tests that do more than wait for it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bld"));
        command
            .args(args)
            .current_dir(&self.cwd)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path().join("home"))
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ran {
        self.ran(self.command(args).output().expect("bld starts"))
    }

    /// Runs it, and expects success.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(
            ran.code,
            0,
            "bld {}\n{}{}",
            args.join(" "),
            ran.stdout,
            ran.stderr
        );
        ran
    }

    /// Runs it, and expects this exit code.
    #[track_caller]
    pub fn fails(&self, code: i32, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(
            ran.code,
            code,
            "bld {}\n{}{}",
            args.join(" "),
            ran.stdout,
            ran.stderr
        );
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }

    /// Makes the streams comparable.
    pub fn ran(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| self.redact(&String::from_utf8_lossy(&bytes));
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn redact(&self, text: &str) -> String {
        let project = self.cwd.to_str().expect("a UTF-8 path");
        let dir = self.dir.path().to_str().expect("a UTF-8 path");
        text.replace(project, "[dir]").replace(dir, "[top]")
    }
}

impl Ran {
    /// Expects a text on standard error.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text),
            "`{text}` is missing in\n{}",
            self.stderr
        );
        self
    }

    /// Expects that a text is not on standard error.
    #[track_caller]
    pub fn never_says(&self, text: &str) -> &Self {
        assert!(
            !self.stderr.contains(text),
            "`{text}` should not be in\n{}",
            self.stderr
        );
        self
    }
}
