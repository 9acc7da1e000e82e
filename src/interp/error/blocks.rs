//! Blocks and functions.

use super::{Failure, fail, fail_hint};
use crate::syntax::ast::Keyword;

pub(crate) fn no_condition(keyword: Keyword) -> Failure {
    fail("arguments", format!("{} needs a condition", keyword.text()))
}

pub(crate) fn for_shape() -> Failure {
    fail_hint(
        "for-shape",
        "FOR is written `FOR name IN words…`",
        "it needs a name, the word `IN`, and at least one word",
    )
}

pub(crate) fn for_hidden(name: &str) -> Failure {
    fail_hint(
        "for-hidden",
        format!("the variable `{name}` of FOR is hidden by a LET of that name"),
        "give one of them another name",
    )
}

pub(crate) fn wait_words() -> Failure {
    fail("wait-words", "WAIT does not accept options")
}

pub(crate) fn function_keyword(expected: &str, name: &str) -> Failure {
    fail(
        "function-keyword",
        format!("`{name}` must start with {expected}, without arguments"),
    )
}

pub(crate) fn function_keyword_here(keyword: Keyword) -> Failure {
    fail(
        "function-keyword",
        format!(
            "{} can only be the first statement of a function",
            keyword.text()
        ),
    )
}
