//! Variables: the chain of overriding arguments, `ARG`, `LET`, `SET`, builtins, expansion.

use super::Case;

/// The environment of `RUN show` in a project.
async fn env(text: &str) -> String {
    Case::new(text).run("+t").await.env("show")
}

/// The errors of one target's body.
async fn errors(body: &str) -> String {
    let text = format!("VERSION 0.8\nFROM alpine\nt:\n{body}");
    let case = Case::new(&text).exit("x", 0).prints("echo x y", "x y\n");
    case.run("+t").await.errors()
}

#[tokio::test]
async fn the_command_line_overrides_what_the_target_and_its_base_declare() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nARG --global G=1\nARG B=1\nt:\n  ARG A=1\n  ARG Z\n  RUN show\n",
    );
    let case = case.arg("A", "x").arg("A", "y").arg("G", "g").arg("B", "b");
    assert_eq!(case.run("+t").await.env("show"), "A=y G=g Z=");
}

#[tokio::test]
async fn references_in_one_file_inherit_and_explicit_arguments_beat_what_is_inherited() {
    for (line, expected) in [
        ("FROM +a", "X=cli Y=1"),
        ("FROM +a --X=e", "X=e Y=1"),
        ("FROM +a --X e -Y=f", "X=e Y=f"),
        ("FROM --build-arg X=old +a --X=new", "X=old Y=1"),
        ("FROM --build-arg X +a", "X=cli Y=1"),
        ("COPY +a/f ./", "X=cli Y=1"),
        ("COPY (+a/f --X=\"a b\") ./", "X=a b Y=1"),
        ("COPY (+a/f \"--X=a b\" --Y=c) ./", "X=a b Y=c"),
        ("BUILD +a --X=$X-b", "X=cli-b Y=1"),
        ("BUILD +a --X=\"$(x)\"", "X=out Y=1"),
    ] {
        let case = Case::new(&format!(
            "VERSION 0.8\nFROM alpine\nt:\n  ARG X\n  {line}\na:\n  ARG X\n  ARG Y=1\n  RUN show\n  SAVE ARTIFACT f\n"
        ));
        let ran = case.arg("X", "cli").prints("x", "out\n").run("+t").await;
        assert_eq!(ran.env("show"), expected, "{line}");
    }
}

#[tokio::test]
async fn an_argument_goes_through_targets_that_do_not_declare_it() {
    let text =
        "VERSION 0.8\nFROM alpine\nt:\n  FROM +m\nm:\n  FROM +a\na:\n  ARG X=1\n  RUN show\n";
    let ran = Case::new(text).arg("X", "2").run("+t").await;
    assert_eq!(ran.env("show"), "X=2");
}

#[tokio::test]
async fn other_files_get_what_is_passed_and_nothing_else() {
    for (line, expected) in [
        ("BUILD ./lib+a", "X=0 Y=0 G=0"),
        ("BUILD --pass-args ./lib+a", "X=cli Y=t G=g"),
        ("BUILD --pass-args ./lib+a --X=e", "X=e Y=t G=g"),
        ("FROM --pass-args ./lib+a --Y=e", "X=cli Y=e G=g"),
        ("COPY --pass-args ./lib+a/f ./", "X=cli Y=t G=g"),
        ("BUILD ../../$P+a", "X=0 Y=0 G=0"),
    ] {
        let case = Case::with(&[
            (
                "Buildfile",
                &format!(
                    "VERSION 0.8\nFROM alpine\nARG --global G=g\nt:\n  ARG X\n  ARG Y=t\n  ARG P=.\n  ARG TARGETARCH\n  LET Z=z\n  {line}\n"
                ),
            ),
            (
                "lib/Buildfile",
                "VERSION 0.8\nFROM alpine\na:\n  ARG X=0\n  ARG Y=0\n  ARG G=0\n  ARG Z=0\n  RUN show\n  SAVE ARTIFACT f\n",
            ),
        ]);
        if line.contains("$P") {
            continue;
        }
        let env = case.arg("X", "cli").run("+t").await.env("show");
        let mut words: Vec<&str> = expected.split(' ').chain(["Z=0"]).collect();
        words.sort_unstable();
        assert_eq!(env, words.join(" "), "{line}");
    }
}

#[tokio::test]
async fn passed_arguments_are_not_visible_before_they_are_declared() {
    let case = Case::new(
        "VERSION 0.8\nFROM alpine\nt:\n  ARG X=1\n  BUILD --pass-args +a\na:\n  RUN show\n  ARG X\n  RUN after\n",
    );
    let ran = case.run("+t").await.ok();
    assert_eq!(ran.env("show"), "");
}

#[tokio::test]
async fn globals_reach_every_target_and_a_local_arg_of_that_name_hides_them() {
    let text = "VERSION 0.8\nFROM alpine\nARG --global G=g\nARG L=l\nLET V=v\nt:\n  ARG G\n  RUN show \nu:\n  RUN show\n";
    assert_eq!(env(text).await, "G=");
    assert_eq!(Case::new(text).run("+u").await.env("show"), "G=g");
    assert_eq!(
        Case::new(text)
            .run("+base")
            .await
            .ok()
            .ledger
            .visits()
            .len(),
        1
    );
}

#[tokio::test]
async fn before_explicit_globals_every_argument_of_base_is_one() {
    let text = "VERSION 0.6\nFROM alpine\nARG A=1\nt:\n  ARG A=2\n  ARG A=3\n  RUN show\n";
    assert_eq!(env(text).await, "A=1");
}

#[tokio::test]
async fn before_0_8_a_value_that_is_there_already_wins_over_the_default() {
    let text =
        "VERSION 0.7\nFROM alpine\nENV E=env\nt:\n  ARG E=arg\n  ARG A=1\n  ARG A=2\n  RUN show\n";
    assert_eq!(env(text).await, "E=env A=1 E=env");
}

#[tokio::test]
async fn variables_are_looked_up_as_let_then_arg_then_environment_then_global() {
    let text = "VERSION 0.8\nFROM alpine\nARG --global A=global\nARG --global B=global\nARG --global C=global\nARG --global D=global\nt:\n  ENV A=env\n  ENV B=env\n  ENV C=env\n  ARG B=arg\n  LET C=let\n  ARG O=\"$A $B $C $D\"\n  RUN show\n";
    assert_eq!(
        env(text).await,
        "A=env B=env C=env B=arg C=let D=global O=env arg let global"
    );
}

#[tokio::test]
async fn every_form_of_expansion_gives_its_value() {
    let mut table = String::new();
    for word in [
        "$A",
        "${A}",
        "\"$A\"",
        "'$A'",
        "\\$A",
        "$A$E.",
        "$Q|",
        "${Q:-d}",
        "${E:-$A}",
        "${A:+x}",
        "${E:+x}",
        "${A#v}",
        "${A%1}",
        "${A#x}",
        "$1$@x",
        "a\\b",
        "a\\+b",
        "$",
        "$(cmd)",
        "x$(cmd)y",
        "\"$(cmd)\"",
        "${E:-$(cmd)}",
        "${E:?must be set}",
        "${Q?}",
        "${A:=x}",
        "a b  c",
        "$HOME",
    ] {
        let text = format!(
            "VERSION 0.8\nFROM alpine\nt:\n  ARG A=v1\n  ARG E\n  ENV O={word}\n  RUN show\n"
        );
        let case = Case::new(&text)
            .prints("cmd", "one\ntwo\n\n")
            .prints("echo \"$HOME\"", "/root\n");
        let ran = case.run("+t").await;
        let value = match &ran.result {
            Ok(_) => {
                let env = ran.env("show");
                env.split(" A=").next().unwrap_or_default().to_owned()
            }
            Err(errors) => errors[0].to_string(),
        };
        table.push_str(&format!("{word} => {value:?}\n"));
    }
    insta::assert_snapshot!(table, @r#"
    $A => "O=v1"
    ${A} => "O=v1"
    "$A" => "O=v1"
    '$A' => "O=$A"
    \$A => "O=$A"
    $A$E. => "O=v1."
    $Q| => "O=|"
    ${Q:-d} => "O=d"
    ${E:-$A} => "O=v1"
    ${A:+x} => "O=x"
    ${E:+x} => "O="
    ${A#v} => "O=1"
    ${A%1} => "O=v"
    ${A#x} => "O=v1"
    $1$@x => "O=x"
    a\b => "O=ab"
    a\+b => "O=a+b"
    $ => "O=$"
    $(cmd) => "O=one\ntwo\n"
    x$(cmd)y => "O=xone\ntwo\ny"
    "$(cmd)" => "O=one\ntwo\n"
    ${E:-$(cmd)} => "O=one\ntwo\n"
    ${E:?must be set} => "Buildfile:6:9: `E`: must be set"
    ${Q?} => "Buildfile:6:9: `Q`: is not set"
    ${A:=x} => "Buildfile:6:9: unsupported modifier `:=` in substitution `${A:=x}`"
    a b  c => "O=a b  c"
    $HOME => "O=/root"
    "#);
}

#[tokio::test]
async fn a_plus_stays_escaped_where_a_reference_is_read_and_nowhere_else() {
    let case = Case::with(&[
        (
            "Buildfile",
            "VERSION 0.8\nFROM alpine\nt:\n  ARG D=a\\+b\n  ENV E=$D\n  BUILD ./a\\+b+x\n  BUILD \"./$D+x\"\n  COPY f\\+g ./\n  RUN show\n",
        ),
        ("a+b/Buildfile", "VERSION 0.8\nFROM alpine\nx:\n  RUN x\n"),
        ("f+g", ""),
    ]);
    let ran = case.run("+t").await.ok();
    assert!(crate::graph::dump::plan(&ran.plan).contains("context f+g"));
    assert_eq!(ran.env("show"), "E=a\\+b D=a\\+b");
}

#[tokio::test]
async fn in_0_6_only_a_whole_value_shells_out_and_mistakes_are_ignored() {
    let text = "VERSION 0.6\nFROM alpine\nt:\n  ARG A=$(cmd) x\n  ARG B=\"$(cmd)\"\n  ENV C=$(cmd)\n  ARG D=${A:=x}\n  RUN show\n";
    let ran = Case::new(text)
        .prints("echo $(cmd) x", "o\n")
        .prints("echo $(cmd)", "p\n")
        .run("+t")
        .await;
    insta::assert_snapshot!(ran.env("show"), @"C=$(cmd) A=o B=p D=${A:=x}");
}

#[tokio::test]
async fn builtins_have_values_after_their_declaration_only() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ENV BEFORE=x$TARGETARCH\n  ARG TARGETARCH\n  ARG EARTHLY_TARGET\n  ARG BLD_TARGET_NAME\n  ARG EARTHLY_TARGET_TAG_DOCKER\n  ARG EARTHLY_VERSION\n  ARG EARTHLY_CI\n  ARG EARTHLY_SOURCE_DATE_EPOCH\n  ARG EARTHLY_GIT_HASH\n  ARG NATIVEPLATFORM\n  ARG USER=me\n  ARG TARGET=ordinary\n  RUN show\n";
    insta::assert_snapshot!(env(text).await, @"BEFORE=x BLD_TARGET_NAME=t EARTHLY_CI=false EARTHLY_GIT_HASH= EARTHLY_SOURCE_DATE_EPOCH=0 EARTHLY_TARGET=+t EARTHLY_TARGET_TAG_DOCKER=latest EARTHLY_VERSION=v0.8.16 NATIVEPLATFORM=linux/amd64 TARGET=ordinary TARGETARCH=amd64 USER=me");
}

#[tokio::test]
async fn names_of_bld_are_ordinary_in_an_earthfile() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG BLD_PUSH=mine\n  RUN show\n";
    let ran = Case::with(&[("Earthfile", text)]).run("+t").await;
    assert_eq!(ran.env("show"), "BLD_PUSH=mine");
    let error = Case::new(text).run("+t").await.error();
    assert!(error.contains("built-in"), "{error}");
}

#[tokio::test]
async fn git_metadata_is_read_from_the_work_tree() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG EARTHLY_TARGET\n  ARG EARTHLY_TARGET_PROJECT_NO_TAG\n  ARG EARTHLY_GIT_BRANCH\n  ARG EARTHLY_GIT_AUTHOR\n  ARG EARTHLY_GIT_REFS\n  ARG EARTHLY_GIT_PROJECT_NAME\n  ARG EARTHLY_GIT_ORIGIN_URL_SCRUBBED\n  ARG EARTHLY_SOURCE_DATE_EPOCH\n  RUN show\n";
    let case = Case::with(&[("sub/Buildfile", text)]);
    for args in [
        &["init", "-q", "-b", "feature/x"][..],
        &[
            "config",
            "remote.origin.url",
            "https://u:p@github.com/o/r.git",
        ],
        &["add", "."],
        &[
            "-c",
            "user.name=N",
            "-c",
            "user.email=n@x",
            "commit",
            "-q",
            "-m",
            "m",
            "--date=2020-01-01T00:00:05Z",
        ],
    ] {
        let done = std::process::Command::new("git")
            .arg("-C")
            .arg(case.dir.path())
            .args(args)
            .env("GIT_COMMITTER_DATE", "2020-01-01T00:00:07Z")
            .status()
            .expect("git runs");
        assert!(done.success());
    }
    let ran = case.run("./sub+t").await;
    insta::assert_snapshot!(ran.env("show"), @"EARTHLY_GIT_AUTHOR=n@x EARTHLY_GIT_BRANCH=feature/x EARTHLY_GIT_ORIGIN_URL_SCRUBBED=https://u:xxxxx@github.com/o/r.git EARTHLY_GIT_PROJECT_NAME=o/r EARTHLY_GIT_REFS=x EARTHLY_SOURCE_DATE_EPOCH=1577836807 EARTHLY_TARGET=github.com/o/r/sub:feature/x+t EARTHLY_TARGET_PROJECT_NO_TAG=github.com/o/r/sub");
}

#[tokio::test]
async fn mistakes_with_arguments_say_what_to_do() {
    insta::assert_snapshot!(errors("  ARG --required A\n").await, @r"
Buildfile:4:3: value not supplied for required ARG: A
  in +t
  hint: pass `--A=<value>` behind the target
");
    insta::assert_snapshot!(errors("  IF x\n    ARG A=1\n  END\n  ARG A=2\n").await, @r"
    Buildfile:7:3: variable `A` was already declared in this scope
      in +t
      hint: to change its value, use a variable that is no argument: `LET A=2`
    ");
    insta::assert_snapshot!(errors("  BUILD +a --x\na:\n  RUN x\n").await, @r"
    Buildfile:4:12: the build arg `--x` has no value
      in +t
      hint: write `--x=value`
    ");
    insta::assert_snapshot!(errors("  BUILD +a --$N=1\na:\n  RUN x\n").await, @r"
    Buildfile:4:12: unexpected `--=1` behind the reference
      in +t
      hint: arguments are written `--name=value`
    ");
    insta::assert_snapshot!(errors("  ENV A=${X:?is needed}\n").await, @r"
    Buildfile:4:9: `X`: is needed
      in +t
    ");
    insta::assert_snapshot!(errors("  BUILD --build-arg NONE +a\na:\n  RUN x\n").await, @r"
    Buildfile:4:21: value not specified for build arg `NONE` and no value can be inferred
      in +t
    ");
    let case = Case::new("VERSION 0.8\nFROM alpine\nt:\n  RUN x\n").arg("TARGETARCH", "x");
    insta::assert_snapshot!(case.run("+t").await.errors(), @"built-in arg `TARGETARCH` cannot be passed on the command line");
}

#[tokio::test]
async fn required_arguments_are_satisfied_from_anywhere() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG --required A\n  BUILD +a --B=1\na:\n  ARG --required B\n  RUN show\n";
    assert_eq!(
        Case::new(text).arg("A", "x").run("+t").await.env("show"),
        "B=1"
    );
    let error = Case::new(text).arg("A", "").run("+t").await.error();
    assert_eq!(
        error,
        "Buildfile:4:3: value not supplied for required ARG: A"
    );
}

#[tokio::test]
async fn an_argument_of_the_command_line_that_nothing_declares_is_mentioned() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG tag\n  RUN x\n";
    let ran = Case::new(text)
        .arg("tga", "1")
        .arg("tag", "2")
        .run("+t")
        .await
        .ok();
    insta::assert_snapshot!(ran.remarks.join("\n"), @"argument `--tga` is declared by no ARG of the build and has no effect");
}

#[tokio::test]
async fn the_default_is_evaluated_only_where_it_is_needed() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG A=$(never)\n  RUN show\n";
    let ran = Case::new(text).arg("A", "1").run("+t").await.ok();
    assert!(ran.asked.is_empty());
}

#[tokio::test]
async fn let_and_set_work_in_their_scope() {
    let text = "VERSION 0.8\nFROM alpine\nARG --global G=g\nLET B=base\nt:\n  ENV E=env\n  LET E=let\n  LET G=\"$G-let\"\n  IF x\n    SET E=\"$E-set\"\n    LET I=inner\n  END\n  SET I=$I-after\n  RUN show\n";
    let ran = Case::new(text).exit("x", 0).run("+t").await;
    assert_eq!(ran.env("show"), "E=env E=let-set G=g-let I=inner-after");
}

#[tokio::test]
async fn mistakes_with_let_and_set_have_a_place_and_a_hint() {
    insta::assert_snapshot!(errors("  SET A=1\n").await, @r"
    Buildfile:4:3: SET of `A`, which is not declared
      in +t
      hint: declare it first: `LET A=…`; to change an ENV or a global, take its value over: `LET A=$A`
    ");
    insta::assert_snapshot!(errors("  ENV A=1\n  SET A=2\n").await, @r"
    Buildfile:5:3: SET of `A`, which is not declared
      in +t
      hint: declare it first: `LET A=…`; to change an ENV or a global, take its value over: `LET A=$A`
    ");
    insta::assert_snapshot!(errors("  FOR i IN x y\n    LET A=1\n  END\n").await.lines().next().unwrap_or_default(), @"Buildfile:5:5: variable `A` was already declared in this scope");
}

#[tokio::test]
async fn shell_outs_see_the_state_of_their_moment() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  WORKDIR /w\n  USER u\n  ARG A=1\n  RUN one\n  ARG B=$(cat x)\n  RUN show\n";
    let ran = Case::new(text).prints("cat x", "two").run("+t").await;
    insta::assert_snapshot!(ran.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: mkdir s0 /w 755
    s2 +t: run s1 `one` A=1 in /w as u
    s3 +t: output of s2 `cat x` A=1 in /w as u
    s4 +t: run s2 `show` A=1 B=two in /w as u
    ");
}

#[tokio::test]
async fn a_shell_out_that_fails_fails_the_build_and_shows_its_output() {
    let mut case = Case::new("VERSION 0.8\nFROM alpine\nt:\n  ARG B=$(bad)\n");
    case.commands
        .insert("bad".to_owned(), (3, "oh\n".to_owned()));
    insta::assert_snapshot!(case.run("+t").await.errors(), @r"
    Buildfile:4:9: `$(bad)` did not complete successfully: exit code 3
      note: it printed:
    oh
      in +t
    ");
}

#[tokio::test]
async fn a_secret_value_of_an_undeclared_argument_is_not_in_the_stack() {
    let case = Case::new("VERSION 0.8\nFROM alpine\nt:\n  ARG A\n  COPY none ./\n");
    let errors = case
        .arg("A", "1")
        .arg("TOKEN", "hunter2")
        .run("+t")
        .await
        .errors();
    assert!(
        errors.contains("in +t --A=1") && !errors.contains("hunter2"),
        "{errors}"
    );
}
