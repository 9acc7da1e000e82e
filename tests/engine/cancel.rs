//! Stopping.

use std::time::{Duration, Instant};

use bld::{engine::EngineError, llb::Exec};

use super::site::{label, site};

/// Whether a process with this text in its command line runs on this machine.
fn runs(text: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|p| {
            p.file_name()
                .to_str()
                .is_some_and(|n| n.parse::<u32>().is_ok() && n != std::process::id().to_string())
        })
        .filter_map(|p| std::fs::read(p.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_the_command_on_the_daemon() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let args = ["/bin/sh", "-c", "sleep 60; echo \"$0\"", site.unique()];
    let sleep = Exec::new(&site.busybox(), args).build(&site.linux, label("RUN sleep 60"));
    let state = Some(sleep.root());
    let solve = build.solve(&state);
    let stop = async {
        let start = Instant::now();
        while !runs(site.unique()) {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "it does not start"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        site.cancel.cancel();
        Instant::now()
    };
    let (result, cancelled) = tokio::join!(solve, stop);
    assert!(matches!(result, Err(EngineError::Canceled)), "{result:?}");
    assert!(cancelled.elapsed() < Duration::from_millis(200));
    while runs(site.unique()) {
        assert!(
            cancelled.elapsed() < Duration::from_secs(2),
            "it still runs"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_build_stops_the_command_on_the_daemon() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let args = ["/bin/sh", "-c", "sleep 60; echo \"$0\"", site.unique()];
    let sleep = Exec::new(&site.busybox(), args).build(&site.linux, label("RUN sleep 60"));
    let state = Some(sleep.root());
    let started = async {
        while !runs(site.unique()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        solved = build.solve(&state) => panic!("it is to run for a minute: {solved:?}"),
        started = tokio::time::timeout(Duration::from_secs(60), started) => started.expect("it starts"),
    }
    drop(build);
    let start = Instant::now();
    while runs(site.unique()) {
        assert!(start.elapsed() < Duration::from_secs(2), "it still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
