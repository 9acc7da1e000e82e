//! From text to tree: runs the grammar over the file and hands the lines to the [`Builder`].

use std::sync::Arc;

use pest::{Parser, iterators::Pair};

use super::{
    ast::{BuildFile, RecipeKind},
    dialect::Feature,
    grammar::{FileGrammar, Rule},
    line, problem,
    problems::Problems,
    tree::{Builder, Header},
    version,
};
use crate::diag::{Diagnostic, Severity, SourceFile, Span};

/// A tree, and everything that is wrong with the file as far as the parser sees.
#[derive(Debug)]
pub struct Parsed {
    /// The tree; lines that could not be read are error nodes.
    pub file: BuildFile,
    /// In the order of the file.
    pub problems: Vec<Diagnostic>,
}

impl Parsed {
    /// The errors with which nothing of the file can be built: what the language refuses while it reads.
    pub fn fatal(&self) -> impl Iterator<Item = &Diagnostic> {
        self.problems.iter().filter(|p| problem::is_fatal(p))
    }

    /// The errors that begin within a statement. Whoever executes the statement stops with them; a statement that is never
    /// executed may hold any, as in the reference.
    pub fn errors_in(&self, span: Span) -> impl Iterator<Item = &Diagnostic> {
        let start = |p: &Diagnostic| p.at.as_ref().map_or(0, |at| at.span.start);
        let from = self.problems.partition_point(|p| start(p) < span.start);
        self.problems[from..]
            .iter()
            .take_while(move |p| start(p) < span.end)
            .filter(|p| p.severity == Severity::Error)
    }
}

/// Parses a file. Total: any text gives a tree. What `VERSION` asks for says how it is read.
pub fn parse(source: &Arc<SourceFile>) -> Parsed {
    parse_as(source, version::asks_for(&source.text, Feature::Extended))
}

/// Parses a file with or without what only extended files have.
pub(super) fn parse_as(source: &Arc<SourceFile>, extended: bool) -> Parsed {
    let rule = if extended {
        Rule::extended_file
    } else {
        Rule::file
    };
    let mut problems = Problems::new(source);
    let mut builder = Builder::new(&mut problems);
    let mut pairs = FileGrammar::parse(rule, &source.text)
        .unwrap_or_else(|e| panic!("the grammar does not take every text: {e}"));
    let file = pairs.next().expect("the entry rule gives one pair");
    for pair in file.into_inner() {
        read(pair, &mut builder);
    }
    let (base, recipes) = builder.finish();
    let version = version::read(&base, &mut problems);
    Parsed {
        file: BuildFile {
            source: Arc::clone(source),
            version,
            base,
            recipes,
        },
        problems: problems.into_sorted(),
    }
}

fn read(pair: Pair<'_, Rule>, builder: &mut Builder<'_>) {
    let start = pair.as_span().start();
    match pair.as_rule() {
        Rule::blank_lines | Rule::continued_nothing => builder.blank(line::span(&pair)),
        Rule::comment_line => {
            let comment = pair.into_inner().next().expect("a comment line has one");
            let span = line::span(&comment);
            builder.comment(span, column(start, span), comment.as_str());
        }
        Rule::header => header(pair, builder),
        Rule::statement | Rule::documented => builder.statement(pair, start),
        _ => {}
    }
}

/// Bytes from the start of the line.
fn column(line_start: usize, span: Span) -> u32 {
    span.start - Span::new(line_start, line_start).start
}

impl Builder<'_> {
    fn statement(&mut self, pair: Pair<'_, Rule>, line_start: usize) {
        let line = line::read(pair, self.problems());
        let indent = match &line {
            line::Line::Command(command, _) => column(line_start, command.span),
            line::Line::Bad(span) => column(line_start, *span),
        };
        self.line(line, indent);
    }
}

fn header(pair: Pair<'_, Rule>, builder: &mut Builder<'_>) {
    let start = pair.as_span().start();
    let (mut name, mut end) = (None, start);
    for part in pair.into_inner() {
        match part.as_rule() {
            Rule::header_name => {
                let span = line::span(&part);
                check_name(part.as_str(), span, builder);
                end = span.end as usize + 1;
                name = Some((part.as_str().to_owned(), span));
            }
            Rule::header_name_then_gap => {
                let inner = part.clone().into_inner().next().expect("it holds the name");
                let span = line::span(&inner);
                builder
                    .problems()
                    .push(span, problem::blank_before_colon(inner.as_str()));
                check_name(inner.as_str(), span, builder);
                end = part.as_span().end() + 1;
                name = Some((inner.as_str().to_owned(), span));
            }
            Rule::header_text => {
                let span = line::span(&part);
                let (name, _) = name.as_ref().expect("the name stands before the text");
                let problem = problem::text_after_header(name);
                builder.problems().push(span, problem);
            }
            _ => {}
        }
    }
    let (name, name_span) = name.expect("a header has a name");
    builder.header(Header {
        name,
        name_span,
        span: Span::new(start, end),
    });
}

fn check_name(name: &str, span: Span, builder: &mut Builder<'_>) {
    if recipe_kind(name).is_none() {
        builder
            .problems()
            .push(span, problem::invalid_recipe_name(name));
    }
}

/// What a recipe of this name is; none if no recipe may have it.
pub(super) fn recipe_kind(name: &str) -> Option<RecipeKind> {
    let mut bytes = name.bytes();
    let first = bytes.next()?;
    let target = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let function = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_');
    if first.is_ascii_lowercase() && bytes.clone().all(target) {
        Some(RecipeKind::Target)
    } else if first.is_ascii_uppercase() && bytes.all(function) {
        Some(RecipeKind::Function)
    } else {
        None
    }
}
