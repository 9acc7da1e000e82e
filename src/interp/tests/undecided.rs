//! Plans that run nothing: both ways of a condition, values that nobody knows yet.

use super::Case;

async fn show(text: &str) -> String {
    let ran = Case::new(text).undecided().run("+t").await.ok();
    let plan = crate::graph::dump::plan(&ran.plan);
    format!("{plan}{}", ran.outputs())
}

#[tokio::test]
async fn both_ways_of_a_condition_are_planned_and_meet_again() {
    insta::assert_snapshot!(show("VERSION 0.8\nFROM alpine\nt:\n  IF a\n    RUN then\n    SAVE IMAGE x\n  ELSE\n    RUN else\n    BUILD +b\n  END\n  RUN after\n  SAVE IMAGE z\nb:\n  SAVE IMAGE y\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: test s0 `a`
    s2 +t: run s0 `then`
    s3 +t: run s0 `else`
    s4 +t: decided by s1: then s2, else s3
    s5 +t: run s4 `after`
    +t: image s2 x => decided by s1
    +t: image s5 z => yes
    +b: image s0 y => decided by s1
    ");
}

#[tokio::test]
async fn a_chain_of_conditions_nests() {
    insta::assert_snapshot!(show("VERSION 0.8\nFROM alpine\nt:\n  IF a\n    RUN 1\n  ELSE IF b\n    RUN 2\n  END\n  RUN after\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: test s0 `a`
    s2 +t: run s0 `1`
    s3 +t: test s0 `b`
    s4 +t: run s0 `2`
    s5 +t: decided by s3: ELSE IF b s4, else s0
    s6 +t: decided by s1: then s2, else s5
    s7 +t: run s6 `after`
    ");
}

#[tokio::test]
async fn variables_that_differ_are_undecided_afterwards() {
    insta::assert_snapshot!(show("VERSION 0.8\nFROM alpine\nt:\n  LET A=1\n  LET S=same\n  IF a\n    SET A=2\n    ENV E=1\n    ARG N=1\n  END\n  ARG N=2\n  RUN after\n  SAVE IMAGE x:$A y:$S\n  BUILD +b --V=$A\nb:\n  ARG V\n  RUN b $V\n").await, @r"
    s0 +base: image alpine:latest
    s1 +b: run s0 `b $V` V=<undecided>
    s2 +t: test s0 `a` A=1 S=same
    s3 +t: run s0 `after` E=<undecided> A=<undecided> N=2 S=same
    +t: image s3 x:<undecided> y:same => yes
    ");
}

#[tokio::test]
async fn what_must_be_known_and_is_not_becomes_an_undecided_step() {
    insta::assert_snapshot!(show("VERSION 0.8\nFROM alpine\nt:\n  ARG V=$(cmd)\n  COPY +$V/x ./\n  COPY $V ./\n  SAVE ARTIFACT $V AS LOCAL out/\n  BUILD +$V\n  FROM img:$V\n  RUN x $V\n  WORKDIR $V\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: output of s0 `cmd`
    s2 +t: undecided until s1: what `+$V/x` names is not known before
    s3 +t: copy s0 s2:/ -> / contents
    s4 +t: undecided until s1: which files `$V` names is not known before
    s5 +t: context
    s6 +t: copy s3 s5:/ -> / contents
    s7 +t: undecided until s1: a path of this statement is not known before
    s8 +t: scratch
    s9 +t: copy s8 s7:/<undecided> -> /<undecided> keep-own
    s10 +t: copy s8 s7:/<undecided> -> /<undecided>
    s11 +t: undecided until s1: which target `+$V` names is not known before
    s12 +t: undecided until s1: what `img:$V` names is not known before
    s13 +t: run s12 `x $V` V=<undecided>
    s14 +t: mkdir s13 /<undecided> 755
    +t: artifact s10 +t/<undecided> as out/ => yes
    ");
}

#[tokio::test]
async fn a_loop_is_planned_once() {
    insta::assert_snapshot!(show("VERSION 0.8\nFROM alpine\nt:\n  FOR i IN $(ls)\n    RUN x $i\n    BUILD +b --i=$i\n  END\n  RUN after\nb:\n  ARG i\n  SAVE IMAGE b:$i\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: output of s0 `echo $(ls)`
    s2 +t: run s0 `x $i` i=<undecided>
    s3 +t: decided by s1: each s2, else s0
    s4 +t: run s3 `after`
    +b --i=<undecided>: image s0 b:<undecided> => decided by s1
    ");
}

#[tokio::test]
async fn a_recursion_that_a_condition_ends_is_planned_a_few_times() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG n=3\n  IF more $n\n    BUILD +t --n=$(expr $n - 1)\n    BUILD +t\n    FROM +t --n=1\n  END\n  SAVE IMAGE x\n";
    let ran = Case::new(text).undecided().run("+t").await.ok();
    assert!(
        ran.ledger.visits().len() < 200,
        "{}",
        ran.ledger.visits().len()
    );
}

#[tokio::test]
async fn what_is_known_is_decided() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  IF known\n    SAVE IMAGE x\n  END\n";
    let case = Case::new(text).undecided().exit("known", 0);
    insta::assert_snapshot!(case.run("+t").await.outputs(), @"+t: image s0 x => yes");
}

#[tokio::test]
async fn a_condition_is_decided_as_far_as_its_variables_are_known() {
    insta::assert_snapshot!(show("VERSION 0.8\nFROM alpine\nt:\n  ARG known=a\n  LET unknown=$(cmd)\n  IF [ \"$known\" = a ] || [ \"$unknown\" = b ]\n    RUN 1\n  END\n  IF [ \"$unknown\" = b ]\n    RUN 2\n  END\n").await, @r#"
    s0 +base: image alpine:latest
    s1 +t: output of s0 `cmd` known=a
    s2 +t: run s0 `1` known=a unknown=<undecided>
    s3 +t: test s2 `[ "$unknown" = b ]` known=a unknown=<undecided>
    s4 +t: run s2 `2` known=a unknown=<undecided>
    s5 +t: decided by s3: then s4, else s2
    "#);
}

#[tokio::test]
async fn a_function_that_a_condition_ends_is_planned_a_few_times() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  DO +F\nF:\n  FUNCTION\n  RUN f\n  IF more\n    DO +F\n    DO +F\n  END\n";
    let ran = Case::new(text).undecided().run("+t").await.ok();
    assert!(ran.plan.len() < 100, "{}", ran.plan.len());
}
