//! Targets: what they inherit, how often they run, how they refer to each other.

use super::Case;

#[tokio::test]
async fn a_target_begins_where_the_base_recipe_ends() {
    let ran = Case::new(
        "VERSION 0.8\nFROM alpine:3.18\nWORKDIR /src\nENV A=1\nt:\n  COPY a.txt ./\n  RUN make \"x  y\"   z\n  SAVE ARTIFACT out/app AS LOCAL build/app\n  SAVE IMAGE app:latest\n",
    )
    .file("a.txt", "")
    .run("+t")
    .await
    .ok();
    insta::assert_snapshot!(crate::graph::dump::plan(&ran.plan), @r#"
    s0 +base: image alpine:3.18
    s1 +base: mkdir s0 /src 755
    s2 +t: context a.txt
    s3 +t: copy s1 s2:/a.txt -> /src/ contents
    s4 +t: run s3 `make "x  y" z` A=1 in /src
    s5 +t: scratch
    s6 +t: copy s5 s4:/src/out/app -> /app keep-own
    s7 +t: scratch
    s8 +t: copy s7 s4:/src/out/app -> /app
    "#);
    insta::assert_snapshot!(ran.outputs(), @r"
    +t: artifact s8 +t/app as build/app => yes
    +t: image s4 app:latest => yes
    ");
}
