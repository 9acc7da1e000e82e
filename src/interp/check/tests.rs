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
            "VERSION 0.8\nIMPORT ./lib AS l\nIMPORT ./gone\nFROM alpine\nt:\n  FROM +imgae\n  COPY +image/x (+image/y --a=b) ./lib+nothing/x ./\n  DO l+SETPU\n  DO l+SETUP\n  BUILD lob+x\n  BUILD ./none+x\n  BUILD ./$X+x\n  BUILD github.com/a/b+x\n  BUILD +base\n  WITH DOCKER --load x=(+image --a=b) --load +imag\n    RUN x\n  END\nimage:\n  RUN x\n",
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
            "VERSION 0.8\nFROM alpine\na:\n  BUILD +b\nb:\n  WAIT\n    COPY ./lib+c/x .\n  END\nself:\n  FROM +self\nends:\n  ARG n=3\n  IF [ $n != 0 ]\n    BUILD +ends --n=$(expr $n - 1)\n  END\nother:\n  BUILD +other --n=1\n  COPY (+other/x --n=2) .\n",
        ),
        ("lib/Earthfile", "VERSION 0.8\nc:\n  FROM ../+a\n"),
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
    let text = "VERSION 0.8\nFROM a/Upper\nt:\n  FROM ok:1.0\nu:\n  FROM $x\nv:\n  FROM scratch\n";
    insta::assert_snapshot!(checked(&[("Buildfile", text)]), @"Buildfile:2:6: invalid image name `a/Upper`: repository `a/Upper` must be lower case");
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
