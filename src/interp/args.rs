//! Build arguments on references: their syntax, their values, and the matrix of `BUILD` (language specification, 1.14,
//! 4.6, 4.7).

use super::{
    error::{self, Result},
    exec::Exec,
    expand::REFERENCE,
    scope::Vars,
    value::Value,
};
use crate::{
    diag::Span,
    syntax::{
        ast::{Command, Word},
        builtins::is_reserved,
    },
};

/// One argument as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BuildArg {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: Value,
}

impl Exec {
    /// The arguments of a command: behind the reference, then `--build-arg`, so that of two with one name the latter wins.
    pub async fn build_args(&mut self, command: &Command, words: &[Word]) -> Result<Vec<BuildArg>> {
        let mut args = self.flag_args(words).await?;
        for flag in command.flags_named("build-arg") {
            if let Some(word) = &flag.value {
                args.extend(self.old_arg(word).await?);
            }
        }
        Ok(args)
    }

    /// `--k=v`, `-k=v`, `--k v`.
    pub async fn flag_args(&mut self, words: &[Word]) -> Result<Vec<BuildArg>> {
        let mut args = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let parts = self.expand_parts(word, REFERENCE).await?;
            let place = self.place(word);
            let (first, rest) = match parts.split_first() {
                Some((Value::Known(first), rest)) => (first.as_str(), rest),
                // A variable that is empty is no argument at all; one that nobody knows may be any.
                Some((Value::Undecided(_), _)) | None => continue,
            };
            let Some(trimmed) = first.strip_prefix("--").or_else(|| first.strip_prefix('-')) else {
                return Err(error::not_an_arg(first).at(&place));
            };
            let (key, value) = match split_key(trimmed) {
                Some((key, value)) => {
                    let value = std::iter::once(Value::from(value)).chain(rest.iter().cloned());
                    let value = self.value_of(Value::join(value)).await;
                    (key, value.map_err(|e| e.at(&place))?)
                }
                None => {
                    let key = trimmed.to_owned();
                    let Some(next) = words.next() else {
                        return Err(error::arg_without_value(&key).at(&place));
                    };
                    (key, self.expand_value(next).await?)
                }
            };
            if key.is_empty() {
                return Err(error::not_an_arg(first).at(&place));
            }
            self.check_key(&key).map_err(|e| e.at(&place))?;
            args.push(BuildArg { key, value });
        }
        Ok(args)
    }

    /// `--build-arg K=V`, `--build-arg K`.
    async fn old_arg(&mut self, word: &Word) -> Result<Option<BuildArg>> {
        let place = self.place(word);
        let parts = self.expand_parts(word, REFERENCE).await?;
        let (first, rest) = match parts.split_first() {
            Some((Value::Known(first), rest)) => (first.clone(), rest),
            _ => return Ok(None),
        };
        let Some((key, value)) = split_key(&first) else {
            let value = self
                .lookup(&first)
                .ok_or_else(|| error::nothing_to_infer(&first).at(&place))?;
            return Ok(Some(BuildArg { key: first, value }));
        };
        let value = std::iter::once(Value::from(value)).chain(rest.iter().cloned());
        let value = self.value_of(Value::join(value)).await;
        let value = value.map_err(|e| e.at(&place))?;
        self.check_key(&key).map_err(|e| e.at(&place))?;
        Ok(Some(BuildArg { key, value }))
    }

    fn check_key(&self, key: &str) -> Result<()> {
        if is_reserved(key, self.frame().file.reserves_bld_names()) {
            return Err(error::value_of_builtin(key));
        }
        Ok(())
    }

    /// The arguments if they can be known before their statement runs.
    pub fn stable_args(&self, command: &Command, words: &[Word]) -> Option<Vec<BuildArg>> {
        if command.flag("build-arg").is_some() {
            return None;
        }
        let mut args = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = self.expand_stable(word, REFERENCE)?;
            let trimmed = value.known()?.strip_prefix('-')?;
            let trimmed = trimmed.strip_prefix('-').unwrap_or(trimmed);
            let (key, value) = match split_key(trimmed) {
                Some((key, value)) => (key, Value::from(value)),
                None => (
                    trimmed.to_owned(),
                    self.expand_stable(words.next()?, REFERENCE)?,
                ),
            };
            self.check_key(&key).ok()?;
            args.push(BuildArg { key, value });
        }
        Some(args)
    }
}

/// Splits at the first `=` that is not escaped; `\=` in the key is `=`.
fn split_key(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '=') => {
                chars.next();
                key.push('=');
            }
            '=' => return Some((key, &text[at + 1..])),
            c => key.push(c),
        }
    }
    None
}

/// One value for each name; the last one wins.
pub(crate) fn last_wins(args: Vec<BuildArg>) -> Vars {
    args.into_iter().map(|arg| (arg.key, arg.value)).collect()
}

/// Every combination of the values of repeated names, the first name varying slowest.
pub(crate) fn matrix(args: Vec<BuildArg>) -> Vec<Vars> {
    let mut keys: Vec<(String, Vec<Value>)> = Vec::new();
    for arg in args {
        match keys.iter_mut().find(|(key, _)| *key == arg.key) {
            Some((_, values)) => values.push(arg.value),
            None => keys.push((arg.key, vec![arg.value])),
        }
    }
    let mut rows = vec![Vars::new()];
    for (key, values) in keys {
        rows = rows
            .into_iter()
            .flat_map(|row| {
                values.iter().map({
                    let key = key.clone();
                    move |value| {
                        let mut row = row.clone();
                        row.insert(key.clone(), value.clone());
                        row
                    }
                })
            })
            .collect();
    }
    rows
}

/// Takes `(ref --a=b "c d")` apart; none if the word is not in parentheses.
pub(crate) fn in_parens(word: &Word) -> Option<Result<Vec<Word>>> {
    let text = &word.text;
    let inner = text
        .strip_prefix('(')
        .and_then(|t| t.strip_suffix(')'))
        .or_else(|| text.strip_prefix("\"(").and_then(|t| t.strip_suffix(")\"")))?;
    Some(split_parens(inner, word.span).map_err(|why| error::bad_parens(text, why)))
}

fn split_parens(inner: &str, span: Span) -> std::result::Result<Vec<Word>, &'static str> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let (mut escaped, mut quoted) = (false, false);
    let mut depth = 0_usize;
    let mut last = ' ';
    for c in inner.chars() {
        let blank = matches!(c, ' ' | '\t' | '\n');
        if blank && !escaped && !quoted && depth == 0 {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            last = c;
            continue;
        }
        if !escaped {
            match c {
                '"' => quoted = !quoted,
                // A shell-out with blanks is one word.
                '(' if last == '$' || depth > 0 => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        escaped = c == '\\' && !escaped;
        last = c;
        word.push(c);
    }
    if escaped {
        return Err("unterminated escape sequence");
    }
    if quoted {
        return Err("no closing quote");
    }
    if !word.is_empty() {
        words.push(word);
    }
    if words.is_empty() {
        return Err("the parentheses are empty");
    }
    Ok(words.into_iter().map(|text| Word { text, span }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arg(key: &str, value: &str) -> BuildArg {
        BuildArg {
            key: key.to_owned(),
            value: Value::from(value),
        }
    }

    #[test]
    fn the_matrix_is_exact_for_any_number_of_repeated_names() {
        let mut args = Vec::new();
        for key in ["a", "b", "c", "d", "e", "f"] {
            args.extend([arg(key, "1"), arg(key, "2")]);
        }
        let rows = matrix(args);
        assert_eq!(rows.len(), 64);
        let unique: std::collections::BTreeSet<&Vars> = rows.iter().collect();
        assert_eq!(unique.len(), 64);
        assert_eq!(
            rows[1]["f"],
            Value::from("2"),
            "the last name varies fastest"
        );
        assert_eq!(rows[32]["a"], Value::from("2"));
    }

    #[test]
    fn parentheses_are_split_at_blanks_outside_of_quotes() {
        let split = |text: &str| {
            let words = split_parens(text, Span::default());
            words.map(|w| w.into_iter().map(|w| w.text).collect::<Vec<_>>())
        };
        assert_eq!(
            split("+t/x --a=b \"--c=d e\"  --f=$(g h)"),
            Ok(vec![
                "+t/x".to_owned(),
                "--a=b".to_owned(),
                "\"--c=d e\"".to_owned(),
                "--f=$(g h)".to_owned()
            ])
        );
        assert_eq!(split(" "), Err("the parentheses are empty"));
        assert_eq!(split("a \"b"), Err("no closing quote"));
        assert_eq!(split("a\\"), Err("unterminated escape sequence"));
    }

    #[test]
    fn an_escaped_equals_sign_belongs_to_the_key() {
        assert_eq!(split_key("a\\=b=c=d"), Some(("a=b".to_owned(), "c=d")));
    }
}
