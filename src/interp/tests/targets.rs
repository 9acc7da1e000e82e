//! Targets: what they inherit, how often they run, how they refer to each other.

use super::Case;

#[tokio::test]
async fn a_target_begins_where_the_base_recipe_ends() {
    let ran = Case::new(
        "VERSION 0.8\nFROM alpine:3.18\nWORKDIR /src\nENV A=1\nt:\n  COPY a.txt ./\n  RUN make \"x  y\"   z\n  SAVE ARTIFACT out/app AS LOCAL build/app\n  SAVE IMAGE app:latest\n",
    )
    .file("a.txt", "")
    .run("+t")
    .await
    .ok();
    insta::assert_snapshot!(crate::graph::dump::plan(&ran.plan), @r#"
    s0 +base: image alpine:3.18
    s1 +base: mkdir s0 /src 755
    s2 +t: context a.txt
    s3 +t: copy s1 s2:/a.txt -> /src/ contents
    s4 +t: run s3 `make "x  y" z` A=1 in /src
    s5 +t: scratch
    s6 +t: copy s5 s4:/src/out/app -> /app
    s7 +t: copy s5 s4:/src/out/app -> /app keep-own
    "#);
    insta::assert_snapshot!(ran.outputs(), @r"
    +t: artifact s6 +t/app as build/app => yes
    +t: image s4 app:latest => yes
    ");
}

#[tokio::test]
async fn a_target_with_the_same_arguments_runs_once_and_with_others_again() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  BUILD +a\n  BUILD +a\n  BUILD +a --X=1\n  BUILD +b\nb:\n  FROM +a\na:\n  ARG X=0\n  RUN a $X\n",
    );
    assert_eq!(case.run("+t").await.commands(), ["a $X", "a $X"]);
}

#[tokio::test]
async fn before_0_8_only_arguments_that_a_target_can_see_make_it_another() {
    let text = |version: &str| {
        format!(
            "VERSION {version}\nFROM alpine\nt:\n  BUILD +a --Y=1\n  BUILD +a --Y=2\na:\n  ARG X=0\n  RUN a\nother:\n  ARG Y\n"
        )
    };
    let ran = Case::new(&text("0.8")).run("+t").await;
    assert_eq!(ran.commands(), ["a", "a"]);
    let ran = Case::new(&text("0.7")).run("+t").await;
    assert_eq!(ran.commands(), ["a"]);
}

#[tokio::test]
async fn a_target_that_needs_itself_is_an_error_and_not_a_hang() {
    for body in [
        "t:\n  FROM +t\n",
        "t:\n  BUILD +t\n",
        "t:\n  COPY +t/x ./\n",
        "t:\n  FROM +a\na:\n  COPY +b/x ./\nb:\n  BUILD +t\n",
        "t:\n  BUILD +a\n  BUILD +b\na:\n  FROM +b\nb:\n  FROM +a\n",
        "t:\n  BUILD +a --x=1\na:\n  BUILD +b\nb:\n  BUILD +a\n",
        "t:\n  IF true\n    BUILD +t\n  END\n",
    ] {
        let case = Case::new(&format!("VERSION 0.8\nFROM alpine\n{body}"));
        let error = case.exit("true", 0).run("+t").await.error();
        assert!(error.contains("infinite recursion detected"), "{error}");
    }
}

#[tokio::test]
async fn the_error_of_a_cycle_shows_the_way_round_and_the_stack() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  ARG X\n  FROM +a\na:\n  ARG X\n  FROM +b\nb:\n  FROM +a\n",
    );
    insta::assert_snapshot!(case.arg("X", "1").run("+t").await.errors(), @r"
    Buildfile:10:3: infinite recursion detected for target `+a`
      note: the way round: +b → +a → +b
      in +b, called from Buildfile:8:3
      in +a --X=1, called from Buildfile:5:3
      in +t --X=1
      hint: a target cannot need itself, not even through others
    ");
}

#[tokio::test]
async fn a_base_recipe_that_builds_a_target_of_its_file_is_a_cycle() {
    let case = Case::new("VERSION 0.8\nFROM +t\nt:\n  RUN x\n");
    let error = case.run("+t").await.error();
    assert!(error.contains("infinite recursion"), "{error}");
}

#[tokio::test]
async fn a_recursion_whose_arguments_never_repeat_has_a_limit() {
    let case = Case::new("VERSION 0.8\nFROM alpine\nt:\n  ARG X=0\n  BUILD +t --X=${X}1\n");
    let error = case.run("+t").await.error();
    assert!(error.contains("more than 1000 times"), "{error}");
}

#[tokio::test]
async fn a_recursion_that_ends_is_legal() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  ARG X=\n  RUN r $X\n  IF [ \"$X\" != 11 ]\n    BUILD +t --X=${X}1\n  END\n",
    );
    let ran = case.run("+t").await;
    assert_eq!(ran.commands(), ["r $X", "r $X", "r $X"]);
}

#[tokio::test]
async fn a_chain_of_ten_thousand_targets_needs_no_stack() {
    let mut text = "VERSION 0.8\nFROM scratch\n".to_owned();
    for n in 0..10_000 {
        text.push_str(&format!("t{n}:\n  FROM +t{}\n", n + 1));
    }
    text.push_str("t10000:\n  SAVE IMAGE x\n");
    let ran = Case::new(&text).run("+t0").await.ok();
    assert_eq!(ran.ledger.visits().len(), 10_002);
    let settled = ran
        .ledger
        .settle(crate::graph::ledger::OutputMode::default());
    assert_eq!(settled[0].chain.links().len(), 10_001);
}

#[tokio::test]
async fn a_failure_at_the_end_of_a_long_chain_needs_no_stack_either() {
    let mut text = "VERSION 0.8\nFROM scratch\n".to_owned();
    for n in 0..3000 {
        text.push_str(&format!("t{n}:\n  BUILD +t{}\n", n + 1));
    }
    text.push_str("t3000:\n  COPY nothing .\n");
    let errors = Case::new(&text).run("+t0").await.result.unwrap_err();
    assert_eq!(errors[0].frames.len(), 3001);
}

#[tokio::test]
async fn references_lead_to_other_directories_and_nothing_is_inherited_there() {
    let case = Case::with(&[
        (
            "Buildfile",
            "VERSION 0.8\nFROM alpine\nt:\n  ARG X\n  BUILD ./lib+a\n  BUILD ./lib+a --X=2\n  COPY ./lib+c/f ./\n",
        ),
        (
            "lib/Earthfile",
            "VERSION 0.7\nFROM debian\na:\n  ARG X=0\n  RUN a $X\nc:\n  COPY x ./\n  FROM ../+b\n  SAVE ARTIFACT f\n",
        ),
        ("lib/x", ""),
    ])
    .file(
        "Buildfile",
        "VERSION 0.8\nFROM alpine\nt:\n  ARG X\n  BUILD ./lib+a\n  BUILD ./lib+a --X=2\n  COPY ./lib+c/f ./\nb:\n  RUN b\n",
    );
    insta::assert_snapshot!(case.arg("X", "1").run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 +b: run s0 `b`
    s2 ./lib+base: image debian:latest
    s3 ./lib+a: run s2 `a $X` X=2
    s4 ./lib+a: run s2 `a $X` X=0
    s5 ./lib+c: context x
    s6 ./lib+c: copy s2 s5:/x -> / contents
    s7 ./lib+c: scratch
    s8 ./lib+c: copy s7 s1:/f -> /f keep-own
    s9 +t: copy s0 s8:/f -> / contents
    ");
}

#[tokio::test]
async fn platforms_are_chosen_by_build_and_from_and_inherited() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  BUILD --platform=linux/arm64 --platform=native --platform=darwin/amd64 +a\na:\n  ARG TARGETPLATFORM\n  FROM --platform=linux/arm/v6 +b\n  ARG TARGETARCH\n  RUN a\n  SAVE IMAGE x\nb:\n  ARG TARGETOS\n  FROM busybox\n  SAVE IMAGE y\n",
    );
    insta::assert_snapshot!(case.run("+t").await.plan(), @r"
    s0 +b [linux/arm/v6]: image busybox:latest
    s1 +a [linux/arm/v6]: run s0 `a` TARGETARCH=arm TARGETPLATFORM=darwin/amd64
    s2 +a [linux/arm/v6]: run s0 `a` TARGETARCH=arm TARGETPLATFORM=linux/arm64
    s3 +a [linux/arm/v6]: run s0 `a` TARGETARCH=arm TARGETPLATFORM=linux/amd64
    s4 +base [linux/arm/v6]: image alpine:latest
    s5 +base [linux/arm64]: image alpine:latest
    s6 +base: image alpine:latest
    s7 +base [darwin/amd64]: image alpine:latest
    ");
}

#[tokio::test]
async fn from_takes_the_final_environment_and_the_configuration_of_the_last_save() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  FROM +a\n  RUN t\n  SAVE IMAGE t\na:\n  ENV A=1\n  WORKDIR /a\n  ENTRYPOINT [\"a\"]\n  SAVE IMAGE a\n  ENV B=2\n  WORKDIR /b\n  USER u\n  HOST db 10.0.0.1\n",
    );
    let ran = case.run("+t").await.ok();
    let config = &ran.result.as_ref().unwrap().config.config;
    assert_eq!(config.env[1..], ["A=1"]);
    assert_eq!(
        (config.working_dir.as_str(), config.user.as_str()),
        ("/a", "")
    );
    let plan = crate::graph::dump::plan(&ran.plan);
    assert!(
        plan.contains("`t` A=1 B=2 in /b as u host db=10.0.0.1"),
        "{plan}"
    );
}

#[tokio::test]
async fn a_build_further_down_begins_before_what_stands_above_it() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  ARG V=1\n  IF slow\n  END\n  LET W=$V\n  RUN x\n  ARG O=$(out)\n  BUILD +a --V=$V\n  BUILD +b --V=$(late)\na:\n  ARG V\n  IF a\n  END\nb:\n  ARG V\n  IF b\n  END\n",
    )
    .exit("slow", 0)
    .exit("a", 0)
    .exit("b", 0)
    .prints("out", "")
    .prints("late", "");
    assert_eq!(
        case.run("+t").await.ok().asked,
        ["slow", "out", "a", "late", "b"]
    );
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  RUN x\n  SAVE ARTIFACT $(out) AS LOCAL x/\n  BUILD +a\na:\n  IF a\n  END\n",
    )
    .exit("a", 0)
    .prints("out", "o");
    assert_eq!(case.run("+t").await.ok().asked, ["a", "out"]);
}

#[tokio::test]
async fn a_value_of_the_environment_is_not_looked_at_ahead_of_its_time() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  ENV V=1\n  BUILD +a --V=$V\na:\n  ARG V\n  RUN a\n",
    );
    let ran = case.run("+t").await.ok();
    assert_eq!(ran.ledger.visits().len(), 3, "base, t, and a once");
    assert_eq!(ran.env("a"), "V=1");
}

#[tokio::test]
async fn unknown_names_are_answered_with_the_nearest_valid_one() {
    let case = |body: &str| {
        Case::new(&format!(
            "VERSION 0.8\nFROM alpine\nt:\n  {body}\nimage:\n  RUN x\n"
        ))
    };
    insta::assert_snapshot!(case("BUILD +imgae").run("+t").await.errors(), @r"
    Buildfile:4:9: target `imgae` not found in `Buildfile`
      in +t
      hint: did you mean `+image`?
    ");
    insta::assert_snapshot!(case("BUILD ./nowhere+x").run("+t").await.errors(), @r"
    Buildfile:4:9: no build file found for target `./nowhere+x`
      in +t
      hint: `./nowhere` would need a `Buildfile` or an `Earthfile`
    ");
    insta::assert_snapshot!(case("BUILD lib+x").run("+t").await.errors(), @r"
    Buildfile:4:9: alias `lib` could not be resolved
      in +t
      hint: declare it with `IMPORT <path> AS lib`
    ");
    insta::assert_snapshot!(case("RUN x").run("+tt").await.errors(), @r"
    target `tt` not found in `Buildfile`
      hint: it has `t` and `image`
    ");
}

#[tokio::test]
async fn everything_that_was_interpreted_is_announced_as_needed() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  BUILD +a\na:\n  RUN one\n  SAVE IMAGE x\n  RUN two\n",
    );
    let ran = case.run("+t").await.ok();
    let texts: Vec<String> = ran
        .ready
        .iter()
        .map(|id| ran.plan.step(*id).label.text.clone())
        .collect();
    assert!(
        texts.contains(&"RUN one".to_owned()) && texts.contains(&"RUN two".to_owned()),
        "{texts:?}"
    );
}

#[tokio::test]
async fn a_build_file_is_found_by_its_names_in_order() {
    let old = "VERSION 0.8\nFROM alpine\nt:\n  RUN earthfile\n";
    let new = "VERSION 0.8\nFROM alpine\nt:\n  RUN buildfile\n";
    let case = Case::with(&[("Earthfile", old), ("build.earth", old)]);
    assert_eq!(case.run("+t").await.commands(), ["earthfile"]);
    let case = Case::with(&[("Earthfile", old), ("Buildfile", new)]);
    assert_eq!(case.run("+t").await.commands(), ["buildfile"]);
    let error = Case::with(&[]).run("+t").await.error();
    assert_eq!(error, "no build file found for target `+t`");
}

#[tokio::test]
async fn a_target_can_be_the_base_recipe_and_stand_elsewhere() {
    let case = Case::with(&[("sub/Earthfile", "VERSION 0.8\nFROM alpine\nRUN x\n")]);
    insta::assert_snapshot!(case.run("./sub+base").await.plan(), @r"
    s0 ./sub+base: image alpine:latest
    s1 ./sub+base: run s0 `x`
    ");
}

#[tokio::test]
async fn a_mistake_counts_where_it_is_executed_and_all_of_a_recipe_are_told_together() {
    let text = "VERSION 0.8\nFROM alpine\ngood:\n  RUN x\n  IF no\n    RUN --pish x\n  END\nbad:\n  RUN first\n  RUN --pish x\n  HOST a b\n  DO +F\nF:\n  FUNCTION\n  RUN --nope x\n";
    let case = || Case::new(text).exit("no", 1);
    case().run("+good").await.ok();
    insta::assert_snapshot!(case().run("+bad").await.errors(), @r#"
    Buildfile:10:7: unknown flag `--pish` for RUN
      note: usage: RUN [--push] [--privileged] [--entrypoint] [--ssh] [--no-cache] [--interactive] [--interactive-keep] [--network none] [--secret SECRET]… [--mount MOUNT]… COMMAND… | ["WORD", …]
      in +bad
      hint: did you mean `--push`?
    Buildfile:11:10: invalid HOST ip `b`
      in +bad
      hint: write an IPv4 or IPv6 address
    "#);
}

/// A graph in which everything needs everything further down, in every way there is.
fn tangle(size: usize, last: &str) -> String {
    let mut text = "VERSION 0.8\nFROM scratch\n".to_owned();
    for n in 0..size {
        text.push_str(&format!("t{n}:\n"));
        for (step, line) in [
            (1, "BUILD +t"),
            (7, "FROM +t"),
            (3, "BUILD --pass-args +t"),
            (2, "FROM +t"),
        ] {
            if n + step < size {
                text.push_str(&format!("  {line}{}\n", n + step));
            }
        }
    }
    text + last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_targets_at_once_end_with_a_result_or_with_the_cycle_that_they_form() {
    for _ in 0..20 {
        let ran = Case::new(&tangle(60, "")).run("+t0").await.ok();
        assert_eq!(ran.ledger.visits().len(), 61);
        for last in ["  BUILD +t3\n", "  FROM +t40\n", "  BUILD +t0\n"] {
            let error = Case::new(&tangle(60, last)).run("+t0").await.error();
            assert!(error.contains("infinite recursion detected"), "{error}");
        }
    }
}
