//! Builds side by side with `docker build` and `docker buildx bake` on the same daemon: `cargo bench --bench build`.
//!
//! Run on demand, never as a timed test: it prints ratios, and a person judges them. Needs `dev/services start` and
//! `eval "$(dev/services env)"`. The peers are taken from `BENCH_DOCKER` (default `docker`) and, for bake,
//! `BENCH_BUILDX` (the path of a buildx plugin binary; without it that row is left out).
#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Runs of each command; the median counts.
const RUNS: usize = 5;

fn main() {
    if env::var("BLD_TEST_SERVICES").as_deref() != Ok("1") {
        println!("SKIPPED: eval \"$(dev/services env)\" first");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    println!(
        "{:<42} {:>9} {:>9} {:>7}",
        "median of 5, in ms", "bld", "peer", "ratio"
    );
    no_change(dir.path());
    twenty_steps(dir.path());
    one_changed_file(dir.path());
    changed_layer(dir.path());
    hundred_targets(dir.path());
}

/// One target, nothing changed since the last build.
fn no_change(top: &Path) {
    let dir = project(top, "no-change");
    write(&dir, "file", "content");
    write(
        &dir,
        "Buildfile",
        "VERSION 0.8\nt:\n    FROM busybox:1.36\n    COPY file /\n    RUN cat /file > /copy\n    SAVE IMAGE bench-bld:1\n",
    );
    write(
        &dir,
        "Dockerfile",
        "FROM 127.0.0.1:5000/library/busybox:1.36\nCOPY file /\nRUN cat /file > /copy\n",
    );
    compare(
        "build with nothing to do, loaded",
        || bld(&dir, &["+t"]),
        || docker_build(&dir),
        || {},
    );
}

/// Twenty commands, each run anew.
fn twenty_steps(top: &Path) {
    let dir = project(top, "steps");
    let runs = |indent: &str| -> String {
        (0..20)
            .map(|n| format!("{indent}RUN echo {n} > /f{n}; true $SALT\n"))
            .collect()
    };
    let salt = std::cell::Cell::new(0_u32);
    let next = || {
        salt.set(salt.get() + 1);
        let salt = format!("{}-{}", std::process::id(), salt.get());
        write(
            &dir,
            "Buildfile",
            &format!(
                "VERSION 0.8\nt:\n    FROM busybox:1.36\n    ENV SALT={salt}\n{}    SAVE IMAGE bench-bld:2\n",
                runs("    ")
            ),
        );
        write(
            &dir,
            "Dockerfile",
            &format!(
                "FROM 127.0.0.1:5000/library/busybox:1.36\nENV SALT={salt}\n{}",
                runs("")
            ),
        );
    };
    compare(
        "20 RUN steps, none cached",
        || bld(&dir, &["+t"]),
        || docker_build(&dir),
        next,
    );
}

/// One file of fifty thousand changed.
fn one_changed_file(top: &Path) {
    let dir = project(top, "files");
    for n in 0..50_000 {
        let sub = dir.join(format!("src/{:03}", n / 250));
        if n % 250 == 0 {
            fs::create_dir_all(&sub).expect("a directory");
        }
        fs::write(sub.join(format!("{n}.txt")), format!("{n}\n")).expect("a file");
    }
    write(
        &dir,
        "Buildfile",
        "VERSION 0.8\nt:\n    FROM busybox:1.36\n    COPY src /src\n    SAVE IMAGE bench-bld:3\n",
    );
    write(
        &dir,
        "Dockerfile",
        "FROM 127.0.0.1:5000/library/busybox:1.36\nCOPY src /src\n",
    );
    let change = || write(&dir, "src/007/1800.txt", &format!("{:?}", Instant::now()));
    compare(
        "one changed file among 50,000",
        || bld(&dir, &["+t"]),
        || docker_build(&dir),
        change,
    );
}

/// A large layer below, a small one on top that changed: back into the daemon.
fn changed_layer(top: &Path) {
    let dir = project(top, "layer");
    let below = "head -c 200000000 /dev/urandom > /big";
    let change = || write(&dir, "small", &format!("{:?}", Instant::now()));
    write(
        &dir,
        "Buildfile",
        &format!(
            "VERSION 0.8\nt:\n    FROM busybox:1.36\n    RUN {below}\n    COPY small /\n    SAVE IMAGE bench-bld:4\n"
        ),
    );
    write(
        &dir,
        "Dockerfile",
        &format!("FROM 127.0.0.1:5000/library/busybox:1.36\nRUN {below}\nCOPY small /\n"),
    );
    compare(
        "one changed layer above 200 MB, loaded",
        || bld(&dir, &["+t"]),
        || docker_build(&dir),
        change,
    );
}

/// A hundred targets, nothing changed, against bake on the equivalent.
fn hundred_targets(top: &Path) {
    let Some(buildx) = env::var_os("BENCH_BUILDX") else {
        println!("SKIPPED: 100 targets against bake needs BENCH_BUILDX");
        return;
    };
    let dir = project(top, "targets");
    let mut buildfile = String::from("VERSION 0.8\nFROM busybox:1.36\nall:\n");
    let mut bake = String::from("group \"default\" { targets = [");
    let mut dockerfile = String::from("FROM 127.0.0.1:5000/library/busybox:1.36 AS base\n");
    let mut targets = String::new();
    for n in 0..100 {
        buildfile.push_str(&format!("    BUILD +t{n}\n"));
        bake.push_str(&format!("\"t{n}\", "));
        dockerfile.push_str(&format!("FROM base AS t{n}\nRUN echo {n} > /f\n"));
        targets.push_str(&format!(
            "target \"t{n}\" {{ target = \"t{n}\", tags = [\"bench-bake:{n}\"] }}\n"
        ));
    }
    bake.push_str("] }\n");
    bake.push_str(&targets);
    for n in 0..100 {
        buildfile.push_str(&format!(
            "t{n}:\n    RUN echo {n} > /f\n    SAVE IMAGE bench-bld-many:{n}\n"
        ));
    }
    write(&dir, "Buildfile", &buildfile);
    write(&dir, "Dockerfile", &dockerfile);
    write(&dir, "docker-bake.hcl", &bake);
    let peer = || {
        let mut command = Command::new(&buildx);
        command
            .args(["bake", "--progress", "plain"])
            .current_dir(&dir);
        command
    };
    compare(
        "100 targets, nothing to do (peer: bake)",
        || bld(&dir, &["+all"]),
        peer,
        || {},
    );
}

/// Runs both in turn, and prints the medians and their ratio.
fn compare(
    what: &str,
    ours: impl Fn() -> Command,
    theirs: impl Fn() -> Command,
    before: impl Fn(),
) {
    let (mut mine, mut peer) = (Vec::new(), Vec::new());
    // One round that does not count: base images arrive, caches fill.
    for round in 0..=RUNS {
        before();
        let a = time(ours());
        // `before` changed what both see; each has its own cache, so one change serves both.
        let b = time(theirs());
        if round > 0 {
            mine.push(a);
            peer.push(b);
        }
    }
    let (a, b) = (median(mine), median(peer));
    let ratio = a.as_secs_f64() / b.as_secs_f64();
    println!("{what:<42} {:>9.0} {:>9.0} {ratio:>7.2}", ms(a), ms(b));
}

fn time(mut command: Command) -> Duration {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let took = begun.elapsed();
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn bld(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bld"));
    command.args(args).current_dir(dir);
    command
}

fn docker_build(dir: &Path) -> Command {
    let mut command = Command::new(env::var("BENCH_DOCKER").unwrap_or_else(|_| "docker".into()));
    command
        .args(["build", "-q", "-t", "bench-docker:1", "."])
        .env("DOCKER_BUILDKIT", "1")
        .current_dir(dir);
    command
}

fn project(top: &Path, name: &str) -> PathBuf {
    let dir = top.join(name);
    fs::create_dir_all(&dir).expect("a directory");
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("a file");
}
