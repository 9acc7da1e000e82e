//! Outputs: which are met, and which of them take effect (language specification, 5.1).

use super::Case;

const SAVES: &str = "a:\n  RUN a\n  SAVE ARTIFACT f AS LOCAL out/a\n  SAVE IMAGE img\n  SAVE IMAGE --push hub/img\n  RUN --push deploy\n";

async fn chain(body: &str, push: bool) -> String {
    let case = Case::new(&format!("VERSION 0.8\nFROM alpine\n{body}{SAVES}"));
    let case = if push { case.push() } else { case };
    case.run("+t").await.outputs()
}

#[tokio::test]
async fn outputs_of_the_root_and_of_what_it_builds_take_effect() {
    insta::assert_snapshot!(chain("t:\n  BUILD +m\nm:\n  BUILD +a\n", false).await, @r"
    +a: artifact s3 +a/f as out/a => yes
    +a: image s2 img => yes
    +a: image s2 hub/img => yes, push no: --push not given
    +a: push nothing deploy => no: --push not given, push no: --push not given
    ");
    insta::assert_snapshot!(chain("t:\n  BUILD +a\n", true).await, @r"
    +a: artifact s3 +a/f as out/a => yes
    +a: image s2 img => yes
    +a: image s2 hub/img => yes, push yes
    +a: push s5 deploy => yes, push yes
    ");
}

#[tokio::test]
async fn any_other_way_breaks_the_chain_for_everything_below() {
    insta::assert_snapshot!(chain("t:\n  FROM +a\n", true).await, @r"
    +a: artifact s3 +a/f as out/a => no: reached by FROM
    +a: image s2 img => no: reached by FROM
    +a: image s2 hub/img => no: reached by FROM, push no: reached by FROM
    +a: push nothing deploy => no: reached by FROM, push no: reached by FROM
    ");
    insta::assert_snapshot!(chain("t:\n  COPY +m/x ./\nm:\n  BUILD +a\n  SAVE ARTIFACT x\n", false).await, @r"
    +a: artifact s3 +a/f as out/a => no: reached by COPY
    +a: image s2 img => no: reached by COPY
    +a: image s2 hub/img => no: reached by COPY, push no: reached by COPY
    +a: push nothing deploy => no: reached by COPY, push no: reached by COPY
    ");
}

#[tokio::test]
async fn what_is_reached_both_ways_takes_effect_once() {
    insta::assert_snapshot!(chain("t:\n  FROM +a\n  BUILD +a\n", false).await, @r"
    +a: artifact s3 +a/f as out/a => yes
    +a: image s2 img => yes
    +a: image s2 hub/img => yes, push no: --push not given
    +a: push nothing deploy => no: --push not given, push no: --push not given
    ");
    insta::assert_snapshot!(chain("t:\n  FROM +a\n  BUILD +a\n", true).await, @r"
    +a: artifact s3 +a/f as out/a => no: reached by FROM
    +a: image s2 img => no: reached by FROM
    +a: image s2 hub/img => no: reached by FROM, push no: reached by FROM
    +a: push nothing deploy => no: reached by FROM, push no: reached by FROM
    +a: artifact s3 +a/f as out/a => yes
    +a: image s2 img => yes
    +a: image s2 hub/img => yes, push yes
    +a: push s5 deploy => yes, push yes
    ");
    // The push below a target that was first reached otherwise is not lost.
    insta::assert_snapshot!(chain("t:\n  FROM +m\n  BUILD +m\nm:\n  BUILD +a\n", true).await, @r"
    +a: artifact s3 +a/f as out/a => no: reached by FROM
    +a: image s2 img => no: reached by FROM
    +a: image s2 hub/img => no: reached by FROM, push no: reached by FROM
    +a: push nothing deploy => no: reached by FROM, push no: reached by FROM
    +a: artifact s3 +a/f as out/a => yes
    +a: image s2 img => yes
    +a: image s2 hub/img => yes, push yes
    +a: push s5 deploy => yes, push yes
    ");
}

#[tokio::test]
async fn outputs_of_the_base_recipe_take_effect_only_when_it_is_built() {
    let text = "VERSION 0.8\nFROM alpine\nSAVE IMAGE base\nt:\n  SAVE IMAGE t\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.outputs(), @r"
    +t: image s0 t => yes
    +base: image s0 base => no: reached by FROM
    ");
    insta::assert_snapshot!(Case::new(text).run("+base").await.outputs(), @"+base: image s0 base => yes");
}

#[tokio::test]
async fn outputs_in_a_branch_that_is_not_taken_do_not_exist() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  IF x\n    SAVE IMAGE yes\n  ELSE\n    SAVE IMAGE no\n  END\n",
    );
    insta::assert_snapshot!(case.exit("x", 1).run("+t").await.outputs(), @"+t: image s0 no => yes");
}

#[tokio::test]
async fn run_push_changes_the_file_system_only_where_it_runs() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  RUN --push deploy\n  RUN after\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: run s0 `after`
    ");
    insta::assert_snapshot!(Case::new(text).push().run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: run s0 `deploy` no-cache
    s2 +t: run s1 `after`
    ");
}

#[tokio::test]
async fn the_builtin_push_is_false_below_a_copy() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  COPY +a/x ./\n  BUILD +b\na:\n  ARG EARTHLY_PUSH\n  RUN a\n  SAVE ARTIFACT x\nb:\n  ARG BLD_PUSH\n  RUN b\n";
    assert_eq!(
        Case::new(text).push().run("+t").await.env("a"),
        "EARTHLY_PUSH=false"
    );
    assert_eq!(
        Case::new(text).push().run("+t").await.env("b"),
        "BLD_PUSH=true"
    );
    assert_eq!(Case::new(text).run("+t").await.env("b"), "BLD_PUSH=false");
}

#[tokio::test]
async fn in_0_6_a_push_is_a_phase_of_its_own() {
    let text = "VERSION 0.6\nFROM alpine\nt:\n  RUN build\n  RUN --push one\n  RUN --push two\n  SAVE IMAGE x\n";
    insta::assert_snapshot!(Case::new(text).push().run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: run s0 `build`
    s2 +t: run s1 `one` no-cache
    s3 +t: run s2 `two` no-cache
    ");
    let ran = Case::new(text).run("+t").await.ok();
    insta::assert_snapshot!(ran.remarks.join("\n"), @"Buildfile:7:3: did not output image `x`: it stands behind a `RUN --push` that did not run");
    let error = Case::new("VERSION 0.6\nFROM alpine\nt:\n  RUN --push one\n  RUN two\n")
        .run("+t")
        .await
        .error();
    assert_eq!(
        error,
        "Buildfile:5:3: no non-push commands allowed after a --push"
    );
}

#[tokio::test]
async fn an_image_is_a_snapshot_of_its_moment() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  RUN one\n  ENV A=1\n  SAVE IMAGE --push first second\n  RUN two\n  SAVE IMAGE --no-manifest-list --cache-hint third\n  SAVE IMAGE --cache-hint\n  SAVE IMAGE\n";
    let ran = Case::new(text).run("+t").await.ok();
    insta::assert_snapshot!(ran.remarks.join("\n"), @"Buildfile:10:3: SAVE IMAGE without a name does nothing and can be removed");
    insta::assert_snapshot!(ran.outputs(), @r"
    +t: image s1 first second => yes, push no: --push not given
    +t: image s2 third cache-hint no-manifest-list => yes
    +t: image s2  cache-hint => no: no name
    ");
}

#[tokio::test]
async fn saved_images_have_the_labels_of_bld() {
    let ran = Case::new("VERSION 0.8\nFROM alpine\nt:\n  LABEL a=b\n  SAVE IMAGE x\n")
        .run("+t")
        .await
        .ok();
    let labels = &ran.result.unwrap().config.config.labels;
    let keys: Vec<&str> = labels.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "a",
            "dev.bld.built-by",
            "dev.bld.git-sha",
            "dev.bld.version"
        ]
    );
}

async fn local(line: &str) -> String {
    let text = format!("VERSION 0.8\nFROM alpine\nWORKDIR /w\nt:\n  {line}\n");
    let ran = Case::with(&[
        ("sub/Buildfile", &text),
        (
            "Buildfile",
            "VERSION 0.8\nFROM alpine\nt:\n  BUILD ./sub+t\n",
        ),
    ])
    .run("+t")
    .await;
    match &ran.result {
        Ok(_) => {
            let root = std::fs::canonicalize(&ran.dir).unwrap();
            let mut lines: Vec<String> = ran
                .plan
                .snapshot()
                .iter()
                .filter_map(|(_, s)| match &s.op {
                    crate::graph::plan::StepOp::Copy(c) => {
                        Some(format!("{}→{}", c.items[0].source, c.items[0].dest))
                    }
                    _ => None,
                })
                .collect();
            for settled in ran
                .ledger
                .settle(crate::graph::ledger::OutputMode::default())
            {
                if let crate::graph::ledger::OutputKind::Artifact(a) = settled.output.kind {
                    lines.push(format!(
                        "{} to {}",
                        a.artifact,
                        a.dest.replace(root.to_str().unwrap(), "~")
                    ));
                }
            }
            lines.join(" | ")
        }
        Err(errors) => errors[0].to_string(),
    }
}

#[tokio::test]
async fn artifacts_go_where_the_rules_of_paths_send_them() {
    let mut table = String::new();
    for line in [
        "SAVE ARTIFACT f",
        "SAVE ARTIFACT d/f",
        "SAVE ARTIFACT /abs/f",
        "SAVE ARTIFACT f g",
        "SAVE ARTIFACT f g/",
        "SAVE ARTIFACT f .",
        "SAVE ARTIFACT f /a/b",
        "SAVE ARTIFACT d/*.txt",
        "SAVE ARTIFACT d/*.txt e",
        "SAVE ARTIFACT d/*.txt e/",
        "SAVE ARTIFACT .",
        "SAVE ARTIFACT ./",
        "SAVE ARTIFACT /",
        "SAVE ARTIFACT ..",
        "SAVE ARTIFACT f AS LOCAL x",
        "SAVE ARTIFACT f AS LOCAL x/",
        "SAVE ARTIFACT f AS LOCAL .",
        "SAVE ARTIFACT f AS LOCAL ./",
        "SAVE ARTIFACT f g AS LOCAL x/",
        "SAVE ARTIFACT d/* AS LOCAL x/",
        "SAVE ARTIFACT d/* AS LOCAL x",
        "SAVE ARTIFACT f AS LOCAL ../x",
        "SAVE ARTIFACT --force f AS LOCAL ../x",
        "SAVE ARTIFACT f AS LOCAL /x",
        "SAVE ARTIFACT --force f AS LOCAL /",
        "SAVE ARTIFACT --force f AS LOCAL /tmp/..",
        "SAVE ARTIFACT --force f AS LOCAL ..",
        "SAVE ARTIFACT f AS LOCAL a/../../sub/x",
    ] {
        table.push_str(&format!("{line}: {}\n", local(line).await));
    }
    insta::assert_snapshot!(table, @r"
    SAVE ARTIFACT f: /w/f→/f
    SAVE ARTIFACT d/f: /w/d/f→/f
    SAVE ARTIFACT /abs/f: /abs/f→/f
    SAVE ARTIFACT f g: /w/f→/g
    SAVE ARTIFACT f g/: /w/f→/g/f
    SAVE ARTIFACT f .: /w/f→/f
    SAVE ARTIFACT f /a/b: /w/f→/a/b
    SAVE ARTIFACT d/*.txt: /w/d/*.txt→/
    SAVE ARTIFACT d/*.txt e: /w/d/*.txt→/e
    SAVE ARTIFACT d/*.txt e/: /w/d/*.txt→/e/
    SAVE ARTIFACT .: /w→/w
    SAVE ARTIFACT ./: /w→/w
    SAVE ARTIFACT /: sub/Buildfile:5:3: cannot save root dir as artifact
    SAVE ARTIFACT ..: sub/Buildfile:5:3: cannot save root dir as artifact
    SAVE ARTIFACT f AS LOCAL x: /w/f→/f | /w/f→/x | ./sub+t/f to ~/sub/x
    SAVE ARTIFACT f AS LOCAL x/: /w/f→/f | /w/f→/f | ./sub+t/f to ~/sub/x/
    SAVE ARTIFACT f AS LOCAL .: /w/f→/f | /w/f→/f | ./sub+t/f to ~/sub/
    SAVE ARTIFACT f AS LOCAL ./: /w/f→/f | /w/f→/f | ./sub+t/f to ~/sub/
    SAVE ARTIFACT f g AS LOCAL x/: /w/f→/g | /w/f→/g | ./sub+t/g to ~/sub/x/
    SAVE ARTIFACT d/* AS LOCAL x/: /w/d/*→/ | /w/d/*→/ | ./sub+t/* to ~/sub/x/
    SAVE ARTIFACT d/* AS LOCAL x: sub/Buildfile:5:3: the destination `x` of a pattern must end with `/`
    SAVE ARTIFACT f AS LOCAL ../x: sub/Buildfile:5:3: unable to save to `../x`; path must be located under `./sub`
    SAVE ARTIFACT --force f AS LOCAL ../x: /w/f→/f | /w/f→/x | ./sub+t/f to ~/x
    SAVE ARTIFACT f AS LOCAL /x: sub/Buildfile:5:3: unable to save to `/x`; path must be located under `./sub`
    SAVE ARTIFACT --force f AS LOCAL /: sub/Buildfile:5:3: unable to save to `/`: it would replace a directory that the build itself stands in
    SAVE ARTIFACT --force f AS LOCAL /tmp/..: sub/Buildfile:5:3: unable to save to `/tmp/..`: it would replace a directory that the build itself stands in
    SAVE ARTIFACT --force f AS LOCAL ..: sub/Buildfile:5:3: unable to save to `..`: it would replace a directory that the build itself stands in
    SAVE ARTIFACT f AS LOCAL a/../../sub/x: /w/f→/f | /w/f→/x | ./sub+t/f to ~/sub/x
    ");
}

#[tokio::test]
async fn saving_to_the_same_place_twice_merges() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  SAVE ARTIFACT a out\n  SAVE ARTIFACT b out\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: scratch
    s2 +t: copy s1 s0:/a -> /out keep-own
    s3 +t: copy s2 s0:/b -> /out contents keep-own
    ");
}

#[tokio::test]
async fn flags_of_save_artifact_reach_the_copy() {
    let text = "VERSION 0.6\nFROM alpine\nt:\n  SAVE ARTIFACT a\n  SAVE ARTIFACT --keep-own --keep-ts --if-exists --symlink-no-follow b\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: scratch
    s2 +t: copy s1 s0:/a -> /a
    s3 +t: copy s2 s0:/b -> /b if-exists no-follow keep-own keep-ts
    ");
}

#[tokio::test]
async fn what_a_wait_block_saves_takes_effect_at_its_end() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  SAVE IMAGE whole\n  WAIT\n    BUILD +a\n    WAIT\n      SAVE IMAGE inner\n      FROM +b\n    END\n    SAVE IMAGE outer\n  END\n  BUILD +b\n  BUILD +a\na:\n  SAVE IMAGE a\n  WAIT\n    SAVE ARTIFACT x AS LOCAL x\n  END\nb:\n  SAVE IMAGE b\n";
    let ran = Case::new(text).run("+t").await.ok();
    let mut ends = ran.asked;
    ends.sort();
    insta::assert_snapshot!(ends.join("\n"), @r"
    end 1: SAVE IMAGE outer, SAVE IMAGE a
    end 2: SAVE IMAGE inner
    end 3: SAVE ARTIFACT x AS LOCAL x
    ");
}

#[tokio::test]
async fn a_switch_that_says_false_is_off() {
    let text = "VERSION --allow-without-earthly-labels 0.8\nFROM alpine\nt:\n  SAVE IMAGE --push=false --insecure=F --no-manifest-list=0 --cache-hint=False --without-earthly-labels=f x\n  SAVE ARTIFACT --if-exists=false --keep-ts=0 --symlink-no-follow=f --force=false a\n";
    let ran = Case::new(text).run("+t").await.ok();
    let labels = &ran.result.as_ref().unwrap().config.config.labels;
    assert_eq!(labels.len(), 3, "{labels:?}");
    let (plan, ledger) = (
        crate::graph::dump::plan(&ran.plan),
        crate::graph::dump::ledger(
            &ran.ledger,
            &ran.plan,
            crate::graph::ledger::OutputMode::default(),
        ),
    );
    insta::assert_snapshot!(format!("{plan}{ledger}"), @r"
    s0 +base: image alpine:latest
    s1 +t: scratch
    s2 +t: copy s1 s0:/a -> /a keep-own
    +t: image s0 x => yes
    ");
    let text = "VERSION 0.8\nFROM alpine\nt:\n  SAVE IMAGE --push=True --insecure=t x\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.outputs(), @"+t: image s0 x insecure => yes, push no: --push not given");
    let text = "VERSION 0.6\nFROM alpine\nt:\n  SAVE ARTIFACT --keep-own=false a\n";
    let plan = Case::new(text).run("+t").await.plan();
    assert!(!plan.contains("keep-own"), "{plan}");
    for off in ["RUN --push=false two", "ARG P=false\n  RUN --push=$P two"] {
        let text = format!("VERSION 0.6\nFROM alpine\nt:\n  RUN --push one\n  {off}\n");
        let error = Case::new(&text).run("+t").await.error();
        assert!(error.contains("--push"), "{off}: {error}");
    }
}

#[tokio::test]
async fn switches_of_references_and_variables_that_say_false_are_off() {
    let text = "VERSION --pass-args --build-auto-skip 0.8\nFROM alpine\nt:\n  ARG --required=false R\n  ARG --global=0 X=1\n  BUILD --pass-args=false --auto-skip=false +a\n  COPY --pass-args=f --dir=f --if-exists=f --keep-ts=f --keep-own=f +a/x /y\n  DO --pass-args=false +F\n  FROM --pass-args=false +a\na:\n  ARG X=unset\n  RUN a $X\n  SAVE ARTIFACT x\nF:\n  FUNCTION\n  ARG X=unset\n  RUN f $X\n";
    let plan = Case::new(text).run("+t").await.plan();
    assert!(!plan.contains("X=1"), "{plan}");
    let copy = plan.lines().find(|line| line.contains("/y"));
    assert!(copy.unwrap().ends_with("s3:/x -> /y contents"), "{plan}");
}

#[tokio::test]
async fn outputs_of_one_target_are_in_the_order_of_execution() {
    // `G` stands below the statement that follows its call, and in a loop every round is a statement of its own.
    let text = "VERSION 0.8\nFROM alpine\nt:\n  FOR i IN 1 2\n    DO +G --name=loop-$i\n    SAVE IMAGE after-$i\n  END\n  DO +G --name=first\n  SAVE ARTIFACT a AS LOCAL out\n  DO ./lib+H\n  SAVE IMAGE last\nG:\n  FUNCTION\n  ARG name\n  SAVE ARTIFACT g AS LOCAL out\n  SAVE IMAGE $name\n";
    let lib = "VERSION 0.8\nFROM alpine\nH:\n  FUNCTION\n  SAVE IMAGE of-lib\n";
    let case = Case::with(&[("Buildfile", text), ("lib/Buildfile", lib)]);
    insta::assert_snapshot!(case.run("+t").await.outputs(), @r"
    +t: artifact s4 +t/g as out => no: replaced at Buildfile:15:3
    +t: image s0 loop-1 => yes
    +t: image s0 after-1 => yes
    +t: artifact s4 +t/g as out => no: replaced at Buildfile:15:3
    +t: image s0 loop-2 => yes
    +t: image s0 after-2 => yes
    +t: artifact s4 +t/g as out => no: replaced at Buildfile:9:3
    +t: image s0 first => yes
    +t: artifact s2 +t/a as out => yes
    +t: image s0 of-lib => yes
    +t: image s0 last => yes
    ");
}
