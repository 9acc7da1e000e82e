//! What is decided here is what the shells of this machine say.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{condition, fields, vars::Variable};
use crate::base::shell_pattern::{Pattern, Side};

type Vars = BTreeMap<&'static str, String>;

fn decide(script: &str, vars: &Vars) -> Option<bool> {
    condition(script, &|name| lookup(name, vars))
}

fn lookup(name: &str, vars: &Vars) -> Variable {
    vars.get(name)
        .map_or(Variable::Unset, |value| Variable::Set(value.clone()))
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The exit status of every script in each shell that this machine has.
fn run(cases: &[(String, Vars)]) -> Vec<(String, Vec<String>)> {
    let mut batch = String::new();
    for (script, vars) in cases {
        batch.push_str("(unset x y v n; ");
        for (name, value) in vars {
            write!(batch, "{name}={}; ", quote(value)).expect("a string takes text");
        }
        writeln!(
            batch,
            "eval {}) </dev/null >/dev/null 2>&1; echo $?",
            quote(script)
        )
        .expect("a string takes text");
    }
    answers(&batch)
}

/// The lines that a script prints in each shell that this machine has, one process a shell.
fn answers(script: &str) -> Vec<(String, Vec<String>)> {
    let empty = tempfile::tempdir().expect("a directory");
    let mut answers = Vec::new();
    for shell in [
        &["/bin/sh"][..],
        &["dash"],
        &["busybox", "sh"],
        &["bash", "--posix"],
        &["mksh"],
        &["yash"],
    ] {
        let child = Command::new(shell[0])
            .args(&shell[1..])
            .current_dir(&empty)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            assert_ne!(shell[0], "/bin/sh", "every machine has this one");
            continue;
        };
        let mut stdin = child.stdin.take().expect("it is a pipe");
        let script = script.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
        let output = child.wait_with_output().expect("it ends");
        writer
            .join()
            .expect("it does not panic")
            .expect("the shell reads to the end");
        let output = String::from_utf8(output.stdout).expect("text");
        answers.push((
            shell[0].to_owned(),
            output.lines().map(str::to_owned).collect(),
        ));
    }
    answers
}

fn value() -> BoxedStrategy<String> {
    const VALUES: &[&str] = &[
        "",
        "a",
        "b",
        "0",
        "1",
        "-1",
        "10",
        "010",
        "+1",
        " 1",
        "a b",
        "*",
        "-n",
        "-z",
        "!",
        "(",
        ")",
        "=",
        "!=",
        "-a",
        "-o",
        "-eq",
        "true",
        "false",
        ":",
        "é",
        "Á",
        "$x",
        "\\",
        "x=a",
        "~",
        "[",
        "]",
        "-f",
        "a/b/c.tar.gz",
        "v1.2",
        "1.2",
        "[[",
        "{a,b}",
        "a'b",
        "if",
        "99999999999999999999",
        "a\nb",
        "-",
    ];
    select(VALUES).prop_map(str::to_owned).boxed()
}

fn word() -> BoxedStrategy<String> {
    const WORDS: &[&str] = &[
        "a",
        "b",
        "1",
        "0",
        "-1",
        "''",
        "\"\"",
        "'a b'",
        "\"$x\"",
        "\"$x\"",
        "\"$y\"",
        "$x",
        "$y",
        "$n",
        "\"$n\"",
        "${x}",
        "\"${x:-a}\"",
        "${x:-a}",
        "\"${x-a}\"",
        "\"${x:+a}\"",
        "${x:+a}",
        "\"${x+a}\"",
        "\"${x:-$y}\"",
        "${y:-$x}",
        "\"${v#v}\"",
        "\"${v%.*}\"",
        "\"${v%%.*}\"",
        "\"${x##*/}\"",
        "\"${x#*/}\"",
        "\"${x%$y}\"",
        "${#x}",
        "\"${#y}\"",
        "\"x$x\"",
        "$x$y",
        "x\"$x\"",
        "\\$x",
        "'$x'",
        "\"\\$x\"",
        "\"a\\b\"",
        "a\\b",
        "-n",
        "-z",
        "!",
        "=",
        "!=",
        "-eq",
        "-lt",
        "-a",
        "-o",
        "(",
        "]",
        "\"${x:-'a'}\"",
        "${x:-\"a b\"}",
        "${x:-}",
        "v1.2",
        "1.2",
        "=a",
        "a=b",
        "é",
        "a:b",
        "\"${x:-a b}\"",
        "${v#?}",
        "\"${v#?}\"",
        "\"${x:-*}\"",
        "~",
        "a~b",
        "a#b",
        "$",
        "\"$\"",
        "a]",
        "[a",
        "%",
        "@",
        ",",
        "^a",
        "+",
        "/",
        "--",
        "==",
    ];
    select(WORDS).prop_map(str::to_owned).boxed()
}

fn operator() -> BoxedStrategy<String> {
    select(
        &[
            "=", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "=", "\"=\"",
        ][..],
    )
    .prop_map(str::to_owned)
    .boxed()
}

fn command() -> BoxedStrategy<String> {
    let binary = || (word(), operator(), word()).prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let unary = || (select(&["-z", "-n"][..]), word()).prop_map(|(op, a)| format!("{op} {a}"));
    let primary = || prop_oneof![3 => binary(), 2 => unary(), 1 => word()].boxed();
    let connected = (primary(), select(&["-a", "-o"][..]), primary())
        .prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let three = (
        primary(),
        select(&["-a", "-o"][..]),
        primary(),
        select(&["-a", "-o"][..]),
        primary(),
    )
        .prop_map(|(a, op, b, or, c)| format!("{a} {op} {b} {or} {c}"));
    let soup = prop::collection::vec(word(), 0..6).prop_map(|words| words.join(" "));
    let not = primary().prop_map(|p| format!("! {p}"));
    let inside =
        prop_oneof![4 => binary(), 2 => unary(), 1 => connected, 1 => three, 2 => soup, 1 => not]
            .boxed();
    prop_oneof![
        6 => inside.clone().prop_map(|inside| format!("[ {inside} ]")),
        1 => inside.prop_map(|inside| format!("test {inside}")),
        1 => select(&["true", "false", ":", ": a", "$x", "\"$x\"", "$n", "$x $y", "true x", "[ ]", "[", "test", "a", "x=a", "x=a true"][..])
            .prop_map(str::to_owned),
    ]
    .boxed()
}

fn script() -> BoxedStrategy<String> {
    let signs = "[]\"'$xy{}a-=!&| \\#~*?:+%n";
    let soup = prop::collection::vec(select(signs.chars().collect::<Vec<_>>()), 0..14)
        .prop_map(String::from_iter)
        .boxed();
    let bang = || select(&["", "", "", "! "][..]);
    let link = || select(&[" && ", " || ", "&&", "||", " & ", " | ", "; "][..]);
    prop_oneof![
        4 => (bang(), command()).prop_map(|(bang, a)| format!("{bang}{a}")),
        3 => (bang(), command(), link(), bang(), command(), link(), command())
            .prop_map(|(n, a, l, m, b, k, c)| format!("{n}{a}{l}{m}{b}{k}{c}")),
        2 => soup.clone(),
        2 => soup.prop_map(|soup| format!("[ a{soup} = a ]")),
    ]
    .boxed()
}

#[test]
fn what_is_decided_without_a_shell_is_what_every_shell_says() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &seed()),
    );
    let vars = (
        proptest::option::of(value()),
        proptest::option::of(value()),
        select(&["v1.2", "1.2", "v"][..]),
    );
    let strategy = (script(), vars);
    let mut cases = Vec::new();
    let mut tried = 0;
    while cases.len() < 3000 {
        tried += 1;
        let (script, (x, y, v)) = strategy
            .new_tree(&mut runner)
            .expect("nothing is refused")
            .current();
        let mut vars = Vars::from([("v", v.to_owned())]);
        vars.extend(x.map(|x| ("x", x)));
        vars.extend(y.map(|y| ("y", y)));
        if decide(&script, &vars).is_some() {
            cases.push((script, vars));
        }
    }
    assert!(
        tried < 30_000,
        "too little is decided: {} of {tried}",
        cases.len()
    );
    let mut wrong = Vec::new();
    for (shell, statuses) in run(&cases) {
        assert_eq!(statuses.len(), cases.len(), "{shell} answered every case");
        for ((script, vars), status) in cases.iter().zip(statuses) {
            let ours = decide(script, vars).expect("it was decided before");
            if ours != (status == "0") {
                wrong.push(format!(
                    "{shell}: `{script}` with {vars:?} is {status}, not {ours}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(30)].join("\n")
    );
}

/// A pattern of the shell: what stands for itself, stars, question marks, all kinds of brackets, and some that are not.
fn pattern() -> BoxedStrategy<String> {
    const PIECES: &[&str] = &[
        "a",
        "b",
        "c",
        "1",
        ".",
        "/",
        "-",
        "!",
        "]",
        "*",
        "*",
        "*",
        "?",
        "?",
        "[ab]",
        "[!ab]",
        "[a-c]",
        "[!a-c]",
        "[]a]",
        "[!]a]",
        "[a-]",
        "[-a]",
        "[.-/]",
        "[*]",
        "[?]",
        "[[]",
        "[!a-b1]",
        "[[:digit:]]",
        "[![:alpha:]]",
        "[[:alpha:]1]",
        "[[:punct:]]",
        "[a[:digit:]-]",
        "[",
        "[a",
        "\\*",
        "\\?",
        "\\[",
        "\\\\",
        "\\a",
        "[\\]]",
        "[\\\\a]",
    ];
    prop::collection::vec(select(PIECES), 0..5)
        .prop_map(|pieces| pieces.concat())
        .boxed()
}

#[test]
fn patterns_take_off_what_they_take_off_in_a_shell() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &seed()),
    );
    let text = prop::collection::vec(select(&b"aabc1./-[]*\\!"[..]), 0..9)
        .prop_map(|bytes| String::from_utf8(bytes).expect("ASCII"));
    let strategy = (text, pattern());
    let cases: Vec<(String, String)> = (0..2000)
        .map(|_| {
            strategy
                .new_tree(&mut runner)
                .expect("any will do")
                .current()
        })
        .collect();
    let mut script = String::new();
    for (text, pattern) in &cases {
        let (x, p) = (quote(text), quote(pattern));
        // What is quoted in a pattern stands for itself.
        writeln!(
            script,
            "x={x} p={p}; printf '%s\\n' \"${{x#$p}}\" \"${{x##$p}}\" \"${{x%$p}}\" \"${{x%%$p}}\" \"${{x##\"$p\"}}\""
        )
        .expect("a string takes text");
    }
    let ours: Vec<String> = cases
        .iter()
        .flat_map(|(text, pattern)| {
            let wild = Pattern::parse(pattern);
            let mut literal = Pattern::default();
            literal.literal(pattern);
            [
                wild.strip(text, Side::Start, false),
                wild.strip(text, Side::Start, true),
                wild.strip(text, Side::End, false),
                wild.strip(text, Side::End, true),
                literal.strip(text, Side::Start, true),
            ]
            .map(str::to_owned)
        })
        .collect();
    let taken = ours
        .iter()
        .zip(cases.iter().flat_map(|(text, _)| [text; 5]));
    let taken = taken.filter(|(ours, text)| ours != text).count();
    assert!(taken > 500, "too few patterns match: {taken}");
    let mut wrong = Vec::new();
    for (shell, theirs) in answers(&script) {
        assert_eq!(theirs.len(), ours.len(), "{shell} answered every case");
        for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            if ours != theirs {
                let (text, pattern) = &cases[n / 5];
                let form = ["#", "##", "%", "%%", "## quoted"][n % 5];
                wrong.push(format!(
                    "{shell}: `{text}` {form} `{pattern}` is `{theirs}`, not `{ours}`"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(30)].join("\n")
    );
}

/// The same cases every time; `BLD_TEST_SEED` asks for others.
fn seed() -> [u8; 32] {
    let asked = std::env::var("BLD_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&asked.unwrap_or(1_u64).to_le_bytes());
    seed
}

#[test]
fn conditions_of_real_files_are_decided() {
    let vars = Vars::from([
        ("mode", "release".to_owned()),
        ("empty", String::new()),
        ("n", "3".to_owned()),
        ("yes", "true".to_owned()),
    ]);
    for (script, expected) in [
        ("[ \"$mode\" = \"release\" ]", true),
        ("[ $mode = debug ]", false),
        ("test \"$mode\" != debug", true),
        ("[ -z \"$empty\" ]", true),
        ("[ -n \"$undeclared\" ]", false),
        // One argument, and that is not empty: the trap of every shell.
        ("[ -n $empty ]", true),
        ("[ ! -z \"$mode\" ]", true),
        ("! [ -z \"$mode\" ]", true),
        ("[ \"$n\" -gt 2 ] && [ \"$n\" -le 3 ]", true),
        ("[ \"$mode\" = \"a\" ] || [ \"$mode\" = \"release\" ]", true),
        ("[ \"$mode\" = \"a\" -o \"$mode\" = \"release\" ]", true),
        ("[ \"${mode#re}\" = \"lease\" ]", true),
        ("[ \"${other:-x}\" = \"x\" ]", true),
        ("$yes", true),
        ("true", true),
        ("false", false),
    ] {
        assert_eq!(decide(script, &vars), Some(expected), "{script}");
    }
}

#[test]
fn what_only_running_can_tell_is_left_to_the_shell() {
    let vars = Vars::from([
        ("two", "a b".to_owned()),
        ("star", "*".to_owned()),
        ("UID", "0".to_owned()),
    ]);
    for script in [
        "[ -f x ]",
        "[ -d \"$two\" ]",
        "grep -q x y",
        "[ $two = a ]",
        "[ $star = a ]",
        "[ x = * ]",
        "[ \"$(id -u)\" = 0 ]",
        "[ `id -u` = 0 ]",
        "[ \"$HOME\" = /root ]",
        "[ -z \"$PATH\" ]",
        "[ \"$UID\" = 0 ]",
        "[ -n \"$http_proxy\" ]",
        "[ \"$1\" = a ]",
        "[ \"$#\" = 0 ]",
        "[ a = b ] | cat",
        "[ a = a ]; false",
        "( true )",
        "if true; then true; fi",
        "[[ a = a ]]",
        "[ a == a ]",
        "[ 010 -eq 8 ]",
        "[ a -eq a ]",
        "[ \"${two:?}\" = a ]",
        "[ \"${two:=x}\" = a ]",
        "[ a = b ] > file",
        "[ a = ~ ]",
        "[ a = {a,b} ]",
        "[ a = \"$'x'\" ]",
        "true\nfalse",
        "x=a",
        "",
        "&& true",
        "true &&",
        "[ a = a",
        "! ! true",
    ] {
        assert_eq!(decide(script, &vars), None, "{script}");
    }
}

#[test]
fn what_was_skipped_need_not_be_known_but_has_to_be_readable() {
    let vars = Vars::new();
    assert_eq!(decide("false && [ -f x ]", &vars), Some(false));
    assert_eq!(decide("true || [ -f x ]", &vars), Some(true));
    assert_eq!(decide("[ -f x ] || true", &vars), None);
    assert_eq!(decide("true || $(", &vars), None);
}

#[test]
fn the_fields_of_a_list_are_those_of_the_shell() {
    let vars = Vars::from([("x", "a".to_owned())]);
    let fields = |script: &str| fields(script, &|name| lookup(name, &vars));
    assert_eq!(
        fields("a  \"b c\" $x $none ''"),
        Some(vec!["a".into(), "b c".into(), "a".into(), String::new()])
    );
    assert_eq!(fields("*.txt"), None);
    assert_eq!(fields("$(ls)"), None);
    assert_eq!(fields("a && b"), None);
}
