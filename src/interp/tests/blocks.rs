//! `RUN` and its flags, `IF`, `FOR`, `WAIT`, and the commands that change the configuration.

use super::Case;

async fn plan(body: &str) -> String {
    let text = format!("VERSION 0.8\nFROM alpine\nt:\n{body}");
    Case::new(&text)
        .exit("yes", 0)
        .exit("no", 1)
        .exit("missing", 127)
        .exit("[[ x ]]", 127)
        .exit("docker image ls | grep x", 0)
        .prints("echo $(ls)", "a b\nc\n")
        .prints("echo $(commas)", "a,,b\n")
        .prints("echo $(nothing)", "\n")
        .prints("echo *.txt", "x.txt\n")
        .run("+t")
        .await
        .plan()
}

#[tokio::test]
async fn run_passes_the_shell_a_script_or_the_kernel_a_vector() {
    insta::assert_snapshot!(plan("  RUN a  \"b  c\" \\\n    # why\n    && d\n  RUN [\"a\", \"b c\", \"$X\"]\n  RUN --no-cache --network=none x\n  RUN --no-cache=false y\n").await, @r#"
    s0 +base: image alpine:latest
    s1 +t: run s0 `a "b  c" && d`
    s2 +t: run s1 ["a", "b c", "$X"]
    s3 +t: run s2 `x` no-cache no-network
    s4 +t: run s3 `y`
    "#);
}

#[tokio::test]
async fn run_entrypoint_puts_the_images_program_in_front() {
    insta::assert_snapshot!(plan("  ENTRYPOINT [\"e\", \"1\"]\n  CMD [\"c\"]\n  RUN --entrypoint a b\n  RUN --entrypoint\n").await, @r#"
    s0 +base: image alpine:latest
    s1 +t: run s0 ["e", "1", "a", "b"]
    s2 +t: run s1 ["e", "1", "c"]
    "#);
}

#[tokio::test]
async fn conditions_run_in_order_and_only_as_far_as_needed() {
    insta::assert_snapshot!(plan("  IF no\n    RUN 1\n  ELSE IF missing\n    RUN 2\n  ELSE IF yes\n    RUN 3\n  ELSE IF unasked\n    RUN 4\n  ELSE\n    RUN 5\n  END\n  RUN 6\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: test s0 `no`
    s2 +t: test s0 `missing`
    s3 +t: test s0 `yes`
    s4 +t: run s0 `3`
    s5 +t: run s4 `6`
    ");
    insta::assert_snapshot!(plan("  IF no\n    RUN 1\n  ELSE\n    FROM busybox\n    ARG A=1\n    IF yes\n    END\n  END\n  RUN 6\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: test s0 `no`
    s2 +t: image busybox:latest
    s3 +t: test s2 `yes` A=1
    s4 +t: run s2 `6` A=1
    ");
}

#[tokio::test]
async fn a_json_list_as_a_condition_is_meant_for_the_shell() {
    insta::assert_snapshot!(plan("  IF [ \"docker image ls | grep x\" ]\n    RUN 1\n  END\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: test s0 `docker image ls | grep x`
    s2 +t: run s0 `1`
    ");
}

#[tokio::test]
async fn for_runs_its_body_for_every_word_that_the_shell_gives() {
    insta::assert_snapshot!(plan("  FOR i IN $(ls)\n    RUN $i\n  END\n  RUN after\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: output of s0 `echo $(ls)`
    s2 +t: run s0 `$i` i=a
    s3 +t: run s2 `$i` i=b
    s4 +t: run s3 `$i` i=c
    s5 +t: run s4 `after`
    ");
    insta::assert_snapshot!(plan("  FOR --sep=\",\" i IN $(commas)\n    RUN $i\n  END\n  FOR i IN $(nothing)\n    RUN never\n  END\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: output of s0 `echo $(commas)`
    s2 +t: run s0 `$i` i=a
    s3 +t: run s2 `$i` i=b
    s4 +t: output of s3 `echo $(nothing)`
    ");
}

#[tokio::test]
async fn a_list_that_is_known_needs_no_shell() {
    insta::assert_snapshot!(plan("  ARG list=c\n  FOR i IN a \"b\" $list ${none}\n    RUN $i\n  END\n  FOR --sep=, i IN a,,b \"\"\n    RUN $i\n  END\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: run s0 `$i` i=a list=c
    s2 +t: run s1 `$i` i=b list=c
    s3 +t: run s2 `$i` i=c list=c
    s4 +t: run s3 `$i` i=a list=c
    s5 +t: run s4 `$i` i=b  list=c
    ");
    insta::assert_snapshot!(plan("  FOR i IN *.txt\n    RUN $i\n  END\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: output of s0 `echo *.txt`
    s2 +t: run s0 `$i` i=x.txt
    ");
}

#[tokio::test]
async fn a_condition_that_is_known_needs_no_shell() {
    insta::assert_snapshot!(plan("  ARG mode=release\n  ENV E=1\n  IF [ \"$mode\" = debug ]\n    RUN 1\n  ELSE IF [ \"$E$mode\" = 1release ] && ! [ -n \"$none\" ]\n    RUN 2\n  ELSE IF missing\n    RUN 3\n  END\n  IF [ \"true\" ]\n    RUN 4\n  END\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: run s0 `2` E=1 mode=release
    s2 +t: run s1 `4` E=1 mode=release
    ");
}

#[tokio::test]
async fn a_condition_without_a_container_still_needs_a_base_image() {
    let case = Case::new("VERSION 0.8\nt:\n  IF true\n    RUN x\n  END\n");
    let error = case.run("+t").await.error();
    assert!(error.contains("IF requires a FROM"), "{error}");
}

#[tokio::test]
async fn variables_declared_in_a_loop_fail_in_the_second_pass_with_a_hint() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  FOR i IN a b\n    LET A=$i\n  END\n";
    insta::assert_snapshot!(Case::new(text).prints("echo a b", "a b").run("+t").await.errors(), @r"
    Buildfile:5:5: variable `A` was already declared in this scope
      in +t
      hint: declare it before the loop and change it with SET, or move the body of the loop into a function
    ");
}

#[tokio::test]
async fn wait_ends_when_what_was_built_inside_has_ended() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  WAIT\n    BUILD +a\n  END\n  BUILD +b\n  IF after\n  END\na:\n  IF a\n  END\nb:\n  RUN b\n";
    let ran = Case::new(text)
        .exit("a", 0)
        .exit("after", 0)
        .run("+t")
        .await
        .ok();
    assert_eq!(ran.asked, ["a", "end 1: ", "after"]);
}

#[tokio::test]
async fn commands_before_any_from_are_refused() {
    for body in [
        "IF x\n  END",
        "ENV A=1",
        "SAVE IMAGE x",
        "SAVE ARTIFACT x",
        "ARG A=$(x)",
        "BUILD +u --x=$(y)",
    ] {
        let text = format!("VERSION 0.8\nt:\n  {body}\nu:\n  FROM alpine\n");
        let error = Case::new(&text).run("+t").await.error();
        assert!(error.contains("FROM DOCKERFILE"), "{body}: {error}");
    }
    let text = "VERSION 0.8\nt:\n  BUILD +u\n  ARG A=1\n  LET B=1\nu:\n  FROM scratch\n";
    Case::new(text).run("+t").await.ok();
}

#[tokio::test]
async fn the_configuration_follows_every_command() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG N=v\n  ENV K a b\n  ENV E=\"x $N\"\n  WORKDIR /a\n  WORKDIR b/../c\n  USER u:g\n  CMD echo \"$N\"\n  EXPOSE 80 443/udp 9000-9001\n  VOLUME /v $N\n  LABEL k=$N \"a b\"='c d'\n  HEALTHCHECK --interval=1m --retries=5 CMD curl $N\n  ENTRYPOINT [\"/e\", \"$N\"]\n  SAVE IMAGE x\n";
    let ran = Case::new(text).run("+t").await.ok();
    insta::assert_snapshot!(ran.remarks.join("\n"), @"Buildfile:10:12: the quotes in this CMD vanish: its words are expanded and joined at build time");
    let config = ran.result.unwrap().config;
    let mut value = serde_json::to_value(&config.config).unwrap();
    let labels = value["Labels"].as_object_mut().unwrap();
    labels.retain(|key, _| !key.starts_with("dev.bld"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap(), @r#"
    {
      "User": "u:g",
      "ExposedPorts": {
        "443/udp": {},
        "80/tcp": {},
        "9000/tcp": {},
        "9001/tcp": {}
      },
      "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "K=a b",
        "E=x v"
      ],
      "Entrypoint": [
        "/e",
        "$N"
      ],
      "Cmd": [
        "/bin/sh",
        "-c",
        "echo v"
      ],
      "Volumes": {
        "/v": {},
        "v": {}
      },
      "WorkingDir": "/a/c",
      "Labels": {
        "a b": "c d",
        "k": "v"
      },
      "Healthcheck": {
        "Test": [
          "CMD-SHELL",
          "curl v"
        ],
        "Interval": 60000000000,
        "Timeout": 30000000000,
        "StartInterval": 5000000000,
        "Retries": 5
      }
    }
    "#);
    insta::assert_snapshot!(crate::graph::dump::plan(&ran.plan), @r"
    s0 +base: image alpine:latest
    s1 +t: mkdir s0 /a 755
    s2 +t: mkdir s1 /a/c 755
    ");
}

#[tokio::test]
async fn an_entrypoint_clears_an_inherited_command_but_not_one_set_here() {
    let cmd = |text: &str| Case::new(text);
    let inherited = cmd("VERSION 0.8\nFROM alpine\nCMD a\nt:\n  ENTRYPOINT b\n")
        .run("+t")
        .await
        .ok();
    assert_eq!(inherited.result.unwrap().config.config.cmd, None);
    let own = cmd("VERSION 0.8\nFROM alpine\nt:\n  CMD a\n  ENTRYPOINT b\n")
        .run("+t")
        .await
        .ok();
    assert!(own.result.unwrap().config.config.cmd.is_some());
}

#[tokio::test]
async fn the_environment_of_an_image_comes_first_and_arguments_hide_it() {
    let text = "VERSION 0.8\nFROM img\nt:\n  ARG B\n  RUN x\n  FROM scratch\n  RUN y\n";
    let case = || Case::new(text).image("img:latest", &["A=1", "B=2", "C=a=b"]);
    assert_eq!(case().run("+t").await.env("x"), "A=1 B=2 C=a=b B=");
    assert_eq!(case().run("+t").await.env("y"), "B=");
}

#[tokio::test]
async fn wrong_configuration_is_refused_with_its_place() {
    for (body, message) in [
        (
            "ARG P=x\n  EXPOSE $P",
            "Buildfile:5:10: cannot read port `x`",
        ),
        (
            "ARG L=dev.bld.x\n  LABEL $L=1",
            "Buildfile:5:9: label `dev.bld.x` has a reserved prefix",
        ),
        ("HOST db 1.2.3", "Buildfile:4:11: invalid HOST ip `1.2.3`"),
        (
            "FROM --platform=x alpine",
            "Buildfile:4:19: cannot parse platform",
        ),
        ("ARG I=A:b\n  FROM $I", "Buildfile:5:8: invalid image name"),
        (
            "ARG I=a\n  FROM $I --x=1",
            "Buildfile:5:3: arguments are not supported",
        ),
        ("RUN --push=maybe x", "Buildfile:4:14"),
        (
            "ARG P=maybe\n  RUN --push=$P x",
            "Buildfile:5:14: invalid value `maybe`",
        ),
        ("STOPSIGNAL 9", "Buildfile:4:3"),
    ] {
        let text = format!("VERSION 0.8\nFROM alpine\nt:\n  {body}\n");
        let error = Case::new(&text).run("+t").await.error();
        assert!(error.starts_with(message), "{body}: {error}");
    }
}
