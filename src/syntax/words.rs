//! The inside of a word: quotes, escapes, `$X`, `${X:-w}`, `$(…)` (language specification, 1.6 and 1.13).
//!
//! [`parse`] turns the text of a word into [`Piece`]s by `grammar/words.pest`; it evaluates nothing. Ranges in a
//! [`WordError`] are bytes of the text that was given.

use std::ops::Range;

use pest::{Parser, iterators::Pair};

mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/words.pest"]
    pub(super) struct WordGrammar;
}

use grammar::{Rule, WordGrammar};

/// How deep `${X:-${Y:-…}}` may go. More is not written by people and would cost stack.
const MAX_DEPTH: usize = 32;

/// A part of a word. Evaluating the pieces in order and joining the results gives the word's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text that stands for itself; quotes and escapes are already read.
    Literal(String),
    /// `$X` or `${X…}`.
    Variable {
        /// The name; digits and `@ * # ? - ! $` name nothing and give the empty string.
        name: String,
        /// What follows the name inside the braces.
        modifier: Option<Modifier>,
    },
    /// `$(…)`: the text between the parentheses, as the shell is to get it.
    ShellOut(String),
}

/// What `${X…}` does with the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modifier {
    /// `:-w`: `w` if unset or empty.
    Default(Vec<Piece>),
    /// `:+w`: `w` if neither unset nor empty.
    Alternative(Vec<Piece>),
    /// `:?m` and `?m`: an error with `m`.
    Required {
        /// The text of the error.
        message: Vec<Piece>,
        /// Whether an empty value is an error, too (`:?`).
        or_empty: bool,
    },
    /// `#p`: the literal prefix `p` is taken off.
    StripPrefix(Vec<Piece>),
    /// `%p`: the literal suffix `p` is taken off.
    StripSuffix(Vec<Piece>),
    /// `#p`, `##p`, `%p`, `%%p` where `p` is a pattern of the shell: what it matches is taken off.
    StripPattern {
        /// `%`: at the end.
        suffix: bool,
        /// Written twice: as much as possible.
        longest: bool,
        /// The pattern; parts that are quoted stand for themselves.
        pattern: Vec<PatternPiece>,
    },
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternPiece {
    /// The text, or what gives it.
    pub piece: Piece,
    /// Whether its `*`, `?` and `[` are ordinary characters.
    pub quoted: bool,
}

/// Where `$(…)` is read as a shell-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShellOuts {
    /// Everywhere outside single quotes.
    #[default]
    Anywhere,
    /// Nowhere: `$(` is text.
    Never,
}

/// What differs from place to place and from version to version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WordOptions {
    /// `\+` stays `\+`: the result is read as a reference, which knows the escape.
    pub keep_escaped_plus: bool,
    /// Where `$(…)` runs.
    pub shell_outs: ShellOuts,
    /// A malformed word stands for itself (0.6) instead of being an error.
    pub lenient: bool,
    /// Behind `#` and `%` stands a pattern of the shell.
    pub patterns: bool,
}

/// A word that cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordError {
    /// What is wrong, in the form of a diagnostic's message.
    pub message: String,
    /// The bytes of the text that it is about.
    pub range: Range<usize>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Reads a word.
pub fn parse(text: &str, options: WordOptions) -> Result<Vec<Piece>, WordError> {
    if !text.contains(['\'', '"', '\\', '$']) {
        return Ok(if text.is_empty() {
            Vec::new()
        } else {
            vec![Piece::Literal(text.to_owned())]
        });
    }
    match parse_strict(text, options) {
        Err(_) if options.lenient => Ok(vec![Piece::Literal(text.to_owned())]),
        result => result,
    }
}

/// Reads a here-document whose name is not quoted. Ranges of errors are bytes of the text.
pub fn parse_document(text: &str) -> Result<Vec<Piece>, WordError> {
    if !text.contains(['\\', '$']) {
        return Ok(vec![Piece::Literal(text.to_owned())]);
    }
    let options = WordOptions {
        shell_outs: ShellOuts::Never,
        ..WordOptions::default()
    };
    read_by(Rule::document, text, options)
}

/// Whether the word contains a quote that is not escaped: expanding it takes the quote away.
pub fn has_quotes(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let quote = matches!(c, '\'' | '"') && !escaped;
        escaped = c == '\\' && !escaped;
        quote
    })
}

fn parse_strict(text: &str, options: WordOptions) -> Result<Vec<Piece>, WordError> {
    let rule = if options.shell_outs == ShellOuts::Anywhere {
        Rule::word
    } else {
        Rule::word_without_shell_outs
    };
    read_by(rule, text, options)
}

fn read_by(rule: Rule, text: &str, options: WordOptions) -> Result<Vec<Piece>, WordError> {
    if braces_depth(text) > MAX_DEPTH {
        return Err(WordError {
            message: format!("`${{…}}` is nested more than {MAX_DEPTH} levels deep"),
            range: 0..text.len(),
            hint: Some("use variables for the inner parts".to_owned()),
        });
    }
    let mut pairs = WordGrammar::parse(rule, text).map_err(|_| WordError {
        message: format!("cannot read the word `{}`", shorten(text)),
        range: 0..text.len(),
        hint: None,
    })?;
    let word = pairs.next().expect("the entry rule gives one pair");
    let mut pieces = Pieces::default();
    for pair in word.into_inner() {
        pieces.read(pair, options)?;
    }
    Ok(pieces.0)
}

/// An upper bound for the nesting of `${`.
fn braces_depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut deepest) = (0_usize, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The pieces so far; neighbouring literals are one.
#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn literal(&mut self, text: &str) {
        if let Some(Piece::Literal(last)) = self.0.last_mut() {
            last.push_str(text);
        } else if !text.is_empty() {
            self.0.push(Piece::Literal(text.to_owned()));
        }
    }

    /// Reads one pair of the rules `piece`, `operand`, `double`.
    fn read(&mut self, pair: Pair<'_, Rule>, options: WordOptions) -> Result<(), WordError> {
        match pair.as_rule() {
            Rule::text
            | Rule::operand_text
            | Rule::single_text
            | Rule::double_text
            | Rule::document_text
            | Rule::lone_backslash
            | Rule::lone_dollar => self.literal(pair.as_str()),
            Rule::double_escape | Rule::document_escape => self.literal(&pair.as_str()[1..]),
            Rule::escape if options.keep_escaped_plus && pair.as_str() == "\\+" => {
                self.literal("\\+");
            }
            Rule::escape => self.literal(&pair.as_str()[1..]),
            Rule::single | Rule::double => {
                let whole = pair.as_span();
                // `""` is a value that is there and empty.
                for inner in pair.into_inner() {
                    if inner.as_rule() == Rule::open_quote {
                        return Err(open_quote(whole.as_str(), whole.start()));
                    }
                    self.read(inner, options)?;
                }
            }
            Rule::variable => {
                let name = pair.as_str()[1..].to_owned();
                self.0.push(Piece::Variable {
                    name,
                    modifier: None,
                });
            }
            Rule::braced => self.0.push(braced(pair, options)?),
            Rule::shell_out => self.0.push(shell_out(pair)?),
            Rule::EOI => {}
            rule => unreachable!("{rule:?} is not a piece of a word"),
        }
        Ok(())
    }
}

/// `${…}`.
fn braced(pair: Pair<'_, Rule>, options: WordOptions) -> Result<Piece, WordError> {
    let whole = pair.as_span();
    let error = |message: String, hint: &str| {
        Err(WordError {
            message,
            range: whole.start()..whole.start() + through_brace(whole.as_str()).len(),
            hint: Some(hint.to_owned()),
        })
    };
    let shown = shorten(through_brace(whole.as_str()));
    let (mut name, mut modifier) = (String::new(), None);
    for inner in pair.into_inner() {
        let rule = inner.as_rule();
        match rule {
            Rule::name => inner.as_str().clone_into(&mut name),
            Rule::bad_substitution => {
                return error(
                    format!("bad substitution `{shown}`"),
                    "write `${NAME}`, or `\\$` for a dollar sign",
                );
            }
            Rule::missing_colon => {
                return error(
                    format!("missing `:` in substitution `{shown}`"),
                    "`${X:-word}`, `${X:+word}` and `${X:?message}` are supported, and `#` and `%` with a literal",
                );
            }
            Rule::unsupported => {
                let sign: String = inner.as_str().chars().take(2).collect();
                return error(
                    format!("unsupported modifier `{sign}` in substitution `{shown}`"),
                    "`:-`, `:+`, `:?`, `?`, `#` and `%` are supported",
                );
            }
            Rule::open_brace => {
                return error(
                    format!("unterminated substitution `{shown}`, missing `}}`"),
                    "close it with `}`, or write `\\$` for a dollar sign",
                );
            }
            Rule::strip_prefix | Rule::strip_suffix if options.patterns => {
                modifier = Some(strip_pattern(inner, options)?);
            }
            _ => {
                let mut word = Pieces::default();
                for piece in inner.into_inner() {
                    word.read(piece, options)?;
                }
                modifier = Some(modified(rule, word.0));
            }
        }
    }
    Ok(Piece::Variable { name, modifier })
}

/// `#p`, `##p`, `%p`, `%%p`.
fn strip_pattern(pair: Pair<'_, Rule>, options: WordOptions) -> Result<Modifier, WordError> {
    let suffix = pair.as_rule() == Rule::strip_suffix;
    let sign = if suffix { '%' } else { '#' };
    let mut longest = false;
    let mut pattern = Vec::new();
    for (n, part) in pair.into_inner().enumerate() {
        let quoted = matches!(part.as_rule(), Rule::single | Rule::double | Rule::escape);
        let mut pieces = Pieces::default();
        match part.as_str().strip_prefix(sign) {
            Some(rest) if n == 0 && !quoted => {
                longest = true;
                pieces.literal(rest);
            }
            _ => pieces.read(part, options)?,
        }
        let pieces = pieces.0.into_iter();
        pattern.extend(pieces.map(|piece| PatternPiece { piece, quoted }));
    }
    Ok(Modifier::StripPattern {
        suffix,
        longest,
        pattern,
    })
}

fn modified(rule: Rule, word: Vec<Piece>) -> Modifier {
    let required = |or_empty| Modifier::Required {
        message: word.clone(),
        or_empty,
    };
    match rule {
        Rule::required => required(true),
        Rule::required_if_unset => required(false),
        Rule::default => Modifier::Default(word),
        Rule::alternative => Modifier::Alternative(word),
        Rule::strip_prefix => Modifier::StripPrefix(word),
        Rule::strip_suffix => Modifier::StripSuffix(word),
        rule => unreachable!("{rule:?} is not a modifier"),
    }
}

/// `$(…)`: quotes stay, and outside them a backslash goes, as in the reference.
fn shell_out(pair: Pair<'_, Rule>) -> Result<Piece, WordError> {
    let whole = pair.as_span();
    let mut command = String::new();
    for inner in pair.into_inner() {
        match inner.as_rule() {
            Rule::shell_escape => command.push_str(&inner.as_str()[1..]),
            Rule::open_paren => {
                return Err(WordError {
                    message: format!(
                        "unterminated shell-out `{}`, missing `)`",
                        shorten(whole.as_str())
                    ),
                    range: whole.start()..whole.end(),
                    hint: Some(
                        "close it with `)`; parentheses and quotes inside have to be balanced"
                            .to_owned(),
                    ),
                });
            }
            _ => command.push_str(inner.as_str()),
        }
    }
    Ok(Piece::ShellOut(command))
}

fn open_quote(text: &str, start: usize) -> WordError {
    let quote = &text[..1];
    WordError {
        message: format!("unterminated quote in `{}`", shorten(text)),
        range: start..start + text.len(),
        hint: Some(format!(
            "close it with `{quote}`, or write `\\{quote}` for the character itself"
        )),
    }
}

/// The text up to its first `}`, with it.
fn through_brace(text: &str) -> &str {
    text.find('}').map_or(text, |at| &text[..=at])
}

/// A text for the middle of a sentence.
fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> String {
        match parse(text, WordOptions::default()) {
            Ok(pieces) => format!("{pieces:?}"),
            Err(e) => format!("{} at {:?}", e.message, e.range),
        }
    }

    fn literal(text: &str) -> String {
        format!("{:?}", [Piece::Literal(text.to_owned())])
    }

    #[test]
    fn quotes_and_escapes_are_taken_off() {
        assert_eq!(pieces("a"), literal("a"));
        assert_eq!(pieces(""), "[]");
        assert_eq!(pieces(r#"a'b "'c"\"\$\n\\"\d\"#), literal(r#"ab "c"$\n\d"#));
        assert_eq!(pieces(r"a\+b"), literal("a+b"));
        let keep = WordOptions {
            keep_escaped_plus: true,
            ..WordOptions::default()
        };
        assert_eq!(
            parse(r"a\+b\\", keep),
            Ok(vec![Piece::Literal(r"a\+b\".to_owned())])
        );
    }

    #[test]
    fn every_form_of_a_variable_is_read() {
        insta::assert_snapshot!(pieces(r#"$X-${Y}"$Z"$1$@$.$"#), @r#"[Variable { name: "X", modifier: None }, Literal("-"), Variable { name: "Y", modifier: None }, Variable { name: "Z", modifier: None }, Variable { name: "1", modifier: None }, Variable { name: "@", modifier: None }, Literal("$.$")]"#);
        insta::assert_snapshot!(pieces("${X:-a$Y'}'}"), @r#"[Variable { name: "X", modifier: Some(Default([Literal("a"), Variable { name: "Y", modifier: None }, Literal("}")])) }]"#);
        insta::assert_snapshot!(pieces("${X?m}${X:?}"), @r#"[Variable { name: "X", modifier: Some(Required { message: [Literal("m")], or_empty: false }) }, Variable { name: "X", modifier: Some(Required { message: [], or_empty: true }) }]"#);
        insta::assert_snapshot!(pieces("${X#v}${X%%[a-z]*}"), @r#"[Variable { name: "X", modifier: Some(StripPrefix([Literal("v")])) }, Variable { name: "X", modifier: Some(StripSuffix([Literal("%[a-z]*")])) }]"#);
    }

    #[test]
    fn a_shell_out_keeps_its_quotes_and_counts_parentheses() {
        let shell_out = |text: &str| Piece::ShellOut(text.to_owned());
        assert_eq!(
            parse(r#"$(echo "\")" ')' (a) $X \$Y)z"#, WordOptions::default()),
            Ok(vec![
                shell_out(r#"echo "\")" ')' (a) $X $Y"#),
                Piece::Literal("z".to_owned())
            ])
        );
        assert_eq!(
            parse(r#""a $(echo "b c")""#, WordOptions::default()),
            Ok(vec![
                Piece::Literal("a ".to_owned()),
                shell_out(r#"echo "b c""#)
            ])
        );
    }

    #[test]
    fn a_shell_out_is_text_where_there_are_none() {
        let with = |shell_outs| WordOptions {
            shell_outs,
            ..WordOptions::default()
        };
        let never = parse("a$(echo $X)", with(ShellOuts::Never)).expect("is read");
        insta::assert_snapshot!(format!("{never:?}"), @r#"[Literal("a$(echo "), Variable { name: "X", modifier: None }, Literal(")")]"#);
    }

    #[test]
    fn malformed_words_say_what_is_missing_and_where() {
        insta::assert_snapshot!(pieces("a${X:=w}b"), @"unsupported modifier `:=` in substitution `${X:=w}` at 1..8");
        insta::assert_snapshot!(pieces("${X-w}"), @"missing `:` in substitution `${X-w}` at 0..6");
        insta::assert_snapshot!(pieces("${X/a/b}"), @"missing `:` in substitution `${X/a/b}` at 0..8");
        insta::assert_snapshot!(pieces("a${}"), @"bad substitution `${}` at 1..4");
        insta::assert_snapshot!(pieces("${:"), @"bad substitution `${:` at 0..3");
        insta::assert_snapshot!(pieces("${{X}}"), @"bad substitution `${{X}` at 0..5");
        insta::assert_snapshot!(pieces("${X"), @"unterminated substitution `${X`, missing `}` at 0..3");
        insta::assert_snapshot!(pieces("${X:-a"), @"unterminated substitution `${X:-a`, missing `}` at 0..6");
        insta::assert_snapshot!(pieces("$(a (b)"), @"unterminated shell-out `$(a (b)`, missing `)` at 0..7");
        insta::assert_snapshot!(pieces("a'b"), @"unterminated quote in `'b` at 1..3");
    }

    #[test]
    fn in_0_6_a_malformed_word_stands_for_itself() {
        let lenient = WordOptions {
            lenient: true,
            ..WordOptions::default()
        };
        assert_eq!(
            parse("${X:=w}", lenient),
            Ok(vec![Piece::Literal("${X:=w}".to_owned())])
        );
    }

    #[test]
    fn a_hundred_thousand_openers_are_an_error_and_not_a_crash() {
        for opener in ["$(", "${", "${a:-", "$((", "(", "\"$(", "'", "\"${a:-"] {
            let text = opener.repeat(50_000);
            let _ = parse(&text, WordOptions::default());
        }
        assert!(
            parse(
                &format!("$({}", "(".repeat(100_000)),
                WordOptions::default()
            )
            .is_err()
        );
    }
}
