//! Builds on a real daemon: what is loaded, what is written, what is said.

use crate::harness::{Bld, Docker, services};

#[test]
fn an_image_is_loaded_under_all_its_names_and_a_second_build_changes_nothing() {
    let Some(services) = services("load") else {
        return;
    };
    let docker = Docker::at(&services.docker);
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         image:\n\
         \x20   RUN echo content > /file\n\
         \x20   ENV GREETING=hello\n\
         \x20   LABEL a.b=c\n\
         \x20   EXPOSE 80\n\
         \x20   CMD [\"cat\", \"/file\"]\n\
         \x20   SAVE IMAGE bld-test-load:one bld-test-load:two\n",
    )
    .on(&services);
    let ran = bld.ok(&["+image"]);
    ran.says("output as bld-test-load:one")
        .says("output as bld-test-load:two");
    let id = docker.image_id("bld-test-load:one");
    assert_eq!(docker.image_id("bld-test-load:two"), id);
    let config = docker
        .image("bld-test-load:one")
        .and_then(|i| i.config)
        .expect("a config");
    assert!(
        config
            .env
            .unwrap_or_default()
            .contains(&"GREETING=hello".to_owned())
    );
    assert_eq!(config.cmd.unwrap_or_default(), ["cat", "/file"]);
    let labels = config.labels.unwrap_or_default();
    assert_eq!(labels.get("a.b").map(String::as_str), Some("c"));
    assert!(labels.contains_key("dev.bld.version"), "{labels:?}");

    let again = bld.ok(&["+image"]);
    again.says("*cached*").says("(unchanged)");
    assert_eq!(docker.image_id("bld-test-load:one"), id);
    docker.remove_image("bld-test-load:one");
    docker.remove_image("bld-test-load:two");
}

#[test]
fn files_are_written_only_when_everything_succeeded() {
    let Some(services) = services("as local") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         good:\n\
         \x20   RUN mkdir -p d/e && echo text > d/e/f && ln -s f d/e/link && chmod 750 d/e/f\n\
         \x20   SAVE ARTIFACT d AS LOCAL out/tree\n\
         \x20   SAVE ARTIFACT d/e/f AS LOCAL single.txt\n\
         bad:\n\
         \x20   RUN false\n\
         all:\n\
         \x20   BUILD +good\n\
         \x20   BUILD +bad\n",
    )
    .on(&services);
    bld.fails(1, &["+all"]);
    assert!(!bld.path("single.txt").exists() && !bld.path("out").exists());
    bld.ok(&["+good"]).says("output as out/tree");
    assert_eq!(bld.read("out/tree/e/link"), "text\n");
    assert_eq!(bld.read("single.txt"), "text\n");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(bld.path("single.txt"))
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o750);
    assert!(
        !bld.path(".tmp-bld-out").exists(),
        "the temporary directory is gone"
    );
}

#[test]
fn conditions_and_shell_outs_run_where_they_stand() {
    let Some(services) = services("conditions") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         t:\n\
         \x20   ARG mode=a\n\
         \x20   RUN echo deep > /marker\n\
         \x20   USER nobody\n\
         \x20   LET seen=\"$(cat /marker) by $(id -un)\"\n\
         \x20   IF [ -f /marker ] && [ \"$mode\" = \"a\" ]\n\
         \x20       LET branch=first\n\
         \x20   ELSE IF exit 3\n\
         \x20       LET branch=never\n\
         \x20   ELSE\n\
         \x20       LET branch=last\n\
         \x20   END\n\
         \x20   RUN echo \"$seen $branch\" > /tmp/result\n\
         \x20   SAVE ARTIFACT /tmp/result AS LOCAL result\n",
    )
    .on(&services);
    bld.ok(&["+t"]);
    assert_eq!(bld.read("result"), "deep by nobody first\n");
    bld.ok(&["+t", "--mode=b"]);
    assert_eq!(bld.read("result"), "deep by nobody last\n");
}

#[test]
fn copy_takes_what_it_says_from_the_context_and_from_artifacts() {
    let Some(services) = services("copy") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         WORKDIR /w\n\
         source:\n\
         \x20   RUN mkdir -p a && echo 1 > a/one && echo 2 > a/two\n\
         \x20   SAVE ARTIFACT a\n\
         t:\n\
         \x20   COPY *.txt texts/\n\
         \x20   COPY --dir dir renamed\n\
         \x20   COPY dir contents\n\
         \x20   COPY +source/a/one file\n\
         \x20   COPY --dir +source/a nested/\n\
         \x20   COPY --if-exists none.* ./\n\
         \x20   COPY --chmod=600 --chown=nobody x.txt owned\n\
         \x20   RUN find . -type f | sort > /tmp/list && stat -c '%a %U %Y' owned >> /tmp/list\n\
         \x20   SAVE ARTIFACT /tmp/list AS LOCAL list\n",
    )
    .file("x.txt", "x")
    .file("y.txt", "y")
    .file("ignored.txt", "no")
    .file("dir/inner/z", "z")
    .file(".bldignore", "ignored.txt\n")
    .on(&services);
    bld.ok(&["+t"]);
    assert_eq!(
        bld.read("list"),
        "./contents/inner/z\n./file\n./nested/a/one\n./nested/a/two\n./owned\n\
         ./renamed/inner/z\n./texts/x.txt\n./texts/y.txt\n600 nobody 1587038400\n"
    );
}

#[test]
fn an_unchanged_target_does_not_run_again_and_a_no_cache_one_does() {
    let Some(services) = services("no-cache") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         t:\n\
         \x20   RUN --no-cache cat /proc/sys/kernel/random/uuid > /stamp\n\
         \x20   SAVE ARTIFACT /stamp\n\
         both:\n\
         \x20   COPY +t/stamp a\n\
         \x20   COPY +t/stamp b\n\
         \x20   RUN cmp a b\n\
         \x20   SAVE ARTIFACT a AS LOCAL stamp\n\
         \x20   SAVE IMAGE bld-test-nocache:1\n",
    )
    .on(&services);
    bld.ok(&["+both"]);
    let first = bld.read("stamp");
    bld.ok(&["+both"]);
    assert_ne!(bld.read("stamp"), first);
    Docker::at(&services.docker).remove_image("bld-test-nocache:1");
}

#[test]
fn targets_of_other_directories_bring_their_own_files() {
    let Some(services) = services("directories") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         all:\n\
         \x20   BUILD ./lib+part --name=given\n\
         \x20   FROM ./lib+part\n\
         \x20   COPY ./lib+part/out taken\n\
         \x20   RUN cat taken data > both\n\
         \x20   SAVE ARTIFACT both AS LOCAL both\n",
    )
    .file(
        "lib/Earthfile",
        "VERSION 0.7\n\
         FROM busybox:1.36\n\
         WORKDIR /lib\n\
         part:\n\
         \x20   ARG name=default\n\
         \x20   COPY data .\n\
         \x20   RUN echo $name > out\n\
         \x20   SAVE ARTIFACT out AS LOCAL written\n",
    )
    .file("lib/data", "data\n")
    .on(&services);
    bld.ok(&["+all"]);
    assert_eq!(bld.read("both"), "default\ndata\n");
    assert_eq!(
        bld.read("lib/written"),
        "given\n",
        "AS LOCAL is relative to its own directory"
    );
}

#[test]
fn one_artifact_can_be_asked_for() {
    let Some(services) = services("--artifact") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         t:\n\
         \x20   RUN echo a > a && echo b > b\n\
         \x20   SAVE ARTIFACT a AS LOCAL not-asked-for\n\
         \x20   SAVE ARTIFACT b\n",
    )
    .on(&services);
    bld.ok(&["--artifact", "+t/b", "dest/"]);
    assert_eq!(bld.read("dest/b"), "b\n");
    assert!(!bld.path("not-asked-for").exists());
}

#[test]
fn what_stands_in_a_wait_block_has_taken_effect_at_its_end() {
    let Some(services) = services("wait") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         all:\n\
         \x20   WAIT\n\
         \x20       BUILD +early\n\
         \x20   END\n\
         \x20   RUN false\n\
         early:\n\
         \x20   RUN echo early > /f\n\
         \x20   SAVE ARTIFACT /f AS LOCAL early\n",
    )
    .on(&services);
    bld.fails(1, &["+all"]).says("RUN false");
    assert_eq!(
        bld.read("early"),
        "early\n",
        "written although the build failed later"
    );
}

#[test]
fn asking_for_one_thing_pushes_nothing_else() {
    let Some(services) = services("--image with --push") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         t:\n\
         \x20   RUN echo a > /a\n\
         \x20   RUN --push echo DEPLOYING\n\
         \x20   SAVE ARTIFACT /a\n",
    )
    .on(&services);
    bld.ok(&["--push", "--artifact", "+t/a", "o"])
        .never_says("| DEPLOYING");
    assert_eq!(bld.read("o"), "a\n");
    bld.ok(&["--push", "+t"]).says("| DEPLOYING");
    bld.ok(&["+t"])
        .never_says("| DEPLOYING")
        .says("Did not execute push command");
}

#[test]
fn what_may_be_missing_may_be_missing_in_every_form() {
    let Some(services) = services("--if-exists") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         WORKDIR /w\n\
         s:\n\
         \x20   RUN mkdir d && echo 1 > d/one\n\
         \x20   SAVE ARTIFACT d\n\
         \x20   SAVE ARTIFACT --if-exists nope\n\
         \x20   SAVE ARTIFACT --if-exists no/such* x/\n\
         \x20   SAVE ARTIFACT --if-exists nope AS LOCAL nope\n\
         t:\n\
         \x20   COPY --if-exists +s/nope ./\n\
         \x20   COPY --if-exists +s/sub/nope* ./\n\
         \x20   COPY --if-exists +s/d/one ./\n\
         \x20   COPY --if-exists +s/d/o* ./again/\n\
         \x20   COPY --if-exists file other* ./\n\
         \x20   RUN find . -type f | sort > /list\n\
         \x20   SAVE ARTIFACT /list AS LOCAL list\n\
         all:\n\
         \x20   BUILD +s\n\
         \x20   BUILD +t\n",
    )
    .on(&services);
    bld.ok(&["+all"]);
    assert_eq!(bld.read("list"), "./again/one\n./one\n");
    assert!(!bld.path("nope").exists());
}

#[test]
fn what_a_step_writes_is_shown_once_however_often_its_result_is_needed() {
    let Some(services) = services("logs") else {
        return;
    };
    let docker = Docker::at(&services.docker);
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         t:\n\
         \x20   RUN --no-cache echo once\n\
         \x20   SAVE IMAGE bld-test-logs:1\n\
         \x20   SAVE ARTIFACT /etc/passwd AS LOCAL sub/p\n",
    )
    .on(&services);
    let ran = bld.ok(&["+t"]);
    let shown = ran.stderr.lines().filter(|l| l.ends_with("| once")).count();
    assert_eq!(shown, 1, "{}", ran.stderr);
    ran.says("output as sub/p");
    docker.remove_image("bld-test-logs:1");
}

#[test]
fn directories_that_a_copy_makes_are_roots_whoever_owns_the_copy() {
    let Some(services) = services("owners") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         t:\n\
         \x20   COPY --chown=12:13 f /x/\n\
         \x20   USER 5:6\n\
         \x20   COPY f /q/z\n\
         \x20   RUN stat -c '%n %u:%g %a' /x /x/f /q /q/z > /tmp/list\n\
         \x20   SAVE ARTIFACT /tmp/list AS LOCAL list\n",
    )
    .file("f", "f")
    .on(&services);
    bld.ok(&["+t"]);
    assert_eq!(
        bld.read("list"),
        "/x 0:0 755\n/x/f 12:13 644\n/q 0:0 755\n/q/z 5:6 644\n"
    );
}

#[test]
fn the_entrypoint_gets_its_words_without_quotes() {
    let Some(services) = services("--entrypoint") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\n\
         FROM busybox:1.36\n\
         t:\n\
         \x20   ARG v=two\n\
         \x20   ENTRYPOINT [\"sh\", \"-c\"]\n\
         \x20   RUN --entrypoint \"echo one; echo $v\"\n\
         \x20   RUN --no-cache --entrypoint \"echo one; echo $v\"\n",
    )
    .on(&services);
    bld.ok(&["+t"]).says("| one").says("| two");
}

#[test]
fn an_image_without_any_layer_is_there() {
    let Some(services) = services("scratch") else {
        return;
    };
    let docker = Docker::at(&services.docker);
    let bld = Bld::with(
        "VERSION 0.8\n\
         t:\n\
         \x20   FROM scratch\n\
         \x20   EXPOSE 80\n\
         \x20   SAVE IMAGE bld-test-scratch:1\n",
    )
    .on(&services);
    bld.ok(&["+t"]);
    assert!(docker.image("bld-test-scratch:1").is_some());
    docker.remove_image("bld-test-scratch:1");
}

#[test]
fn the_example_builds_and_ends_with_its_image_loaded() {
    let Some(services) = services("example") else {
        return;
    };
    let docker = Docker::at(&services.docker);
    docker.remove_image("bld-example:latest");
    let example = include_str!("../Buildfile.example");
    let bld = Bld::new().file("Buildfile.example", example).on(&services);
    bld.ok(&["-f", "Buildfile.example", "+all"])
        .says("bld-example:latest");
    assert!(docker.image("bld-example:latest").is_some());
    assert!(bld.read("out/report.txt").contains("page.html"));
}

#[test]
fn a_file_that_is_saved_twice_over_is_one_line_of_the_output() {
    let Some(services) = services("saved-once") else {
        return;
    };
    let bld = Bld::with(
        "VERSION 0.8\nFROM busybox:1.36\nt:\n    RUN echo 1 > f\n    SAVE ARTIFACT f AS LOCAL out/f\n",
    )
    .on(&services);
    for _ in 0..2 {
        let ran = bld.ok(&["+t"]);
        let lines = ran.stderr.matches("SAVE ARTIFACT f AS LOCAL out/f").count();
        assert_eq!(lines, 1, "{}", ran.stderr);
    }
}
