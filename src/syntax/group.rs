//! Grouping (language specification, 1.7): words are glued with a space while a quote or a parenthesis is open.
//!
//! This is what makes `COPY (+t/x --a="a b") dst` and unquoted arithmetic work. Nothing nests, and a backslash means
//! nothing here: both as in the reference.

use super::ast::Word;

/// Glues words. Also gives the opener that nothing closes, if there is one: the rest of the words is one then.
pub(super) fn group(words: Vec<Word>) -> (Vec<Word>, Option<char>) {
    let mut groups: Vec<Word> = Vec::with_capacity(words.len());
    let mut open: Option<char> = None;
    for word in words {
        let glue = open.is_some();
        if !glue && !word.text.contains(['"', '\'', '(']) {
            groups.push(word);
            continue;
        }
        for c in word.text.chars() {
            open = match open {
                None if matches!(c, '"' | '\'' | '(') => Some(c),
                Some('(') if c == ')' => None,
                Some(quote) if c == quote && quote != '(' => None,
                state => state,
            };
        }
        match groups.last_mut() {
            Some(last) if glue => {
                last.text.push(' ');
                last.text.push_str(&word.text);
                last.span = last.span.to(word.span);
            }
            _ => groups.push(word),
        }
    }
    (groups, open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;

    fn grouped(text: &str) -> (Vec<String>, Option<char>) {
        let words = text
            .split_ascii_whitespace()
            .map(|text| Word {
                text: text.to_owned(),
                span: Span::default(),
            })
            .collect();
        let (words, open) = group(words);
        (words.into_iter().map(|w| w.text).collect(), open)
    }

    #[test]
    fn the_closer_of_the_outermost_opener_ends_a_group() {
        let (words, open) = grouped("(+t/x  --a='b ) c $(( 1 + 2 )) d");
        assert_eq!(words, ["(+t/x --a='b )", "c", "$(( 1 + 2 ))", "d"]);
        assert_eq!(open, None);
        let (words, open) = grouped(r"echo it\'s  fine");
        assert_eq!(words, ["echo", r"it\'s fine"]);
        assert_eq!(open, Some('\''));
        let (words, open) = grouped("(+t/x --a=\"b c\") d");
        assert_eq!(words, ["(+t/x --a=\"b c\")", "d"]);
        assert_eq!(open, None);
    }
}
