//! Looks at files of the host: what is there, what a pattern matches, where a symbolic link leads.
//!
//! Reads only; nothing of it decides what a build contains, that is the engine's.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// What a path is, symbolic links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Anything else.
    File,
}

/// What is at `path`; none if nothing is.
pub(crate) fn kind(path: &Path) -> Option<Kind> {
    let kind = fs::symlink_metadata(path).ok()?.file_type();
    Some(if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Link
    } else {
        Kind::File
    })
}

/// The names in a directory, sorted.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The paths below `dir` that a slash pattern matches, relative, sorted. A part without special characters is looked up
/// and not listed.
pub(crate) fn glob(dir: &Path, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for part in pattern.split('/').filter(|p| !p.is_empty() && *p != ".") {
        let mut next = Vec::new();
        for base in &found {
            let here = dir.join(base);
            let join = |name: &str| {
                if base.is_empty() {
                    name.to_owned()
                } else {
                    format!("{base}/{name}")
                }
            };
            if is_pattern(part) {
                for name in names(&here).unwrap_or_default() {
                    if matches(part, &name) {
                        next.push(join(&name));
                    }
                }
            } else if part == ".." || kind(&here.join(part)).is_some() {
                next.push(join(part));
            }
        }
        found = next;
    }
    found
}

/// Whether a text has a meaning as a pattern.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

/// A name as a pattern that matches nothing else.
pub(crate) fn literally(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Whether one path component matches; the rules of Go's `path.Match`. A malformed pattern matches nothing.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
            continue;
        } else if n == name.len() {
            if p == pattern.len() {
                return true;
            }
            None
        } else {
            one(&pattern[p..], name[n])
        };
        match (step, star) {
            (Some(used), _) => {
                p += used;
                n += 1;
            }
            // The star takes one more; at the end of the name it cannot.
            (None, Some((at, from))) if from < name.len() => {
                star = Some((at, from + 1));
                p = at + 1;
                n = from + 1;
            }
            (None, _) => return false,
        }
    }
}

/// How many characters of the pattern match `c`; none if they do not.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '\\' => (*pattern.get(1)? == c).then_some(2),
        '[' => class(pattern, c),
        literal => (*literal == c).then_some(1),
    }
}

/// `[a-z]`, `[^a-z]`.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut hit = false;
    let start = at;
    loop {
        match pattern.get(at)? {
            ']' if at > start => break,
            _ => {}
        }
        let low = class_char(pattern, &mut at)?;
        let high = if pattern.get(at) == Some(&'-') {
            at += 1;
            class_char(pattern, &mut at)?
        } else {
            low
        };
        hit |= low <= c && c <= high;
    }
    (hit != negated).then_some(at + 1)
}

fn class_char(pattern: &[char], at: &mut usize) -> Option<char> {
    let mut c = *pattern.get(*at)?;
    if c == '\\' {
        *at += 1;
        c = *pattern.get(*at)?;
    } else if matches!(c, '-' | ']') {
        return None;
    }
    *at += 1;
    Some(c)
}

/// Where a symbolic link inside `root` leads, relative to `root`; an error if it leaves it or leads nowhere.
pub(crate) fn follow(root: &Path, relative: &str) -> Result<String, FollowError> {
    let mut at = PathBuf::from(relative);
    for _ in 0..40 {
        let full = root.join(&at);
        if kind(&full) != Some(Kind::Link) {
            let text = at.to_str().ok_or(FollowError::Outside)?;
            return if kind(&full).is_some() {
                Ok(text.to_owned())
            } else {
                Err(FollowError::Nowhere)
            };
        }
        let link = fs::read_link(&full).map_err(|_| FollowError::Nowhere)?;
        let next = if link.is_absolute() {
            link.strip_prefix(root)
                .map_err(|_| FollowError::Outside)?
                .to_path_buf()
        } else {
            at.parent().unwrap_or(Path::new("")).join(link)
        };
        at = within(&next).ok_or(FollowError::Outside)?;
    }
    Err(FollowError::Nowhere)
}

/// Why a link cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FollowError {
    /// It leaves the directory.
    Outside,
    /// There is nothing at its end.
    Nowhere,
}

/// A relative path without `.` and `..`; none if it leaves its start.
pub(crate) fn within(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

/// A path by its text alone: absolute, without `.` and `..`.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_match_as_in_go() {
        for (pattern, name) in [
            ("*", "a"),
            ("*", ".hidden"),
            ("*.txt", "a.b.txt"),
            ("a*b*c", "a-b-b-c"),
            ("?x", "ax"),
            ("[a-c]1", "b1"),
            ("[^a-c]1", "d1"),
            ("\\*", "*"),
            ("[\\]]", "]"),
            ("", ""),
            ("a*", "a"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.txt", "a.tx"),
            ("?", ""),
            ("[a", "a"),
            ("[a-c]", "d"),
            ("[]", "a"),
            ("a", "ab"),
            ("*a", "b"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
