//! Images as sources.

use bld::{engine::EngineError, llb::image};

use crate::harness::skip;

use super::site::{label, site};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_looked_up_for_a_platform() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let name = format!("{}/library/busybox:1.36", site.registry);
    let found = build.resolve_image(&name, &site.linux, true).await.unwrap();
    assert!(found.digest.is_some());
    assert_eq!(found.config.platform(), site.linux);
    let arm = "linux/arm64".parse().unwrap();
    let other = build.resolve_image(&name, &arm, false).await.unwrap();
    assert_eq!(other.config.platform(), arm);
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_is_named_with_the_reason() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let name = format!("{}/library/nothing:1", site.registry);
    let errors = [
        build
            .resolve_image(&name, &site.linux, false)
            .await
            .map(|_| ()),
        build
            .solve(&Some(image(&name, &site.linux, label("FROM nothing:1"))))
            .await
            .map(|_| ()),
    ];
    for error in errors {
        let Err(EngineError::Image { image, reason }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(
            (image.as_str(), reason.as_str()),
            (name.as_str(), "not found")
        );
    }
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_asked_for() {
    let Some(site) = site().await else { return };
    let Ok(registry) = std::env::var("BLD_TEST_REGISTRY_AUTH") else {
        return skip("credentials_are_asked_for", "BLD_TEST_REGISTRY_AUTH");
    };
    let build = site.open().await;
    let name = format!("{registry}/library/nothing-{}:1", site.unique());
    let error = build
        .resolve_image(&name, &site.linux, true)
        .await
        .unwrap_err();
    assert!(matches!(error, EngineError::Image { .. }), "{error:?}");
    assert!(site.asked.0.lock().unwrap().contains(&registry));
    build.finish().await.unwrap();
}
