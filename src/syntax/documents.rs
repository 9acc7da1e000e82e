//! Here-documents of a statement: which word opens which, and what stands in them.

use pest::iterators::Pair;

use super::{ast::Document, grammar::Rule, line::span, problem, problems::Problems};
use crate::diag::Span;

/// What stands behind `<<`.
struct Opener {
    name: String,
    quoted: bool,
    indented: bool,
    /// The opener alone.
    span: Span,
    /// The word that it is a part of.
    word: Span,
}

/// Brings the openers in the words of a statement and the texts below it together: the grammar has read as many of one as
/// of the other.
pub(super) fn read(
    words: &[Pair<'_, Rule>],
    documents: Vec<Pair<'_, Rule>>,
    problems: &mut Problems,
) -> Vec<Document> {
    let mut openers = Vec::new();
    for word in words {
        for part in word.clone().into_inner() {
            match part.as_rule() {
                Rule::opener => openers.push(opener(&part, span(word))),
                Rule::too_many_openers => {
                    problems.push(span(&part), problem::too_many_documents(MAX_DOCUMENTS));
                }
                _ => {}
            }
        }
    }
    let mut read = Vec::with_capacity(documents.len());
    for (pair, opener) in documents.into_iter().zip(openers) {
        let place = span(&pair);
        let mut raw = String::new();
        let mut end = place.end;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::text_1 | Rule::text_2 | Rule::text_3 | Rule::text_4 => {
                    part.as_str().clone_into(&mut raw);
                }
                Rule::open_document => {
                    let problem = problem::open_document(&opener.name, opener.indented);
                    problems.push(opener.span, problem);
                }
                _ => {
                    let name = part.as_str().trim_end_matches(['\n', '\r']);
                    end = span(&part).start + u32::try_from(name.len()).unwrap_or(0);
                }
            }
        }
        read.push(Document {
            name: opener.name,
            quoted: opener.quoted,
            indented: opener.indented,
            raw,
            opener: opener.word,
            span: Span {
                start: place.start,
                end,
            },
        });
    }
    read
}

/// For how many the grammar has room.
const MAX_DOCUMENTS: usize = 4;

fn opener(pair: &Pair<'_, Rule>, word: Span) -> Opener {
    let name = pair.clone().into_inner().next();
    let name = name.map_or("", |name| name.as_str());
    let bare = name.trim_matches(['"', '\'']);
    Opener {
        name: bare.to_owned(),
        quoted: bare.len() < name.len(),
        indented: pair.as_str().starts_with("<<-"),
        span: span(pair),
        word,
    }
}
