//! Flags of `RUN`, `IF` and `FOR`.

use super::Case;

fn case(body: &str) -> Case {
    Case::new(&format!("VERSION 0.8\nFROM alpine\nt:\n{body}"))
}

#[tokio::test]
async fn secrets_and_mounts_are_in_the_plan_by_name() {
    let body = "  ARG ID=other\n  RUN --secret A --secret B=$ID --secret C= --mount type=cache,target=/c,id=npm,sharing=shared x\n";
    insta::assert_snapshot!(case(body).run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: run s0 `x` ID=other secret A=A secret B=other secret /run/secrets/A A secret /run/secrets/other other cache /c npm shared
    ");
}

#[tokio::test]
async fn privileges_need_the_word_of_the_user() {
    let error = case("  RUN --privileged x\n").run("+t").await.error();
    assert!(error.contains("--allow-privileged"), "{error}");
    let mut allowed = case("  RUN --privileged x\n");
    allowed.request.allow_privileged = true;
    assert!(allowed.run("+t").await.plan().contains("privileged"));
    let off = case("  RUN --privileged=false x\n").run("+t").await.plan();
    assert!(!off.contains("privileged"), "{off}");
}

#[tokio::test]
async fn conditions_and_loops_have_what_commands_have() {
    let body = "  IF --secret A --mount type=tmpfs,target=/m test\n    RUN yes\n  END\n  FOR --secret A x IN $A\n    RUN no\n  END\n";
    let ran = case(body).exit("test", 0).prints("echo $A", "\n");
    insta::assert_snapshot!(ran.run("+t").await.plan(), @r"
    s0 +base: image alpine:latest
    s1 +t: test s0 `test` secret A=A secret /run/secrets/A A tmpfs /m
    s2 +t: run s0 `yes`
    s3 +t: output of s2 `echo $A` secret A=A secret /run/secrets/A A
    ");
}

#[tokio::test]
async fn a_secret_has_a_name_that_a_shell_takes() {
    let error = case("  RUN --secret a-b x\n").run("+t").await.error();
    assert!(
        error.contains("invalid secret environment name `a-b`"),
        "{error}"
    );
    let plan = case("  RUN --secret A=a-b x\n").run("+t").await.plan();
    assert!(plan.contains("secret A=a-b"), "{plan}");
}

#[tokio::test]
async fn before_0_7_a_renamed_secret_needs_its_prefix() {
    let old = |run: &str| {
        Case::new(&format!(
            "VERSION 0.6\nFROM alpine\nt:\n  RUN --secret {run} x\n"
        ))
    };
    let error = old("A=b").run("+t").await.error();
    assert!(error.contains("`A=b` is not supported"), "{error}");
    let plan = old("A=+secrets/b").run("+t").await.plan();
    assert!(plan.contains("secret A=b"), "{plan}");
}

#[tokio::test]
async fn the_project_of_the_file_is_part_of_what_a_secret_is() {
    let case = Case::new("VERSION 0.8\nPROJECT org/thing\nFROM alpine\nt:\n  RUN --secret A x\n");
    let plan = case.run("+t").await.plan();
    assert!(plan.contains("secret A=A@org/thing"), "{plan}");
    assert!(plan.contains("secret /run/secrets/A A@org/thing"), "{plan}");
}

#[tokio::test]
async fn a_cache_without_an_id_belongs_to_the_target_that_runs() {
    let text = "VERSION 0.8\nFROM alpine\nF:\n  FUNCTION\n  RUN --mount type=cache,target=/c f\na:\n  DO +F\nb:\n  DO +F\nt:\n  BUILD +a\n  BUILD +b\n  DO +F\n  RUN --mount type=cache,target=/c/ g\n";
    let plan = Case::new(text).run("+t").await.plan();
    let mut ids: Vec<&str> = plan
        .lines()
        .filter_map(|line| line.split(" cache /c ").nth(1))
        .collect();
    assert_eq!(ids.len(), 4, "{plan}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "the two of +t are one: {plan}");
}

#[tokio::test]
async fn privileges_that_are_certain_to_be_needed_are_asked_for_before_anything_runs() {
    let text = "VERSION 0.8\nFROM alpine\nF:\n  FUNCTION\n  WAIT\n    RUN --privileged x\n  END\nb:\n  DO +F\nt:\n  RUN first\n  COPY +b/x /\n";
    let ran = Case::new(text).run("+t").await;
    assert!(ran.plan.is_empty());
    let error = ran.errors();
    assert!(error.contains("Buildfile:6"), "{error}");
    assert!(error.contains("in +F"), "{error}");
}

#[tokio::test]
async fn privileges_that_may_not_be_needed_are_asked_for_when_they_are() {
    let body = "  IF no\n    RUN --privileged x\n  END\n  RUN --push --privileged p\n  RUN --privileged=false y\n";
    let ran = case(body).exit("no", 1).run("+t").await;
    ran.ok();
    let ran = case(body).exit("no", 0).run("+t").await;
    assert!(ran.asked.contains(&"no".to_owned()));
    assert!(ran.error().contains("--allow-privileged"));
}

#[tokio::test]
async fn the_old_prefix_of_a_secret_alone_says_no_variable() {
    for (version, right) in [("0.8", "`--secret T`"), ("0.6", "`--secret T=+secrets/T`")] {
        let text = format!("VERSION {version}\nFROM alpine\nt:\n  RUN --secret +secrets/T x\n");
        let ran = Case::new(&text).run("+t").await;
        assert!(ran.remarks.is_empty(), "{:?}", ran.remarks);
        let errors = ran.errors();
        assert!(errors.contains("says no variable"), "{errors}");
        assert!(errors.contains(right), "{errors}");
    }
}
