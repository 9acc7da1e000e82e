//! `bld ls` and `bld doc`: what a build file offers, read from its text.

use crate::harness::Bld;

const FILE: &str = r#"VERSION 0.8
FROM scratch

# color is what everything is painted in.
ARG --global color=red

# paint is a target with a comment
# of two lines.
#
#   indented
paint:
    # coats is how often.
    ARG coats = 2
    # said nothing of brush
    ARG brush
    ARG --required wall
    IF true
        ARG hidden
    END
    # out.txt is an artifact.
    SAVE ARTIFACT --if-exists out.txt
    # local.txt goes to the host.
    SAVE ARTIFACT out.txt renamed.txt AS LOCAL local.txt
    # second is the second name.
    SAVE IMAGE --push first second
    SAVE IMAGE --cache-hint

# there is no documentation of this.
bare:
    RUN true

# MIX mixes.
MIX:
    FUNCTION
    ARG parts=3

# one
one:
    RUN true
"#;

#[test]
fn ls_lists_targets_by_name_with_the_base_recipe() {
    let bld = Bld::with(FILE);
    let names = "+bare\n+base\n+one\n+paint\n";
    assert_eq!(bld.ok(&["ls"]).stdout, names);
    assert_eq!(bld.ok(&["-f", "Buildfile", "ls"]).stdout, names);
    assert_eq!(
        bld.ok(&["ls", "--args"]).stdout,
        format!("{names}  --coats\n  --brush\n  --wall\n")
    );
}

#[test]
fn ls_takes_a_directory_or_a_build_file_and_can_show_it() {
    let bld = Bld::new().file("sub/Earthfile", "VERSION 0.8\nt:\n    FROM scratch\n");
    let names = "./sub+base\n./sub+t\n";
    for path in ["./sub", "./sub/Earthfile", "./sub/Buildfile"] {
        assert_eq!(bld.ok(&["ls", "-l", path]).stdout, names);
    }
    assert_eq!(bld.ok(&["ls", "-la", "./sub"]).stdout, names);
}

#[test]
fn ls_says_what_it_cannot_list() {
    let bld = Bld::new().file("empty/x", "");
    bld.fails(1, &["ls"]).says("no build file");
    bld.fails(1, &["ls", "./empty"]).says("no build file");
    bld.fails(1, &["ls", "./gone"]).says("`./gone`");
    bld.fails(1, &["ls", "+t"]).says("takes a path");
    bld.fails(1, &["ls", "sub"])
        .says("neither a local path nor in a repository");
    bld.fails(1, &["ls", "a", "b"])
        .says("`b` is a word too many")
        .says("`bld ls --help`");
    let broken = Bld::with("VERSION 0.8\nt:\n    FROM scratch\n    IF true\n");
    broken.fails(1, &["ls"]).says("Buildfile:4");
}

#[test]
fn doc_lists_what_is_documented() {
    let bld = Bld::with(FILE);
    assert_eq!(
        bld.ok(&["doc"]).stdout,
        "\
TARGETS:
  +paint --wall [--color=red] [--coats=2] [--brush]
      paint is a target with a comment
      of two lines.

        indented
  +one [--color=red]
      one
FUNCTIONS:
  +MIX [--parts=3]
      MIX mixes.
"
    );
    let long = bld.ok(&["doc", "--long", "."]).stdout;
    assert!(
        long.contains("\n    REQUIRED ARGS:\n      --wall\n"),
        "{long}"
    );
}

#[test]
fn doc_of_one_target_tells_what_it_takes_and_gives() {
    let bld = Bld::with(FILE);
    let expected = "\
+paint --wall [--color=red] [--coats=2] [--brush]
    paint is a target with a comment
    of two lines.

      indented
  REQUIRED ARGS:
    --wall
  OPTIONAL ARGS:
    --color=red
      color is what everything is painted in.
    --coats=2
      coats is how often.
    --brush
  ARTIFACTS:
    out.txt
      out.txt is an artifact.
  LOCAL ARTIFACTS:
    renamed.txt -> local.txt
      local.txt goes to the host.
  IMAGES:
    first, second
      second is the second name.

";
    assert_eq!(bld.ok(&["doc", "+paint"]).stdout, expected);
    assert_eq!(bld.ok(&["doc", "./+paint"]).stdout, expected);
    let function = bld.ok(&["doc", "+MIX"]).stdout;
    assert!(function.starts_with("+MIX [--parts=3]\n"), "{function}");
}

#[test]
fn doc_says_why_there_is_nothing_to_show() {
    let bld = Bld::with(FILE).file("plain/Buildfile", "VERSION 0.8\nt:\n    FROM scratch\n");
    bld.fails(1, &["doc", "+bare"])
        .says("no doc comment found")
        .says("first word");
    bld.fails(1, &["doc", "./plain+t"])
        .says("no doc comment found")
        .says("directly above");
    bld.fails(1, &["doc", "+pant"])
        .says("did you mean `+paint`");
    bld.fails(1, &["doc", "+paint+x"]).says("`+paint+x`");
    bld.fails(1, &["doc", "a+t"])
        .says("neither a local path nor in a repository");
    assert_eq!(bld.ok(&["doc", "./plain"]).stdout, "TARGETS:\n");
}
