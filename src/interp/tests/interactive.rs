//! `RUN --interactive`, and the shell of `--interactive` (language specification, 4.2).

use super::Case;

fn case(body: &str) -> Case {
    Case::new(&format!(
        "VERSION 0.8\nFROM alpine\nt:\n  {}\n",
        body.replace('\n', "\n  ")
    ))
}

#[tokio::test]
async fn what_is_done_at_the_terminal_is_thrown_away() {
    let ran = case("RUN make\nRUN --interactive sh\nSAVE IMAGE x")
        .run("+t")
        .await;
    assert_eq!(ran.asked, ["terminal: sh"]);
    let outputs = ran.outputs();
    assert!(
        outputs.contains("image x:latest") || outputs.contains('x'),
        "{outputs}"
    );
}

#[tokio::test]
async fn what_is_kept_of_a_terminal_is_what_the_target_saves() {
    let case = case("RUN make\nRUN --interactive-keep sh\nSAVE ARTIFACT a");
    let ran = case.run("+t").await;
    assert_eq!(ran.asked, ["terminal: sh"]);
    insta::assert_snapshot!(ran.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: run s0 `make`
    s2 +t: run s1 `sh` no-cache at-terminal
    s3 +t: scratch
    s4 +t: copy s3 s2:/a -> /a keep-own
    ");
}

#[tokio::test]
async fn a_kept_terminal_is_under_the_same_rules() {
    for (body, why) in [
        (
            "RUN --interactive-keep sh\nRUN more",
            "5:3: an interactive command must be the last",
        ),
        ("LOCALLY\nRUN --interactive-keep sh", "`--interactive-keep`"),
    ] {
        let error = case(body).run("+t").await.error();
        assert!(error.contains(why), "{error}");
    }
    let mut strict = case("RUN --interactive-keep sh");
    strict.request.strict = true;
    let error = strict.run("+t").await.error();
    assert!(error.contains("not allowed with `--strict`"), "{error}");
    let failed = case("RUN --interactive-keep sh").exit("sh", 3);
    assert_eq!(
        failed.run("+t").await.error(),
        "Buildfile:4:3: `RUN --interactive-keep sh` failed"
    );
}

#[tokio::test]
async fn only_saves_may_follow() {
    let error = case("RUN --interactive sh\nSAVE ARTIFACT a\nRUN more")
        .run("+t")
        .await
        .error();
    assert_eq!(
        error,
        "Buildfile:6:3: an interactive command must be the last command of the target"
    );
    let block = case("RUN --interactive sh\nIF true\n  RUN more\nEND")
        .run("+t")
        .await
        .error();
    assert!(
        block.starts_with("Buildfile:5:3: an interactive command must be"),
        "{block}"
    );
}

#[tokio::test]
async fn no_other_target_begins_where_an_interactive_one_ends() {
    let error = case("FROM +u\nu:\n  RUN --interactive sh").file(
        "Buildfile",
        "VERSION 0.8\nt:\n  FROM +u\nu:\n  FROM alpine\n  RUN --interactive sh\n",
    );
    assert_eq!(
        error.run("+t").await.error(),
        "Buildfile:3:8: cannot FROM `+u`: it ends with `RUN --interactive`"
    );
}

#[tokio::test]
async fn a_failure_at_the_terminal_fails_the_build() {
    let error = case("RUN --interactive sh")
        .exit("sh", 3)
        .run("+t")
        .await
        .error();
    assert!(
        error.contains("did not complete successfully: exit code 3"),
        "{error}"
    );
}

#[tokio::test]
async fn strict_builds_have_no_interactive_commands() {
    let mut case = case("RUN --interactive sh");
    case.request.strict = true;
    let error = case.run("+t").await.error();
    assert!(
        error.starts_with("Buildfile:4:3: interactive commands are not allowed"),
        "{error}"
    );
}

#[tokio::test]
async fn with_interactive_a_shell_opens_in_what_a_failed_command_left() {
    let mut case = case("RUN good\nRUN bad\nRUN never")
        .exit("good", 0)
        .exit("bad", 2);
    case.request.interactive = true;
    let ran = case.run("+t").await;
    assert_eq!(ran.asked, ["good", "bad", "terminal: /bin/sh"]);
    let steps = ran.plan.snapshot();
    let shell = steps.last().expect("a shell");
    let failed = &steps[steps.len() - 2];
    assert_eq!(
        (shell.1.label.text.as_str(), failed.1.label.text.as_str()),
        ("a shell", "RUN bad")
    );
    assert_eq!(shell.1.op.inputs(), [failed.0]);
    assert_eq!(ran.error(), "Buildfile:5:3: `RUN bad` failed");
}
