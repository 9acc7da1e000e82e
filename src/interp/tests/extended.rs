//! What only files with `VERSION --extended` have.

use super::Case;

async fn plan(body: &str) -> String {
    let text = format!("VERSION --extended 0.8\nFROM alpine\nt:\n{body}");
    Case::new(&text)
        .file("a.txt", "")
        .file("dir/b.txt", "")
        .file("dir/deep/c.rs", "")
        .file("dir/deep/d.txt", "")
        .exit("test -f x", 0)
        .run("+t")
        .await
        .plan()
}

#[tokio::test]
async fn a_here_document_is_the_script_or_what_the_command_reads() {
    insta::assert_snapshot!(plan("  RUN <<EOF\nset -e\necho \"$X\"\nEOF\n  RUN <<-EOF\n\t\ttabs\n\tEOF\n  RUN cat <<\"A\" <<-B > /x\n$X\nA\n\tb\nB\n  RUN --no-cache <<'S'\n#!/usr/bin/env python3\nprint(1)\nS\n").await, @r#"
    s0 +base: image alpine:latest
    s1 +t: run s0 `set -e
    echo "$X"
    `
    s2 +t: run s1 `tabs
    `
    s3 +t: run s2 `cat <<"A" <<-B > /x
    $X
    A
    	b
    B`
    s4 +t: files /S
    s5 +t: run s3 ["/dev/pipes/S"] no-cache mount /dev/pipes s4:/ ro
    "#);
}

#[tokio::test]
async fn a_here_document_is_a_source_of_copy() {
    insta::assert_snapshot!(plan("  ARG X=value\n  COPY --chmod=600 <<a.conf <<\"b.conf\" a.txt /etc/\nkey = \"$X\" ${X:-y} \\$X $(cmd) 'it'\na.conf\nkey = $X\nb.conf\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: files /b.conf
    s2 +t: context a.txt
    s3 +t: files /a.conf
    s4 +t: copy s0 s3:/a.conf -> /etc/ contents, s1:/b.conf -> /etc/ contents, s2:/a.txt -> /etc/ contents mode 600
    ");
}

#[tokio::test]
async fn the_shell_of_commands_can_be_another() {
    let plan = plan("  SHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\n  RUN a | b\n  CMD c $X\n  IF test -f x\n    RUN then\n  END\n  STOPSIGNAL SIGINT\n  RUN --entrypoint\n").await;
    for line in [
        r#"["/bin/bash", "-eo", "pipefail", "-c", "a | b"]"#,
        r#"["/bin/bash", "-eo", "pipefail", "-c", "test -f x"]"#,
        r#"["/bin/bash", "-eo", "pipefail", "-c", "then"]"#,
        r#"["/bin/bash", "-eo", "pipefail", "-c", "c "]"#,
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
}

#[tokio::test]
async fn patterns_are_those_of_the_shell() {
    let text = "VERSION --extended 0.8\nFROM alpine\nt:\n  ARG V=a/b/c.tar.gz\n  ARG P=*/\n  LET A=\"${V##*/} ${V#*/} ${V%.*} ${V%%.*} ${V#$P} ${V#\"$P\"} ${V##'*'} ${V%[.]g?}\"\n  RUN x\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.env("x"), @"A=c.tar.gz b/c.tar.gz a/b/c.tar a/b/c b/c.tar.gz a/b/c.tar.gz a/b/c.tar.gz a/b/c.tar P=*/ V=a/b/c.tar.gz");
}

#[tokio::test]
async fn without_the_flag_nothing_changes() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  ARG V=a/b#*/x\n  LET A=\"${V#*/} ${V%%x}\"\n  RUN cat <<EOF\n  RUN EOF\n";
    let ran = Case::new(text).run("+t").await;
    assert_eq!(ran.commands(), ["EOF", "cat <<EOF"]);
    for command in [
        "ADD a.txt /",
        "SHELL [\"/bin/sh\"]",
        "STOPSIGNAL 9",
        "COPY --parents a.txt /",
    ] {
        let text = format!("VERSION 0.8\nFROM alpine\nt:\n  {command}\n");
        let errors = Case::new(&text).file("a.txt", "").run("+t").await.errors();
        assert!(errors.contains("--extended"), "{errors}");
    }
}

#[tokio::test]
async fn copy_leaves_out_and_keeps_directories() {
    insta::assert_snapshot!(plan("  COPY --exclude=*.txt --exclude=!keep.txt dir a.* /x/\n  COPY --parents a.txt dir/*/*.txt /y\n  COPY --parents dir/./deep /z/\n  COPY --exclude=**/*.rs . /w\n").await, @r"
    s0 +base: image alpine:latest
    s1 +t: context dir without dir/*.txt !dir/keep.txt
    s2 +t: copy s0 s1:/dir -> /x/ contents
    s3 +t: context a.txt dir/deep/d.txt
    s4 +t: copy s2 s3:/a.txt -> /y/, s3:/dir/deep/d.txt -> /y/dir/deep/
    s5 +t: context dir/deep
    s6 +t: copy s4 s5:/dir/deep -> /z/
    s7 +t: context without **/*.rs
    s8 +t: copy s6 s7:/ -> /w contents
    ");
}

#[tokio::test]
async fn artifacts_keep_their_directories_too() {
    let text = "VERSION --extended 0.8\nFROM alpine\nt:\n  COPY --parents +b/out/bin/app +b/lib/* /x\nb:\n  SAVE ARTIFACT a\n";
    insta::assert_snapshot!(Case::new(text).run("+t").await.plan(), @r"
    s0 +b: scratch
    s1 +base: image alpine:latest
    s2 +b: copy s0 s1:/a -> /a keep-own
    s3 +t: copy s1 s2:/out/bin/app -> /x/out/bin/, s2:/lib/* -> /x/lib/ glob
    ");
}

#[tokio::test]
async fn add_fetches_and_unpacks() {
    let sum = "a".repeat(64);
    let plan = plan(&format!("  ADD --checksum=sha256:{sum} https://example.com/x/y.tgz?z=1 /dir/\n  ADD --chmod=755 http://example.com/ /name\n  ADD a.txt /\n")).await;
    for line in [
        format!("download https://example.com/x/y.tgz?z=1 as y.tgz sha256:{sum}"),
        "download http://example.com/ as download any".to_owned(),
        ":/y.tgz -> /dir/ contents\n".to_owned(),
        ":/download -> /name contents mode 755\n".to_owned(),
        ":/a.txt -> / contents unpack".to_owned(),
    ] {
        assert!(plan.contains(&line), "{line}: {plan}");
    }
}

#[tokio::test]
async fn artifacts_are_copied_without_what_is_excluded() {
    let text = "VERSION --extended 0.8\nFROM alpine\nt:\n  COPY --exclude=*.md --exclude=/deep/./x/ +b/out /x\nb:\n  SAVE ARTIFACT out\n";
    let plan = Case::new(text).run("+t").await.plan();
    let line = "s2:/out -> /x contents without *.md without deep/x";
    assert!(plan.contains(line), "{plan}");
}

#[tokio::test]
async fn files_of_targets_and_images_can_be_mounted() {
    let text = "VERSION --extended 0.8\nFROM alpine\nt:\n  \
                RUN --mount=type=bind,from=+b/out,source=deep,target=/a --mount=from=+b,target=b,rw x\n  \
                RUN --mount=type=bind,from=busybox:1,src=/bin,dst=/c --mount=target=/d,source=dir --mount=target=/e y\n\
                b:\n  RUN make\n  SAVE ARTIFACT out\n";
    let case = Case::new(text).file("dir/f", "").file("g", "");
    insta::assert_snapshot!(case.run("+t").await.plan(), @r"
    s0 +b: scratch
    s1 +base: image alpine:latest
    s2 +b: run s1 `make`
    s3 +b: copy s0 s2:/out -> /out keep-own
    s4 +t: run s1 `x` mount /a s3:/out/deep ro mount /b s2:/
    s5 +t: context dir
    s6 +t: image busybox:1
    s7 +t: context
    s8 +t: run s4 `y` mount /c s6:/bin ro mount /d s5:/dir ro mount /e s7:/ ro
    ");
}

#[tokio::test]
async fn what_is_wrong_with_them_is_said() {
    let error = async |line: &str| {
        let text =
            format!("VERSION --extended 0.8\nFROM alpine\nt:\n  {line}\nb:\n  SAVE ARTIFACT a\n");
        Case::new(&text).file("a.txt", "").run("+t").await.errors()
    };
    insta::assert_snapshot!(error("ADD https://example.com/ /dir/").await, @r"
    Buildfile:4:7: the path of `https://example.com/` does not say what the file is called
      in +t
      hint: write the name as destination: `ADD <address> directory/name`
    ");
    insta::assert_snapshot!(error("ADD --checksum=md5:1 https://example.com/x /").await, @r"
    Buildfile:4:18: `md5:1` is not a checksum
      in +t
      hint: it is written `--checksum=sha256:` and 64 digits, as `sha256sum` prints them
    ");
    insta::assert_snapshot!(error("ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 a.txt /").await, @r"
    Buildfile:4:90: `--checksum` is for addresses, and `a.txt` is none
      in +t
    ");
    insta::assert_snapshot!(error("SHELL bash -c").await, @r#"
    Buildfile:4:3: SHELL takes a JSON list of strings
      in +t
      hint: for example `SHELL ["/bin/bash", "-o", "pipefail", "-c"]`
    "#);
    insta::assert_snapshot!(error("COPY --exclude=x --exclude=**/y +b/a /").await, @r"
    Buildfile:4:3: the pattern `**/y` of `--exclude` is only for files of the host, not for artifacts
      in +t
      hint: name what is left out without `**` and `!`, or save without it: `SAVE ARTIFACT` what is wanted
    ");
    insta::assert_snapshot!(error("RUN --mount=from=+c/x,target=/m x").await, @r"
    Buildfile:4:15: target `c` not found in `Buildfile`
      in +t
      hint: it has `t` and `b`
    ");
    insta::assert_snapshot!(error("RUN --mount=type=cache,from=+b,target=/m x").await, @r"
    Buildfile:4:15: `from=+b` is not supported for a mount of `type=cache`
      in +t
    ");
    insta::assert_snapshot!(error("RUN --mount=source=nothing,target=/m x").await, @r#"
    Buildfile:4:15: "nothing": not found
      in +t
    "#);
    insta::assert_snapshot!(error("COPY --parents +b/*/x /").await, @r"
    Buildfile:4:18: `--parents` needs the directories written out, and those of the artifact `+b/*/x` are a pattern
      in +t
      hint: only the last part of the path may be a pattern
    ");
    insta::assert_snapshot!(error("COPY <<EOF /x\n${X:?must be set}\nEOF").await, @r"
    Buildfile:5:1: `X`: must be set
      in +t
    ");
}
