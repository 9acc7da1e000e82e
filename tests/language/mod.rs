//! The cases of `testdata/language`: what the language does, seen from outside, on every engine. The form of a case is
//! told in `testdata/language/README.md`.
//!
//! One test a topic, whose cases run in parallel. `BLD_CASE=name` runs only the cases whose `topic/name` contains it.

mod case;
mod coverage;
mod engines;
mod image;
mod running;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use crate::harness::{services, skip};
use case::Case;
use engines::{Engine, Need, Permit};

/// Where the cases are.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/language")
}

/// Folders in a folder, sorted by name; none where it does not exist.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

fn name_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .expect("a UTF-8 name")
}

/// Every case of every topic.
fn all_cases() -> Vec<Case> {
    folders(&corpus())
        .iter()
        .flat_map(|topic| folders(topic))
        .map(|dir| Case::read(&dir).unwrap_or_else(|e| panic!("{e}")))
        .collect()
}

macro_rules! topics {
    ($($(#[$attribute:meta])* $topic:ident)*) => {
        $(#[test] $(#[$attribute])* fn $topic() { run_topic(stringify!($topic)); })*

        #[test]
        fn every_topic_has_its_test() {
            let declared = [$(stringify!($topic)),*];
            for topic in folders(&corpus()) {
                let name = name_of(&topic).replace('-', "_");
                assert!(declared.contains(&name.as_str()), "add `{name}` to the topics in tests/language/mod.rs");
            }
        }
    };
}

topics! {
    args
    artifacts
    blocks
    builtins
    cache
    caching
    cli
    copy
    dockerfile
    errors
    expansion
    extended
    files
    functions
    images
    interactive
    locally
    mounts
    platforms
    push
    references
    repositories
    run
    secrets
    text
    trying
    variables
    version
    wait
    wildcards
    with_docker
}

/// Runs the cases of a topic, all to their end, and then fails with everything that was wrong.
fn run_topic(topic: &str) {
    let wanted = std::env::var("BLD_CASE").unwrap_or_default();
    let engines = Engine::all(services(&format!("language::{topic}")).as_ref());
    let mut work = Vec::new();
    let mut failures = Vec::new();
    for dir in folders(&corpus().join(topic.replace('_', "-"))) {
        let case = match Case::read(&dir) {
            Ok(case) => case,
            Err(error) => {
                failures.push(error);
                continue;
            }
        };
        if !case.name.contains(&wanted) {
            continue;
        }
        if case.needs.contains(&Need::NoEngine) {
            work.push((case, Engine::none()));
            continue;
        }
        for engine in &engines {
            work.push((case.clone(), engine.clone()));
        }
    }
    let outcomes: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = work
            .iter()
            .map(|(case, engine)| scope.spawn(|| attempt(case, engine)))
            .collect();
        running.into_iter().map(|thread| thread.join()).collect()
    });
    for ((case, engine), outcome) in work.iter().zip(outcomes) {
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(why)) => failures.push(format!("{} on {}: {why}", case.name, engine.name)),
            Err(_) => failures.push(format!("{}: the runner panicked", case.name)),
        }
    }
    assert!(
        failures.is_empty(),
        "\n\n{}\n\n{} of {} runs failed; one alone: BLD_CASE=name cargo test --test it -- language::{topic}\n",
        failures.join("\n\n"),
        failures.len(),
        work.len(),
    );
}

/// One case on one engine.
fn attempt(case: &Case, engine: &Engine) -> Result<(), String> {
    let Some(site) = engine.site_for(&case.needs) else {
        let missing = format!("{:?}, which {} has not", case.needs, engine.name);
        skip(&case.name, &missing);
        return Ok(());
    };
    let _permit = Permit::wait();
    let begun = Instant::now();
    let result = running::run(case, site);
    eprintln!(
        "{} {} on {} ({:.1} s)",
        if result.is_ok() { "ok    " } else { "FAILED" },
        case.name,
        engine.name,
        begun.elapsed().as_secs_f32()
    );
    result
}
