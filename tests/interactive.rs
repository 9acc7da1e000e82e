//! Commands at a terminal, on a real one: `script` gives bld a pseudo-terminal.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::harness::{Bld, Services, services};

/// A bld that has a terminal.
struct Session {
    child: std::process::Child,
    seen: Arc<Mutex<String>>,
}

impl Session {
    fn start(bld: &Bld, args: &str) -> Self {
        let inner = bld.command(&[]);
        let program = inner.get_program().to_str().expect("a path");
        let mut command = Command::new("script");
        command
            .args([
                "-qefc",
                &format!("stty rows 31 cols 97; {program} {args}; stty -a"),
                "/dev/null",
            ])
            .current_dir(inner.get_current_dir().expect("a directory"))
            .env_clear()
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("script starts");
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut out, heard) = (child.stdout.take().expect("piped"), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                heard.lock().expect("whole").push_str(&text);
            }
        });
        Self { child, seen }
    }

    fn seen(&self) -> String {
        self.seen.lock().expect("whole").clone()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let until = Instant::now() + Duration::from_secs(180);
        while !self.seen().contains(text) {
            assert!(
                Instant::now() < until,
                "`{text}` never came:\n{}",
                self.seen()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn types(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(text.as_bytes()).expect("it listens");
        stdin.flush().expect("it listens");
    }
}

fn project(services: &Services) -> Bld {
    Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         WORKDIR /work\n\
         sit:\n\
         \x20   ARG where=here\n\
         \x20   RUN echo made > file\n\
         \x20   RUN --interactive /bin/sh\n\
         \x20   SAVE ARTIFACT file AS LOCAL file\n\
         fails:\n\
         \x20   RUN echo before > half; exit 5\n",
    )
    .on(services)
}

#[test]
fn a_shell_has_the_terminal_its_size_and_its_interrupts_and_leaves_nothing() {
    let Some(services) = services("interactive") else {
        return;
    };
    let bld = project(&services);
    let mut session = Session::start(&bld, "+sit");
    session.wait_for("/work #");
    session.types("echo $((40 + 2))-$where-$(cat file); echo changed > file\n");
    session.wait_for("42-here-made");
    session.types("stty size\n");
    session.wait_for("31 97");
    // Ctrl-C is for the shell's own command, and not for bld.
    session.types("sleep 100\n");
    std::thread::sleep(Duration::from_millis(500));
    session.types("\u{3}");
    session.types("echo still-$((1 + 1))\n");
    session.wait_for("still-2");
    session.types("exit 0\n");
    session.wait_for("=== Success ===");
    // The terminal has its own mode again.
    session.wait_for(" icanon");
    session.child.wait().expect("it ends");
    assert_eq!(bld.read("file"), "made\n");
}

#[test]
fn where_a_command_failed_a_shell_opens_with_what_it_had_written() {
    let Some(services) = services("interactive") else {
        return;
    };
    let bld = project(&services);
    let mut session = Session::start(&bld, "--interactive +fails");
    session.wait_for("/work #");
    session.types("echo it-says-$(cat half)\n");
    session.wait_for("it-says-before");
    session.types("exit\n");
    session.wait_for("exit code 5");
    session.wait_for("=== Failure ===");
    session.wait_for(" icanon");
    session.child.wait().expect("it ends");
}

fn keeping(services: &Services) -> Bld {
    Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         WORKDIR /work\n\
         kept:\n\
         \x20   ARG where=here\n\
         \x20   RUN echo made > file\n\
         \x20   RUN --interactive-keep /bin/sh\n\
         \x20   SAVE ARTIFACT file\n\
         \x20   SAVE ARTIFACT /* all/\n\
         used:\n\
         \x20   COPY +kept/file here\n\
         \x20   RUN echo \"it was $(cat here)\" > seen\n\
         \x20   SAVE ARTIFACT seen AS LOCAL seen\n\
         \x20   COPY +kept/all all\n\
         \x20   RUN cd all && find . > /kept\n\
         \x20   SAVE ARTIFACT /kept AS LOCAL kept\n\
         plain:\n\
         \x20   RUN echo made > file\n\
         \x20   SAVE ARTIFACT /* all/\n\
         compared:\n\
         \x20   COPY +plain/all all\n\
         \x20   RUN cd all && find . > /plain\n\
         \x20   SAVE ARTIFACT /plain AS LOCAL plain\n\
         somebody:\n\
         \x20   USER 1234:1234\n\
         \x20   RUN --interactive-keep --secret KEY /bin/sh\n\
         missing:\n\
         \x20   RUN --interactive-keep [\"/nowhere/program\"]\n\
         both:\n\
         \x20   BUILD +kept\n\
         \x20   BUILD +bad\n\
         bad:\n\
         \x20   RUN --no-cache sleep 12; exit 5\n\
         foreign:\n\
         \x20   BUILD --platform=linux/arm64 +kept\n",
    )
    .on(services)
}

#[test]
fn what_was_done_at_a_terminal_is_kept_on_request_and_nothing_of_the_terminal_is() {
    let Some(services) = services("interactive-keep") else {
        return;
    };
    let bld = keeping(&services);
    let mut session = Session::start(&bld, "+used");
    session.wait_for("/work #");
    session.types("echo $((40 + 2))-$where-$(cat file)-$TERM; echo changed > file\n");
    session.wait_for("42-here-made-xterm");
    session.types("stty size; tty\n");
    session.wait_for("31 97");
    session.wait_for("/dev/pts/0");
    // Ctrl-C is for the shell's own command, and not for bld.
    session.types("sleep 100\n");
    std::thread::sleep(Duration::from_millis(500));
    session.types("\u{3}");
    session.types("echo still-$((1 + 1))\n");
    session.wait_for("still-2");
    session.types("seq 1 20000 | tail -n 1000; echo last-$((2 + 1)); exit 0\n");
    session.wait_for("last-3");
    session.wait_for("=== Success ===");
    session.wait_for(" icanon");
    session.child.wait().expect("it ends");
    assert!(session.seen().contains("\n20000\r"), "{}", session.seen());
    assert_eq!(bld.read("seen"), "it was changed\n");
    bld.ok(&["+compared"]);
    assert_eq!(bld.read("kept"), bld.read("plain"));

    // It is never remembered.
    let mut again = Session::start(&bld, "+used");
    again.wait_for("/work #");
    again.types("cat file; echo otherwise > file; exit\n");
    again.wait_for("=== Success ===");
    again.child.wait().expect("it ends");
    assert_eq!(bld.read("seen"), "it was otherwise\n");
}

#[test]
fn a_terminal_that_is_kept_is_any_users_and_ends_the_build_with_its_failure() {
    let Some(services) = services("interactive-keep") else {
        return;
    };
    let bld = keeping(&services);
    let mut session = Session::start(&bld, "--secret KEY=abc-def +somebody");
    session.wait_for("/work $");
    session.types("echo $(id -u):$KEY\n");
    session.wait_for("1234:abc-def");
    session.types("exit 3\n");
    session.wait_for("did not complete successfully: exit code 3");
    session.wait_for("=== Failure ===");
    session.wait_for(" icanon");
    session.child.wait().expect("it ends");
}

#[test]
fn a_program_that_is_not_there_is_told_of_as_elsewhere() {
    let Some(services) = services("interactive-keep") else {
        return;
    };
    let bld = keeping(&services);
    let mut session = Session::start(&bld, "+missing");
    session.wait_for("cannot run `/nowhere/program`");
    session.wait_for("exit code 127");
    session.wait_for(" icanon");
    session.child.wait().expect("it ends");
}

#[test]
fn a_failure_elsewhere_gives_the_terminal_back() {
    let Some(services) = services("interactive-keep") else {
        return;
    };
    let bld = keeping(&services);
    let mut session = Session::start(&bld, "+both");
    session.wait_for("/work #");
    session.types("sleep 1000\n");
    session.wait_for("exit code 5");
    session.wait_for("=== Failure ===");
    session.wait_for(" icanon");
    session.child.wait().expect("it ends");
}

#[test]
fn a_terminal_that_is_kept_is_only_for_the_platform_of_bld() {
    let Some(services) = services("interactive-keep") else {
        return;
    };
    let bld = keeping(&services);
    let mut session = Session::start(&bld, "+foreign");
    session.wait_for("is not possible for linux/arm64");
    session.wait_for(" icanon");
    session.child.wait().expect("it ends");
}

#[test]
fn beside_a_docker_of_its_own_a_command_has_the_terminal_too() {
    let Some(mut services) = services("interactive WITH DOCKER") else {
        return;
    };
    services.docker = services.docker_second.clone();
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM docker-in-debian:bookworm\n\
         WORKDIR /work\n\
         lost:\n\
         \x20   RUN echo made > file\n\
         \x20   WITH DOCKER --pull busybox:1.36\n\
         \x20       RUN --interactive sh\n\
         \x20   END\n\
         \x20   SAVE ARTIFACT file AS LOCAL file\n\
         kept:\n\
         \x20   WITH DOCKER --pull busybox:1.36\n\
         \x20       RUN --interactive-keep docker run -it --rm -v /work:/work busybox:1.36 sh\n\
         \x20   END\n\
         \x20   SAVE ARTIFACT file AS LOCAL file\n",
    )
    .on(&services);
    let mut session = Session::start(&bld, "-P +lost");
    session.wait_for("# ");
    session.types("docker images --format 'has {{.Repository}}-{{.Tag}}'; echo changed > file\n");
    session.wait_for("has busybox-1.36");
    session.types("exit\n");
    session.wait_for("=== Success ===");
    session.child.wait().expect("it ends");
    assert_eq!(bld.read("file"), "made\n");

    let mut session = Session::start(&bld, "-P +kept");
    session.wait_for("/ # ");
    session.types("stty size; echo from-busybox > /work/file; exit\n");
    session.wait_for("31 97");
    session.wait_for("=== Success ===");
    session.wait_for(" icanon");
    session.child.wait().expect("it ends");
    assert_eq!(bld.read("file"), "from-busybox\n");
}

#[test]
fn without_a_terminal_an_interactive_command_says_what_is_missing() {
    let Some(services) = services("interactive") else {
        return;
    };
    project(&services)
        .fails(1, &["+sit"])
        .says("an interactive command needs a terminal")
        .says("Buildfile:7:5");
    keeping(&services)
        .fails(1, &["+kept"])
        .says("an interactive command needs a terminal")
        .says("Buildfile:7:5");
}
