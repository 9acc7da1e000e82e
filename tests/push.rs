//! Pushes to a real registry: what arrives, in which form, and what a second daemon makes of it.

use crate::harness::{Bld, Docker, Registry, services, skip};

#[test]
fn without_push_nothing_is_pushed_and_the_summary_says_so() {
    let Some(services) = services("no push") else {
        return;
    };
    let registry = Registry::at(&services.registry);
    let bld = Bld::with(&format!(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN echo unpushed > /f\n    SAVE IMAGE --push {}/bld-test/unpushed:1\n",
        services.registry
    ))
    .on(&services);
    bld.ok(&["+t"]).says("Did not push image");
    assert!(registry.manifest("bld-test/unpushed", "1").is_none());
}

#[test]
fn a_plain_image_arrives_as_a_plain_manifest_under_all_its_names() {
    let Some(services) = services("plain push") else {
        return;
    };
    let registry = Registry::at(&services.registry);
    let bld = Bld::with(&format!(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN echo plain > /f\n    SAVE IMAGE --push {0}/bld-test/plain:1 {0}/bld-test/plain:2\n",
        services.registry
    ))
    .on(&services);
    let ran = bld.ok(&["--push", "+t"]);
    let one = registry
        .manifest("bld-test/plain", "1")
        .expect("it was pushed");
    let two = registry
        .manifest("bld-test/plain", "2")
        .expect("it was pushed");
    assert!(one.media_type.contains("manifest.v"), "{}", one.media_type);
    assert!(!one.is_index() && one.digest == two.digest);
    ran.says(&one.digest);
}

#[test]
fn a_push_only_run_leaves_no_image_in_the_daemon() {
    let Some(services) = services("push only") else {
        return;
    };
    let registry = Registry::at(&services.registry);
    let docker = Docker::at(&services.docker);
    let name = format!("{}/bld-test/push-only:1", services.registry);
    docker.remove_image(&name);
    let bld = Bld::with(&format!(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN echo push-only > /f\n    SAVE IMAGE --push {name}\n"
    ))
    .on(&services);
    bld.ok(&["--push", "--no-output", "+t"])
        .says("Pushed image");
    assert!(docker.image(&name).is_none());
    assert!(registry.manifest("bld-test/push-only", "1").is_some());
    docker.pull(&name);
    docker.remove_image(&name);
}

/// Nothing runs for the foreign platform: files are only copied, as for a function on somebody else's processor.
fn foreign(services: &crate::harness::Services, flag: &str, tag: &str) -> Bld {
    Bld::with(&format!(
        "VERSION 0.8\n\
         t:\n\
         \x20   FROM --platform=linux/arm64 busybox:1.36\n\
         \x20   COPY file /file\n\
         \x20   SAVE IMAGE --push {flag} {}/bld-test/foreign:{tag}\n",
        services.registry
    ))
    .file("file", "text")
    .on(services)
}

#[test]
fn a_foreign_platform_gives_an_index_with_one_entry() {
    let Some(services) = services("index") else {
        return;
    };
    let registry = Registry::at(&services.registry);
    foreign(&services, "", "index").ok(&["--push", "+t"]);
    let index = registry
        .manifest("bld-test/foreign", "index")
        .expect("it was pushed");
    assert!(index.is_index(), "{}", index.media_type);
    let entries = index.json["manifests"].as_array().expect("entries");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["platform"]["architecture"], "arm64");
}

#[test]
fn no_manifest_list_gives_a_plain_manifest_for_the_foreign_platform() {
    let Some(services) = services("no manifest list") else {
        return;
    };
    let registry = Registry::at(&services.registry);
    foreign(&services, "--no-manifest-list", "plain").ok(&["--push", "+t"]);
    let manifest = registry
        .manifest("bld-test/foreign", "plain")
        .expect("it was pushed");
    assert!(!manifest.is_index(), "{}", manifest.media_type);
    let config = registry.config("bld-test/foreign", &manifest);
    assert_eq!(config["architecture"], "arm64");
}

#[test]
fn one_name_for_two_platforms_is_one_index_and_two_tags_in_the_daemon() {
    let Some(services) = services("two platforms") else {
        return;
    };
    let registry = Registry::at(&services.registry);
    let docker = Docker::at(&services.docker);
    let name = format!("{}/bld-test/two", services.registry);
    let bld = Bld::with(&format!(
        "VERSION 0.8\n\
         all:\n\
         \x20   BUILD --platform=linux/amd64 --platform=linux/arm64 +t\n\
         t:\n\
         \x20   FROM busybox:1.36\n\
         \x20   ARG TARGETARCH\n\
         \x20   COPY file /file-for-$TARGETARCH\n\
         \x20   SAVE IMAGE --push {name}:1\n"
    ))
    .file("file", "text")
    .on(&services);
    bld.ok(&["--push", "+all"]);
    let index = registry
        .manifest("bld-test/two", "1")
        .expect("it was pushed");
    let mut platforms: Vec<String> = index.json["manifests"]
        .as_array()
        .expect("an index")
        .iter()
        .map(|m| {
            m["platform"]["architecture"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    platforms.sort();
    assert_eq!(platforms, ["amd64", "arm64"]);
    let arch = |tag: &str| {
        docker
            .image(&format!("{name}:{tag}"))
            .and_then(|i| i.architecture)
    };
    assert_eq!(arch("1").as_deref(), Some("amd64"));
    assert_eq!(arch("1_linux_amd64").as_deref(), Some("amd64"));
    assert_eq!(arch("1_linux_arm64").as_deref(), Some("arm64"));
    for tag in ["1", "1_linux_amd64", "1_linux_arm64"] {
        docker.remove_image(&format!("{name}:{tag}"));
    }
}

#[test]
fn the_same_name_twice_is_an_error_that_shows_both_places() {
    let Some(services) = services("duplicates") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\nFROM busybox:1.36\nall:\n    BUILD +a\n    BUILD +b\na:\n    RUN echo a > /f\n    SAVE IMAGE bld-test-twice:1\nb:\n    RUN echo b > /f\n    SAVE IMAGE bld-test-twice:1\n",
    )
    .on(&services);
    bld.fails(1, &["+all"])
        .says("bld-test-twice:1")
        .says("Buildfile:8:")
        .says("Buildfile:11:");
}

#[test]
fn a_registry_that_wants_a_login_is_given_it_and_says_what_to_do_without() {
    let Some(services) = services("login") else {
        return;
    };
    let name = format!("{}/bld-test/private:1", services.registry_auth);
    let bld = Bld::with(&format!(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN echo private > /f\n    SAVE IMAGE --push {name}\n"
    ))
    .file("docker/config.json", format!(
        r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#,
        services.registry_auth, "YmxkOnNlY3JldC1wYXNzd29yZA=="
    ))
    .on(&services);
    let refused = bld.fails(1, &["--push", "+t"]);
    refused.says("docker login").never_says("secret-password");
    let logged_in = bld.path("docker");
    let bld = bld.env("DOCKER_CONFIG", logged_in.to_str().expect("UTF-8"));
    bld.ok(&["--push", "+t"]).never_says("secret-password");
    Docker::at(&services.docker).remove_image(&name);
}

#[test]
fn an_empty_daemon_rebuilds_from_the_registry_with_cached_steps() {
    let Some(services) = services("inline cache") else {
        return;
    };
    if services.docker_second.is_empty() {
        return skip("inline cache", "`dev/services start-second --wipe`");
    }
    // A name of its own for each run: the second daemon must not have seen these steps.
    let unique = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
    let bld = Bld::with(&format!(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN echo \"{unique}\" > /slow && cat /slow\n    RUN cp /slow /more\n    SAVE IMAGE --push {}/bld-test/inline:1\n",
        services.registry
    ))
    .on(&services);
    let first = bld.ok(&["--push", "--use-inline-cache", "--save-inline-cache", "+t"]);
    first.never_says("*cached* --> RUN echo");
    let second = bld.env("BLD_ENGINE", &services.docker_second).ok(&[
        "--push",
        "--use-inline-cache",
        "--save-inline-cache",
        "+t",
    ]);
    second
        .says("*cached* --> RUN echo")
        .says("*cached* --> RUN cp");
}
