//! From the text of a script to its commands: words, quotes, `$`, `&&`, `||` and `!`. Anything else ends the reading.

use std::{iter::Peekable, str::Chars};

/// How deep `${X:-${Y:-…}}` is followed.
const MAX_DEPTH: usize = 8;

/// Words of the shell's grammar, where a command is expected.
const RESERVED: &[&str] = &[
    "!",
    "[[",
    "]]",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "esac",
    "fi",
    "for",
    "function",
    "if",
    "in",
    "namespace",
    "select",
    "then",
    "time",
    "until",
    "while",
    "{",
    "}",
];

/// How a command hangs on what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    First,
    And,
    Or,
}

/// A simple command without redirections.
#[derive(Debug)]
pub(super) struct Command {
    /// Whether `!` stands in front.
    pub negated: bool,
    /// Never empty.
    pub words: Vec<Word>,
}

/// The parts of a word, in order.
pub(super) type Word = Vec<Part>;

/// A part of a word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text {
        text: String,
        quoted: bool,
    },
    Variable {
        name: String,
        modifier: Option<Modifier>,
        quoted: bool,
    },
}

/// What `${…}` does with a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Modifier {
    /// `${#X}`
    Length,
    /// `-w`, `+w`; with a colon an empty value counts as unset.
    Default {
        colon: bool,
        word: Word,
    },
    Alternative {
        colon: bool,
        word: Word,
    },
    /// `#p`, `##p`, `%p`, `%%p`
    Strip {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
}

enum Token {
    Word(Word),
    And,
    Or,
}

/// Reads a script; none if it holds anything that is not read here.
pub(super) fn commands(script: &str) -> Option<Vec<(Link, Command)>> {
    let mut lexer = Lexer {
        chars: script.chars().peekable(),
        depth: 0,
    };
    let mut commands = Vec::new();
    let mut link = Link::First;
    let mut words = Vec::new();
    loop {
        match lexer.token()? {
            Some(Token::Word(word)) => words.push(word),
            end => {
                commands.push((link, command(std::mem::take(&mut words))?));
                link = match end {
                    Some(Token::And) => Link::And,
                    Some(Token::Or) => Link::Or,
                    _ => return Some(commands),
                };
            }
        }
    }
}

fn command(mut words: Vec<Word>) -> Option<Command> {
    let bare = |word: &Word, text: &str| matches!(word.as_slice(), [Part::Text { text: t, quoted: false }] if t == text);
    let negated = words.first().is_some_and(|word| bare(word, "!"));
    if negated {
        words.remove(0);
    }
    let first = words.first()?;
    if RESERVED.iter().any(|text| bare(first, text)) {
        return None;
    }
    // An assignment, or something close to one.
    if matches!(first.first(), Some(Part::Text { text, quoted: false }) if text.contains('=')) {
        return None;
    }
    Some(Command { negated, words })
}

/// Where text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between blanks.
    Bare,
    /// In double quotes.
    Quoted,
    /// In `${…}`; whether that stands in double quotes, and whether the text is a pattern.
    Braces { quoted: bool, pattern: bool },
}

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    depth: usize,
}

impl Lexer<'_> {
    /// The next token: `Some(None)` at the end of the script, `None` where it cannot be read.
    fn token(&mut self) -> Option<Option<Token>> {
        while self.chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        let Some(first) = self.chars.peek() else {
            return Some(None);
        };
        match first {
            '&' | '|' => {
                let first = self.chars.next()?;
                self.chars.next_if_eq(&first)?;
                Some(Some(if first == '&' { Token::And } else { Token::Or }))
            }
            '#' => None,
            _ => Some(Some(Token::Word(self.word(Place::Bare)?))),
        }
    }

    /// Reads up to the end of the place, and the character that ends it.
    fn word(&mut self, place: Place) -> Option<Word> {
        let mut parts = Vec::new();
        loop {
            let Some(c) = self.chars.peek().copied() else {
                return only_bracket(parts).filter(|_| place == Place::Bare);
            };
            match (place, c) {
                (Place::Bare, ' ' | '\t' | '&' | '|') => return only_bracket(parts),
                (Place::Quoted, '"') | (Place::Braces { .. }, '}') => {
                    self.chars.next();
                    return Some(parts);
                }
                _ => {}
            }
            self.chars.next();
            let quoted = matches!(place, Place::Quoted | Place::Braces { quoted: true, .. });
            match c {
                '`' => return None,
                '$' => parts.push(self.dollar(quoted)?),
                // What quotes and backslashes mean in braces in double quotes is not agreed upon.
                '\'' | '"' | '\\' if matches!(place, Place::Braces { quoted: true, .. }) => {
                    return None;
                }
                '\\' => self.escape(place, &mut parts)?,
                '"' => {
                    parts.push(text(String::new(), true));
                    parts.extend(self.word(Place::Quoted)?);
                }
                '\'' if place != Place::Quoted => {
                    let mut inner = String::new();
                    while let Some(c) = self.chars.next_if(|c| *c != '\'') {
                        inner.push(c);
                    }
                    self.chars.next()?;
                    parts.push(text(inner, true));
                }
                _ if !is_plain(place, c) => return None,
                // Double quotes around the braces do not make a pattern literal.
                _ => add(
                    &mut parts,
                    c,
                    quoted && !matches!(place, Place::Braces { pattern: true, .. }),
                ),
            }
        }
    }

    fn escape(&mut self, place: Place, parts: &mut Word) -> Option<()> {
        let c = self.chars.next()?;
        if c == '\n' {
            return None;
        }
        if place == Place::Quoted && !matches!(c, '$' | '`' | '"' | '\\') {
            add(parts, '\\', true);
        }
        add(parts, c, true);
        Some(())
    }

    /// Behind a `$`.
    fn dollar(&mut self, quoted: bool) -> Option<Part> {
        if self.chars.next_if_eq(&'{').is_none() {
            return Some(Part::Variable {
                name: self.name()?,
                modifier: None,
                quoted,
            });
        }
        if self.chars.next_if_eq(&'#').is_some() {
            let name = self.name()?;
            self.chars.next_if_eq(&'}')?;
            return Some(Part::Variable {
                name,
                modifier: Some(Modifier::Length),
                quoted,
            });
        }
        let name = self.name()?;
        if self.chars.next_if_eq(&'}').is_some() {
            return Some(Part::Variable {
                name,
                modifier: None,
                quoted,
            });
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let modifier = self.modifier(quoted)?;
        self.depth -= 1;
        Some(Part::Variable {
            name,
            modifier: Some(modifier),
            quoted,
        })
    }

    fn modifier(&mut self, quoted: bool) -> Option<Modifier> {
        let colon = self.chars.next_if_eq(&':').is_some();
        let sign = self.chars.next()?;
        let word = |lexer: &mut Self, pattern| lexer.word(Place::Braces { quoted, pattern });
        match sign {
            '-' => Some(Modifier::Default {
                colon,
                word: word(self, false)?,
            }),
            '+' => Some(Modifier::Alternative {
                colon,
                word: word(self, false)?,
            }),
            '#' | '%' if !colon => {
                let longest = self.chars.next_if_eq(&sign).is_some();
                Some(Modifier::Strip {
                    suffix: sign == '%',
                    longest,
                    pattern: word(self, true)?,
                })
            }
            _ => None,
        }
    }

    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        name.push(
            self.chars
                .next_if(|c| c.is_ascii_alphabetic() || *c == '_')?,
        );
        while let Some(c) = self
            .chars
            .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(c);
        }
        Some(name)
    }
}

/// Whether an unquoted character stands for itself, here and in every shell.
fn is_plain(place: Place, c: char) -> bool {
    match place {
        Place::Quoted => true,
        // Blanks would be split, in double quotes they are not.
        Place::Braces {
            quoted: true,
            pattern: false,
        } => c != '{' && c != '~',
        Place::Braces { pattern, .. } => match c {
            '*' | '?' => pattern,
            _ => is_plain(Place::Bare, c) && c != '[' && c != ']' && c != '#',
        },
        Place::Bare => {
            !c.is_control()
                && !matches!(
                    c,
                    ';' | '<' | '>' | '(' | ')' | '{' | '}' | '~' | '*' | '?' | ' ' | '&' | '|'
                )
        }
    }
}

/// `[` begins a pattern, except as a word of its own.
fn only_bracket(parts: Word) -> Option<Word> {
    let bracket =
        |part: &Part| matches!(part, Part::Text { text, quoted: false } if text.contains('['));
    let alone = matches!(parts.as_slice(), [Part::Text { text, quoted: false }] if text == "[");
    (alone || !parts.iter().any(bracket)).then_some(parts)
}

fn text(text: String, quoted: bool) -> Part {
    Part::Text { text, quoted }
}

fn add(parts: &mut Word, c: char, as_quoted: bool) {
    match parts.last_mut() {
        Some(Part::Text { text, quoted }) if *quoted == as_quoted => text.push(c),
        _ => parts.push(text(c.to_string(), as_quoted)),
    }
}
