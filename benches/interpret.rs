//! How long a file of very many targets takes to be interpreted, and how much memory: `cargo bench --bench interpret`.
//!
//! Nothing is run and no engine is asked. Three shapes: a chain of `FROM`s (each target stands on the one before), a fan
//! (one target builds all others), and diamonds (each target builds two of the next row, so that most are asked for
//! twice). Each shape and size is measured in a process of its own, because peak memory never goes down. The budget is
//! two seconds for ten thousand targets, and memory that grows with the number of targets and not faster.

use std::{
    env, fs,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bld::{
    base::Platform,
    diag::Diagnostic,
    events::NoEvents,
    graph::{Ledger, Plan, StepId, TargetRef, ledger::OutputMode},
    interp::{
        Probe, Request,
        probe::{Answer, BaseImage, Captured, FromDockerfile},
        run,
    },
    oci::ImageRef,
};

const SIZES: [usize; 3] = [2_500, 5_000, 10_000];
const SHAPES: [&str; 3] = ["chain", "fan", "diamonds"];
const BUDGET: Duration = Duration::from_secs(2);

fn main() {
    let args: Vec<String> = env::args().collect();
    if let [_, shape, size] = args.as_slice()
        && let Ok(size) = size.parse()
    {
        let (time, memory) = measure(shape, size);
        say(&format!("{} {memory}", time.as_micros()));
        return;
    }
    let program = env::current_exe().expect("a program knows its path");
    for shape in SHAPES {
        let mut first = 0;
        for size in SIZES {
            let mut child = Command::new(&program);
            let output = child.args([shape, &size.to_string()]).output();
            let output = String::from_utf8(output.expect("it runs").stdout).expect("numbers");
            let mut numbers = output
                .split_whitespace()
                .map(|n| n.parse::<u64>().expect("a number"));
            let time = Duration::from_micros(numbers.next().expect("the time"));
            let memory = numbers.next().expect("the memory");
            say(&format!("{shape} of {size}: {time:?}, {memory} kB at most"));
            if first == 0 {
                first = memory;
            }
            let factor = (size / SIZES[0]) as u64;
            assert!(
                memory <= first * factor * 5 / 4,
                "memory grows faster than the number of targets"
            );
            // What is built without optimization is not held to it.
            assert!(
                cfg!(debug_assertions) || time < BUDGET,
                "{time:?} is over the budget of {BUDGET:?}"
            );
        }
    }
}

fn say(line: &str) {
    #[expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]
    {
        println!("{line}");
    }
}

fn measure(shape: &str, size: usize) -> (Duration, u64) {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("Buildfile"), build_file(shape, size)).expect("written");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let start = Instant::now();
    let root = TargetRef::parse("+t0").expect("a reference");
    let (plan, ledger) = (Arc::new(Plan::default()), Arc::new(Ledger::default()));
    let work = run(
        Request::new(root, dir.path()),
        Arc::clone(&plan),
        Arc::clone(&ledger),
        Arc::new(Nothing),
        Arc::new(NoEvents),
    );
    runtime
        .block_on(work)
        .unwrap_or_else(|errors| panic!("{}", errors[0]));
    let settled = ledger.settle(OutputMode::default());
    let time = start.elapsed();
    assert_eq!(settled.len(), size, "every target has its image");
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    (time, peak.unwrap_or(0))
}

fn build_file(shape: &str, size: usize) -> String {
    let mut text = String::from("VERSION 0.8\nFROM scratch\nARG --global tag=latest\n");
    for n in 0..size {
        let mut next = String::new();
        let mut to = |command: &str, target: usize| {
            if target < size {
                next.push_str(&format!("    {command} +t{target}\n"));
            }
        };
        match shape {
            "chain" => to("FROM", n + 1),
            "fan" if n == 0 => (1..size).for_each(|target| to("BUILD", target)),
            "fan" => {}
            _ => {
                // Rows of fifty.
                let (row, column) = (n / 50, n % 50);
                to("BUILD", (row + 1) * 50 + column);
                to("BUILD", (row + 1) * 50 + (column + 1) % 50);
                if n == 0 {
                    (1..50).for_each(|target| to("BUILD", target));
                }
            }
        }
        text.push_str(&format!(
            "t{n}:\n{next}    COPY Buildfile ./file-{n}\n    SAVE IMAGE image-{n}:$tag\n"
        ));
    }
    text
}

/// Knows nothing.
struct Nothing;

#[async_trait]
impl Probe for Nothing {
    async fn exit_status(&self, _: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    async fn output(&self, _: StepId) -> Result<Answer<Captured>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    async fn base_image(
        &self,
        _: &ImageRef,
        _: &Platform,
    ) -> Result<Answer<BaseImage>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    async fn dockerfile(&self, _: StepId) -> Result<Answer<FromDockerfile>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    fn ready(&self, _: StepId) {}
}
