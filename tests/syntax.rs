//! The corpus of build files, and properties of the parser that hold for any text.
//!
//! Dropping a file into `testdata/syntax/ok` or `err` makes a test: its tree and its problems are compared with the
//! snapshot, and the laws of spans are checked. `INSTA_UPDATE=always cargo test` blesses new snapshots.

use std::{fs, path::Path, sync::Arc};

use bld::{
    diag::{Severity, SourceFile, Span, render},
    syntax::{
        self, Parsed,
        ast::{Assignment, Block, BuildFile, Command, Node, Statement, Word},
        dialect::Feature,
        words::{self, ShellOuts, WordOptions},
    },
};
use proptest::prelude::*;

#[test]
fn every_good_file_has_its_tree_and_no_error() {
    insta::glob!("../testdata/syntax", "ok/*.earth", |path| {
        let parsed = load(path);
        let errors: Vec<_> = parsed
            .problems
            .iter()
            .filter(|p| p.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        snapshot(path, &parsed);
    });
}

#[test]
fn every_bad_file_has_its_tree_and_its_problems() {
    insta::glob!("../testdata/syntax", "err/*.earth", |path| {
        let parsed = load(path);
        assert!(!parsed.problems.is_empty());
        snapshot(path, &parsed);
    });
}

#[test]
fn every_problem_has_a_hint_and_reads_like_its_neighbours() {
    for file in fs::read_dir("testdata/syntax/err").expect("the corpus is there") {
        for problem in load(&file.expect("is readable").path()).problems {
            let message = &problem.message;
            assert!(!message.ends_with('.'), "{message}");
            assert!(problem.at.is_some(), "{message}");
            let helped = !problem.hints.is_empty() || !problem.notes.is_empty();
            assert!(helped || problem.severity == Severity::Note, "{message}");
        }
    }
}

fn load(path: &Path) -> Parsed {
    let bytes = fs::read(path).expect("the case is readable");
    let name = path.file_name().expect("has a name").to_string_lossy();
    let source = syntax::read(&name, &bytes).expect("the case is text");
    let parsed = syntax::load(&source, &[]);
    check_spans(&parsed);
    parsed
}

fn snapshot(path: &Path, parsed: &Parsed) {
    let mut text = syntax::dump::dump(&parsed.file);
    for problem in &parsed.problems {
        text.push('\n');
        text.push_str(&render::draw(problem, false));
    }
    let folder = path.parent().and_then(Path::file_name).expect("ok or err");
    let name = path.file_stem().expect("has a name").to_string_lossy();
    // The macro `glob!` has put the case's path into the settings; our names say enough.
    let mut settings = insta::Settings::clone_current();
    settings.remove_input_file();
    settings.remove_snapshot_suffix();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path(format!(
        "{}/testdata/syntax/snapshots/{}",
        env!("CARGO_MANIFEST_DIR"),
        Path::new(folder).display()
    ));
    settings.bind(|| insta::assert_snapshot!(name.as_ref(), text));
}

// ------------------------------------------------------------------------------------------------ the laws of spans

/// A parent encloses its children, order only grows, nothing lies outside the file or inside a character.
fn check_spans(parsed: &Parsed) {
    let file = &parsed.file;
    let whole = Span::new(0, file.source.text.len());
    let mut at = 0;
    at = check_block(file, &file.base, whole, at);
    for recipe in &file.recipes {
        check_span(file, recipe.span, whole, at);
        check_span(file, recipe.name_span, recipe.span, recipe.span.start);
        at = check_block(file, &recipe.body, recipe.span, recipe.name_span.end);
    }
    let mut last = 0;
    for problem in &parsed.problems {
        let place = problem
            .at
            .as_ref()
            .expect("a problem of a file has a place");
        check_span(file, place.span, whole, last);
        last = place.span.start;
    }
}

/// Checks one span and gives its end.
fn check_span(file: &BuildFile, span: Span, parent: Span, from: u32) -> u32 {
    let text = &file.source.text;
    assert!(span.start <= span.end, "{span:?} is turned around");
    assert!(
        parent.contains(span),
        "{span:?} leaves {parent:?} in {text:?}"
    );
    assert!(
        from <= span.start,
        "{span:?} begins before {from} in {text:?}"
    );
    assert!(
        text.get(span.range()).is_some(),
        "{span:?} cuts a character"
    );
    span.end
}

fn check_block(file: &BuildFile, block: &Block, parent: Span, mut at: u32) -> u32 {
    for node in &block.nodes {
        let span = node.span();
        check_span(file, span, parent, at);
        if let Node::Statement(statement) = node {
            let mut inner = span.start;
            let mut parts: Vec<(u32, Part<'_>)> = Vec::new();
            for command in statement.openers() {
                parts.push((command.span.start, Part::Command(command)));
            }
            for block in statement.blocks() {
                if let Some(first) = block.nodes.first() {
                    parts.push((first.span().start, Part::Block(block)));
                }
            }
            parts.sort_by_key(|(start, _)| *start);
            for (_, part) in parts {
                inner = match part {
                    Part::Command(command) => check_command(file, command, span, inner),
                    Part::Block(block) => check_block(file, block, span, inner),
                };
            }
        }
        at = span.end;
    }
    at
}

enum Part<'a> {
    Command(&'a Command),
    Block(&'a Block),
}

fn check_command(file: &BuildFile, command: &Command, parent: Span, from: u32) -> u32 {
    check_span(file, command.span, parent, from);
    let mut at = check_span(file, command.keyword_span, command.span, command.span.start);
    for flag in &command.flags {
        check_span(file, flag.span, command.span, at);
        if let Some(value) = &flag.value {
            check_span(file, value.span, flag.span, flag.span.start);
        }
        // The flags of an exec form are all in one place.
        at = if command.exec.is_some() {
            flag.span.start
        } else {
            flag.span.end
        };
    }
    let pairs = command
        .assignments
        .iter()
        .flat_map(|Assignment { key, value }| std::iter::once(key).chain(value));
    let words: Vec<&Word> = command.args.iter().chain(pairs).collect();
    for word in words {
        at = check_span(file, word.span, command.span, at);
    }
    command.span.end
}

// ------------------------------------------------------------------------------------------------ what counts when

fn load_text(text: &str, overrides: &[Feature]) -> Parsed {
    syntax::load(&Arc::new(SourceFile::new("Earthfile", text)), overrides)
}

#[test]
fn a_mistake_of_a_statement_is_found_by_its_span_and_does_not_spoil_the_file() {
    let text =
        "VERSION 0.8\nFROM alpine\ngood:\n    RUN a\nbad:\n    RUN --aws b\n    RUN --nope c\n";
    let parsed = load_text(text, &[]);
    assert_eq!(parsed.fatal().count(), 0);
    let codes = |name: &str| -> Vec<_> {
        let recipe = parsed.file.target(name).expect("is there");
        let spans = recipe.body.statements().map(Statement::span);
        let errors = spans.flat_map(|span| parsed.errors_in(span));
        errors.map(|p| p.code).collect()
    };
    assert_eq!(codes("good"), Vec::<&str>::new());
    assert_eq!(codes("bad"), ["feature-off", "unknown-flag"]);
}

#[test]
fn what_cannot_be_read_spoils_the_file() {
    let parsed = load_text("VERSION 0.8\nFROM alpine\nt:\n    RUNN a\n    RUN\n", &[]);
    let codes: Vec<_> = parsed.fatal().map(|p| p.code).collect();
    assert_eq!(codes, ["unknown-command"]);
}

#[test]
fn the_command_line_can_turn_a_feature_on() {
    let text = "VERSION 0.8\nFROM alpine\nRUN --raw-output a\n";
    assert_eq!(load_text(text, &[]).problems.len(), 1);
    assert!(load_text(text, &[Feature::RawOutput]).problems.is_empty());
}

#[test]
fn the_tree_as_json_shows_words_as_they_are_written() {
    let text = "VERSION --try 0.8\nFROM alpine\n# about\nt:\n    ARG --required a = b  c\n    COPY (+u/x   --k=v) .\n    IF a\n    ELSE IF [\"b\"]\n    ELSE\n        RUN x\n    END\nF:\n    FUNCTION\n";
    insta::assert_snapshot!(syntax::json(&load_text(text, &[]).file, false).to_string(), @r#"{"version":{"args":["--try","0.8"]},"baseRecipe":[{"command":{"name":"FROM","args":["alpine"]}}],"targets":[{"name":"t","docs":"about\n","recipe":[{"command":{"name":"ARG","args":["--required","a","=","b  c"]}},{"command":{"name":"COPY","args":["(+u/x","--k=v)","."]}},{"if":{"expression":["a"],"ifBody":[],"elseIf":[{"expression":["b"],"execMode":true,"body":[]}],"elseBody":[{"command":{"name":"RUN","args":["x"]}}]}}]}],"functions":[{"name":"F","recipe":[{"command":{"name":"FUNCTION","args":[]}}]}]}"#);
    let first = &syntax::json(&load_text(text, &[]).file, true)["baseRecipe"][0];
    insta::assert_snapshot!(first["sourceLocation"].to_string(), @r#"{"file":"Earthfile","startLine":2,"startColumn":0,"endLine":2,"endColumn":11}"#);
}

// ------------------------------------------------------------------------------------------------ any text

/// Text that is nearly a build file: keywords, openers, odd line ends.
fn nearly_a_build_file() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "VERSION 0.8\n",
            "FROM alpine\n",
            "t:\n",
            "F:\n",
            "  RUN ",
            "  IF ",
            "  ELSE IF ",
            "  ELSE\n",
            "  END\n",
            "  FOR x IN ",
            "  TRY\n",
            "  FINALLY\n",
            "  CATCH\n",
            "  WITH DOCKER ",
            "  WAIT\n",
            "  ARG a",
            "  LET b=",
            "  LABEL ",
            "  COPY ",
            "SAVE ARTIFACT ",
            "=",
            " ",
            "\t",
            "\n",
            "\r\n",
            "\r",
            "\\",
            "\\\n",
            "\"",
            "'",
            "$(",
            ")",
            "(",
            "${",
            "}",
            ":-",
            "#",
            " # c\n",
            "--a",
            "--secret=",
            "[\"a\"]",
            "é",
            "\u{feff}",
            "\0",
            "FUNCTION\n",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,6}",
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_tree_that_keeps_the_laws_of_spans(text in ".{0,200}") {
        check_spans(&syntax::load(&Arc::new(SourceFile::new("f", text)), &[]));
    }

    #[test]
    fn any_text_that_is_nearly_a_build_file_does_so_too(text in nearly_a_build_file()) {
        let parsed = syntax::load(&Arc::new(SourceFile::new("f", text)), &[]);
        check_spans(&parsed);
        for problem in &parsed.problems {
            render::draw(problem, false);
        }
        syntax::dump::dump(&parsed.file);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(source) = syntax::read("f", &bytes) {
            check_spans(&syntax::load(&source, &[]));
        }
    }

    #[test]
    fn any_word_is_read_or_refused_with_a_place_in_it(
        text in prop_oneof![".{0,60}", "[a-z${}()'\"\\\\:?#%+=-]{0,40}"],
        keep_escaped_plus: bool,
        lenient: bool,
        never: bool,
    ) {
        let shell_outs = if never { ShellOuts::Never } else { ShellOuts::Anywhere };
        match words::parse(&text, WordOptions { keep_escaped_plus, shell_outs, lenient, patterns: !lenient }) {
            Ok(_) => {}
            Err(error) => {
                prop_assert!(!lenient);
                prop_assert!(text.get(error.range).is_some());
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------ hostile text

#[test]
fn hostile_files_cost_neither_the_stack_nor_the_afternoon() {
    let n = 100_000;
    let files = [
        format!("VERSION 0.8\nFROM a\nRUN {}", "$(".repeat(n)),
        format!("VERSION 0.8\nFROM a\nRUN {}", "(".repeat(n)),
        format!("VERSION 0.8\nFROM a\nRUN {}", "\"$(".repeat(n)),
        format!("VERSION 0.8\nFROM a\nENV a={}", "${".repeat(n)),
        format!("VERSION 0.8\nFROM a\nENV a={}", "${a:-".repeat(n)),
        format!("VERSION 0.8\nFROM a\n{}", "IF a\n".repeat(n)),
        format!("VERSION 0.8\nFROM a\n{}", "RUN '\n".repeat(n + 1)),
        format!("VERSION 0.8\nFROM a\n{}", "RUN \"$(\n".repeat(n)),
        format!("VERSION 0.8\nFROM a\nRUN {}", "a \\\n".repeat(n)),
        format!("VERSION 0.8\nFROM a\nCMD {}", "[".repeat(n)),
        format!("VERSION 0.8\nFROM a\nLABEL {}", "a=b ".repeat(n)),
        "a:\n".repeat(n),
    ];
    for text in files {
        let parsed = syntax::load(&Arc::new(SourceFile::new("f", text)), &[]);
        assert!(parsed.file.source.line_count() > 0);
    }
}
