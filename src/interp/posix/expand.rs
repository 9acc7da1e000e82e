//! From words to fields: variables, their modifiers, and the splitting that must not happen.

use super::{
    Lookup, Word,
    lexer::{Modifier, Part},
    vars::{self, Variable},
};
use crate::base::shell_pattern::{Pattern, Side};

/// The fields of words; none if a value is not known, or if it would be split or matched against files.
pub(super) fn fields(words: &[Word], lookup: &Lookup<'_>) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    for word in words {
        fields.extend(field(word, lookup)?);
    }
    Some(fields)
}

/// The one field of a word, or no field where an unquoted variable is empty.
fn field(word: &Word, lookup: &Lookup<'_>) -> Option<Option<String>> {
    let mut field: Option<String> = None;
    for part in word {
        match part {
            Part::Text { text, .. } => field.get_or_insert_default().push_str(text),
            Part::Variable { quoted: true, .. } => {
                field
                    .get_or_insert_default()
                    .push_str(&quoted(part, lookup)?);
            }
            Part::Variable { .. } => {
                if let Some(value) = unquoted(part, lookup)? {
                    field.get_or_insert_default().push_str(&value);
                }
            }
        }
    }
    Some(field)
}

/// The value of a variable in double quotes.
fn quoted(part: &Part, lookup: &Lookup<'_>) -> Option<String> {
    match value(part, lookup)? {
        Expanded::Value(text) => Some(text),
        Expanded::Word(word) => Some(field(&word, lookup)?.unwrap_or_default()),
    }
}

/// The value of a variable outside of quotes: no field if it is empty, unknown if it would be several.
fn unquoted(part: &Part, lookup: &Lookup<'_>) -> Option<Option<String>> {
    let text = match value(part, lookup)? {
        Expanded::Word(word) => return field(&word, lookup),
        Expanded::Value(text) => text,
    };
    if text.contains([' ', '\t', '\n', '*', '?', '[', '\\']) {
        return None;
    }
    Some((!text.is_empty()).then_some(text))
}

enum Expanded {
    /// The value of the variable, or a part of it.
    Value(String),
    /// The word behind `-` or `+`; its quotes are its own.
    Word(Word),
}

fn value(part: &Part, lookup: &Lookup<'_>) -> Option<Expanded> {
    let Part::Variable { name, modifier, .. } = part else {
        return None;
    };
    let value = match vars::look_up(name, lookup) {
        Variable::Set(value) => Some(value),
        Variable::Unset => None,
        Variable::Unknown => return None,
    };
    let there = |colon: bool| {
        value
            .as_ref()
            .is_some_and(|value| !(colon && value.is_empty()))
    };
    Some(match modifier {
        None => Expanded::Value(value.unwrap_or_default()),
        Some(Modifier::Length) => {
            let value = value.unwrap_or_default();
            // Bytes or characters: that depends on the shell.
            Expanded::Value(value.is_ascii().then(|| value.len().to_string())?)
        }
        Some(Modifier::Default { colon, .. }) if there(*colon) => {
            Expanded::Value(value.unwrap_or_default())
        }
        Some(Modifier::Default { word, .. }) => Expanded::Word(word.clone()),
        Some(Modifier::Alternative { colon, word }) if there(*colon) => {
            Expanded::Word(word.clone())
        }
        Some(Modifier::Alternative { .. }) => Expanded::Value(String::new()),
        Some(Modifier::Strip {
            suffix,
            longest,
            pattern,
        }) => {
            let value = value.unwrap_or_default();
            let pattern = self::pattern(pattern, lookup)?;
            if !value.is_ascii() {
                return None;
            }
            let side = if *suffix { Side::End } else { Side::Start };
            Expanded::Value(pattern.strip(&value, side, *longest).to_owned())
        }
    })
}

/// A pattern of literal text, `*` and `?`.
fn pattern(word: &Word, lookup: &Lookup<'_>) -> Option<Pattern> {
    let mut pattern = Pattern::default();
    for part in word {
        match part {
            Part::Text { text, quoted: true } => pattern.literal(text),
            Part::Text { text, .. } => pattern.wild(text),
            Part::Variable { .. } => {
                let text = quoted(part, lookup)?;
                if text.contains(['*', '?', '[', '\\']) {
                    return None;
                }
                pattern.literal(&text);
            }
        }
    }
    Some(pattern)
}
