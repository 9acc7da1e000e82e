//! A BuildKit that stands alone: it has no images, so a Docker daemon beside it loads them, and it pushes itself.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::harness::{Bld, Docker, Proxy, Registry, Services, services_with_third};

/// A project, and an engine that speaks nothing but gRPC.
struct Site {
    services: Services,
    bld: Bld,
    engine: Proxy,
}

fn site(test: &str, buildfile: &str) -> Option<Site> {
    let services = services_with_third(test)?;
    let buildfile = buildfile.replace("@REGISTRY@", &services.registry);
    let bld = Bld::with(&buildfile).file("file", "text").on(&services);
    let engine = Proxy::standalone(&services.docker_third, &bld.home());
    let bld = bld.env("BLD_ENGINE", &engine.address());
    Some(Site {
        services,
        bld,
        engine,
    })
}

const IMAGE: &str = "\
VERSION 0.8
FROM busybox:1.36
t:
    COPY file /file
    ENV SAID=something
    RUN --secret WORD test \"$WORD\" = please && echo done > /done
    SAVE ARTIFACT /done AS LOCAL out
    SAVE IMAGE bld-test-standalone:1 bld-test-standalone:2
";

#[test]
fn images_are_loaded_into_the_docker_beside_it_whatever_that_keeps_images_in() {
    let Some(Site { services, bld, .. }) = site("standalone images", IMAGE) else {
        return;
    };
    let mut bld = bld.env("WORD", "please");
    for daemon in [&services.docker, &services.docker_third] {
        let docker = Docker::at(daemon);
        let names = ["bld-test-standalone:1", "bld-test-standalone:2"];
        for name in names {
            docker.remove_image(name);
        }
        bld = bld.env("DOCKER_HOST", daemon);
        let ran = bld.ok(&["--secret=WORD", "+t"]);
        ran.says("Image +t output as bld-test-standalone:1");
        assert_eq!(docker.image_id(names[0]), docker.image_id(names[1]));
        assert_eq!(
            docker.files(names[0], &["/file", "/done"]),
            [Some("text".to_owned()), Some("done\n".to_owned())]
        );
        let image = docker.image(names[0]).expect("it is there");
        let env = image
            .config
            .and_then(|config| config.env)
            .unwrap_or_default();
        assert!(env.contains(&"SAID=something".to_owned()), "{env:?}");
        assert_eq!(bld.read("out"), "done\n");
        bld.ok(&["--secret=WORD", "+t"])
            .says("output as bld-test-standalone:1 (unchanged)");
        for name in names {
            docker.remove_image(name);
        }
    }
}

#[test]
fn without_a_docker_it_builds_and_pushes_all_the_same() {
    let file = "\
VERSION 0.8
all:
    BUILD +plain
    BUILD --platform=linux/amd64 --platform=linux/arm64 +both
plain:
    FROM busybox:1.36
    COPY file /plain
    SAVE IMAGE --push @REGISTRY@/bld-test/standalone:plain
both:
    FROM busybox:1.36
    COPY file /both
    SAVE IMAGE --push @REGISTRY@/bld-test/standalone:both
";
    let Some(Site { services, bld, .. }) = site("standalone push", file) else {
        return;
    };
    let bld = bld.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let ran = bld.ok(&["--push", "--no-output", "+all"]);
    let registry = Registry::at(&services.registry);
    let plain = registry.manifest("bld-test/standalone", "plain");
    let plain = plain.expect("it was pushed");
    assert!(!plain.is_index(), "{}", plain.media_type);
    let both = registry.manifest("bld-test/standalone", "both");
    let both = both.expect("it was pushed");
    assert_eq!(both.platforms(), ["linux/amd64", "linux/arm64"]);
    ran.says(&both.digest).never_says("warning");
    let config = registry.config("bld-test/standalone", &plain);
    assert_eq!(config["architecture"], "amd64");
    // What is not pushed would have to be loaded.
    let ran = bld.fails(1, &["+all"]);
    ran.says("cannot reach the Docker daemon at unix:///nowhere/docker.sock")
        .says("BuildKit keeps no images")
        .says("--no-output");
}

#[test]
fn it_pushes_with_the_logins_of_this_user_and_says_when_there_is_none() {
    let file = "\
VERSION 0.8
FROM busybox:1.36
t:
    SAVE IMAGE --push @AUTH@/bld-test/standalone:login
";
    let Some(services) = services_with_third("standalone login") else {
        return;
    };
    let file = file.replace("@AUTH@", &services.registry_auth);
    let Some(Site { bld, .. }) = site("standalone login", &file) else {
        return;
    };
    let bld = bld.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    bld.fails(1, &["--push", "--no-output", "+t"])
        .says("cannot push image")
        .says("docker login");
    // The fixture's name and password.
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"YmxkOnNlY3JldC1wYXNzd29yZA=="}}}}}}"#,
        services.registry_auth
    );
    fs::create_dir(bld.home().join(".docker")).unwrap();
    fs::write(bld.home().join(".docker/config.json"), config).unwrap();
    bld.ok(&["--push", "--no-output", "+t"])
        .says("Pushed image");
}

/// What `docker exec -i NAME buildctl dial-stdio` does, without a container.
const ENTER: &str = r#"#!/usr/bin/perl
use IO::Socket::UNIX;
"@ARGV" eq "exec -i builder buildctl dial-stdio" or die "called with @ARGV";
my $daemon = IO::Socket::UNIX->new(Peer => $ENV{ENTERED}) or die "no daemon";
sub pass { my ($from, $to) = @_; while (sysread($from, my $bytes, 65536)) { syswrite($to, $bytes) } }
if (fork) { pass(\*STDIN, $daemon); shutdown($daemon, 1); wait } else { pass($daemon, \*STDOUT) }
"#;

#[test]
fn an_engine_in_a_container_is_entered() {
    let Some(site) = site("standalone container", IMAGE) else {
        return;
    };
    let programs = site.bld.home().join("bin");
    fs::create_dir(&programs).unwrap();
    let docker = programs.join("docker");
    fs::write(&docker, ENTER).unwrap();
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let socket = site.engine.address();
    let bld = site
        .bld
        .env("PATH", &format!("{}:{path}", programs.display()))
        .env("ENTERED", socket.trim_start_matches("unix://"))
        .env("BLD_ENGINE", "")
        .env("WORD", "please");
    let host = "--buildkit-host=docker-container://builder";
    bld.ok(&[host, "--secret=WORD", "--no-output", "+t"]);
    // What cannot be entered is told in the words of the command.
    bld.fails(
        6,
        &[
            "--buildkit-host=docker-container://other",
            "--no-output",
            "+t",
        ],
    )
    .says("called with exec -i other");
}
