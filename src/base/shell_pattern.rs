//! Patterns as the shell has them in `${X#pattern}`: of text, not of paths, so that `*` matches slashes, too.
//!
//! Source: POSIX, Shell Command Language, 2.6.2 and 2.14. Matching walks over the text once with the set of all places in
//! the pattern, so that no pattern takes more than its length for each character.

/// A pattern.
#[derive(Debug, Clone, Default)]
pub struct Pattern(Vec<Token>);

#[derive(Debug, Clone)]
enum Token {
    Char(char),
    /// `*`
    Any,
    /// `?`
    One,
    /// `[…]`
    Class {
        not: bool,
        items: Vec<Item>,
    },
}

#[derive(Debug, Clone)]
enum Item {
    Range(char, char),
    /// `[:alpha:]`
    Named(fn(&char) -> bool),
}

/// The end of a text from which something is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `#`
    Start,
    /// `%`
    End,
}

impl Pattern {
    /// Reads a pattern: `*`, `?`, `[…]`, and a backslash that makes the next character an ordinary one.
    pub fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        pattern.wild(text);
        pattern
    }

    /// Adds text that stands for itself.
    pub fn literal(&mut self, text: &str) {
        self.0.extend(text.chars().map(Token::Char));
    }

    /// Adds text in which `*`, `?`, `[…]` and backslashes have their meaning.
    pub fn wild(&mut self, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while let Some(c) = chars.get(at) {
            at += 1;
            self.0.push(match c {
                '*' => Token::Any,
                '?' => Token::One,
                '\\' => {
                    let next = chars.get(at).copied();
                    at += 1;
                    Token::Char(next.unwrap_or('\\'))
                }
                '[' => match class(&chars[at..]) {
                    Some((class, length)) => {
                        at += length;
                        class
                    }
                    // Nothing closes it: it is an ordinary character.
                    None => Token::Char('['),
                },
                c => Token::Char(*c),
            });
        }
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.strip(text, Side::Start, true).is_empty()
            && (!text.is_empty() || self.matches_nothing())
    }

    /// The text without what the pattern matches on one side of it: the shortest match, or the longest.
    pub fn strip<'t>(&self, text: &'t str, side: Side, longest: bool) -> &'t str {
        let tokens: Vec<&Token> = match side {
            Side::Start => self.0.iter().collect(),
            Side::End => self.0.iter().rev().collect(),
        };
        let chars: Vec<char> = match side {
            Side::Start => text.chars().collect(),
            Side::End => text.chars().rev().collect(),
        };
        let Some(matched) = matched(&tokens, &chars, longest) else {
            return text;
        };
        let length: usize = chars[..matched].iter().map(|c| c.len_utf8()).sum();
        match side {
            Side::Start => &text[length..],
            Side::End => &text[..text.len() - length],
        }
    }

    fn matches_nothing(&self) -> bool {
        self.0.iter().all(Token::is_star)
    }
}

impl Token {
    fn is_star(&self) -> bool {
        matches!(self, Self::Any)
    }

    fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::Any | Self::One => true,
            Self::Class { not, items } => {
                let inside = items.iter().any(|item| match item {
                    Item::Range(from, to) => (*from..=*to).contains(&c),
                    Item::Named(is) => is(&c),
                });
                inside != *not
            }
        }
    }
}

/// How many characters from the start on match; none if no number of them does.
fn matched(tokens: &[&Token], chars: &[char], longest: bool) -> Option<usize> {
    // `places[n]`: the first n tokens match what has been read.
    let mut places = vec![false; tokens.len() + 1];
    places[0] = true;
    pass_stars(tokens, &mut places);
    let mut found = None;
    for read in 0..=chars.len() {
        if places[tokens.len()] {
            found = Some(read);
            if !longest {
                break;
            }
        }
        let Some(c) = chars.get(read) else { break };
        let mut next = vec![false; tokens.len() + 1];
        for (at, token) in tokens.iter().enumerate() {
            if places[at] && token.takes(*c) {
                next[if token.is_star() { at } else { at + 1 }] = true;
            }
        }
        pass_stars(tokens, &mut next);
        if !next.contains(&true) {
            break;
        }
        places = next;
    }
    found
}

/// A star may match nothing.
fn pass_stars(tokens: &[&Token], places: &mut [bool]) {
    for (at, token) in tokens.iter().enumerate() {
        if places[at] && token.is_star() {
            places[at + 1] = true;
        }
    }
}

/// What stands behind a `[`, and how many characters it takes up to its `]`.
fn class(chars: &[char]) -> Option<(Token, usize)> {
    let not = matches!(chars.first(), Some('!' | '^'));
    let mut at = usize::from(not);
    let first = at;
    let mut items = Vec::new();
    loop {
        let mut c = *chars.get(at)?;
        at += 1;
        if c == ']' && at > first + 1 {
            return Some((Token::Class { not, items }, at));
        }
        if c == '['
            && chars.get(at) == Some(&':')
            && let Some((item, length)) = named(&chars[at + 1..])
        {
            items.push(item);
            at += 1 + length;
            continue;
        }
        if c == '\\' {
            c = *chars.get(at)?;
            at += 1;
        }
        let mut to = c;
        if chars.get(at) == Some(&'-') && chars.get(at + 1).is_some_and(|end| *end != ']') {
            to = chars[at + 1];
            at += 2;
            if to == '\\' {
                to = *chars.get(at)?;
                at += 1;
            }
        }
        items.push(Item::Range(c, to));
    }
}

/// `alpha:]` and its like.
fn named(chars: &[char]) -> Option<(Item, usize)> {
    let end = chars.windows(2).position(|pair| pair == [':', ']'])?;
    let name: String = chars[..end].iter().collect();
    let is: fn(&char) -> bool = match name.as_str() {
        "alnum" => char::is_ascii_alphanumeric,
        "alpha" => char::is_ascii_alphabetic,
        "blank" => |c| matches!(c, ' ' | '\t'),
        "cntrl" => char::is_ascii_control,
        "digit" => char::is_ascii_digit,
        "graph" => char::is_ascii_graphic,
        "lower" => char::is_ascii_lowercase,
        "print" => |c| c.is_ascii_graphic() || *c == ' ',
        "punct" => char::is_ascii_punctuation,
        "space" => |c| c.is_ascii_whitespace() || *c == '\u{b}',
        "upper" => char::is_ascii_uppercase,
        "xdigit" => char::is_ascii_hexdigit,
        _ => return None,
    };
    Some((Item::Named(is), end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(text: &str, pattern: &str, side: Side, longest: bool) -> String {
        Pattern::parse(pattern)
            .strip(text, side, longest)
            .to_owned()
    }

    #[test]
    fn the_shortest_or_the_longest_match_goes_from_either_side() {
        assert_eq!(
            strip("a/b/c.tar.gz", "*/", Side::Start, false),
            "b/c.tar.gz"
        );
        assert_eq!(strip("a/b/c.tar.gz", "*/", Side::Start, true), "c.tar.gz");
        assert_eq!(strip("a/b/c.tar.gz", ".*", Side::End, false), "a/b/c.tar");
        assert_eq!(strip("a/b/c.tar.gz", ".*", Side::End, true), "a/b/c");
        assert_eq!(strip("v1.2", "x*", Side::Start, true), "v1.2");
        assert_eq!(strip("äöü", "?", Side::End, false), "äö");
    }

    #[test]
    fn classes_have_ranges_names_and_negation() {
        assert_eq!(strip("v1.2", "[a-z]", Side::Start, false), "1.2");
        assert_eq!(
            strip("12ab", "[![:alpha:]]*[[:alpha:]]", Side::Start, true),
            ""
        );
        assert_eq!(strip("]x", "[]]", Side::Start, false), "x");
        assert_eq!(strip("[x", "[", Side::Start, false), "x");
        assert_eq!(strip("*x", "\\*", Side::Start, false), "x");
        assert!(Pattern::parse("a*").matches("a/b"));
        assert!(!Pattern::parse("a").matches(""));
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_time() {
        let (text, pattern) = ("a".repeat(2000), "*a".repeat(200) + "b");
        assert_eq!(strip(&text, &pattern, Side::Start, true), text);
    }
}
