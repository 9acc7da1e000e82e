//! Functions and imports.

use super::Case;

#[tokio::test]
async fn a_function_shares_the_state_of_its_caller_and_not_its_variables() {
    let text = "VERSION 0.8\nFROM alpine\nARG --global G=g\nt:\n  ARG A=caller\n  ENV E=1\n  DO +F --X=1\n  RUN after\n  ARG X=t\nF:\n  FUNCTION\n  ARG X=0\n  ARG A=default\n  LET L=l\n  RUN inside\n  ENV E=2\n  WORKDIR /f\n  SAVE IMAGE f\n";
    let case = || Case::new(text).arg("A", "cli");
    assert_eq!(
        case().run("+t").await.env("inside"),
        "E=1 A=default G=g L=l X=1"
    );
    assert_eq!(case().run("+t").await.env("after"), "E=2 A=cli G=g");
    insta::assert_snapshot!(case().run("+t").await.outputs(), @"+t --A=cli: image s2 f => yes");
}

#[tokio::test]
async fn explicit_arguments_of_a_function_change_the_globals_of_its_file() {
    let text = "VERSION 0.8\nFROM alpine\nARG --global G=g\nt:\n  DO +F --G=do\n  RUN outside\nF:\n  FUNCTION\n  RUN inside\n";
    assert_eq!(Case::new(text).run("+t").await.env("inside"), "G=do");
    assert_eq!(Case::new(text).run("+t").await.env("outside"), "G=g");
}

#[tokio::test]
async fn pass_args_reaches_into_a_function() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG A=1\n  LET L=1\n  ARG TARGETARCH\n  DO --pass-args +F\nF:\n  FUNCTION\n  ARG A\n  ARG L\n  RUN inside\n";
    assert_eq!(Case::new(text).run("+t").await.env("inside"), "A=1 L=");
}

#[tokio::test]
async fn references_of_a_function_are_its_files_and_its_copies_are_the_callers() {
    let case = Case::with(&[
        (
            "Buildfile",
            "VERSION 0.8\nFROM alpine\nIMPORT ./lib\nt:\n  DO lib+F\n  BUILD lib+a\na:\n  RUN wrong\n",
        ),
        ("mine", ""),
        (
            "lib/Earthfile",
            "VERSION 0.7\nFROM alpine\nARG --global G=libs\na:\n  RUN right\n  SAVE ARTIFACT x\nF:\n  COMMAND\n  COPY mine ./\n  COPY +a/x ./\n  SAVE ARTIFACT y AS LOCAL out\n  RUN $G\n",
        ),
    ]);
    let ran = case.run("+t").await.ok();
    insta::assert_snapshot!(crate::graph::dump::plan(&ran.plan), @r"
    s0 +base: image alpine:latest
    s1 +t: context mine
    s2 +t: copy s0 s1:/mine -> / contents
    s3 +t: scratch
    s4 ./lib+a: scratch
    s5 ./lib+base: image alpine:latest
    s6 ./lib+a: run s5 `right` G=libs
    s7 ./lib+a: copy s4 s6:/x -> /x keep-own
    s8 +t: copy s2 s7:/x -> / contents
    s9 +t: copy s3 s8:/y -> /y keep-own
    s10 +t: copy s3 s8:/y -> /out
    s11 +t: run s8 `$G` G=libs
    ");
    insta::assert_snapshot!(ran.outputs(), @"+t: artifact s10 +t/y as out => yes");
}

#[tokio::test]
async fn a_function_may_come_before_from_and_bring_one() {
    let text = "VERSION 0.8\nt:\n  DO +F\n  RUN x\nF:\n  FUNCTION\n  FROM alpine\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.plan(), @r"
    s0 +t: image alpine:latest
    s1 +t: run s0 `x`
    ");
}

#[tokio::test]
async fn the_stack_of_an_error_shows_every_call() {
    let case = Case::with(&[
        (
            "Buildfile",
            "VERSION 0.8\nFROM alpine\nt:\n  ARG A\n  BUILD +u --A=2\nu:\n  ARG A\n  DO ./lib+F --X=1 --HIDDEN=secret\n",
        ),
        (
            "lib/Buildfile",
            "VERSION 0.8\nFROM alpine\nF:\n  FUNCTION\n  ARG X\n  DO +G\nG:\n  FUNCTION\n  COPY nothing ./\n",
        ),
    ]);
    insta::assert_snapshot!(case.arg("A", "1").run("+t").await.errors(), @r#"
    lib/Buildfile:9:8: "nothing": not found
      in ./lib+G, called from lib/Buildfile:6:3
      in ./lib+F --X=1, called from Buildfile:8:3
      in +u --A=2, called from Buildfile:5:3
      in +t --A=1
      hint: a function copies files of the target that calls it, from the directory of `Buildfile`; from its own directory it takes artifacts: `COPY +target/path`
    "#);
}

#[tokio::test]
async fn a_required_argument_is_asked_of_the_statement_that_could_give_it() {
    let errors = async |target: &str| {
        let case = Case::with(&[
            (
                "Buildfile",
                "VERSION 0.8\nFROM alpine\nF:\n  FUNCTION\n  ARG --required A\ncalled:\n  DO +F\nbuilt:\n  BUILD ./lib+a\ncopied:\n  COPY ./lib+b/x .\nown:\n  BUILD +need\nneed:\n  ARG --required A\nwithin:\n  DO ./lib+G\n",
            ),
            (
                "lib/Buildfile",
                "VERSION 0.8\nFROM alpine\na:\n  BUILD +b\nb:\n  ARG --required A\nG:\n  FUNCTION\n  BUILD +b\n",
            ),
        ]);
        let errors = case.run(target).await.errors();
        errors.lines().last().unwrap_or_default().trim().to_owned()
    };
    for (target, hint) in [
        ("+called", "add `--A=<value>` to the DO at Buildfile:7:3"),
        ("+built", "add `--A=<value>` to the BUILD at Buildfile:9:3"),
        (
            "+copied",
            "pass it in the COPY at Buildfile:11:3, in brackets: `(target --A=<value>)`",
        ),
        ("+own", "pass `--A=<value>` behind the target"),
        ("+within", "add `--A=<value>` to the DO at Buildfile:17:3"),
    ] {
        assert_eq!(errors(target).await, format!("hint: {hint}"), "{target}");
    }
}

#[tokio::test]
async fn a_function_that_calls_itself_for_ever_is_an_error() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  DO +F\nF:\n  FUNCTION\n  IF yes\n    DO +G\n  END\nG:\n  FUNCTION\n  IF yes\n    DO +F\n  END\n";
    let error = Case::new(text).exit("yes", 0).run("+t").await.error();
    assert!(
        error.contains("infinite recursion detected for function"),
        "{error}"
    );
}

#[tokio::test]
async fn imports_have_their_rules() {
    for (line, message) in [
        ("IMPORT ./lib AS x\n  BUILD x+a", ""),
        (
            "IMPORT ./lib\n  IMPORT ./lib",
            "alias `lib` is already used",
        ),
        (
            "IMPORT ./lib\n  BUILD lob+a",
            "alias `lob` could not be resolved",
        ),
        ("IMPORT .. AS up\n  BUILD up+a", "no build file found"),
        ("ARG P=..\n  IMPORT $P", "needs a name"),
        (
            "ARG P=lib\n  IMPORT $P",
            "neither a directory nor a repository",
        ),
        // Fetched as soon as something of it is needed.
        ("IMPORT github.com/a/b", ""),
        (
            "IMPORT github.com/a/b\n  BUILD b+x",
            "a repository is needed",
        ),
    ] {
        let text = format!("VERSION 0.8\nFROM alpine\nt:\n  {line}\n");
        let case = Case::with(&[
            ("Buildfile", &text),
            ("lib/Buildfile", "VERSION 0.8\nFROM alpine\na:\n  RUN a\n"),
        ]);
        let ran = case.run("+t").await;
        match message {
            "" => drop(ran.ok()),
            message => {
                let error = ran.error();
                assert!(error.contains(message), "{line}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn unknown_functions_have_a_nearest_name() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  DO +SETPU\nSETUP:\n  FUNCTION\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.errors(), @r"
    Buildfile:4:6: function reference `+SETPU` not found in `Buildfile`
      in +t
      hint: did you mean `+SETUP`?
    ");
}

#[tokio::test]
async fn a_function_may_use_what_its_callers_file_turns_on() {
    let old = "VERSION 0.7\nF:\n  COMMAND\n  LET x=1\n  RUN $x\n";
    let case = |version: &str| {
        let text = format!("VERSION {version}\nt:\n  FROM alpine\n  DO ./lib+F\n");
        Case::with(&[("Buildfile", &text), ("lib/Buildfile", old)])
    };
    assert_eq!(case("0.8").run("+t").await.commands(), ["$x"]);
    let error = case("0.7").run("+t").await.error();
    assert!(error.contains("--arg-scope-and-set"), "{error}");
}
