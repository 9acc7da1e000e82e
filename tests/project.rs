//! A small real project: a web server in C, five targets in a chain; loaded, run and asked, pushed, pulled by digest.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::harness::{Bld, Docker, services};

/// Asks the server for its page; it needs a moment to listen.
fn get(address: &str) -> String {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(mut stream) = TcpStream::connect((address, 8080)) {
            stream
                .write_all(b"GET / HTTP/1.0\r\n\r\n")
                .expect("it listens");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
            return answer;
        }
        assert!(Instant::now() < until, "nothing listens at {address}:8080");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_web_server_is_compiled_loaded_run_pushed_and_pulled_back_by_digest() {
    let Some(services) = services("project") else {
        return;
    };
    let docker = Docker::at(&services.docker);
    let name = format!("{}/bld-test/server:latest", services.registry);
    let bld = Bld::new()
        .file("Buildfile", include_str!("../testdata/project/Buildfile"))
        .file("server.c", include_str!("../testdata/project/server.c"))
        .on(&services);

    bld.ok(&["+image"]).says("Did not push image");
    let answer = docker.with_container(&name, get);
    assert!(
        answer.contains("200 OK") && answer.contains("hello from bld"),
        "{answer}"
    );

    let ran = bld.ok(&["--push", "+image"]);
    let pushed = ran
        .stderr
        .lines()
        .find(|l| l.starts_with("Pushed image"))
        .expect("it was pushed");
    let digest = pushed
        .split(['(', ')'])
        .nth(1)
        .expect("a digest in parentheses")
        .to_owned();
    let pinned = format!("{}/bld-test/server@{digest}", services.registry);

    docker.remove_image(&name);
    docker.remove_image(&pinned);
    assert!(docker.image(&name).is_none(), "deleted");
    docker.pull(&pinned);
    let answer = docker.with_container(&pinned, get);
    assert!(answer.contains("hello from bld"), "{answer}");
    docker.remove_image(&pinned);
}
