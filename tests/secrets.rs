//! Secrets are nowhere but in the step that asked for them: not in the image, not in what is written, not in any kind of
//! progress, not in an error, and not in the list of processes.
//!
//! Each way of giving a secret has a value of its own. `leaks_are_found` gives the same values away on purpose, so that
//! it is known that the search finds them.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::harness::{Bld, Docker, Services, services, skip_program};

/// Everything that a secret can come by.
const WAYS: [&str; 9] = [
    "OPTION",
    "INHERITED",
    "FILE",
    "DOTFILE",
    "PROVIDED",
    "LISTED",
    "MOUNTED",
    "AWS",
    "PREFIXED",
];

/// A project in which every way of giving a secret is used, and what the values are.
struct Site {
    bld: Bld,
    values: BTreeMap<&'static str, String>,
    image: String,
    mark: String,
}

impl Site {
    fn new(services: &Services, recipe: &str) -> Self {
        let nonce = format!("{}{}", std::process::id(), unique());
        let values: BTreeMap<&'static str, String> = WAYS
            .iter()
            .map(|way| (*way, format!("hidden-{}-{nonce}", way.to_lowercase())))
            .collect();
        let mark = format!("mark{nonce}");
        let image = format!("bld-secrets-{nonce}:1");
        let text = recipe.replace("@IMAGE@", &image).replace("@MARK@", &mark);
        let config = fs::read_to_string(&services.config).expect("bld's config");
        let bld = Bld::with(&text)
            .on(services)
            .env("XDG_CACHE_HOME", "/nonexistent")
            .env("INHERITED", &values["INHERITED"])
            .env("BLD_SECRETS", &format!("LISTED={}", values["LISTED"]))
            .env("AWS_ACCESS_KEY_ID", "public-id")
            .env("AWS_SECRET_ACCESS_KEY", &values["AWS"])
            .file(".secret", format!("DOTFILE={}\n", values["DOTFILE"]))
            .file("secret.txt", format!("{}\n", values["FILE"]))
            .file("mounted.txt", &values["MOUNTED"])
            .file("provided.txt", &values["PROVIDED"])
            .file("provider", PROVIDER);
        let provider = bld.path("provider");
        let config = provided(&config, &format!("/bin/sh {}", provider.display()));
        let bld = bld.file("config.yml", config);
        let path = bld.path("config.yml").display().to_string();
        let cache = bld.home().join("cache").display().to_string();
        let bld = bld.env("BLD_CONFIG", &path).env("XDG_CACHE_HOME", &cache);
        Self {
            bld,
            values,
            image,
            mark,
        }
    }

    /// The options that give secrets, and a target.
    fn args(&self, more: &[&str], target: &str) -> Vec<String> {
        let mut args: Vec<String> = more.iter().map(|arg| (*arg).to_owned()).collect();
        for option in [
            format!("--secret=OPTION={}", self.values["OPTION"]),
            format!("--secret=PREFIXED={}", self.values["PREFIXED"]),
            "--secret=INHERITED".to_owned(),
            "--secret-file=FILE=secret.txt".to_owned(),
            "--secret-file=MOUNTED=mounted.txt".to_owned(),
            target.to_owned(),
        ] {
            args.push(option);
        }
        args
    }

    /// The names of the values in some bytes.
    fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        let has = |value: &String| {
            let value = value.as_bytes();
            bytes.windows(value.len()).any(|window| window == value)
        };
        let found = self.values.iter().filter(|(_, value)| has(value));
        found.map(|(way, _)| *way).collect()
    }

    /// Runs bld; gives the exit code, everything it printed, and what other processes showed meanwhile.
    fn run(&self, args: &[String]) -> (i32, Vec<u8>, Vec<String>) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.bld.command(&args);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bld starts");
        let own = child.id();
        let stop = Arc::new(AtomicBool::new(false));
        let watched = thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut seen = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    self.look_at_processes(own, &mut seen);
                    thread::sleep(std::time::Duration::from_millis(50));
                }
                seen
            });
            let output = child.wait_with_output().expect("bld ends");
            stop.store(true, Ordering::SeqCst);
            (output, watch.join().expect("it looks"))
        });
        let (output, seen) = watched;
        let mut printed = output.stdout;
        printed.extend(output.stderr);
        (output.status.code().unwrap_or(-1), printed, seen)
    }

    /// Notes what the command lines of all processes show, and the environments of those that are neither bld, nor
    /// started by it, nor in the step.
    fn look_at_processes(&self, own: u32, seen: &mut Vec<String>) {
        for entry in fs::read_dir("/proc")
            .expect("a list of processes")
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(process) = name.parse::<u32>() else {
                continue;
            };
            let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
            if process == own || is_child(process, own) {
                continue;
            }
            for way in self.found_in(&read("cmdline")) {
                seen.push(format!("{way} in the command line of a process"));
            }
            let environment = read("environ");
            let marked = String::from_utf8_lossy(&environment).contains(&self.mark);
            for way in self.found_in(&environment) {
                if !marked {
                    seen.push(format!("{way} in the environment of another process"));
                }
            }
        }
    }

    /// Every layer, the configuration and the history of the image.
    fn in_image(&self, docker: &Docker) -> Vec<String> {
        let mut leaks = Vec::new();
        let saved = docker.save(&self.image);
        assert!(saved.len() > 100_000, "the image is all there");
        let mut archive = tar::Archive::new(saved.as_slice());
        for entry in archive.entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("it is whole");
            if bytes.starts_with(&[0x1f, 0x8b]) {
                let mut plain = Vec::new();
                let mut reader = flate2::read::GzDecoder::new(bytes.as_slice());
                reader.read_to_end(&mut plain).expect("it is whole");
                bytes = plain;
            }
            for way in self.found_in(&bytes) {
                leaks.push(format!("{way} in {path} of the image"));
            }
        }
        leaks
    }

    /// Everything below the home directory and the project but what the secrets were given in.
    fn in_files(&self) -> Vec<String> {
        let given = [".secret", "secret.txt", "mounted.txt", "provided.txt"];
        let mut leaks = Vec::new();
        let mut open = vec![self.bld.path(""), self.bld.home()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).expect("a directory").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if !given.contains(&entry.file_name().to_string_lossy().as_ref()) {
                    for way in self.found_in(&fs::read(&path).unwrap_or_default()) {
                        leaks.push(format!("{way} in {}", path.display()));
                    }
                }
            }
        }
        leaks
    }
}

/// Knows one secret.
const PROVIDER: &str = "[ \"$1\" = PROVIDED ] || exit 2\ncat \"$(dirname \"$0\")/provided.txt\"\n";

/// The config with a provider of secrets; there are no other settings that count.
fn provided(config: &str, command: &str) -> String {
    let others = config.lines().filter(|line| !line.starts_with("global:"));
    let others: Vec<&str> = others.collect();
    format!(
        "global:\n  secret_provider: {command}\n{}\n",
        others.join("\n")
    )
}

fn unique() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_nanos()
}

/// Whether a process was started by another, however many lie between.
fn is_child(process: u32, of: u32) -> bool {
    let mut process = process;
    for _ in 0..64 {
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
            // It has ended; what it showed, it showed to nobody.
            return true;
        };
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let parent = rest.split_whitespace().nth(1).and_then(|p| p.parse().ok());
        match parent {
            Some(parent) if parent == of => return true,
            Some(0 | 1) | None => return false,
            Some(parent) => process = parent,
        }
    }
    false
}

/// Uses every secret, and looks whether it is what it should be: the length tells.
const USED: &str = r#"VERSION --run-with-aws 0.8
FROM busybox:1.36
use:
    ARG MARK=@MARK@
    WORKDIR /w
    CACHE --persist /kept
    RUN --no-cache --secret OPTION --secret INHERITED --secret FILE --secret DOTFILE --secret PROVIDED \
        --secret RENAMED=+secrets/PREFIXED --aws --mount type=secret,id=MOUNTED,target=/w/mounted \
        for v in "$OPTION" "$INHERITED" "$FILE" "$DOTFILE" "$PROVIDED" "$RENAMED" "$AWS_SECRET_ACCESS_KEY" "$(cat mounted)"; do \
            case "$v" in hidden-*) printf x >> used;; *) exit 9;; esac; \
        done; test "$AWS_ACCESS_KEY_ID" = public-id; sleep 1
    RUN --no-cache --secret OPTION ["sh", "-c", "test -n \"$OPTION\" && printf x >> used"]
    RUN test -z "$OPTION$INHERITED$FILE$DOTFILE$PROVIDED$RENAMED$AWS_SECRET_ACCESS_KEY"
    IF --secret OPTION case "$OPTION" in hidden-*) ;; *) false;; esac
        RUN printf y >> used
    END
    FOR --secret FILE n IN $(test -n "$FILE" && echo 1 2)
        RUN printf $n >> used
    END
    SAVE ARTIFACT used AS LOCAL used
    SAVE IMAGE @IMAGE@
# What is listed in the environment counts where no option lists secrets.
listed:
    ARG MARK=@MARK@
    RUN --no-cache --secret LISTED case "$LISTED" in hidden-*) sleep 1;; *) exit 9;; esac
fails:
    ARG MARK=@MARK@
    RUN --no-cache --secret OPTION --secret PROVIDED --mount type=secret,id=MOUNTED,target=/m sleep 1; test -n "$OPTION" && exit 3
lacks:
    RUN --secret OPTION --secret NOBODYS true
"#;

#[test]
fn a_secret_is_nowhere_but_in_the_step_that_asked_for_it() {
    let Some(services) = services("secrets") else {
        return;
    };
    let site = Site::new(&services, USED);
    let docker = Docker::at(&services.docker);
    let mut leaks = Vec::new();
    for progress in ["plain", "json", "tty"] {
        let progress = format!("--progress={progress}");
        let (code, printed, seen) = site.run(&site.args(&["-V", &progress], "+use"));
        let shown = String::from_utf8_lossy(&printed).into_owned();
        assert_eq!(code, 0, "{shown}");
        assert_eq!(site.bld.read("used"), "xxxxxxxxxy12");
        leaks.extend(seen);
        let listed = ["-V", &progress, "+listed"].map(str::to_owned);
        let (code, listed, seen) = site.run(&listed);
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&listed));
        leaks.extend(seen);
        leaks.extend(printed_leaks(&site, &listed, &progress));
        for (target, message) in [("+fails", "exit code 3"), ("+lacks", "`NOBODYS`")] {
            let (code, failed, seen) = site.run(&site.args(&["-V", &progress], target));
            let shown = String::from_utf8_lossy(&failed).into_owned();
            assert_eq!(code, 1, "{shown}");
            assert!(shown.contains(message), "{shown}");
            leaks.extend(seen);
            leaks.extend(printed_leaks(&site, &failed, &progress));
        }
        leaks.extend(printed_leaks(&site, &printed, &progress));
    }
    for args in [&["plan"][..], &["plan", "--json"], &["check"]] {
        let (_, printed, _) = site.run(&site.args(args, "+use"));
        leaks.extend(printed_leaks(&site, &printed, &args.join(" ")));
    }
    let twice = site.args(
        &[&format!("--secret=OPTION={}", site.values["OPTION"])],
        "+use",
    );
    let (code, printed, _) = site.run(&twice);
    assert_eq!(code, 1);
    leaks.extend(printed_leaks(
        &site,
        &printed,
        "the error about a secret given twice",
    ));
    leaks.extend(site.in_image(&docker));
    leaks.extend(site.in_files());
    docker.remove_image(&site.image);
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

fn printed_leaks(site: &Site, printed: &[u8], by: &str) -> Vec<String> {
    let found = site.found_in(printed).into_iter();
    found.map(|way| format!("{way} printed by {by}")).collect()
}

/// Gives secrets away in every way in which the test above looks for them.
const LEAKS: &str = r#"VERSION --run-with-aws 0.8
FROM busybox:1.36
leak:
    ARG MARK=@MARK@
    RUN --no-cache --secret OPTION --secret FILE --secret DOTFILE --secret PROVIDED \
        echo "$OPTION" > /in-layer; echo "$FILE"; sh -c "sleep 1; : $DOTFILE"; env -i OTHER="$PROVIDED" sleep 1
    SAVE ARTIFACT /in-layer AS LOCAL kept
    SAVE IMAGE @IMAGE@
"#;

#[test]
fn leaks_are_found() {
    let Some(services) = services("secrets") else {
        return;
    };
    let site = Site::new(&services, LEAKS);
    let docker = Docker::at(&services.docker);
    let (code, printed, seen) = site.run(&site.args(&[], "+leak"));
    let shown = String::from_utf8_lossy(&printed).into_owned();
    assert_eq!(code, 0, "{shown}");
    let in_image = site.in_image(&docker);
    docker.remove_image(&site.image);
    assert!(
        in_image.iter().any(|leak| leak.starts_with("OPTION")),
        "{in_image:?}"
    );
    assert!(
        site.in_files()
            .iter()
            .any(|leak| leak.starts_with("OPTION"))
    );
    assert_eq!(site.found_in(&printed), ["FILE"], "{shown}");
    assert!(
        seen.iter()
            .any(|leak| leak.starts_with("DOTFILE in the command line")),
        "{seen:?}"
    );
    assert!(
        seen.iter()
            .any(|leak| leak.starts_with("PROVIDED in the environment")),
        "{seen:?}"
    );
}

/// An SSH agent with a key, for as long as it lives.
struct Agent {
    child: Child,
    dir: tempfile::TempDir,
    comment: String,
}

impl Agent {
    /// None where OpenSSH is not installed.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("agent.sock");
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            skip_program("an agent", "`ssh-agent` (the package `openssh-client`)");
            return None;
        };
        let comment = format!("key-of-the-test-{}", unique());
        let agent = Self {
            child,
            dir,
            comment,
        };
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", &agent.comment, "-f"])
            .arg(agent.key())
            .status();
        assert!(made.expect("ssh-keygen starts").success());
        for _ in 0..100 {
            if agent.socket().exists() {
                break;
            }
            thread::sleep(std::time::Duration::from_millis(20));
        }
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(agent.key())
            .env("SSH_AUTH_SOCK", agent.socket())
            .status();
        assert!(added.expect("ssh-add starts").success());
        Some(agent)
    }

    fn key(&self) -> std::path::PathBuf {
        self.dir.path().join("key")
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("agent.sock")
    }

    /// A line of the private key.
    fn private(&self) -> String {
        let text = fs::read_to_string(self.key()).expect("a key");
        text.lines()
            .nth(3)
            .expect("a line in the middle")
            .to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the agent for its keys as `ssh-add -l` does: a request of one byte, 11, behind its length.
const ASK: &str = r#"VERSION 0.8
FROM debian:bookworm-slim
ask:
    USER nobody
    RUN --no-cache --ssh perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ENV{SSH_AUTH_SOCK}) or die $!; \
        print $s pack("NC", 1, 11); $s->flush; (read $s, $n, 4) == 4 or die; read $s, $keys, unpack("N", $n); $keys =~ s/[^a-z0-9-]//g; print "$keys\n"'
    RUN test -z "$SSH_AUTH_SOCK"
at:
    RUN --no-cache --mount type=ssh-experimental,target=/agent test "$SSH_AUTH_SOCK" = /agent && test -S /agent
other:
    RUN --mount type=ssh-experimental,id=other true
"#;

#[test]
fn a_step_reaches_the_agent_of_the_user_and_never_the_key() {
    let Some(services) = services("ssh") else {
        return;
    };
    let Some(agent) = Agent::start() else { return };
    let socket = agent.socket().display().to_string();
    let bld = Bld::with(ASK).on(&services).env("SSH_AUTH_SOCK", &socket);
    let ran = bld.ok(&["-V", "+ask"]);
    ran.says(&agent.comment).never_says(&agent.private());
    bld.ok(&["+at"]);
    bld.fails(1, &["+other"])
        .says("there is no SSH agent `other`");
    let without = Bld::with(ASK).on(&services);
    without
        .fails(1, &["+ask"])
        .says("there is no SSH agent")
        .says("RUN --no-cache --ssh");
    without.ok(&["--ssh-auth-sock", &socket, "+at"]);
    // A socket that nobody listens on.
    let gone = agent_gone(agent.dir.path());
    without
        .fails(1, &["--ssh-auth-sock", &gone, "+ask"])
        .says("the SSH agent does not answer")
        .says(&gone);
}

fn agent_gone(dir: &Path) -> String {
    let path = dir.join("gone.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    path.display().to_string()
}
