//! `COPY`: both forms, destinations, flags, what is missing, hidden or outside.

use super::Case;

fn files(line: &str) -> Case {
    let text = format!(
        "VERSION 0.8\nFROM alpine\nWORKDIR /w\nt:\n  {line}\nart:\n  SAVE ARTIFACT x\nnone:\n  RUN x\n"
    );
    Case::with(&[
        ("Buildfile", &text),
        ("f", ""),
        ("g+h", ""),
        ("d/a.txt", ""),
        ("d/.hidden.txt", ""),
        ("d/e/b.txt", ""),
        ("secret/key", ""),
        ("log/a.log", ""),
        (".bldignore", "secret\n*.tmp\nlog/*\n!log/a.log\n"),
        ("x.tmp", ""),
    ])
}

/// The contexts and copies of a `COPY` line, or its error.
async fn copy(line: &str) -> String {
    shown(files(line).run("+t").await)
}

fn shown(ran: super::Ran) -> String {
    match &ran.result {
        Ok(_) => {
            let all = crate::graph::dump::plan(&ran.plan);
            let lines = all.lines().filter(|l| l.contains("+t:"));
            let lines = lines.map(|l| l.split_once("+t: ").map_or(l, |(_, l)| l));
            lines
                .collect::<Vec<_>>()
                .join(" | ")
                .replace(" without secret *.tmp log/* !log/a.log", "")
        }
        Err(errors) => errors[0].to_string(),
    }
}

#[tokio::test]
async fn destinations_follow_the_table() {
    let mut table = String::new();
    for line in [
        "COPY f g",
        "COPY f ./",
        "COPY f .",
        "COPY f \"\"",
        "COPY f /abs",
        "COPY f sub/",
        "COPY f g+h dst",
        "COPY d dst",
        "COPY d .",
        "COPY --dir d dst",
        "COPY --dir d dst/",
        "COPY --dir d/e c/",
        "COPY --dir d f new",
        "COPY . .",
        "COPY ./ /x/",
        "COPY ./d/../f .",
        "COPY /f .",
        "COPY d/*.txt .",
        "COPY d/?.txt .",
        "COPY d/[a-c].txt x",
        "COPY */e/b.txt .",
        "COPY $E $E",
        "COPY --if-exists $E $E",
        "COPY g\\+h .",
    ] {
        table.push_str(&format!("{line} => {}\n", copy(line).await));
    }
    insta::assert_snapshot!(table, @r#"
    COPY f g => context f | copy s1 s2:/f -> /w/g contents
    COPY f ./ => context f | copy s1 s2:/f -> /w/ contents
    COPY f . => context f | copy s1 s2:/f -> /w/ contents
    COPY f "" => context f | copy s1 s2:/f -> /w/ contents
    COPY f /abs => context f | copy s1 s2:/f -> /abs contents
    COPY f sub/ => context f | copy s1 s2:/f -> /w/sub/ contents
    COPY f g+h dst => Buildfile:5:3: combining artifacts and files in one COPY is not allowed
    COPY d dst => context d | copy s1 s2:/d -> /w/dst contents
    COPY d . => context d | copy s1 s2:/d -> /w/ contents
    COPY --dir d dst => context d | copy s1 s2:/d -> /w/dst
    COPY --dir d dst/ => context d | copy s1 s2:/d -> /w/dst/
    COPY --dir d/e c/ => context d/e | copy s1 s2:/d/e -> /w/c/
    COPY --dir d f new => context d f | copy s1 s2:/d -> /w/new/, s2:/f -> /w/new/
    COPY . . => context | copy s1 s2:/ -> /w/ contents
    COPY ./ /x/ => context | copy s1 s2:/ -> /x/ contents
    COPY ./d/../f . => context f | copy s1 s2:/f -> /w/ contents
    COPY /f . => context f | copy s1 s2:/f -> /w/ contents
    COPY d/*.txt . => context d/*.txt | copy s1 s2:/d/*.txt -> /w/ contents glob
    COPY d/?.txt . => context d/?.txt | copy s1 s2:/d/?.txt -> /w/ contents glob
    COPY d/[a-c].txt x => context d/[a-c].txt | copy s1 s2:/d/[a-c].txt -> /w/x contents glob
    COPY */e/b.txt . => context */e/b.txt | copy s1 s2:/*/e/b.txt -> /w/ contents glob
    COPY $E $E => context | copy s1 s2:/ -> /w/ contents
    COPY --if-exists $E $E => context | copy s1 s2:/ -> /w/ contents if-exists
    COPY g\+h . => context g+h | copy s1 s2:/g+h -> /w/ contents
    "#);
}

#[tokio::test]
async fn flags_reach_the_copy() {
    let mut table = String::new();
    for line in [
        "COPY --chown=a:b f .",
        "COPY --chmod=755 f .",
        "COPY --chmod=0604 --keep-ts --keep-own f .",
        "COPY --chown=$U --keep-own f .",
        "COPY --chmod=9 f .",
        "COPY --symlink-no-follow f .",
        "COPY --if-exists f missing .",
        "COPY --if-exists missing .",
        "COPY --if-exists *.none .",
    ] {
        table.push_str(&format!("{line} => {}\n", copy(line).await));
    }
    insta::assert_snapshot!(table, @r"
    COPY --chown=a:b f . => context f | copy s1 s2:/f -> /w/ contents owner a:b
    COPY --chmod=755 f . => context f | copy s1 s2:/f -> /w/ contents mode 755
    COPY --chmod=0604 --keep-ts --keep-own f . => context f | copy s1 s2:/f -> /w/ contents keep-own mode 604 keep-ts
    COPY --chown=$U --keep-own f . => context f | copy s1 s2:/f -> /w/ contents keep-own
    COPY --chmod=9 f . => Buildfile:5:3: invalid value `9` of `--chmod`: expected an octal number such as `755`
    COPY --symlink-no-follow f . => context f | copy s1 s2:/f -> /w/ contents no-follow
    COPY --if-exists f missing . => context f | copy s1 s2:/f -> /w/ contents if-exists
    COPY --if-exists missing . => 
    COPY --if-exists *.none . =>
    ");
    let text = "VERSION 0.8\nFROM alpine\nUSER u\nt:\n  COPY f ~/x\n";
    let ran = Case::with(&[("Buildfile", text), ("f", "")])
        .run("+t")
        .await
        .ok();
    assert!(ran.remarks[0].contains("is a file name and not a home directory"));
    insta::assert_snapshot!(shown(ran), @"context f | copy s0 s1:/f -> /~/x contents owner u");
}

#[tokio::test]
async fn what_is_missing_hidden_or_outside_is_found_before_anything_runs() {
    let mut table = String::new();
    for line in [
        "COPY missing .",
        "COPY f missing .",
        "COPY *.none .",
        "COPY d/*.none .",
        "COPY ../x .",
        "COPY d/../../x .",
        "COPY secret/key .",
        "COPY x.tmp .",
        "COPY log .",
        "COPY log/a.log .",
        "COPY f +art/x .",
        "COPY +art .",
        "COPY +none/x .",
        "COPY --if-exists +none/x .",
        "COPY (f --a=b) .",
        "COPY +missing/x .",
    ] {
        table.push_str(&format!("{line} => {}\n", copy(line).await));
    }
    insta::assert_snapshot!(table, @r#"
    COPY missing . => Buildfile:5:8: "missing": not found
    COPY f missing . => Buildfile:5:10: "missing": not found
    COPY *.none . => Buildfile:5:8: "*.none": not found
    COPY d/*.none . => Buildfile:5:8: "d/*.none": not found
    COPY ../x . => Buildfile:5:8: `../x` is outside of the directory of the build file, `.`
    COPY d/../../x . => Buildfile:5:8: `d/../../x` is outside of the directory of the build file, `.`
    COPY secret/key . => Buildfile:5:8: "secret/key": not found
    COPY x.tmp . => Buildfile:5:8: "x.tmp": not found
    COPY log . => context log | copy s1 s2:/log -> /w/ contents
    COPY log/a.log . => context log/a.log | copy s1 s2:/log/a.log -> /w/ contents
    COPY f +art/x . => Buildfile:5:3: combining artifacts and files in one COPY is not allowed
    COPY +art . => Buildfile:5:8: invalid artifact reference `+art`: the path of the artifact is missing
    COPY +none/x . => Buildfile:5:8: artifact path not found: `+none/x`
    COPY --if-exists +none/x . => 
    COPY (f --a=b) . => Buildfile:5:8: build args not supported for a non-artifact COPY source
    COPY +missing/x . => Buildfile:5:8: target `missing` not found in `Buildfile`
    "#);
}

#[tokio::test]
async fn artifacts_are_copied_out_of_the_artifacts_of_their_target() {
    let mut table = String::new();
    for line in [
        "COPY +art/x .",
        "COPY +art/x dst",
        "COPY +art/x \"\"",
        "COPY --dir +art/x dst",
        "COPY +art/* dst/",
        "COPY +art/ .",
        "COPY +art/x +art/y/ dst",
        "COPY --keep-ts --keep-own --symlink-no-follow --if-exists +art/x .",
        "COPY --platform=linux/arm64 +art/x .",
    ] {
        let line = copy(line).await;
        table.push_str(&line);
        table.push('\n');
    }
    insta::assert_snapshot!(table, @r"
    copy s2 s3:/x -> /w/ contents
    copy s2 s3:/x -> /w/dst contents
    copy s2 s3:/x -> /w/ contents
    copy s2 s3:/x -> /w/dst
    copy s2 s3:/* -> /w/dst/ contents glob
    copy s2 s3:/ -> /w/ contents
    copy s2 s3:/x -> /w/dst/ contents, s3:/y -> /w/dst/ contents
    copy s2 s3:/x -> /w/ contents if-exists no-follow keep-own keep-ts
    copy s5 s4:/x -> /w/ contents
    ");
}

#[cfg(unix)]
#[tokio::test]
async fn a_symbolic_link_is_followed_inside_the_directory_and_refused_outside() {
    let link = |case: Case, name: &str, to: &str| {
        std::os::unix::fs::symlink(to, case.dir.path().join(name)).expect("linked");
        case
    };
    let run = |case: Case| async { shown(case.run("+t").await) };
    assert_eq!(
        run(link(files("COPY l ."), "l", "d/a.txt")).await,
        "context l d/a.txt | copy s1 s2:/l -> /w/ contents"
    );
    assert_eq!(
        run(link(files("COPY d/l ."), "d/l", "../f")).await,
        "context d/l f | copy s1 s2:/d/l -> /w/ contents"
    );
    assert!(
        run(link(files("COPY l ."), "l", "../../etc/passwd"))
            .await
            .contains("is outside of the directory")
    );
    assert!(
        run(link(files("COPY l ."), "l", "/etc/passwd"))
            .await
            .contains("is outside of the directory")
    );
    assert!(
        run(link(files("COPY l ."), "l", "nowhere"))
            .await
            .contains("\"l\": not found")
    );
    assert!(
        run(link(files("COPY --symlink-no-follow l ."), "l", "nowhere"))
            .await
            .contains("no-follow")
    );
}

#[tokio::test]
async fn a_file_that_the_build_writes_is_not_a_source() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  WAIT\n    BUILD +a\n  END\n  COPY out .\na:\n  SAVE ARTIFACT x AS LOCAL out\n";
    let ran = Case::with(&[("Buildfile", text), ("out", "")])
        .run("+t")
        .await;
    assert!(ran.error().contains("is output elsewhere in the build"));
}

#[tokio::test]
async fn two_ignore_files_are_one_too_many() {
    let case = files("COPY f .").file(".earthlyignore", "");
    assert!(
        case.run("+t")
            .await
            .error()
            .contains("both `.bldignore` and `.earthlyignore` exist")
    );
}

#[tokio::test]
async fn before_no_implicit_ignore_the_builds_own_files_are_hidden() {
    let text = "VERSION 0.0\nFROM alpine\nt:\n  COPY . .\n";
    let plan = shown(Case::new(text).run("+t").await);
    assert!(plan.contains("Buildfile .bldignore"), "{plan}");
}

#[tokio::test]
async fn a_file_that_is_written_at_the_end_of_the_build_may_be_copied() {
    let text = "VERSION 0.8\nFROM alpine\nt:\n  FROM +deps\n  BUILD +deps\ndeps:\n  COPY go.mod .\n  RUN go mod tidy\n  SAVE ARTIFACT go.mod AS LOCAL go.mod\n";
    Case::with(&[("Buildfile", text), ("go.mod", "")])
        .run("+t")
        .await
        .ok();
}

#[tokio::test]
async fn scratch_has_no_names_of_owners() {
    let run = async |lines: &str| {
        let text = format!("VERSION 0.8\nFROM scratch\nt:\n  {lines}\n");
        let case = Case::with(&[("Buildfile", &text), ("f", "")]);
        case.run("+t").await
    };
    insta::assert_snapshot!(run("COPY --chown=app:1 f /").await.errors(), @r"
    Buildfile:4:3: cannot give files to `app:1`: `scratch` has no `/etc/passwd` to look `app` up in
      in +t
      hint: use numbers, `--chown=<uid>:<gid>` or `USER <uid>:<gid>`
    ");
    for refused in [
        "COPY --chown=1:app f /",
        "USER app\n  COPY f /",
        "USER app\n  WORKDIR /w",
        "WORKDIR /w\n  COPY --chown=app f .",
    ] {
        let error = run(refused).await.error();
        assert!(error.contains("has no `/etc/passwd`"), "{refused}: {error}");
    }
    for fine in [
        "COPY --chown=1000:1000 f /",
        "COPY --chown=root:root f /",
        "USER app\n  COPY --keep-own f /",
        "USER 1000\n  WORKDIR /w",
        // What was copied may be a file with names.
        "COPY f /etc/passwd\n  COPY --chown=app f /",
    ] {
        run(fine).await.ok();
    }
}
