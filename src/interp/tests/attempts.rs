//! `TRY … FINALLY` (language specification, 4.14).

use super::Case;

fn case(body: &str) -> Case {
    Case::new(&format!(
        "VERSION --try 0.8\nFROM alpine\nWORKDIR /w\nt:\n  {}\n",
        body.replace('\n', "\n  ")
    ))
}

const TRIED: &str = "TRY\n  RUN test\nFINALLY\n  SAVE ARTIFACT report AS LOCAL out/report\n  SAVE ARTIFACT --if-exists /log AS LOCAL log\nEND\nRUN after";

#[tokio::test]
async fn after_a_success_the_artifacts_are_saved_like_any_others() {
    let ran = case(TRIED).exit("test", 0).run("+t").await;
    assert_eq!(ran.asked, ["test"]);
    let outputs = ran.outputs();
    assert!(outputs.contains("out/report"), "{outputs}");
}

#[tokio::test]
async fn after_a_failure_the_files_are_brought_out_and_nothing_else_runs() {
    let ran = case(TRIED).exit("test", 3).run("+t").await;
    assert_eq!(
        ran.asked,
        [
            "test",
            "rescued +t/report as report",
            "rescued +t/log as log if it exists"
        ]
    );
    let ran_too = |text: &str| {
        let steps = ran.plan.snapshot();
        steps.iter().any(|(_, step)| step.label.text == text)
    };
    assert!(ran_too("RUN test") && !ran_too("RUN after"));
    assert_eq!(ran.error(), "Buildfile:6:5: `RUN test` failed");
}

#[tokio::test]
async fn what_stands_behind_the_block_is_no_attempt() {
    let plan = case(TRIED).exit("test", 0).run("+t").await.plan();
    assert!(plan.contains("try s1 `test`"), "{plan}");
    assert!(plan.contains("run s2 `after`"), "{plan}");
}

#[tokio::test]
async fn a_place_outside_is_refused_before_the_command_runs() {
    let outside = "TRY\n  RUN test\nFINALLY\n  SAVE ARTIFACT report AS LOCAL ../report\nEND";
    let ran = case(outside).run("+t").await;
    assert!(ran.asked.is_empty(), "{:?}", ran.asked);
    assert!(
        ran.error()
            .contains("Buildfile:8:5: unable to save to `../report`"),
    );
}

#[tokio::test]
async fn a_plan_shows_the_block_as_if_it_succeeds() {
    let ran = case(TRIED).undecided().run("+t").await;
    let outputs = ran.outputs();
    assert!(outputs.contains("out/report"), "{outputs}");
}

#[tokio::test]
async fn locally_and_try_do_not_go_together() {
    let error = case(&format!("LOCALLY\n{TRIED}")).run("+t").await.error();
    assert_eq!(error, "Buildfile:6:3: TRY is not supported with LOCALLY");
}
