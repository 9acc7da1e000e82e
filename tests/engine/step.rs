//! Commands and their results.

use bld::{
    engine::EngineError,
    events::{Event, StepState},
    llb::{Exec, Mount},
};

use super::site::{label, site};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_wrote_can_be_read() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let state = site.sh(
        &site.busybox(),
        "mkdir /d && echo hello > /d/f && ln -s f /d/l && chmod 640 /d/f",
    );
    let solved = build.solve(&state).await.unwrap();
    assert_eq!(build.read_file(&solved, "/d/f").await.unwrap(), b"hello\n");
    let mut names: Vec<_> = build
        .list(&solved, "/d")
        .await
        .unwrap()
        .into_iter()
        .map(|f| (f.name, f.mode, f.size, f.link))
        .collect();
    names.sort();
    assert_eq!(names[0], ("f".to_owned(), 0o640, 6, None));
    assert_eq!(names[1].3.as_deref(), Some("f"));
    let error = build.read_file(&solved, "/nothing").await.unwrap_err();
    assert!(error.to_string().contains("no such file"), "{error}");
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_read_whole() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let state = site.sh(&site.busybox(), "head -c 20000000 /dev/zero > /big");
    let solved = build.solve(&state).await.unwrap();
    assert_eq!(
        build.read_file(&solved, "/big").await.unwrap().len(),
        20_000_000
    );
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_status_and_output_of_a_command_are_captured_and_its_files_are_not() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let script = "touch /changed; (echo out; exit 3) >/out/stdout; echo $? >/out/status";
    let probe = Exec::new(&site.busybox(), ["/bin/sh", "-c", script])
        .mount(Mount::scratch("/out"))
        .build(&site.linux, label("IF"));
    let solved = build.solve(&probe.output("/out")).await.unwrap();
    assert_eq!(build.read_file(&solved, "/status").await.unwrap(), b"3\n");
    assert_eq!(build.read_file(&solved, "/stdout").await.unwrap(), b"out\n");
    let next = build
        .solve(&site.sh(&site.busybox(), "test ! -e /changed"))
        .await;
    assert!(next.is_ok(), "{next:?}");
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_named_with_its_exit_code_and_last_lines() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let script = format!(
        "echo {}; for i in $(seq 100); do echo line $i; done; echo bad >&2; exit 7",
        site.unique()
    );
    let state = site.sh(&site.busybox(), &script);
    // What stands behind the failure does not matter.
    let state = site.sh(&state, "true");
    let error = build.solve(&state).await.unwrap_err();
    let EngineError::Step(failure) = error else {
        panic!("{error:?}")
    };
    assert_eq!(failure.exit_code, Some(7));
    assert_eq!(failure.label.text, format!("RUN {script}"));
    assert!(
        failure.tail.contains(&"line 100".to_owned()),
        "{:?}",
        failure.tail
    );
    assert!(
        failure.tail.contains(&"bad".to_owned()),
        "{:?}",
        failure.tail
    );
    assert!(failure.tail.len() <= 60);
    // The build goes on.
    build.solve(&site.busybox()).await.unwrap();
    build.finish().await.unwrap();
    let heard = site.heard.0.lock().unwrap();
    let failed = |e: &Event| {
        matches!(
            e,
            Event::Step {
                state: StepState::Failed { .. },
                ..
            }
        )
    };
    assert_eq!(heard.iter().filter(|e| failed(e)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_states_are_solved_at_once() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let states: Vec<_> = (0..100)
        .map(|n| site.sh(&site.busybox(), &format!("echo {n} > /n")))
        .collect();
    let solves = states.iter().enumerate().map(async |(n, state)| {
        let solved = build.solve(state).await.unwrap();
        let text = build.read_file(&solved, "/n").await.unwrap();
        assert_eq!(text, format!("{n}\n").into_bytes());
    });
    futures_util::future::join_all(solves).await;
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn scratch_is_there_without_a_daemon_being_asked() {
    let Some(site) = site().await else { return };
    let build = site.open().await;
    let solved = build.solve(&None).await.unwrap();
    assert!(build.list(&solved, "/").await.unwrap().is_empty());
    assert!(build.read_file(&solved, "/f").await.is_err());
    build.finish().await.unwrap();
}
