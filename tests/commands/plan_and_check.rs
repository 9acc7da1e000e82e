//! `bld plan`, `bld check`.

use crate::harness::{Bld, services};

/// Snapshots stand in `testdata/cli`.
macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({snapshot_path => "../../testdata/cli", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

const CHAINS: &str = "\
VERSION 0.8
all:
    BUILD +image
    BUILD +report
base-image:
    FROM scratch
    SAVE IMAGE --push only/base:1
image:
    FROM +base-image
    SAVE IMAGE --push mine/image:1
files:
    FROM scratch
    COPY Buildfile /
    SAVE ARTIFACT /Buildfile AS LOCAL out/Buildfile
report:
    FROM scratch
    COPY +files/Buildfile /
    SAVE IMAGE
    SAVE IMAGE mine/report:1
";

#[test]
fn a_plan_says_of_every_output_whether_it_counts_and_why_not() {
    let ran = Bld::with(CHAINS).ok(&["plan", "--offline", "+all"]);
    snapshot!("plan-chains", ran.stdout);
}

#[test]
fn a_plan_follows_both_ways_of_a_condition_and_runs_nothing() {
    let bld = Bld::with(
        "VERSION 0.8\nt:\n    FROM busybox:1.36\n    IF [ -f /x ]\n        SAVE IMAGE then:1\n    ELSE\n        RUN echo other\n        SAVE IMAGE else:1\n    END\n    RUN echo after\n",
    );
    let ran = bld.ok(&["plan", "--offline", "+t"]);
    snapshot!("plan-condition", ran.stdout);
}

#[test]
fn a_plan_is_stable_json() {
    let ran = Bld::with(CHAINS).ok(&["--push", "plan", "--offline", "--json", "+image"]);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(plan["version"], 1);
    snapshot!("plan-outputs-json", format!("{:#}", plan["outputs"]));
}

#[test]
fn the_tour_of_the_language_is_checked_and_planned() {
    let bld = Bld::new().file("Buildfile.example", include_str!("../../Buildfile.example"));
    bld.ok(&["check", "Buildfile.example"])
        .says("1 file checked, no errors");
    let ran = bld.ok(&["plan", "--offline", "-f", "Buildfile.example", "+all"]);
    assert!(ran.stdout.contains("bld-example:latest"), "{}", ran.stdout);
}

#[test]
fn check_reports_all_problems_of_all_files_at_once() {
    let bld = Bld::with(
        "VERSION 0.8\nFROM busybox\nt:\n    RUN --puhs x\n    BUILD +typo\n    BUILD ./lib+part\n    COPY ./nowhere+x/y .\ntypos:\n    RUN true\n",
    )
    .file("lib/Buildfile", "VERSION 0.8\nFROM busybox\npart:\n    SAVE IMGAE x\n");
    let ran = bld.fails(1, &["check"]);
    ran.says("`--puhs`")
        .says("`--push`")
        .says("did you mean `+typos`")
        .says("nowhere")
        .says("lib/Buildfile:4:5")
        .says("2 files checked, 4 errors");
    let json = bld.fails(1, &["check", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).expect("it is JSON");
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(4));
    assert_eq!(report["files"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_plan_shows_what_a_command_gets_besides_its_file_system() {
    let file = "VERSION 0.8\nFROM scratch\nt:\n    CACHE /c\n    RUN --privileged --secret KEY --ssh --mount type=secret,target=/k,id=OTHER --mount type=tmpfs,target=/m make\n";
    let ran = Bld::with(file).ok(&["plan", "--offline", "+t"]);
    let line = ran.stdout.lines().find(|line| line.contains("make"));
    let lent = line
        .and_then(|line| line.split_once('◇'))
        .map(|(_, lent)| lent.split('◀').next().unwrap_or_default().trim());
    assert_eq!(
        lent,
        Some(
            "privileged, secret KEY, cache /c, ssh /run/buildkit/ssh_agent.0, secret OTHER at /k, tmpfs /m"
        ),
        "{}",
        ran.stdout
    );
    let json = Bld::with(file)
        .ok(&["plan", "--offline", "--json", "+t"])
        .stdout;
    assert!(
        json.contains("\"privileged\": true") && json.contains("\"tmpfs\""),
        "{json}"
    );
}

/// Each target but the last two has one mistake that its build comes to.
const MISTAKES: &str = "VERSION 0.8
IMPORT ./host
FROM busybox:1.36
mount-type:
    RUN --mount=type=cahce,target=/c true
mount-key:
    RUN --mount=type=cache,traget=/c true
pattern:
    BUILD ./*+t
outside:
    SAVE ARTIFACT /etc AS LOCAL ../etc
missing:
    COPY there gone ./
ignored:
    COPY hidden ./
no-artifact:
    COPY +nothing/x ./
other-artifact:
    COPY +something/x ./
nothing:
    RUN true
something:
    SAVE ARTIFACT /etc/passwd y
";

/// The same on this machine. Apart from the others: where a build may write files, none is missed.
const MISTAKES_ON_HOST: &str = "VERSION 0.8
secret:
    LOCALLY
    RUN --secret A true
network:
    LOCALLY
    RUN --network=none true
image:
    LOCALLY
    SAVE IMAGE a
files:
    LOCALLY
    COPY there .
local:
    LOCALLY
    SAVE ARTIFACT there AS LOCAL here
";

#[test]
fn a_check_says_of_every_mistake_what_a_build_says() {
    let Some(services) = services("check") else {
        return;
    };
    let bld = Bld::with(MISTAKES)
        .file("there", "")
        .file("hidden", "")
        .file(".bldignore", "hidden")
        .file("host/Buildfile", MISTAKES_ON_HOST)
        .on(&services);
    let checked = bld.fails(1, &["check"]);
    let names = |text: &'static str| text.lines().filter_map(|line| line.strip_suffix(':'));
    let here = names(MISTAKES).filter(|name| !name.ends_with("thing"));
    let targets: Vec<String> = here
        .map(|name| format!("+{name}"))
        .chain(names(MISTAKES_ON_HOST).map(|name| format!("./host+{name}")))
        .collect();
    for target in &targets {
        let ran = bld.fails(1, &[target]);
        let from = ran.stderr.find("error: ").expect("an error");
        // The same sentence, the same place, the same line with its caret.
        let told: Vec<&str> = ran.stderr[from..].lines().take(5).collect();
        checked.says(&told.join("\n"));
    }
    assert_eq!(checked.stderr.matches("error: ").count(), targets.len());
}
