//! `FROM DOCKERFILE`.

use insta::assert_snapshot;

use super::Case;

fn case(statement: &str) -> Case {
    Case::new(&format!("VERSION 0.8\nt:\n    {statement}\n"))
}

#[tokio::test]
async fn a_directory_is_the_context_and_holds_the_file() {
    let case = case("FROM DOCKERFILE app\n    RUN make").file("app/Dockerfile", "FROM scratch\n");
    assert_snapshot!(case.run("+t").await.plan(), @"
    s0 +t: context
    s1 +t: dockerfile app/Dockerfile on s0
    s2 +t: run s1 `make`
    ");
}

#[tokio::test]
async fn the_file_may_be_elsewhere_and_only_given_arguments_reach_it() {
    let text = "VERSION 0.8\nt:\n    ARG own=1\n    FROM DOCKERFILE --target=$own --build-arg a=$own -f ../x.Dockerfile . --b=\"2 3\"\n";
    let case = Case::with(&[("sub/Buildfile", text), ("x.Dockerfile", "FROM scratch\n")]);
    assert_snapshot!(case.arg("cli", "9").run("./sub+t").await.plan(), @"
    s0 ./sub+t: context
    s1 ./sub+t: dockerfile x.Dockerfile on s0 target 1 a=1 b=2 3
    ");
}

#[tokio::test]
async fn artifacts_are_the_context_whole_or_in_part_and_their_target_gets_the_arguments_too() {
    let case = Case::new(
        "VERSION 0.8
gen:
    ARG a
    FROM busybox
    RUN make $a
    SAVE ARTIFACT out/*
t:
    FROM DOCKERFILE --build-arg a=1 +gen/
    FROM DOCKERFILE -f +gen/other.Dockerfile (+gen/dir --a=2) --b=3
",
    );
    assert_snapshot!(case.run("+t").await.plan(), @"
    s0 +gen: image busybox:latest
    s1 +gen: run s0 `make $a` a=1
    s2 +gen: run s0 `make $a` a=2
    s3 +gen: run s0 `make $a` a=
    s4 +gen: scratch
    s5 +gen: copy s4 s3:/out/* -> / glob keep-own
    s6 +gen: copy s4 s2:/out/* -> / glob keep-own
    s7 +gen: copy s4 s1:/out/* -> / glob keep-own
    s8 +t: dockerfile +gen/Dockerfile on s7 from s7:/Dockerfile a=1
    s9 +t: scratch
    s10 +t: copy s9 s6:/dir -> / contents keep-own keep-ts
    s11 +t: dockerfile +gen/other.Dockerfile on s10 from s5:/other.Dockerfile b=3
    ");
}

#[tokio::test]
async fn what_it_says_of_the_image_holds_afterwards_as_after_from() {
    let case = case("FROM DOCKERFILE .\n    RUN make")
        .file("Dockerfile", "FROM scratch\n")
        .image("Dockerfile", &["A=1"]);
    assert_eq!(case.run("+t").await.env("make"), "A=1");
}

#[tokio::test]
async fn its_directory_has_ignore_files_of_its_own_and_dockers_only_if_there_is_no_other() {
    let context = async |files: &[&str], version: &str| {
        let text = format!("VERSION {version}\nt:\n    FROM DOCKERFILE app\n");
        let mut case = Case::new(&text).file("app/Dockerfile", "FROM scratch\n");
        case = case.file(".bldignore", "not-this\n");
        for file in files {
            case = case.file(&format!("app/{file}"), &format!("of-{file}\n"));
        }
        let ran = case.run("+t").await;
        match &ran.result {
            Ok(_) => ran.plan().lines().next().unwrap_or_default().to_owned(),
            Err(errors) => errors[0].to_string(),
        }
    };
    let docker = context(&[".dockerignore"], "0.8").await;
    assert!(
        docker.ends_with("context without of-.dockerignore"),
        "{docker}"
    );
    let ours = context(&[".dockerignore", ".earthlyignore"], "0.8").await;
    assert!(
        ours.ends_with("context without of-.earthlyignore"),
        "{ours}"
    );
    let older = context(&[".dockerignore"], "0.7").await;
    assert!(older.ends_with("context"), "{older}");
    let two = context(&[".bldignore", ".earthlyignore"], "0.8").await;
    assert!(
        two.contains("both `.bldignore` and `.earthlyignore` exist"),
        "{two}"
    );
}

#[tokio::test]
async fn mistakes_are_told_with_what_they_are_about() {
    for (statement, words) in [
        ("FROM DOCKERFILE .", "no Dockerfile at `Dockerfile`"),
        ("FROM DOCKERFILE -f app/x .", "no Dockerfile at `app/x`"),
        ("FROM DOCKERFILE -f lib .", "it is not a regular file"),
        (
            "FROM DOCKERFILE nowhere",
            "cannot take `./nowhere` as context",
        ),
        ("FROM DOCKERFILE Buildfile", "`./Buildfile` is a file"),
        ("FROM DOCKERFILE (lib --a=1)", "belong to a target"),
        (
            "FROM DOCKERFILE +gen",
            "the path of the artifact is missing",
        ),
        ("FROM DOCKERFILE +gen/", "artifact path not found: `+gen/`"),
        ("FROM DOCKERFILE +nope/", "target `nope` not found"),
        ("FROM DOCKERFILE --platform=x .", "cannot parse platform"),
        (
            "FROM DOCKERFILE --allow-privileged .",
            "allow-privileged-from-dockerfile",
        ),
    ] {
        let case = Case::new(&format!(
            "VERSION 0.8\ngen:\n    FROM busybox\nt:\n    {statement}\n"
        ));
        let error = case.file("lib/", "").run("+t").await.error();
        assert!(error.contains(words), "{statement}: {error}");
        assert!(error.contains("Buildfile:5:"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_plan_does_not_know_what_it_gives() {
    let case = case("FROM DOCKERFILE .\n    ARG x=$(id)\n    FROM DOCKERFILE --build-arg x=$x .")
        .file("Dockerfile", "FROM scratch\n");
    assert_snapshot!(case.undecided().run("+t").await.plan(), @"
    s0 +t: context
    s1 +t: dockerfile Dockerfile on s0
    s2 +t: output of s1 `id`
    s3 +t: undecided until s2: what `.` names is not known before
    ");
}

#[tokio::test]
async fn an_entrypoint_that_nobody_has_looked_up_may_be_there() {
    let case = case("FROM DOCKERFILE .\n    RUN --entrypoint").file("Dockerfile", "FROM scratch\n");
    assert_eq!(case.undecided().run("+t").await.commands(), ["<undecided>"]);
    let known = Case::new("VERSION 0.8\nt:\n    FROM busybox\n    RUN --entrypoint\n");
    assert!(
        known
            .run("+t")
            .await
            .error()
            .contains("needs an ENTRYPOINT")
    );
}

#[tokio::test]
async fn a_command_of_it_gets_all_privileges_only_where_one_of_the_build_file_would() {
    let make = || {
        case("FROM DOCKERFILE .").file(
            "Dockerfile",
            "FROM scratch\nRUN --security=insecure mount\n",
        )
    };
    let error = make().run("+t").await.errors();
    assert_snapshot!(error, @"
    Dockerfile:2:1: `RUN --security=insecure` gives a command all rights on the engine's machine, and the flag `--allow-privileged` is required for that
      in +t
      hint: if you trust this build, run it with `bld -P`
    ");
    let mut allowed = make();
    allowed.request.allow_privileged = true;
    assert!(allowed.run("+t").await.result.is_ok());
}
