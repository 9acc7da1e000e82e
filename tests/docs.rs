//! Documents that come from the code. A test fails where one is out of date; `BLD_BLESS=1 cargo test docs` writes them.

use std::{fmt::Write as _, fs, path::Path};

use bld::{
    cli::{
        args::Cli,
        config_file::keys::{Effect, FILE, Kind},
    },
    syntax::dialect::{FEATURES, Since},
};
use clap::CommandFactory as _;

use crate::harness::{Bld, services};

#[test]
fn the_table_of_language_features_is_up_to_date() {
    let mut text = String::from(
        "# Language features\n\n\
         Switches of the `VERSION` line: `VERSION --name 0.8`. A file has those that its number turns on, and those that the\n\
         line asks for. This page is made from the table in `src/syntax/dialect.rs`.\n\n\
         | feature | on from | |\n|---|---|---|\n",
    );
    for row in FEATURES {
        let since = match row.since {
            Since::Always => "always",
            Since::V06 => "0.6",
            Since::V07 => "0.7",
            Since::V08 => "0.8",
            Since::Experimental => "on request, experimental",
            Since::Never => "on request",
        };
        let _ = writeln!(text, "| `{}` | {since} | {} |", row.name, row.doc);
    }
    compare("docs/language/features.md", &text);
}

#[test]
fn the_list_of_options_is_up_to_date() {
    let help = Cli::command()
        .term_width(100)
        .render_long_help()
        .to_string();
    let mut hidden = String::new();
    for arg in Cli::command()
        .get_arguments()
        .filter(|arg| arg.is_hide_set())
    {
        let name = arg.get_long().unwrap_or_default();
        let help = arg.get_long_help().or_else(|| arg.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let help = help.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(hidden, "| `--{name}` | {help} |");
    }
    let text = format!(
        "# Options\n\n\
         What `bld --help` prints. Every option of the build can be given in the environment, too: `BLD_` or `EARTHLY_`,\n\
         then its name in capitals with underscores (`BLD_NO_CACHE=true`); what is typed goes before it, and it before `.env`\n\
         and the config file. Options that may be given several times take commas there. Names that differ: `PLATFORMS`,\n\
         `SECRETS`, `SECRET_FILES`, `BUILD_ARGS`, `GIT_BRANCH_OVERRIDE`.\n\n\
         ```text\n{}\n```\n\n\
         ## Options that the help does not show\n\n\
         They are rarely needed, or there so that command lines of Earthly work.\n\n\
         | option | |\n|---|---|\n{hidden}",
        help.trim_end()
    );
    compare("docs/reference/options.md", &text);
}

#[test]
fn the_list_of_config_keys_is_up_to_date() {
    let mut text = String::from(
        "# The config file\n\n\
         `~/.bld/config.yml`, else `~/.earthly/config.yml`, else none; `--config` names another one. `bld config` changes one\n\
         key and keeps everything else as it stands, comments included. This page is made from the table in\n\
         `src/cli/config_file/keys.rs`.\n\n\
         | key | holds | |\n|---|---|---|\n",
    );
    keys(&mut text, "", FILE);
    compare("docs/reference/config.md", &text);
}

/// One line for each key that holds a value.
fn keys(text: &mut String, prefix: &str, kind: Kind) {
    let (list, prefix) = match kind {
        Kind::Section(list) => (list, prefix.to_owned()),
        Kind::Named(list) => (list, format!("{prefix}<name>.")),
        _ => return,
    };
    for key in list {
        let name = format!("{prefix}{}", key.name);
        if matches!(key.kind, Kind::Section(_) | Kind::Named(_)) {
            keys(text, &format!("{name}."), key.kind);
            continue;
        }
        let effect = match key.effect {
            Effect::Works => String::new(),
            Effect::None(why) => format!("; without effect: {why}"),
            Effect::Obsolete => "; obsolete".to_owned(),
        };
        let holds = key.kind.text();
        let _ = writeln!(
            text,
            "| `{name}` | {holds} | {}{effect} |",
            key.help.replace('|', "\\|")
        );
    }
}

#[track_caller]
pub fn compare(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("BLD_BLESS").is_some() {
        fs::write(&path, made).expect("a document that can be written");
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == made,
        "{name} is out of date: BLD_BLESS=1 cargo test docs"
    );
}

/// The build files of a page: its blocks that begin with `VERSION`.
fn build_files(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("a page");
    let blocks = text.split("\n```").skip(1).step_by(2);
    let bodies = blocks.filter_map(|block| block.split_once('\n').map(|(_, body)| body));
    bodies
        .filter(|body| body.starts_with("VERSION"))
        .map(|body| format!("{body}\n"))
        .collect()
}

fn page(name: &str) -> std::path::PathBuf {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language");
    docs.join(name)
}

#[test]
fn the_build_files_of_the_pages_can_be_read() {
    let mut seen = 0;
    for name in ["extended.md", "locally.md", "terminals.md", "try.md"] {
        for file in build_files(&page(name)) {
            let parsed = bld::syntax::parse(&std::sync::Arc::new(bld::diag::SourceFile::new(
                name,
                file.as_str(),
            )));
            let problems = parsed.problems;
            assert!(problems.is_empty(), "{name}: {problems:?}\n{file}");
            seen += 1;
        }
    }
    assert_eq!(seen, 5);
}

#[test]
fn the_examples_of_locally_and_of_try_do_what_their_pages_say() {
    let Some(services) = services("examples of the documents") else {
        return;
    };
    let bld = Bld::with(&build_files(&page("locally.md"))[0]).on(&services);
    bld.ok(&["+use"]);
    assert_eq!(bld.read("used.txt"), "used\n");
    bld.ok(&["+back"]);
    assert_eq!(bld.read("copied.txt"), "used\n");

    let bld = Bld::with(&build_files(&page("try.md"))[0]).on(&services);
    bld.fails(1, &["+test"]).says("exit code 1");
    assert_eq!(bld.read("report.txt"), "1 of 3 failed\n");
}
