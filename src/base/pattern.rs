//! Patterns of paths, as ignore files have them.
//!
//! The rules are those of Docker's `patternmatcher`: `*` and `?` stay within a name, `**` goes through any number of
//! directories, a pattern that matches a directory matches all below it, a leading `!` takes back what earlier patterns
//! matched, and the last pattern that matches decides. Reading ignore files and looking into directories is done
//! elsewhere.

use std::fmt;

/// A list of patterns, in order.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    list: Vec<Pattern>,
    exceptions: bool,
}

/// Which patterns matched a directory, so that they need not be tried again on what is in it.
#[derive(Debug, Clone, Default)]
pub struct Trail(Vec<bool>);

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pattern `{}`: {}", self.pattern, self.reason)
    }
}

impl std::error::Error for PatternError {}

#[derive(Debug, Clone)]
struct Pattern {
    exception: bool,
    text: String,
    shape: Shape,
    /// What every match begins with.
    head: String,
    /// What every match ends with.
    tail: String,
    /// The names from the top on, as far as no `**` is met.
    top: Vec<Vec<Token>>,
    /// Whether `top` is the whole pattern.
    shallow: bool,
}

#[derive(Debug, Clone)]
enum Shape {
    /// The path is the text.
    Exact,
    /// `text**`.
    Prefix(String),
    /// `**text`; the name alone counts, too, where `text` begins with a slash.
    Suffix(String),
    /// Anything else.
    Glob(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Char(char),
    /// `*`
    Names,
    /// `?`
    One,
    /// `[…]`
    Class {
        not: bool,
        ranges: Vec<(char, char)>,
    },
    /// `**/` before something: nothing, or anything that ends with a slash.
    Directories,
    /// `**` at the end: anything.
    Anything,
}

impl Patterns {
    /// Reads patterns; empty lines are passed over. A leading slash means nothing.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, PatternError> {
        let mut patterns = Self::default();
        for line in lines {
            let line = line.as_ref().trim();
            if line.is_empty() {
                continue;
            }
            let (exception, text) = match line.strip_prefix('!') {
                Some(text) => (true, text.trim()),
                None => (false, line),
            };
            let text = clean(text);
            if text.is_empty() {
                if exception {
                    return Err(PatternError {
                        pattern: line.to_owned(),
                        reason: "nothing stands behind `!`",
                    });
                }
                continue;
            }
            patterns.exceptions |= exception;
            patterns.list.push(Pattern::new(exception, text)?);
        }
        Ok(patterns)
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a path, relative and with slashes, is matched by itself or through a directory above it.
    pub fn matches(&self, path: &str) -> bool {
        let mut trail = Trail::default();
        for (end, _) in path.match_indices('/') {
            trail = self.enter(&path[..end], &trail).1;
        }
        self.matches_in(path, &trail)
    }

    /// The same, for somebody who comes from the directory above and has its [`Trail`].
    pub fn matches_in(&self, path: &str, above: &Trail) -> bool {
        let mut matched = false;
        for (n, pattern) in self.list.iter().enumerate() {
            // Only a pattern that would change the answer has to be looked at.
            if pattern.exception == matched && (above.matched(n) || pattern.matches(path)) {
                matched = !pattern.exception;
            }
        }
        matched
    }

    /// The same for a directory, with the trail for what is in it.
    pub fn enter(&self, path: &str, above: &Trail) -> (bool, Trail) {
        let mut matched = false;
        let mut trail = Trail(Vec::with_capacity(self.list.len()));
        for (n, pattern) in self.list.iter().enumerate() {
            let hit = above.matched(n) || pattern.matches(path);
            trail.0.push(hit);
            if hit {
                matched = !pattern.exception;
            }
        }
        (matched, trail)
    }

    /// Whether something below a directory that itself does not match can match.
    pub fn may_match_below(&self, dir: &str) -> bool {
        self.below(dir, false)
    }

    /// Whether something below a directory that matches can be taken back by an exception.
    pub fn may_except_below(&self, dir: &str) -> bool {
        self.exceptions && self.below(dir, true)
    }

    fn below(&self, dir: &str, exception: bool) -> bool {
        self.list
            .iter()
            .filter(|p| p.exception == exception)
            .any(|p| p.may_match_below(dir))
    }
}

impl Trail {
    fn matched(&self, n: usize) -> bool {
        self.0.get(n).copied().unwrap_or(false)
    }
}

/// Takes `.`, empty names and what `..` cancels out, as Go's `path.Clean` does.
fn clean(text: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    names.join("/")
}

impl Pattern {
    fn new(exception: bool, text: String) -> Result<Self, PatternError> {
        let tokens = tokens(&text)?;
        let wild = |t: &Token| !matches!(t, Token::Char(_));
        let literal = |tokens: &mut dyn Iterator<Item = &Token>| -> String {
            tokens
                .map_while(|t| match t {
                    Token::Char(c) => Some(*c),
                    _ => None,
                })
                .collect()
        };
        let head = literal(&mut tokens.iter());
        let tail: String = literal(&mut tokens.iter().rev()).chars().rev().collect();
        let shape = match tokens.as_slice() {
            tokens if !tokens.iter().any(wild) => Shape::Exact,
            [rest @ .., Token::Anything] if !rest.iter().any(wild) => Shape::Prefix(head.clone()),
            [Token::Directories, rest @ ..] if !rest.iter().any(wild) => {
                // `**foo` and `**/foo` differ here, although both begin with the same token.
                Shape::Suffix(text[2..].to_owned())
            }
            _ => Shape::Glob(tokens.clone()),
        };
        let mut top = vec![Vec::new()];
        let mut shallow = true;
        for token in &tokens {
            match token {
                Token::Directories | Token::Anything => {
                    shallow = false;
                    // What stands in front of it in its name says nothing about that name.
                    top.pop();
                    break;
                }
                Token::Char('/') => top.push(Vec::new()),
                token => top.last_mut().expect("one at least").push(token.clone()),
            }
        }
        // The text of an exact pattern is compared with paths, so that no backslash may be left in it.
        let text = match shape {
            Shape::Exact => head.clone(),
            _ => text,
        };
        Ok(Self {
            exception,
            text,
            shape,
            head,
            tail,
            top,
            shallow,
        })
    }

    fn matches(&self, path: &str) -> bool {
        match &self.shape {
            Shape::Exact => path == self.text,
            Shape::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Shape::Suffix(suffix) => {
                path.ends_with(suffix.as_str()) || suffix.strip_prefix('/') == Some(path)
            }
            Shape::Glob(tokens) => {
                path.starts_with(self.head.as_str())
                    && path.ends_with(self.tail.as_str())
                    && glob(tokens, path)
            }
        }
    }

    fn may_match_below(&self, dir: &str) -> bool {
        let mut names = dir.split('/');
        for wanted in &self.top {
            match names.next() {
                None => return true,
                Some(name) if !glob(wanted, name) => return false,
                Some(_) => {}
            }
        }
        // The directory is as deep as the pattern: below it, only what the directory itself decides.
        !self.shallow
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, PatternError> {
    let error = |reason| PatternError {
        pattern: text.to_owned(),
        reason,
    };
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_none() {
                    Token::Anything
                } else {
                    Token::Directories
                }
            }
            '*' => Token::Names,
            '?' => Token::One,
            '\\' => Token::Char(
                chars
                    .next()
                    .ok_or_else(|| error("nothing stands behind `\\`"))?,
            ),
            '[' => {
                let not = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    let mut one = || match chars.next() {
                        None => Err(error("`[` without `]`")),
                        Some('\\') => chars.next().ok_or_else(|| error("`[` without `]`")),
                        Some(c) => Ok(c),
                    };
                    let low = one()?;
                    if low == ']' && !ranges.is_empty() {
                        break;
                    }
                    let high = if chars.next_if_eq(&'-').is_some() {
                        match chars.next() {
                            None | Some(']') => return Err(error("a range has no end")),
                            Some('\\') => chars.next().ok_or_else(|| error("`[` without `]`"))?,
                            Some(c) => c,
                        }
                    } else {
                        low
                    };
                    ranges.push((low, high));
                }
                Token::Class { not, ranges }
            }
            c => Token::Char(c),
        });
    }
    Ok(tokens)
}

/// Follows all ways through the tokens at once, so that no pattern takes exponential time.
fn glob(tokens: &[Token], path: &str) -> bool {
    // `at[n]`: the tokens before `n` have matched. `within[n]`: token `n` is a `**/` that has begun.
    let mut at = vec![false; tokens.len() + 1];
    let mut within = vec![false; tokens.len() + 1];
    let skip = |at: &mut Vec<bool>| {
        for n in 0..tokens.len() {
            let empty = matches!(
                tokens[n],
                Token::Names | Token::Directories | Token::Anything
            );
            if at[n] && empty {
                at[n + 1] = true;
            }
        }
    };
    at[0] = true;
    skip(&mut at);
    for c in path.chars() {
        let mut next = vec![false; tokens.len() + 1];
        let mut next_within = vec![false; tokens.len() + 1];
        for (n, token) in tokens.iter().enumerate() {
            if !at[n] && !within[n] {
                continue;
            }
            match token {
                Token::Char(wanted) => next[n + 1] |= *wanted == c,
                Token::One => next[n + 1] |= c != '/',
                Token::Names => next[n] |= c != '/',
                Token::Anything => next[n] = true,
                Token::Class { not, ranges } => {
                    let hit = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                    next[n + 1] |= hit != *not;
                }
                Token::Directories => {
                    next_within[n] = true;
                    next[n + 1] |= c == '/';
                }
            }
        }
        skip(&mut next);
        at = next;
        within = next_within;
    }
    at[tokens.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[&str], path: &str) -> bool {
        Patterns::parse(patterns).unwrap().matches(path)
    }

    #[test]
    fn single_patterns_match_as_in_docker() {
        for (pattern, path, expected) in [
            ("**", "a/b", true),
            ("**/", "file", true),
            ("**/", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir", false),
            ("dir/**", "dir/a/b", true),
            ("**/dir", "dir", true),
            ("**/dir", "a/dir", true),
            ("**/dir", "a/xdir", false),
            ("**/dir/**", "dir/x", true),
            ("**/dir/**", "a/dir/x/y", true),
            ("**/file.txt", "a/b/file.txt", true),
            ("**/*.txt", "a/b/file.txt", true),
            ("**/*.txt", "file.txt", true),
            ("**/*.txt", "filetxt", false),
            ("*.go", "main.go", true),
            ("*.go", "a/main.go", false),
            ("a*", "a", true),
            ("a*", "ab/c", true),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/x/c", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/x/c", true),
            ("a**b", "ab", true),
            ("a**b", "a/x/b", true),
            ("a**/*c/d", "a/xc/d", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("a.b", "aXb", false),
            ("a(b|c)", "ab", false),
            ("a(b|c)", "a(b|c)", true),
            ("./a", "a", true),
            ("/a", "a", true),
            ("a/", "a/b", true),
            ("a/../b", "b", true),
            ("a", "a/b/c", true),
            ("a", "ab", false),
            (".git", ".git/config", true),
            ("wörter/*", "wörter/ä", true),
            ("*/*", "a/b/c", true),
        ] {
            assert_eq!(matches(&[pattern], path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let patterns = ["*", "!src", "src/*.o", "!src/keep.o"];
        for (path, expected) in [
            ("README", true),
            ("src", false),
            ("src/main.c", false),
            ("src/main.o", true),
            ("src/keep.o", false),
            ("other/src", true),
        ] {
            assert_eq!(matches(&patterns, path), expected, "{path}");
        }
    }

    #[test]
    fn a_whole_directory_is_passed_over_only_where_nothing_below_can_count() {
        let include = Patterns::parse(&["a/b/c", "d/*/e", "f/**/g"]).unwrap();
        for (dir, expected) in [
            ("a", true),
            ("a/b", true),
            ("a/x", false),
            ("d/any", true),
            ("d/any/x", false),
            ("f", true),
            ("f/1/2/3", true),
            ("g", false),
        ] {
            assert_eq!(include.may_match_below(dir), expected, "{dir}");
        }
        let exclude = Patterns::parse(&["node_modules", "*", "!src/lib"]).unwrap();
        assert!(exclude.may_except_below("src"));
        assert!(!exclude.may_except_below("node_modules"));
    }

    #[test]
    fn broken_patterns_are_named() {
        for pattern in ["[", "[a", "[a-]", "a\\", "!"] {
            let error = Patterns::parse(&[pattern]).unwrap_err();
            assert_eq!(error.pattern, pattern);
        }
    }

    #[test]
    fn no_pattern_takes_exponential_time() {
        let pattern = "*a".repeat(40) + "b";
        assert!(!matches(&[pattern.as_str()], &"a".repeat(2000)));
    }
}
