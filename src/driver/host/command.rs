//! One command on this machine: its process group, its output, its end.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::Telling;
use crate::{
    engine::{EngineError, buildkit::tail::Tail},
    events::StepState,
    graph::plan::{HostRun, Keep},
    interp::probe::Captured,
};

/// How long a command that is stopped has for its own end.
const GRACE: Duration = Duration::from_secs(2);
/// How long after a command's end its output is waited for: a process that it left in the background may hold it open.
const OUTPUT: Duration = Duration::from_secs(1);

/// Runs a command to its end. Its standard input is empty.
pub(super) async fn run(
    run: &HostRun,
    telling: &Telling,
    cancel: &CancellationToken,
) -> Result<Captured, EngineError> {
    telling.state(StepState::Started);
    let began = Instant::now();
    let cannot = |what: String| telling.failure(None, Vec::new(), what);
    std::fs::create_dir_all(&run.dir)
        .map_err(|e| cannot(format!("cannot make `{}`: {e}", run.dir.display())))?;
    let Some((program, args)) = run.args.split_first() else {
        return Err(cannot("there is nothing to run".to_owned()));
    };
    let mut command = Command::new(program);
    command
        .args(args)
        .envs(run.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&run.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|e| cannot(format!("cannot start `{program}`: {e}")))?;
    let group = Group::of(child.id());
    let heard = Arc::new(Heard::default());
    let captures = run.keep == Keep::Output;
    let pumps = [
        pump(child.stdout.take(), false, captures, telling, &heard),
        pump(child.stderr.take(), true, false, telling, &heard),
    ];
    let status = tokio::select! {
        status = child.wait() => status,
        () = cancel.cancelled() => {
            group.signal(Signal::TERM);
            let _ = tokio::time::timeout(GRACE, child.wait()).await;
            // The command itself may be gone and what it started not.
            group.signal(Signal::KILL);
            let _ = child.wait().await;
            telling.state(StepState::Canceled);
            return Err(EngineError::Canceled);
        }
    };
    let status = status.map_err(|e| cannot(format!("cannot wait for `{program}`: {e}")))?;
    output(pumps, &heard).await;
    let (tail, stdout) = heard.end();
    let code = exit_code(status);
    if run.keep == Keep::FileSystem && code != 0 {
        return Err(telling.failure(Some(code), tail, format!("exit code {code}")));
    }
    telling.state(StepState::Done {
        took: began.elapsed(),
    });
    Ok(Captured {
        status: code,
        stdout,
    })
}

/// As the shell counts: 128 and more is a signal.
fn exit_code(status: ExitStatus) -> i32 {
    let signal = || status.signal().map_or(-1, |signal| 128 + signal);
    status.code().unwrap_or_else(signal)
}

/// The command and everything it started that did not leave its group.
struct Group(Option<Pid>);

impl Group {
    fn of(id: Option<u32>) -> Self {
        Self(
            id.and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw),
        )
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // A group that is gone needs no signal.
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// What the command has written so far.
#[derive(Default)]
struct Heard(Mutex<Said>);

#[derive(Default)]
struct Said {
    tail: Tail,
    captured: Vec<u8>,
    bytes: usize,
}

impl Heard {
    fn lock(&self) -> std::sync::MutexGuard<'_, Said> {
        self.0.lock().expect("no holder of this lock panics")
    }

    fn end(&self) -> (Vec<String>, Vec<u8>) {
        let mut said = self.lock();
        (said.tail.lines(), std::mem::take(&mut said.captured))
    }
}

/// Passes one stream on until it ends, even if that is after the command's own end.
fn pump(
    stream: Option<impl AsyncRead + Send + Unpin + 'static>,
    stderr: bool,
    captures: bool,
    telling: &Telling,
    heard: &Arc<Heard>,
) -> JoinHandle<()> {
    let (telling, heard) = (telling.clone(), Arc::clone(heard));
    tokio::spawn(async move {
        let Some(mut stream) = stream else { return };
        let mut buffer = vec![0; 32 << 10];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            let data = &buffer[..n];
            {
                let mut said = heard.lock();
                said.bytes += n;
                if captures {
                    said.captured.extend_from_slice(data);
                    continue;
                }
                said.tail.push(stderr, data);
            }
            telling.log(stderr, data.to_vec());
        }
    })
}

/// Waits for the end of both streams, or until nothing comes any more.
async fn output(pumps: [JoinHandle<()>; 2], heard: &Heard) {
    let mut ended = std::pin::pin!(futures_util::future::join_all(pumps));
    loop {
        let before = heard.lock().bytes;
        if tokio::time::timeout(OUTPUT, &mut ended).await.is_ok() || heard.lock().bytes == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Digest, events::NoEvents, graph::StepId, llb::tests_support::label};

    fn telling() -> Telling {
        Telling {
            events: Arc::new(NoEvents),
            id: Digest::of(b"step"),
            label: label("RUN x"),
        }
    }

    async fn sh(script: &str, keep: Keep) -> Result<Captured, EngineError> {
        let dir = tempfile::tempdir().unwrap();
        let command = HostRun {
            after: StepId(0),
            args: ["/bin/sh", "-c", script].map(str::to_owned).into(),
            env: vec![("A".to_owned(), "b c".to_owned())],
            dir: dir.path().join("made/for it"),
            keep,
        };
        run(&command, &telling(), &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn a_command_runs_in_its_directory_with_its_variables_and_no_input() {
        let said = sh("cat; echo \"${PWD##*/} $A\"", Keep::Output).await;
        assert_eq!(said.unwrap().stdout, b"for it b c\n");
    }

    #[tokio::test]
    async fn a_failure_has_its_exit_code_and_its_last_words() {
        let failed = sh("echo out; echo err >&2; exit 7", Keep::FileSystem).await;
        let Err(EngineError::Step(failure)) = failed else {
            panic!("{failed:?}");
        };
        assert_eq!(failure.exit_code, Some(7));
        let mut tail = failure.tail;
        tail.sort();
        assert_eq!(tail, ["err", "out"]);
        assert_eq!(sh("exit 7", Keep::ExitStatus).await.unwrap().status, 7);
        let killed = sh("kill -9 $$", Keep::ExitStatus).await.unwrap();
        assert_eq!(killed.status, 137);
    }

    #[tokio::test]
    async fn a_process_in_the_background_does_not_hold_the_build_up() {
        let began = Instant::now();
        sh("sleep 20 & echo started", Keep::FileSystem)
            .await
            .unwrap();
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn cancelling_ends_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let command = HostRun {
            after: StepId(0),
            args: ["/bin/sh", "-c", "sleep 60 & echo $! >pid; sleep 60"]
                .map(str::to_owned)
                .into(),
            env: Vec::new(),
            dir: dir.path().to_owned(),
            keep: Keep::FileSystem,
        };
        let cancel = CancellationToken::new();
        let telling = telling();
        let running = run(&command, &telling, &cancel);
        let stopper = async {
            let pid = dir.path().join("pid");
            while std::fs::read_to_string(&pid).map_or(true, |text| !text.ends_with('\n')) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            cancel.cancel();
            std::fs::read_to_string(&pid).unwrap()
        };
        let (ended, pid) = tokio::join!(running, stopper);
        assert!(matches!(ended, Err(EngineError::Canceled)), "{ended:?}");
        let stat = format!("/proc/{}/stat", pid.trim());
        // Whoever inherits the process may not have asked for its end yet.
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z"));
        let until = Instant::now() + Duration::from_secs(5);
        while runs() {
            assert!(Instant::now() < until, "it still runs");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
