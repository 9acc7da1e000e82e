//! `LOCALLY` (language specification, 4.16).

use super::Case;

fn case(body: &str) -> Case {
    Case::new(&format!(
        "VERSION 0.8\nFROM alpine\nt:\n  {}\nmade:\n  RUN make\n  SAVE ARTIFACT out\n",
        body.replace('\n', "\n  ")
    ))
}

async fn asked(case: Case) -> Vec<String> {
    case.run("+t").await.ok().asked
}

#[tokio::test]
async fn commands_run_on_the_host_when_the_interpreter_comes_to_them_in_the_order_of_the_file() {
    let case = case("LOCALLY\nARG a=$(first)\nRUN second $a\nIF third\n  RUN fourth\nEND\nFOR x IN $(six)\n  RUN fifth $x\nEND")
        .prints("first", "1\n")
        .exit("third", 0)
        .prints("echo $(six)", "1 2\n");
    assert_eq!(
        asked(case).await,
        [
            "host: first",
            "host: second $a",
            "host: third",
            "host: fourth",
            "host: echo $(six)",
            "host: fifth $x",
            "host: fifth $x",
        ]
    );
}

#[tokio::test]
async fn a_host_command_has_the_variables_of_its_frame_and_none_of_an_image() {
    let ran = case("FROM busybox\nENV image=1\nLOCALLY\nARG a=1\nENV b=2\nRUN make")
        .image("busybox", &["FROM_IMAGE=x"])
        .run("+t")
        .await;
    insta::assert_snapshot!(ran.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: image busybox:latest
    s2 +t: scratch
    s3 +t: host run after s2: `make` b=2 a=1
    ");
}

#[tokio::test]
async fn what_stands_above_locally_is_done_before_anything_happens_to_the_host() {
    let above = asked(case("RUN test\nLOCALLY\nRUN deploy")).await;
    assert_eq!(above, ["done: RUN test", "host: deploy"]);
    let base_alone = asked(case("LOCALLY\nRUN deploy")).await;
    assert_eq!(base_alone, ["host: deploy"]);
}

#[tokio::test]
async fn from_leaves_the_mode_and_locally_may_follow_it() {
    let ran = case("LOCALLY\nRUN one\nFROM busybox\nRUN two\nLOCALLY\nRUN three")
        .run("+t")
        .await;
    insta::assert_snapshot!(ran.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: scratch
    s2 +t: host run after s1: `one`
    s3 +t: image busybox:latest
    s4 +t: run s3 `two`
    s5 +t: scratch
    s6 +t: host run after s5: `three`
    ");
}

#[tokio::test]
async fn from_a_target_on_the_host_inherits_an_empty_file_system_and_not_the_mode() {
    let file = "VERSION 0.8\nt:\n  FROM +host\n  COPY a .\nhost:\n  LOCALLY\n  ENV k=v\n  RUN x\n";
    let ran = Case::with(&[("Buildfile", file), ("a", "")])
        .run("+t")
        .await;
    insta::assert_snapshot!(ran.plan(), @r"
    s0 +host: scratch
    s1 +host: host run after s0: `x` k=v
    s2 +t: context a
    s3 +t: copy s1 s2:/a -> / contents
    ");
}

#[tokio::test]
async fn the_builtin_argument_says_whether_the_mode_is_on() {
    let ran = case("ARG EARTHLY_LOCALLY\nRUN a\nDO +F\nF:\n  FUNCTION\n").file("Buildfile", "VERSION 0.8\nFROM alpine\nt:\n  ARG EARTHLY_LOCALLY\n  RUN a\n  BUILD +u\nu:\n  LOCALLY\n  ARG BLD_LOCALLY\n  RUN b\n").run("+t").await;
    let plan = ran.plan();
    assert!(plan.contains("`a` EARTHLY_LOCALLY=false"), "{plan}");
    assert!(plan.contains("`b` BLD_LOCALLY=true"), "{plan}");
}

#[tokio::test]
async fn a_function_shares_the_mode_with_its_caller_and_its_directory() {
    let case = Case::with(&[
        (
            "Buildfile",
            "VERSION 0.8\nIMPORT ./lib\nt:\n  FROM alpine\n  DO lib+HERE\n  RUN after\n",
        ),
        (
            "lib/Buildfile",
            "VERSION 0.8\nHERE:\n  FUNCTION\n  LOCALLY\n  RUN inside\n",
        ),
    ]);
    let dir = case.dir.path().canonicalize().unwrap();
    let ran = case.run("+t").await.ok();
    let dirs: Vec<_> = ran
        .plan
        .snapshot()
        .iter()
        .filter_map(|(_, step)| match &step.op {
            crate::graph::plan::StepOp::HostRun(run) => Some(run.dir.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(dirs, [dir.clone(), dir]);
}

#[tokio::test]
async fn workdir_is_a_directory_of_the_host() {
    let case = case("LOCALLY\nWORKDIR sub/x\nRUN a\nWORKDIR /tmp/y\nRUN b");
    let dir = case.dir.path().canonicalize().unwrap();
    let ran = case.run("+t").await.ok();
    let dirs: Vec<_> = ran
        .plan
        .snapshot()
        .iter()
        .filter_map(|(_, step)| match &step.op {
            crate::graph::plan::StepOp::HostRun(run) => Some(run.dir.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(dirs, [dir.join("sub/x"), "/tmp/y".into()]);
}

#[tokio::test]
async fn artifacts_are_copied_to_the_host_and_files_of_it_become_artifacts() {
    let ran = case("LOCALLY\nCOPY --dir +made/out +made/out to/\nSAVE ARTIFACT src saved")
        .file("src", "")
        .run("+t")
        .await;
    insta::assert_snapshot!(ran.plan(), @r"
    s0 +base: image alpine:latest
    s1 +made: run s0 `make`
    s2 +made: scratch
    s3 +made: copy s2 s1:/out -> /out keep-own
    s4 +t: scratch
    s5 +t: scratch
    s6 +t: copy s5 s3:/out -> /
    s7 +t: host copy after s4: s6 -> to/ dir
    s8 +t: host copy after s7: s6 -> to/ dir
    s9 +t: context src after s8
    s10 +t: scratch
    s11 +t: copy s10 s9:/src -> /saved
    ");
}

#[tokio::test]
async fn what_a_host_command_may_have_changed_is_read_again() {
    let ran = Case::with(&[
        ("Buildfile", "VERSION 0.8\nt:\n  FROM alpine\n  COPY a .\n  BUILD +u\n  WAIT\n    BUILD +host\n  END\n  COPY a .\nu:\n  FROM alpine\nhost:\n  LOCALLY\n  RUN touch a\n  RUN touch a\n"),
        ("a", ""),
    ])
    .run("+t")
    .await
    .ok();
    let rounds: Vec<u32> = ran
        .plan
        .snapshot()
        .iter()
        .filter_map(|(_, step)| match &step.op {
            crate::graph::plan::StepOp::Context(context) => Some(context.round),
            _ => None,
        })
        .collect();
    assert_eq!(rounds, [0, 2]);
}

#[tokio::test]
async fn a_plan_runs_nothing_on_the_host_and_takes_files_that_are_not_there_yet_as_given() {
    let ran = case("LOCALLY\nRUN make\nIF look\n  RUN yes\nEND\nSAVE ARTIFACT made")
        .undecided()
        .run("+t")
        .await;
    assert_eq!(ran.asked, ["host: make", "host: look"]);
    insta::assert_snapshot!(ran.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: scratch
    s2 +t: host run after s1: `make`
    s3 +t: host test after s2: `look`
    s4 +t: host run after s2: `yes`
    s5 +t: decided by s3: then s4, else s2
    s6 +t: context made after s5
    s7 +t: scratch
    s8 +t: copy s7 s6:/made -> /made
    ");
}

#[tokio::test]
async fn strict_builds_refuse_the_mode_with_the_place() {
    let mut case = case("LOCALLY\nRUN x");
    case.request.strict = true;
    insta::assert_snapshot!(case.run("+t").await.errors(), @r"
    Buildfile:4:3: LOCALLY cannot be used with `--strict`, nor with `--ci`, which implies it
      in +t
      hint: take it out of the build that has to give the same result everywhere, or leave the option away
    ");
}

#[tokio::test]
async fn what_has_no_meaning_on_the_host_is_refused_where_it_stands() {
    for (body, expected) in [
        ("RUN --secret x y", "5:7: option `--secret` of RUN"),
        (
            "RUN --mount type=tmpfs,target=/x y",
            "5:7: option `--mount` of RUN",
        ),
        ("RUN --ssh y", "5:7: option `--ssh` of RUN"),
        ("RUN --privileged y", "5:7: option `--privileged` of RUN"),
        ("RUN --push y", "5:7: option `--push` of RUN"),
        ("RUN --network=none y", "5:7: option `--network` of RUN"),
        ("RUN --interactive y", "5:7: option `--interactive` of RUN"),
        (
            "RUN --interactive-keep y",
            "5:7: option `--interactive-keep` of RUN",
        ),
        ("RUN --entrypoint y", "5:7: option `--entrypoint` of RUN"),
        (
            "IF --privileged x\n  RUN y\nEND",
            "5:6: option `--privileged` of IF",
        ),
        (
            "FOR --ssh x IN y\n  RUN y\nEND",
            "5:7: option `--ssh` of FOR",
        ),
        ("COPY a b", "5:3: COPY of files is not supported"),
        (
            "COPY --chown=me +made/out b",
            "5:8: option `--chown` of COPY",
        ),
        (
            "COPY --keep-own +made/out b",
            "5:8: option `--keep-own` of COPY",
        ),
        (
            "SAVE ARTIFACT a AS LOCAL b",
            "5:3: SAVE ARTIFACT … AS LOCAL is not supported",
        ),
        (
            "SAVE ARTIFACT --force a",
            "5:17: option `--force` of SAVE ARTIFACT",
        ),
        (
            "SAVE ARTIFACT nothing",
            "5:17: cannot save artifact `nothing`, since it does not exist on this machine",
        ),
        (
            "SAVE IMAGE x",
            "5:3: SAVE IMAGE is not supported with LOCALLY",
        ),
        ("HOST a 1.1.1.1", "5:3: HOST is not supported with LOCALLY"),
        ("USER me", "5:3: USER is not supported with LOCALLY"),
        (
            "BUILD +made --a=$(x)",
            "5:15: arguments of BUILD with a `$(…)` are not supported",
        ),
    ] {
        let error = case(&format!("LOCALLY\n{body}"))
            .file("a", "")
            .run("+t")
            .await
            .error();
        assert!(error.contains(expected), "{body}: {error}");
    }
}

#[tokio::test]
async fn switches_that_are_off_are_no_options() {
    let off = case("LOCALLY\nRUN --push=false --no-cache make");
    assert_eq!(asked(off).await, ["host: make"]);
}

#[tokio::test]
async fn targets_behind_a_build_on_the_host_do_not_begin_before_what_stands_above_it() {
    let ran = case("LOCALLY\nRUN first\nBUILD +u\nu:\n  RUN x")
        .file("Buildfile", "VERSION 0.8\nt:\n  LOCALLY\n  ARG a=1\n  RUN first\n  BUILD +u\nu:\n  LOCALLY\n  RUN second\n")
        .run("+t")
        .await
        .ok();
    assert_eq!(ran.asked, ["host: first", "host: second"]);
}
