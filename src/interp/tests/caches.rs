//! `CACHE`.

use super::Case;

fn case(version: &str, body: &str) -> Case {
    Case::new(&format!("VERSION {version}\nFROM alpine\n{body}"))
}

/// The plan with the long names of caches made short.
async fn plan(version: &str, body: &str) -> String {
    let text = case(version, body).run("+t").await.plan();
    let mut short = String::new();
    for line in text.lines() {
        let line = match (
            line.split_once("[\"/bin/sh\", \"-ec\""),
            line.split_once("\"sh\", "),
        ) {
            (Some((front, _)), Some((_, dirs))) => &format!("{front}keep [{dirs}"),
            _ => line,
        };
        let words: Vec<&str> = line
            .split(' ')
            .map(|word| match word.strip_prefix("/run/cache/") {
                Some(rest) => rest.get(65..).unwrap_or(rest),
                None => word,
            })
            .collect();
        short.push_str(&words.join(" "));
        short.push('\n');
    }
    short
}

#[tokio::test]
async fn every_command_behind_it_has_the_cache_and_those_in_front_do_not() {
    let body = "t:\n  WORKDIR /w\n  RUN before\n  CACHE --sharing shared --chmod 0755 data\n  CACHE ./data/\n  RUN a\n  LET x = $(b)\n  DO +F\n  FROM alpine\n  RUN after\nF:\n  FUNCTION\n  RUN c\n";
    let case = case("0.8", body).prints("b", "1\n");
    let text = case.run("+t").await.plan();
    let has = |script: &str| {
        let line = text.lines().find(|l| l.contains(&format!("`{script}`")));
        line.expect("it is in the plan").contains("cache /w/data ")
    };
    assert!(!has("before") && !has("after"), "{text}");
    assert!(has("a") && has("b") && has("c"), "{text}");
    assert!(text.contains("shared mode 755"), "{text}");
    assert_eq!(text.matches("`a`").count(), 1);
    assert_eq!(text.matches("/w/data").count(), 3 * 2, "{text}");
}

#[tokio::test]
async fn what_persists_is_in_what_the_target_gives_away() {
    let body =
        "t:\n  CACHE --persist /p\n  CACHE /c\n  RUN fill\n  SAVE ARTIFACT /p/x\n  RUN more\n";
    insta::assert_snapshot!(plan("0.8", body).await, @r#"
    s0 +base: image alpine:latest
    s1 +t: run s0 `fill` cache /p p cache /c c
    s2 +t: run s1 keep ["/p"] no-network cache /dev/bld-cache-0 p ro
    s3 +t: scratch
    s4 +t: copy s3 s2:/p/x -> /x keep-own
    s5 +t: run s1 `more` cache /p p cache /c c
    s6 +t: run s5 keep ["/p"] no-network cache /dev/bld-cache-0 p ro
    "#);
}

#[tokio::test]
async fn before_0_8_every_cache_persists() {
    let body = "t:\n  CACHE /c\n  RUN fill\n";
    let text = plan("0.7", body).await;
    assert!(text.contains("/dev/bld-cache-0"), "{text}");
    let text = plan("0.8", body).await;
    assert!(!text.contains("/dev/bld-cache-0"), "{text}");
}

#[tokio::test]
async fn an_id_makes_a_cache_everybodys_from_0_8_on() {
    let id = |version: &'static str| plan(version, "t:\n  CACHE --id npm /c\n  RUN x\n");
    assert!(id("0.8").await.contains("cache /c npm"));
    assert!(id("0.7").await.contains("cache /c c"));
}

#[tokio::test]
async fn bad_values_are_quoted() {
    for (flags, quoted) in [
        ("--sharing $X", "`all`"),
        ("--chmod $Y", "`755`"),
        ("--chmod 0999", "`0999`"),
        ("--sharing some", "`some`"),
    ] {
        let body = format!("t:\n  ARG X=all\n  ARG Y=755\n  CACHE {flags} /c\n");
        let error = case("0.8", &body).run("+t").await.error();
        assert!(error.contains(quoted), "{flags}: {error}");
    }
    let error = case("0.8", "t:\n  CACHE /a /b\n").run("+t").await.error();
    assert!(error.contains("invalid number of arguments"), "{error}");
    let error = case("0.7", "t:\n  CACHE --persist /a\n")
        .run("+t")
        .await
        .errors();
    assert!(error.contains("cache-persist-option"), "{error}");
}
