//! The layers of the house: each room uses only what stands to its left. The order is that of `docs/architecture.md`.

use std::{fs, path::Path};

/// From the ground up.
const ORDER: &[&str] = &[
    "base",
    "diag",
    "events",
    "git",
    "oci",
    "docker",
    "dockerfile",
    "syntax",
    "graph",
    "interp",
    "llb",
    "engine",
    "output",
    "driver",
    "cli",
];

/// Tighter than the order: room, and what it must not use although that stands to its left.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("syntax", &["events", "oci", "docker", "dockerfile", "git"]),
    ("llb", &["interp", "syntax", "docker", "dockerfile", "git"]),
    (
        "engine",
        &["syntax", "graph", "interp", "git", "dockerfile"],
    ),
    ("output", &["syntax", "interp", "git", "dockerfile"]),
    ("interp", &["docker", "dockerfile"]),
    ("oci", &["syntax"]),
    ("dockerfile", &["events", "git", "oci", "docker"]),
];

/// Files in a room that see more than the room does, with what they may use besides.
const EXCEPTIONS: &[(&str, &[&str])] = &[];

#[test]
fn every_room_uses_only_what_stands_below_it() {
    let mut wrong = Vec::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    visit(&src, &mut |path, text| {
        let inside = path.strip_prefix(&src).expect("the walk stays in src");
        let Some(room) = inside.iter().next().and_then(|p| p.to_str()) else {
            return;
        };
        let Some(level) = ORDER.iter().position(|r| *r == room) else {
            assert!(
                room.ends_with(".rs"),
                "room `{room}` has no place in the order"
            );
            return;
        };
        for (number, used) in uses(text) {
            let above = ORDER
                .iter()
                .position(|r| *r == used)
                .is_none_or(|l| l > level);
            let forbidden = FORBIDDEN
                .iter()
                .any(|(r, no)| *r == room && no.contains(&&*used));
            let excepted = EXCEPTIONS
                .iter()
                .any(|(file, ok)| inside == Path::new(file) && ok.contains(&&*used));
            if (above || forbidden) && !excepted {
                wrong.push(format!(
                    "src/{}:{number}: `{room}` uses `{used}`",
                    inside.display()
                ));
            }
        }
    });
    assert!(
        wrong.is_empty(),
        "imports against the order of the layers:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_file_of_the_integration_tests_is_declared() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = fs::read_to_string(tests.join("main.rs")).expect("tests/main.rs is there");
    for entry in fs::read_dir(&tests).expect("tests/ is there") {
        let path = entry.expect("a readable entry").path();
        let name = path
            .file_stem()
            .and_then(|n| n.to_str())
            .unwrap_or_default()
            .to_owned();
        if name != "main" && (path.is_dir() || path.extension().is_some_and(|e| e == "rs")) {
            assert!(
                main.contains(&format!("mod {name};")),
                "`{name}` is not declared in tests/main.rs"
            );
        }
    }
}

/// The rooms named by `crate::room` in a file, with the line. Also inside `use crate::{a, b::c}`.
fn uses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line_start = text[..at].rfind('\n').map_or(0, |n| n + 1);
        if text[line_start..at].trim_start().starts_with("//") {
            continue;
        }
        let number = text[..at].matches('\n').count() + 1;
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => found.push((number, word(rest))),
            Some(group) => {
                let mut depth = 0;
                let mut item_start = true;
                for (i, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => item_start = true,
                        c if item_start && c.is_ascii_alphabetic() => {
                            found.push((number, word(&group[i..])));
                            item_start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found.retain(|(_, used)| {
        !used.is_empty() && used.chars().next().is_some_and(char::is_lowercase)
    });
    found
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

fn visit(dir: &Path, f: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            visit(&path, f);
        } else if path.extension().is_some_and(|e| e == "rs") {
            f(&path, &fs::read_to_string(&path).expect("source is UTF-8"));
        }
    }
}
