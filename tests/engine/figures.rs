//! How long things take. Run by hand: `cargo test --release --test it figures -- --ignored --nocapture`.

use std::{fs, time::Instant};

use bld::{
    engine::Export,
    llb::{CopyFile, FileOp, Nonce},
    oci::ImageConfig,
};

use super::site::{label, site};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn figures() {
    let start = Instant::now();
    let Some(mut site) = site().await else { return };
    eprintln!("connect: {:?}", start.elapsed());
    for round in 0..3 {
        let start = Instant::now();
        let build = site.open().await;
        let mut states = Vec::new();
        for n in 0..100 {
            let one = site.sh(&site.busybox(), &format!("echo {n} > /figure"));
            states.push(site.sh(&one, "cat /figure"));
        }
        let solves = states.iter().map(|state| build.solve(state));
        for solved in futures_util::future::join_all(solves).await {
            solved.unwrap();
        }
        let solved = start.elapsed();
        build.finish().await.unwrap();
        eprintln!(
            "round {round}: 100 states {solved:?}, finished {:?}",
            start.elapsed()
        );
    }
    for round in 0..3 {
        let start = Instant::now();
        let build = site.open().await;
        let mut state = site.busybox();
        for n in 0..20 {
            state = site.sh(&state, &format!("echo {n} > /figure"));
            build.solve(&state).await.unwrap();
        }
        let solved = start.elapsed();
        build.finish().await.unwrap();
        eprintln!(
            "round {round}: 20 states one after the other {solved:?}, finished {:?}",
            start.elapsed()
        );
    }
    for round in 0..3 {
        let build = site.open().await;
        let state = site.sh(&site.busybox(), "echo hi > /figure");
        build.solve(&state).await.unwrap();
        let start = Instant::now();
        let export = Export::Image {
            names: vec!["docker.io/library/bld-figure:1".to_owned()],
            config: Box::new(ImageConfig::scratch(&site.linux)),
            inline_cache: false,
        };
        build.export(&state, export).await.unwrap();
        eprintln!("round {round}: export {:?}", start.elapsed());
        build.finish().await.unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    for n in 0..50_000 {
        let sub = dir.path().join(format!("d{}", n % 500));
        if n < 500 {
            fs::create_dir(&sub).unwrap();
        }
        fs::write(sub.join(format!("f{n}")), n.to_string()).unwrap();
    }
    for round in 0..4 {
        if round == 3 {
            fs::write(dir.path().join("d0/f0"), "changed").unwrap();
        }
        site.nonce = Nonce::random();
        let start = Instant::now();
        let build = site.engine.open_build(site.request());
        let contexts = build.contexts();
        use bld::engine::Build;
        let context = Some(site.local(dir.path(), &[], &[]));
        let copy = FileOp::on(&None).copy(&context, "/d0", "/", CopyFile::default());
        let state = Some(copy.build(label("COPY d0 /")));
        build.solve(&state).await.unwrap();
        eprintln!(
            "round {round}: 50,000 files {:?}, {} sent",
            start.elapsed(),
            contexts.sent()
        );
        build.finish().await.unwrap();
    }
}
