//! `WITH DOCKER`: what it loads, and what may stand in it. The steps are tried on a daemon in `testdata/language`.

use super::{Case, Ran};
use crate::{
    graph::{
        ledger::LinkKind,
        plan::{MountKind, Run, StepOp},
    },
    oci::ImageConfig,
};

/// The file system of `t` is there; privileges are allowed.
fn case(rest: &str) -> Case {
    let mut case = Case::new(&format!("VERSION 0.8\nFROM docker\n{rest}"));
    case.request.allow_privileged = true;
    case
}

fn body(opener: &str, body: &str) -> Case {
    case(&format!(
        "i:\n  ARG A=1\n  SAVE IMAGE img:$A\nnone:\n  RUN x\nmany:\n  SAVE IMAGE a b\nt:\n  {opener}\n    {body}\n  END\n"
    ))
}

impl Ran {
    /// The one privileged command.
    #[track_caller]
    fn inside(&self) -> Run {
        let steps = self.plan.snapshot();
        let mut found = steps.iter().filter_map(|(_, step)| match &step.op {
            StepOp::Run(run) if run.privileged => Some((**run).clone()),
            _ => None,
        });
        let run = found.next().expect("a privileged command");
        assert!(found.next().is_none(), "only one");
        run
    }

    /// A file that the command is given.
    #[track_caller]
    fn given(&self, path: &str) -> String {
        let files = self.inside().mounts.into_iter().find_map(|mount| {
            let MountKind::Files { from, .. } = mount.kind else {
                return None;
            };
            match &self.plan.step(from).op {
                StepOp::Files(files) => Some(files.clone()),
                _ => None,
            }
        });
        let files = files.expect("files are given");
        let file = files.iter().find(|file| file.path == path);
        String::from_utf8(file.expect("the file is there").data.clone()).expect("text")
    }
}

#[tokio::test]
async fn the_command_runs_privileged_behind_the_script_and_knows_where_it_is() {
    let ran = body("WITH DOCKER", "RUN [\"a\", \"b c\"]")
        .run("+t")
        .await
        .ok();
    let run = ran.inside();
    let words: Vec<&str> = run.args.iter().map(String::as_str).collect();
    assert_eq!(
        words,
        [
            "/bin/sh",
            "/run/bld/with-docker/with-docker.sh",
            "run",
            "--",
            "a",
            "b c"
        ]
    );
    for marker in ["EARTHLY_WITH_DOCKER", "BLD_WITH_DOCKER"] {
        assert!(run.env.contains(&(marker.to_owned(), "1".to_owned())));
    }
    let end = ran.result.as_ref().unwrap().state.unwrap();
    assert!(matches!(&ran.plan.step(end).op, StepOp::Run(last) if last.privileged));
}

#[tokio::test]
async fn it_needs_the_word_of_the_user() {
    let mut case = body("WITH DOCKER", "RUN x");
    case.request.allow_privileged = false;
    let error = case.run("+t").await.error();
    assert!(error.contains("--allow-privileged"), "{error}");
}

#[tokio::test]
async fn images_are_named_by_the_flag_or_by_their_save_image() {
    let opener = "WITH DOCKER --load +i --load (+i --A=2) --load other=(+i --A 3) --load x/y:z=+none --pull busybox";
    let ran = body(opener, "RUN x").run("+t").await.ok();
    assert_eq!(
        ran.given("/names"),
        "img:1\nimg:2\nother:latest\nx/y:z\nbusybox:latest\n"
    );
    let kinds = ran.ledger.links();
    let loads = kinds.iter().filter(|l| l.kind == LinkKind::Load).count();
    assert_eq!(loads, 4);
    assert!(
        ran.outputs()
            .lines()
            .all(|l| l.ends_with("no: reached by WITH DOCKER --load"))
    );
}

#[tokio::test]
async fn a_name_that_cannot_be_inferred_is_an_error() {
    let none = body("WITH DOCKER --load +none", "RUN x")
        .run("+t")
        .await
        .errors();
    insta::assert_snapshot!(none, @r"
    Buildfile:11:22: no tag specified for `--load`, and it cannot be inferred: `+none` saves no image with a name
      in +t
      hint: write `--load name:tag=+none`
    ");
    let many = body("WITH DOCKER --load +many", "RUN x")
        .run("+t")
        .await
        .errors();
    assert!(many.contains("saves several: a, b"), "{many}");
}

#[tokio::test]
async fn what_is_loaded_is_the_last_saved_image_exactly() {
    let text = "i:\n  ENV K=\"a $ b\"\n  EXPOSE 80 53/udp 8000-8001\n  SAVE IMAGE i\n  ENV LATER=1\nt:\n  WITH DOCKER --load +i\n    RUN x\n  END\n";
    let ran = case(text).run("+t").await.ok();
    let config = format!("{{{}", ran.given("/images/0/0.config"));
    let config: ImageConfig = serde_json::from_str(&config).unwrap();
    assert!(config.config.env.contains(&"K=a $ b".to_owned()));
    assert!(
        !config
            .config
            .env
            .iter()
            .any(|line| line.starts_with("LATER"))
    );
    let ports: Vec<&str> = config
        .config
        .exposed_ports
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(ports, ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]);
}

#[tokio::test]
async fn two_names_of_one_image_are_mounted_once() {
    let opener = "WITH DOCKER --load a=+i --load b=+i --load (+i --A=2)";
    let mounts = body(opener, "RUN x").run("+t").await.ok().inside().mounts;
    let images = mounts
        .iter()
        .filter(|m| m.target.starts_with("/run/bld/image-"));
    assert_eq!(images.count(), 1, "all of them are the base image's files");
}

#[tokio::test]
async fn services_are_pulled_unless_they_are_loaded() {
    let config = "services:\n  web: {image: 'img:1', depends_on: [d]}\n  d: {image: db}\n  n: {image: never}\n";
    let opener = "WITH DOCKER --compose c.yml --service web --load +i";
    let ran = body(opener, "RUN x")
        .prints("c.yml", config)
        .run("+t")
        .await
        .ok();
    assert_eq!(ran.given("/names"), "img:1\ndb:latest\n");
    let words = ran.inside().args.join(" ");
    assert!(
        words.contains("run --compose c.yml --service web -- "),
        "{words}"
    );
    let wrong = body("WITH DOCKER --compose c.yml --service wed", "RUN x").prints("c.yml", config);
    let error = wrong.run("+t").await.errors();
    insta::assert_snapshot!(error, @r"
    Buildfile:11:41: the compose files have no service `wed`
      in +t
      hint: did you mean `web`?
    ");
}

#[tokio::test]
async fn a_body_may_be_anything_that_comes_to_one_run() {
    let function = "F:\n  FUNCTION\n  ARG A\n  ARG B=$A\n  RUN echo $B\nt:\n  WITH DOCKER\n    DO +F --A=1\n  END\n  RUN after\n";
    let ran = case(function).run("+t").await.ok();
    assert_eq!(ran.inside().args.last().unwrap(), "echo $B");
    let condition = body(
        "WITH DOCKER",
        "IF test\n      RUN yes\n    ELSE\n      RUN no\n    END",
    );
    let ran = condition.exit("test", 1).run("+t").await.ok();
    assert_eq!(ran.inside().args.last().unwrap(), "no");
    let undecided = body(
        "WITH DOCKER",
        "IF test\n      RUN yes\n    ELSE\n      RUN no\n    END",
    );
    undecided.undecided().run("+t").await.ok();
}

#[tokio::test]
async fn no_run_and_a_second_run_are_errors() {
    let none = body("WITH DOCKER", "IF test\n      RUN yes\n    END");
    let error = none.exit("test", 1).run("+t").await.error();
    assert!(
        error.contains("no RUN was executed in WITH DOCKER"),
        "{error}"
    );
    let two = "F:\n  FUNCTION\n  RUN a\n  RUN b\nt:\n  WITH DOCKER\n    DO +F\n  END\n";
    let error = case(two).run("+t").await.errors();
    assert!(error.contains("this is the second"), "{error}");
    let nested =
        "F:\n  FUNCTION\n  WITH DOCKER\n    RUN a\n  END\nt:\n  WITH DOCKER\n    DO +F\n  END\n";
    let error = case(nested).run("+t").await.error();
    assert!(error.contains("inside another one"), "{error}");
}

#[tokio::test]
async fn a_run_in_it_takes_only_flags_that_make_sense() {
    for flag in ["push", "network=none"] {
        let text =
            format!("F:\n  FUNCTION\n  RUN --{flag} a\nt:\n  WITH DOCKER\n    DO +F\n  END\n");
        let error = case(&text).run("+t").await.error();
        assert!(error.contains("cannot be used in WITH DOCKER"), "{error}");
    }
    let ran = body(
        "WITH DOCKER",
        "RUN --no-cache --mount type=tmpfs,target=/m x",
    );
    let run = ran.run("+t").await.ok().inside();
    assert!(run.no_cache && run.mounts.iter().any(|m| m.target == "/m"));
}

#[tokio::test]
async fn a_foreign_platform_is_refused_and_foreign_images_are_not() {
    let foreign = "t:\n  FROM --platform=linux/arm64 docker\n  WITH DOCKER\n    RUN x\n  END\n";
    let error = case(foreign).run("+t").await.errors();
    for part in ["linux/amd64", "linux/arm64", "--platform=native"] {
        assert!(error.contains(part), "{error}");
    }
    let opener = "WITH DOCKER --platform linux/arm64 --load +i --pull busybox";
    let ran = body(opener, "RUN x").run("+t").await.ok();
    assert!(ran.given("/images/0/0.config").contains("\"arm64\""));
    assert!(ran.given("/images/1/0.config").contains("\"arm64\""));
}

#[tokio::test]
async fn an_image_without_a_tag_cannot_be_pulled() {
    let digest = "a".repeat(64);
    let opener = format!("WITH DOCKER --pull busybox@sha256:{digest}");
    let error = body(&opener, "RUN x").run("+t").await.errors();
    assert!(error.contains("name:tag@sha256"), "{error}");
    let opener = format!("WITH DOCKER --pull busybox:1@sha256:{digest}");
    let ran = body(&opener, "RUN x").run("+t").await.ok();
    assert_eq!(ran.given("/names"), "busybox:1\n");
}

#[tokio::test]
async fn data_are_kept_under_the_id_as_it_is_written() {
    let text = "VERSION --docker-cache 0.8\nFROM docker\nt:\n  WITH DOCKER --cache-id=a$b\n    RUN x\n  END\n";
    let mut case = Case::new(text);
    case.request.allow_privileged = true;
    let run = case.run("+t").await.ok().inside();
    assert!(run.args.contains(&"--keep".to_owned()));
    let kept = run.mounts.iter().find_map(|mount| match &mount.kind {
        MountKind::Cache { id, .. } => Some(id.as_str()),
        _ => None,
    });
    assert_eq!(kept, Some("with-docker/a$b"));
}
