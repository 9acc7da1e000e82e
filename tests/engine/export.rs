//! Results that leave the build.

use std::os::unix::fs::MetadataExt;

use bld::{
    engine::{Export, Special},
    llb::{CopyFile, FileOp},
    oci::ImageConfig,
};

use super::site::{docker, label, remove_image, site};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_in_the_store_with_its_configuration() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let state = site.sh(&site.busybox(), "echo hi > /hi");
    build.solve(&state).await.unwrap();
    let mut config = ImageConfig::scratch(&site.linux);
    config.config.cmd = Some(vec!["cat".to_owned(), "/hi".to_owned()]);
    config.config.labels.insert("a".to_owned(), "b".to_owned());
    config.config.user = "daemon".to_owned();
    let names = ["bld-test-one:1", "bld-test-two:2"].map(|n| format!("docker.io/library/{n}"));
    let export = Export::Image {
        names: names.to_vec(),
        config: Box::new(config),
        inline_cache: false,
    };
    let exported = build.export(&state, export.clone()).await.unwrap();
    let again = build.export(&state, export).await.unwrap();
    assert_eq!(exported.image_id, again.image_id);
    build.finish().await.unwrap();
    let docker = docker().await;
    for name in &names {
        let image = docker.inspect_image(name).await.unwrap();
        assert_eq!(
            image.id.as_deref(),
            exported.image_id.as_ref().map(|d| d.as_str())
        );
        let config = image.config.unwrap();
        assert_eq!(config.user.as_deref(), Some("daemon"));
        assert_eq!(config.labels.unwrap()["a"], "b");
        assert_eq!(config.cmd.unwrap(), ["cat", "/hi"]);
        remove_image(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_nothing_is_an_image() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let name = "docker.io/library/bld-test-empty:1";
    let export = Export::Image {
        names: vec![name.to_owned()],
        config: Box::new(ImageConfig::scratch(&site.linux)),
        inline_cache: false,
    };
    let exported = build.export(&None, export).await.unwrap();
    build.finish().await.unwrap();
    let docker = docker().await;
    let image = docker.inspect_image(name).await.unwrap();
    assert_eq!(
        image.id.as_deref(),
        exported.image_id.as_ref().map(|d| d.as_str())
    );
    remove_image(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_keep_their_modes_times_and_links() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let script = "mkdir -p /out/d && echo text > /out/d/f && chmod 4751 /out/d/f && chmod 750 /out/d \
        && ln /out/d/f /out/hard && ln -s d/f /out/soft && : > /out/empty && head -c 3000000 /dev/zero > /out/big \
        && touch -t 200102030405 /out/d/f";
    let made = site.sh(&site.busybox(), script);
    let spec = CopyFile {
        contents: true,
        ..CopyFile::default()
    };
    let state = FileOp::on(&None)
        .copy(&made, "/out", "/", spec)
        .build(label("SAVE ARTIFACT /out"));
    let dir = tempfile::tempdir().unwrap();
    let export = Export::Files {
        dest: dir.path().to_owned(),
        special: Special::Refused,
    };
    build.export(&Some(state), export).await.unwrap();
    build.finish().await.unwrap();
    let at = |path: &str| std::fs::symlink_metadata(dir.path().join(path)).unwrap();
    assert_eq!(std::fs::read(dir.path().join("d/f")).unwrap(), b"text\n");
    // The bit that starts a program as its owner stays in the engine.
    assert_eq!(at("d/f").mode() & 0o7777, 0o751);
    assert_eq!(at("d").mode() & 0o7777, 0o750);
    assert_eq!(at("d/f").mtime(), 981_173_100);
    assert_eq!(at("d/f").ino(), at("hard").ino());
    assert_eq!(at("empty").len(), 0);
    assert_eq!(at("big").len(), 3_000_000);
    assert_eq!(
        std::fs::read_link(dir.path().join("soft"))
            .unwrap()
            .to_str(),
        Some("d/f")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_is_named() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("missing");
    let error = build
        .export(
            &site.busybox(),
            Export::Files {
                dest: dest.clone(),
                special: Special::Refused,
            },
        )
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(dest.to_str().unwrap()),
        "{error}"
    );
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_images_and_directories_are_exported_at_once() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let exports = (0..10).map(async |n| {
        let state = site.sh(&site.busybox(), &format!("echo {n} > /n"));
        let name = format!("docker.io/library/bld-test-{}:{n}", site.unique());
        let image = Export::Image {
            names: vec![name.clone()],
            config: Box::new(ImageConfig::scratch(&site.linux)),
            inline_cache: false,
        };
        let dir = tempfile::tempdir().unwrap();
        let only = FileOp::on(&None).copy(&state, "/n", "/n", CopyFile::default());
        let only = Some(only.build(label("SAVE ARTIFACT /n")));
        let dest = dir.path().to_owned();
        let (image, files) = tokio::join!(
            build.export(&state, image),
            build.export(
                &only,
                Export::Files {
                    dest,
                    special: Special::Refused
                }
            )
        );
        assert!(image.unwrap().image_id.is_some());
        files.unwrap();
        let text = std::fs::read_to_string(dir.path().join("n")).unwrap();
        assert_eq!(text, format!("{n}\n"));
        remove_image(&name).await;
    });
    futures_util::future::join_all(exports).await;
    build.finish().await.unwrap();
}
