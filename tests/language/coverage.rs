//! `coverage.yml` lists what there is to cover; this holds it against the cases and makes `docs/language/coverage.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use serde::Deserialize;

use super::{all_cases, corpus};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    section: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    title: String,
    /// Tests in other places: a path, or `path::function`.
    #[serde(default)]
    elsewhere: Vec<String>,
    /// Why nothing covers it.
    missing: Option<String>,
}

fn sections() -> Vec<Section> {
    let text = fs::read_to_string(corpus().join("coverage.yml")).expect("coverage.yml");
    serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("coverage.yml: {e}"))
}

/// The cases that name an entry.
fn by_entry() -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for case in all_cases() {
        for entry in case.covers {
            found.entry(entry).or_default().push(case.name.clone());
        }
    }
    found
}

#[test]
fn every_entry_is_covered_and_every_case_covers_an_entry() {
    let mut cases = by_entry();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in sections().into_iter().flat_map(|section| section.entries) {
        let covered = cases.remove(&entry.id).is_some() || !entry.elsewhere.is_empty();
        match entry.missing {
            None if !covered => {
                wrong.push(format!("nothing covers `{}` ({})", entry.id, entry.title));
            }
            Some(_) if covered => {
                wrong.push(format!(
                    "`{}` is covered: take its `missing` away",
                    entry.id
                ));
            }
            _ => {}
        }
        for place in &entry.elsewhere {
            if !exists(place) {
                wrong.push(format!(
                    "`{}` names `{place}`, which is not there",
                    entry.id
                ));
            }
        }
        if !seen.insert(entry.id.clone()) {
            wrong.push(format!("`{}` is listed twice", entry.id));
        }
    }
    for (entry, names) in cases {
        wrong.push(format!(
            "{names:?} cover `{entry}`, which coverage.yml does not list"
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_of_what_is_covered_is_up_to_date() {
    let cases = by_entry();
    let mut text = String::from(
        "# What is tested\n\n\
         Every statement of the language, and the cases that show it: folders of `testdata/language`, run on every engine by\n\
         `cargo test --test it -- language`, or tests elsewhere. This page is made from `testdata/language/coverage.yml`.\n",
    );
    for section in sections() {
        let _ = write!(
            text,
            "\n## {}\n\n| | what | cases |\n|---|---|---|\n",
            section.section
        );
        for entry in section.entries {
            let mut places: Vec<String> = cases
                .get(&entry.id)
                .into_iter()
                .flatten()
                .map(|name| format!("[{name}](../../testdata/language/{name})"))
                .collect();
            places.extend(entry.elsewhere.iter().map(|place| {
                let (file, function) = place.split_once("::").unwrap_or((place, ""));
                let stem = Path::new(file).file_stem().unwrap_or_default();
                let shown = if function.is_empty() {
                    stem.to_string_lossy()
                } else {
                    function.into()
                };
                format!("[{shown}](../../{file})")
            }));
            if let Some(why) = &entry.missing {
                places.push(format!("*not covered: {why}*"));
            }
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                entry.id,
                entry.title.replace('|', "\\|"),
                places.join(", ")
            );
        }
    }
    crate::docs::compare("docs/language/coverage.md", &text);
}

/// Whether a test in another place is there.
fn exists(place: &str) -> bool {
    let (file, function) = place.split_once("::").unwrap_or((place, ""));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if function.is_empty() {
        return path.exists();
    }
    fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {function}(")))
}
