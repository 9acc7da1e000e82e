//! Patterns of directories behind `BUILD` and `COPY`.

use super::Case;

/// Three services, a directory without a build file, one without the target, and a file.
fn services(buildfile: &str) -> Case {
    let case = Case::new(buildfile)
        .file("services/none/README", "")
        .file(
            "services/other/Buildfile",
            "VERSION 0.8\nFROM alpine\nunrelated:\n  RUN no\n",
        )
        .file("services/file", "");
    ["c/Earthfile", "a/Buildfile", "b/build.earth"].iter().fold(case, |case, name| {
        case.file(
            &format!("services/{name}"),
            "VERSION 0.8\nFROM alpine\nt:\n  ARG x\n  ARG me=nobody\n  RUN t $x\n  SAVE ARTIFACT out\n  SAVE IMAGE i$x\n",
        )
    })
}

#[tokio::test]
async fn build_takes_every_directory_that_has_the_target() {
    let text = "VERSION --wildcard-builds 0.8\nt:\n  BUILD ./services/*+t --x=1 --x=2\n";
    insta::assert_snapshot!(services(text).run("+t").await.outputs(), @r"
    ./services/a+t --x=1: image s1 i1 => yes
    ./services/a+t --x=2: image s2 i2 => yes
    ./services/b+t --x=1: image s7 i1 => yes
    ./services/b+t --x=2: image s8 i2 => yes
    ./services/c+t --x=1: image s13 i1 => yes
    ./services/c+t --x=2: image s14 i2 => yes
    ");
}

#[tokio::test]
async fn copy_takes_the_artifact_of_every_directory_in_lexical_order() {
    let text = "VERSION --wildcard-copy 0.8\nFROM alpine\nt:\n  COPY (./services/[^b]*+t/o* --x=1) ./services/b+t/out /d/\n  COPY --if-exists ./services/*+t/none /e\n";
    insta::assert_snapshot!(services(text).run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 ./services/a+base: image alpine:latest
    s2 ./services/a+t: run s1 `t $x` me=nobody x=
    s3 ./services/a+t: run s1 `t $x` me=nobody x=1
    s4 ./services/a+t: scratch
    s5 ./services/a+t: copy s4 s2:/out -> /out keep-own
    s6 ./services/a+t: copy s4 s3:/out -> /out keep-own
    s7 ./services/b+base: image alpine:latest
    s8 ./services/b+t: run s7 `t $x` me=nobody x=
    s9 ./services/b+t: scratch
    s10 ./services/b+t: copy s9 s8:/out -> /out keep-own
    s11 ./services/c+base: image alpine:latest
    s12 ./services/c+t: run s11 `t $x` me=nobody x=
    s13 ./services/c+t: run s11 `t $x` me=nobody x=1
    s14 ./services/c+t: scratch
    s15 ./services/c+t: copy s14 s12:/out -> /out keep-own
    s16 ./services/c+t: copy s14 s13:/out -> /out keep-own
    s17 +t: copy s0 s6:/o* -> /d/ contents glob, s16:/o* -> /d/ contents glob, s10:/out -> /d/ contents
    s18 +t: copy s17 s5:/none -> /e contents if-exists, s10:/none -> /e contents if-exists, s15:/none -> /e contents if-exists
    ");
}

#[tokio::test]
async fn a_pattern_may_come_from_a_variable_and_is_matched_once() {
    let text = "VERSION --wildcard-builds 0.8\nARG --global all=./*\nFROM alpine\nt:\n  ARG dir=./serv*/a\n  BUILD $dir+t --me=$dir\n  WAIT\n    BUILD ./services/*+t --me=$all\n  END\n";
    let ran = services(text).run("+t").await;
    assert_eq!(ran.commands(), ["t $x"; 4]);
}

#[tokio::test]
async fn what_is_wrong_with_a_pattern_is_said() {
    let error = async |flag: &str, command: &str| {
        let text = format!("VERSION {flag} 0.8\nFROM alpine\nt:\n  {command}\n");
        services(&text).run("+t").await.errors()
    };
    insta::assert_snapshot!(error("", "BUILD ./services/*+t").await, @r"
    Buildfile:4:9: `./services/*+t` is a pattern of directories, and those are not turned on
      in +t
      hint: write `VERSION --wildcard-builds …` at the top of the file
    ");
    insta::assert_snapshot!(error("--wildcard-builds", "COPY ./services/*+t/x .").await, @r"
    Buildfile:4:8: `./services/*+t` is a pattern of directories, and those are not turned on
      in +t
      hint: write `VERSION --wildcard-copy …` at the top of the file
    ");
    insta::assert_snapshot!(error("--wildcard-builds", "BUILD ./services/**+t").await, @r"
    Buildfile:4:9: `**` in `./services/**+t` is not yet supported
      in +t
      hint: `*` matches one directory; write one `*` for each level
    ");
    insta::assert_snapshot!(error("--wildcard-builds", "BUILD ./services/*+nothing").await, @r"
    Buildfile:4:9: no matching targets found for pattern `./services/*+nothing`
      in +t
      hint: a directory matches if it has a build file with a target `nothing`
    ");
    insta::assert_snapshot!(error("--wildcard-copy", "COPY ./servers/*+t/x .").await, @r"
    Buildfile:4:8: no matching targets found for pattern `./servers/*+t`
      in +t
      hint: a directory matches if it has a build file with a target `t`
    ");
    insta::assert_snapshot!(error("--wildcard-builds", "BUILD github.com/a/b/*+t").await, @r"
    Buildfile:4:9: a pattern has to be a directory, and `github.com/a/b/*+t` names something else
      in +t
      hint: begin it with `./`; in a repository, write the pattern into a build file there
    ");
    insta::assert_snapshot!(error("--wildcard-builds", "BUILD lib*+t").await, @r"
    Buildfile:4:9: a pattern has to be a directory, and `lib*+t` names something else
      in +t
      hint: begin it with `./`; in a repository, write the pattern into a build file there
    ");
}

#[tokio::test]
async fn a_match_with_a_broken_build_file_is_an_error() {
    let text = "VERSION --wildcard-builds 0.8\nt:\n  BUILD ./services/*+t\n";
    let case = services(text).file("services/d/Buildfile", "FROM alpine\nt:\n");
    let error = case.run("+t").await.error();
    assert!(
        error.contains("services/d/Buildfile") && error.contains("no version"),
        "{error}"
    );
}
