//! A daemon that is not there, or goes away.

use std::time::{Duration, Instant};

use bld::engine::{
    Engine, EngineError,
    buildkit::{Address, BuildKit, dial::Peer},
};
use tokio::net::{UnixListener, UnixStream};

use super::site::site;

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_not_there_is_named() {
    for address in ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1"] {
        let parsed = Address::parse(Peer::Docker, address, None).unwrap();
        let error = BuildKit::connect(parsed).await.unwrap_err();
        let EngineError::Unreachable {
            address: named,
            reason,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(named, address);
        let why = ["No such file", "refused"];
        assert!(why.iter().any(|why| reason.contains(why)), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_ends_the_build_at_once() {
    let Some(mut site) = site().await else { return };
    let docker =
        std::env::var("BLD_TEST_DOCKER").unwrap_or("unix:///var/run/docker.sock".to_owned());
    let docker = docker.strip_prefix("unix://").unwrap().to_owned();
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("proxy.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let proxy = tokio::spawn(async move {
        let mut all = tokio::task::JoinSet::new();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut daemon = UnixStream::connect(&docker).await.unwrap();
            all.spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut daemon).await;
            });
        }
    });
    let address =
        Address::parse(Peer::Docker, &format!("unix://{}", socket.display()), None).unwrap();
    site.engine = BuildKit::connect(address).await.unwrap();
    let build = site.open().await;
    let script = format!("echo {}; sleep 30", site.unique());
    let state = site.sh(&site.busybox(), &script);
    let solve = build.solve(&state);
    let cut = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        proxy.abort();
        Instant::now()
    };
    let (result, cut) = tokio::join!(solve, cut);
    assert!(
        matches!(result, Err(EngineError::Gone { .. })),
        "{result:?}"
    );
    assert!(cut.elapsed() < Duration::from_secs(1));
    let _ = build.finish().await;
    assert!(cut.elapsed() < Duration::from_secs(3));
    assert!(site.engine.disk_usage().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_of_the_engine_can_be_measured() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    build
        .solve(&site.sh(&site.busybox(), "echo 1 > /f"))
        .await
        .unwrap();
    build.finish().await.unwrap();
    let usage = site.engine.disk_usage().await.unwrap();
    assert!(
        usage.total >= usage.reclaimable && usage.total > 0,
        "{usage:?}"
    );
}
