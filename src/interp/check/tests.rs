//! What a check finds.

use std::fs;

use super::*;

fn checked(files: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    let request = CheckRequest {
        cwd: dir.path().to_path_buf(),
        paths: Vec::new(),
        features: Vec::new(),
        home: None,
    };
    let mut lines = Vec::new();
    for diagnostic in check(&request).problems {
        lines.push(diagnostic.to_string());
        lines.extend(diagnostic.hints.iter().map(|h| format!("  hint: {h}")));
    }
    lines.join("\n")
}

#[test]
fn every_unknown_name_of_every_file_in_reach_is_reported_at_once() {
    insta::assert_snapshot!(checked(&[
        (
            "Buildfile",
            "VERSION 0.8\nIMPORT ./lib AS l\nIMPORT ./gone\nFROM alpine\nt:\n  FROM +imgae\n  COPY +image/x (+image/y --a=b) ./lib+nothing/x ./\n  DO l+SETPU\n  DO l+SETUP\n  BUILD lob+x\n  BUILD ./none+x\n  BUILD ./$X+x\n  BUILD github.com/a/b+x\n  BUILD +base\n  WITH DOCKER --load x=(+image --a=b) --load +imag\n    RUN x\n  END\nimage:\n  RUN x\n  SAVE ARTIFACT x\n  SAVE ARTIFACT y\n",
        ),
        (
            "lib/Earthfile",
            "VERSION 0.8\nFROM alpine\nSETUP:\n  FUNCTION\n  BUILD ../+missing\n  FROM ./deep+x\n",
        ),
        ("lib/deep/Earthfile", "VERSION 0.8\nx:\n  RUN --pish x\n"),
    ]), @r"
    Buildfile:3:8: no build file found for target `./gone`
      hint: `./gone` would need a `Buildfile` or an `Earthfile`
    Buildfile:6:8: target `imgae` not found in `Buildfile`
      hint: did you mean `+image`?
    Buildfile:7:34: target `nothing` not found in `lib/Earthfile`
    Buildfile:8:6: function reference `l+SETPU` not found in `lib/Earthfile`
      hint: did you mean `+SETUP`?
    Buildfile:10:9: alias `lob` could not be resolved
      hint: declare it with `IMPORT <path> AS lob`
    Buildfile:11:9: no build file found for target `./none+x`
      hint: `./none` would need a `Buildfile` or an `Earthfile`
    Buildfile:15:46: target `imag` not found in `Buildfile`
      hint: did you mean `+image`?
    lib/Earthfile:5:9: target `missing` not found in `Buildfile`
      hint: it has `t` and `image`
    lib/deep/Earthfile:3:3: RUN requires a FROM, FROM DOCKERFILE, or LOCALLY before it
      hint: begin the recipe, or the base recipe at the top of the file, with `FROM image`
    lib/deep/Earthfile:3:7: unknown flag `--pish` for RUN
      hint: did you mean `--push`?
    ");
}

#[test]
fn a_project_without_mistakes_has_none() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  BUILD +u\nu:\n  RUN x\n";
    assert_eq!(checked(&[("Buildfile", text)]), "");
}

#[test]
fn a_directory_without_a_build_file_is_said_to_be_one() {
    let text = checked(&[("README", "")]);
    assert!(text.starts_with("no build file found"), "{text}");
}

#[test]
fn a_circle_that_nothing_can_leave_is_found_without_a_build() {
    insta::assert_snapshot!(checked(&[
        (
            "Buildfile",
            "VERSION 0.8\nFROM alpine\na:\n  BUILD +b\nb:\n  WAIT\n    COPY ./lib+c/x .\n  END\nself:\n  FROM +self\nends:\n  ARG n=3\n  IF [ $n != 0 ]\n    BUILD +ends --n=$(expr $n - 1)\n  END\nother:\n  BUILD +other --n=1\n  COPY (+other/x --n=2) .\n  SAVE ARTIFACT x\n",
        ),
        ("lib/Earthfile", "VERSION 0.8\nc:\n  FROM ../+a\n  SAVE ARTIFACT x\n"),
    ]), @r"
    Buildfile:10:8: infinite recursion detected for target `+self`
      hint: a target cannot need itself, not even through others
    lib/Earthfile:3:8: infinite recursion detected for target `+a`
      hint: a target cannot need itself, not even through others
    ");
}

#[test]
fn a_base_recipe_cannot_begin_with_a_target_of_its_own_file() {
    let text = "VERSION 0.8\nFROM +t\nt:\n  RUN x\n";
    insta::assert_snapshot!(checked(&[("Buildfile", text)]), @r"
    Buildfile:2:6: infinite recursion detected for target `+base`
      hint: a target cannot need itself, not even through others
    ");
}

#[test]
fn the_name_of_an_image_is_read_before_anything_is_fetched() {
    let text = "VERSION 0.8\nFROM a/Upper\nt:\n  FROM ok:1.0\nu:\n  FROM $x\nv:\n  FROM scratch\n  SAVE IMAGE good:1 b/Upper \"\" $x\n";
    insta::assert_snapshot!(checked(&[("Buildfile", text)]), @r"
    Buildfile:2:6: invalid image name `a/Upper`: repository `a/Upper` must be lower case
    Buildfile:9:21: invalid image name `b/Upper`: repository `b/Upper` must be lower case
    ");
}

#[test]
fn the_directories_of_a_pattern_are_looked_into() {
    insta::assert_snapshot!(checked(&[
        ("Buildfile", "VERSION --wildcard-builds 0.8\nFROM alpine\nt:\n  BUILD ./lib/*+t\n  BUILD ./lib/*+none\n  BUILD ./no/*+t\n  BUILD ./**/x+t\n"),
        ("lib/a/Earthfile", "VERSION 0.8\nFROM alpine\nt:\n  RUN --pish x\n"),
        ("lib/b/README", ""),
    ]), @r"
    Buildfile:5:9: no matching targets found for pattern `./lib/*+none`
      hint: a directory matches if it has a build file with a target `none`
    Buildfile:6:9: no matching targets found for pattern `./no/*+t`
      hint: a directory matches if it has a build file with a target `t`
    Buildfile:7:9: `**` in `./**/x+t` is not yet supported
      hint: `*` matches one directory; write one `*` for each level
    lib/a/Earthfile:4:7: unknown flag `--pish` for RUN
      hint: did you mean `--push`?
    ");
}

/// What a check says of one build file, with files beside it.
fn of(text: &str) -> String {
    checked(&[("Buildfile", text), ("there", ""), ("dir/x", "")])
}

#[test]
fn what_has_no_meaning_on_this_machine_is_found() {
    insta::assert_snapshot!(of("VERSION 0.8\nFROM alpine\nt:\n  LOCALLY\n  RUN --secret A x\n  RUN --mount=type=cache,target=/c x\n  RUN --push=false --no-cache x\n  IF --ssh x\n    RUN --privileged x\n  END\n  SAVE IMAGE a\n  SAVE ARTIFACT a AS LOCAL b\n  COPY there .\n  COPY --chown=a +u/x .\n  CACHE /c\n  FROM alpine\n  RUN --secret A x\nu:\n  SAVE ARTIFACT x\n"), @r#"
    Buildfile:5:7: option `--secret` of RUN is not supported with LOCALLY
      hint: what runs on this machine sees its environment and its files
    Buildfile:6:7: option `--mount` of RUN is not supported with LOCALLY
      hint: take it out, or end the mode with a FROM
    Buildfile:8:6: option `--ssh` of IF is not supported with LOCALLY
      hint: what runs on this machine has the SSH agent of its environment
    Buildfile:9:9: option `--privileged` of RUN is not supported with LOCALLY
      hint: what runs on this machine has the rights of the user who runs bld
    Buildfile:11:3: SAVE IMAGE is not supported with LOCALLY
      hint: LOCALLY works on this machine, without an image; a FROM ends it
    Buildfile:12:3: SAVE ARTIFACT … AS LOCAL is not supported with LOCALLY
      hint: the file is on this machine already: `RUN cp …`
    Buildfile:13:3: COPY of files is not supported with LOCALLY, only COPY of artifacts
      hint: the files are on this machine already: `RUN cp …`
    Buildfile:14:8: option `--chown` of COPY is not supported with LOCALLY
      hint: take it out, or end the mode with a FROM
    Buildfile:15:3: CACHE is not supported with LOCALLY
      hint: LOCALLY works on this machine, without an image; a FROM ends it
    "#);
}

#[test]
fn whether_a_command_is_on_this_machine_may_be_for_the_build_to_say() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  IF x\n    LOCALLY\n  END\n  RUN --secret A x\n  FOR i IN 1 2\n    RUN --ssh x\n    LOCALLY\n  END\nu:\n  DO +F\n  RUN --ssh x\nF:\n  FUNCTION\n  RUN --ssh x\n  LOCALLY\n";
    assert_eq!(of(text), "");
}

#[test]
fn mounts_that_are_written_out_are_read() {
    insta::assert_snapshot!(of("VERSION 0.8\nFROM alpine\nt:\n  RUN --mount=type=cahce,target=/c --mount=type=cache,target=$x x\n  IF --mount type=cache,traget=/c x\n  END\n  RUN --mount $m --mount \"type=tmpfs,target=/t\" x\n"), @r#"
    Buildfile:4:15: invalid mount type `cahce`
      hint: did you mean `cache`?
    Buildfile:5:14: invalid piece `traget=/c` of a mount: there is no key `traget`
      hint: did you mean `target`?
    "#);
}

#[test]
fn patterns_belong_to_a_feature() {
    insta::assert_snapshot!(of("VERSION 0.8\nFROM alpine\nt:\n  BUILD ./*+t\n  COPY ./*+t/x .\n  DO +F\nF:\n  FUNCTION\n  BUILD ./*/*+t\n"), @r#"
    Buildfile:4:9: `./*+t` is a pattern of directories, and those are not turned on
      hint: write `VERSION --wildcard-builds …` at the top of the file
    Buildfile:5:8: `./*+t` is a pattern of directories, and those are not turned on
      hint: write `VERSION --wildcard-copy …` at the top of the file
    Buildfile:9:9: no matching targets found for pattern `./*/*+t`
      hint: a directory matches if it has a build file with a target `t`
    "#);
}

#[test]
fn files_go_below_the_directory_unless_forced() {
    insta::assert_snapshot!(of("VERSION 0.8\nFROM alpine\nt:\n  SAVE ARTIFACT x AS LOCAL ../x\n  SAVE ARTIFACT --force x AS LOCAL ../x\n  SAVE ARTIFACT x AS LOCAL ./a/../b\n  SAVE ARTIFACT x AS LOCAL $x/../..\n  SAVE ARTIFACT x/* AS LOCAL out\n  SAVE ARTIFACT x AS LOCAL /tmp/x\nF:\n  FUNCTION\n  SAVE ARTIFACT x AS LOCAL ../x\n"), @r#"
    Buildfile:4:3: unable to save to `../x`; path must be located under `.`
      hint: allow it with `--force`
    Buildfile:8:3: the destination `out` of a pattern must end with `/`
      hint: write `AS LOCAL out/`
    Buildfile:9:3: unable to save to `/tmp/x`; path must be located under `.`
      hint: allow it with `--force`
    "#);
}

#[test]
fn sources_of_a_copy_have_to_be_there() {
    insta::assert_snapshot!(checked(&[
        (
            "Buildfile",
            "VERSION 0.8\nFROM alpine\nt:\n  COPY there gone no/* ./dir ./\n  COPY --if-exists gone .\n  COPY $x ../up .\n  COPY hidden/x made/y made2 z? .\n  IF [ $x ]\n    COPY gone .\n  END\n  SAVE ARTIFACT a AS LOCAL made/\n  SAVE ARTIFACT made2 AS LOCAL ./\nF:\n  FUNCTION\n  COPY gone .\n",
        ),
        ("there", ""),
        ("dir/x", ""),
        ("hidden/x", ""),
        (".earthlyignore", "hidden\n"),
        ("lib/Buildfile", "VERSION 0.8\nFROM alpine\nt:\n  COPY made .\ng:\n  LOCALLY\n  RUN touch made\n"),
        ("lib/sub/Buildfile", "VERSION 0.8\nFROM alpine\nt:\n  BUILD ../+t\n  COPY made .\n"),
    ]), @r#"
    Buildfile:4:14: "gone": not found
    Buildfile:4:19: "no/*": not found
    Buildfile:6:11: `../up` is outside of the directory of the build file, `.`
      hint: COPY takes files from there only; save what another directory has with SAVE ARTIFACT in a target of its build file
    Buildfile:7:8: "hidden/x": not found
      hint: `.earthlyignore` leaves it out
    Buildfile:7:17: "made/y": not found
    "#);
}

#[test]
fn artifacts_have_to_be_saved_by_their_target() {
    insta::assert_snapshot!(of("VERSION 0.8\nFROM alpine\nt:\n  COPY +none/x .\n  COPY +some/gone .\n  COPY +some/b/deep +some/o/n.txt +some/* (+some/c --A=1) .\n  COPY +some/o/n.log .\n  COPY --if-exists +some/gone +none/x .\n  COPY +$x/y +any/z +calls/z .\nnone:\n  RUN x\nsome:\n  SAVE ARTIFACT a/b\n  IF x\n    SAVE ARTIFACT b c AS LOCAL d\n  END\n  SAVE ARTIFACT *.txt o/\nany:\n  SAVE ARTIFACT $x\ncalls:\n  DO +F\nF:\n  FUNCTION\n  SAVE ARTIFACT z\n"), @r#"
    Buildfile:4:8: artifact path not found: `+none/x`
      hint: `+none` has no SAVE ARTIFACT
    Buildfile:5:3: artifact path `/gone` not found in what the target saves
      hint: `+some` saves `/b`, `/c` and `/o/*.txt`
    Buildfile:7:3: artifact path `/o/n.log` not found in what the target saves
      hint: `+some` saves `/b`, `/c` and `/o/*.txt`
    "#);
}

#[test]
fn a_function_is_judged_by_the_features_of_its_callers() {
    let lib = "VERSION 0.7\nNEW:\n  COMMAND\n  LET a=1\nINNER:\n  COMMAND\n  LET b=1\nNOBODY:\n  COMMAND\n  LET c=1\nOLD:\n  COMMAND\n  LET d=1\nold:\n  FROM alpine\n  DO +OLD\n";
    let text =
        "VERSION 0.8\nFROM alpine\nt:\n  DO ./lib+NEW\n  DO +F\nF:\n  FUNCTION\n  DO ./lib+INNER\n";
    insta::assert_snapshot!(checked(&[("Buildfile", text), ("lib/Earthfile", lib)]), @r#"
    lib/Earthfile:13:3: `LET` must be enabled with `VERSION --arg-scope-and-set`
      hint: write `VERSION --arg-scope-and-set 0.7`
      hint: or use `VERSION 0.8`, which includes it
    "#);
}
