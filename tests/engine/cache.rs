//! What is used again, and what is not.

use bld::{
    engine::{Export, Special},
    llb::{CacheSharing, Exec, Mount, MountKind, Nonce, State},
    oci::ImageConfig,
};

use super::site::{Site, label, site};

/// What a command wrote that writes something else whenever it runs.
async fn stamp(site: &Site, no_cache: bool, state: &State) -> Vec<u8> {
    let mut request = site.request();
    request.no_cache = no_cache;
    let build = bld::engine::Engine::open(&site.engine, request)
        .await
        .unwrap();
    let solved = build.solve(state).await.unwrap();
    let text = build.read_file(&solved, "/stamp").await.unwrap();
    // The export of what was solved runs nothing again, not even without a cache.
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().to_owned();
    build
        .export(
            state,
            Export::Files {
                dest,
                special: Special::Refused,
            },
        )
        .await
        .unwrap();
    assert_eq!(std::fs::read(dir.path().join("stamp")).unwrap(), text);
    build.finish().await.unwrap();
    text
}

const STAMP: &str = "cat /proc/sys/kernel/random/uuid > /stamp";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cache_a_command_runs_again_and_its_new_result_is_the_one_that_is_kept() {
    let Some(site) = site().await else { return };
    let state = site.sh(&site.busybox(), &format!("{STAMP} # {}", site.unique()));
    let first = stamp(&site, false, &state).await;
    assert_eq!(stamp(&site, false, &state).await, first);
    let second = stamp(&site, true, &state).await;
    assert_ne!(second, first);
    assert_eq!(stamp(&site, false, &state).await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_command_runs_again_and_its_cache_mount_survives() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let run = |nonce: Option<&Nonce>| {
        let kind = MountKind::Cache {
            id: site.unique().to_owned(),
            sharing: CacheSharing::Locked,
            read_only: false,
        };
        let script =
            "echo x >> /cache/count; cp /cache/count /count; ls /run/secrets 2>&1 > /seen; true";
        let mut exec = Exec::new(&site.busybox(), ["/bin/sh", "-c", script])
            .mount(Mount::new("/cache", &None, kind));
        if let Some(nonce) = nonce {
            exec = exec.fresh(nonce);
        }
        Some(
            exec.build(&site.linux, label("RUN --mount=type=cache"))
                .root(),
        )
    };
    let count = async |state: State| {
        let solved = build.solve(&state).await.unwrap();
        assert_eq!(build.read_file(&solved, "/seen").await.unwrap(), b"");
        build.read_file(&solved, "/count").await.unwrap().len() / 2
    };
    assert_eq!(count(run(None)).await, 1);
    assert_eq!(count(run(None)).await, 1);
    assert_eq!(count(run(Some(&Nonce::random()))).await, 2);
    assert_eq!(count(run(Some(&Nonce::random()))).await, 3);
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_records_are_written_into_an_image() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let state = site.sh(&site.busybox(), "echo inline > /f");
    let name = format!("docker.io/library/bld-test-inline:{}", site.unique());
    let export = Export::Image {
        names: vec![name.clone()],
        config: Box::new(ImageConfig::scratch(&site.linux)),
        inline_cache: true,
    };
    build.export(&state, export).await.unwrap();
    let found = build
        .resolve_image(&name, &site.linux, false)
        .await
        .unwrap();
    assert!(found.config.extra.contains_key("moby.buildkit.cache.v0"));
    build.finish().await.unwrap();
    super::site::remove_image(&name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_cache_records_that_is_not_there_does_no_harm() {
    let Some(site) = site().await else { return };
    let request = site.request();
    request.cache_from.add(bld::engine::CacheSource {
        reference: format!("{}/library/nothing:cache", site.registry),
        insecure: false,
    });
    let build = bld::engine::Engine::open(&site.engine, request)
        .await
        .unwrap();
    build
        .solve(&site.sh(&site.busybox(), "true"))
        .await
        .unwrap();
    build.finish().await.unwrap();
}
