//! Engines on other machines: TLS, with certificates of both sides that `bld bootstrap` makes.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::harness::{Bld, Docker, Proxy, TlsProxy, services, services_with_third};

const IMAGE: &str = "\
VERSION 0.8
FROM busybox:1.36
t:
    RUN echo done > /done
    SAVE ARTIFACT /done AS LOCAL out
    SAVE IMAGE bld-test-tls:1
";

#[test]
fn a_docker_daemon_is_reached_by_the_variables_that_docker_itself_reads() {
    let Some(services) = services("Docker over TLS") else {
        return;
    };
    let bld = Bld::with(IMAGE).on(&services);
    bld.ok(&["bootstrap", "--no-buildkit", "--certs-hostname=localhost"]);
    let certs = bld.home().join(".bld/certs");
    let elsewhere = TlsProxy::before(&services.docker, &certs);
    let names = [
        ("ca_cert.pem", "ca.pem"),
        ("bld_cert.pem", "cert.pem"),
        ("bld_key.pem", "key.pem"),
    ];
    let dir = bld.home().join("docker-certs");
    fs::create_dir(&dir).unwrap();
    for (made, name) in names {
        fs::copy(certs.join(made), dir.join(name)).unwrap();
    }
    let bld = bld
        .env("BLD_ENGINE", "auto")
        .env("DOCKER_HOST", &elsewhere.address())
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_CERT_PATH", dir.to_str().unwrap());
    bld.ok(&["+t"]).says("output as bld-test-tls:1");
    assert_eq!(bld.read("out"), "done\n");
    Docker::at(&services.docker).remove_image("bld-test-tls:1");
    fs::remove_file(dir.join("key.pem")).unwrap();
    bld.fails(6, &["+t"]).says("docker-certs/key.pem");
    bld.env("DOCKER_TLS_VERIFY", "").fails(6, &["+t"]);
}

#[test]
fn a_buildkit_is_reached_with_the_certificates_of_the_config_directory() {
    let Some(services) = services_with_third("BuildKit over TLS") else {
        return;
    };
    let bld = Bld::with(IMAGE).on(&services);
    bld.ok(&[
        "bootstrap",
        "--no-buildkit",
        "--force-certificate-generation",
    ]);
    let certs = bld.home().join(".bld/certs");
    let engine = Proxy::standalone(&services.docker_third, &bld.home());
    let elsewhere = TlsProxy::before(&engine.address(), &certs);
    let host = format!("--buildkit-host={}", elsewhere.address());
    bld.ok(&[&host, "--no-output", "+t"]);
    bld.ok(&[&host, "--artifact", "+t/done", "here"]);
    assert_eq!(bld.read("here"), "done\n");
    // Another authority: the engine's certificate is no longer one that anybody vouches for.
    bld.ok(&[
        "bootstrap",
        "--no-buildkit",
        "--force-certificate-generation",
    ]);
    bld.fails(6, &[&host, "--no-output", "+t"])
        .says("certificate");
}

#[test]
fn certificates_are_made_once_and_all_together_and_are_nobody_elses() {
    let bld = Bld::new();
    let make = [
        "bootstrap",
        "--no-buildkit",
        "--certs-hostname=build.example",
    ];
    let made = bld.ok(&make);
    let certs = bld.home().join(".bld/certs");
    for name in [
        "ca_cert",
        "ca_key",
        "buildkit_cert",
        "buildkit_key",
        "bld_cert",
        "bld_key",
    ] {
        let path = certs.join(format!("{name}.pem"));
        made.says(&format!(".bld/certs/{name}.pem"));
        let mode = fs::metadata(&path).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let first = fs::read(certs.join("ca_cert.pem")).unwrap();
    bld.ok(&make).never_says("made ").says("there already");
    assert_eq!(fs::read(certs.join("ca_cert.pem")).unwrap(), first);
    fs::remove_file(certs.join("bld_key.pem")).unwrap();
    bld.fails(1, &make)
        .says("bld_key.pem")
        .says("--force-certificate-generation");
    bld.ok(&[
        "bootstrap",
        "--no-buildkit",
        "--force-certificate-generation",
    ])
    .says("made ");
    assert_ne!(fs::read(certs.join("ca_cert.pem")).unwrap(), first);
}
