//! Caches that several runs of bld have at the same time.

use std::{process::Stdio, time::Instant};

use crate::harness::{Bld, Services, services};

/// Two runs that each have a cache for two seconds, and notice if the other one has it, too. Gives how many failed, and
/// how long both took.
fn two_at_once(services: &Services, sharing: &str) -> (usize, f64) {
    let id = format!("two-{sharing}-{}", std::process::id());
    let file = format!(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    CACHE --sharing {sharing} --id {id} /c\n    \
         RUN --no-cache mkdir /c/mine && sleep 2 && rmdir /c/mine\n"
    );
    let projects = [Bld::with(&file).on(services), Bld::with(&file).on(services)];
    // The image is there, and the cache.
    let _ = projects[0].run(&["+t"]);
    let began = Instant::now();
    let running = projects.each_ref().map(|project| {
        let mut command = project.command(&["+t"]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("bld starts")
    });
    let ended = running.map(|mut child| child.wait().expect("bld ends").success());
    let failed = ended.iter().filter(|success| !**success).count();
    (failed, began.elapsed().as_secs_f64())
}

#[test]
fn runs_that_share_a_locked_cache_wait_for_each_other() {
    let Some(services) = services("caches") else {
        return;
    };
    let (failed, took) = two_at_once(&services, "locked");
    assert_eq!(failed, 0);
    assert!(took >= 4.0, "both had the cache within {took} seconds");
    // That the two meet is seen where they need not wait.
    assert_eq!(two_at_once(&services, "shared").0, 1);
}
