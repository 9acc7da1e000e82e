//! Changes one key of a YAML text and leaves everything else as it stands: comments, order, blank lines.
//!
//! Only block mappings are understood line by line. A value in flow style (`{a: b}`) on the way to the key is written
//! anew as a whole. What comes out is parsed and compared with what was meant, so that a shape that is not understood
//! is an error and never a broken file.

use std::ops::Range;

use serde_yaml::{Mapping, Value};

/// Why a text was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditError {
    /// It is no YAML; the parser's words.
    Invalid(String),
    /// It is YAML of a shape that cannot be changed line by line.
    Shape,
}

/// Sets a key, making what leads to it.
pub fn set(text: &str, path: &[String], value: &Value) -> Result<String, EditError> {
    let old = parse(text)?;
    let mut new = old.clone();
    put(&mut new, path, value.clone());
    change(text, path, &old, &new)
}

/// Takes a key away; none if it is not there.
pub fn delete(text: &str, path: &[String]) -> Result<Option<String>, EditError> {
    let old = parse(text)?;
    if at(&old, path).is_none() {
        return Ok(None);
    }
    let mut new = old.clone();
    take(&mut new, path);
    change(text, path, &old, &new).map(Some)
}

/// The line of a key, counted from 1.
pub fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let lines = Lines::of(text);
    let mut range = 0..lines.0.len();
    let mut line = None;
    for segment in path {
        let Some(block) = lines.block(range.clone()) else {
            break;
        };
        let Some(entry) = block.entries.into_iter().find(|e| e.key == *segment) else {
            break;
        };
        line = Some(entry.lines.start + 1);
        range = entry.lines.start + 1..entry.lines.end;
    }
    line
}

fn parse(text: &str) -> Result<Value, EditError> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_yaml::from_str(text).map_err(|e| EditError::Invalid(e.to_string()))
}

/// Rewrites the lines in which `old` and `new` differ, which is at `path`.
fn change(text: &str, path: &[String], old: &Value, new: &Value) -> Result<String, EditError> {
    let lines = Lines::of(text);
    let mut range = 0..lines.0.len();
    let mut indent = 0;
    for depth in 0..path.len() {
        let at_depth = &path[..=depth];
        let value = at(new, at_depth);
        let Some(block) = lines.block(range.clone()) else {
            // Nothing stands here yet, or something that is no block of keys.
            if lines.content(range.clone()).next().is_some() {
                return Err(EditError::Shape);
            }
            let fresh = value.map_or_else(String::new, |v| lines_of(&path[depth], v, indent));
            return verified(lines.with(range.end..range.end, &fresh), new);
        };
        indent = block.indent;
        let Some(entry) = block.entries.iter().find(|e| e.key == path[depth]) else {
            let end = block.entries.last().map_or(range.end, |e| e.lines.end);
            let fresh = value.map_or_else(String::new, |v| lines_of(&path[depth], v, indent));
            return verified(lines.with(end..end, &fresh), new);
        };
        let deeper = depth + 1 < path.len() && entry.inline.is_empty();
        if deeper && at(old, at_depth).is_some_and(Value::is_mapping) {
            range = entry.lines.start + 1..entry.lines.end;
            indent += 2;
            continue;
        }
        let mut fresh = value.map_or_else(String::new, |v| lines_of(&path[depth], v, indent));
        if entry.lines.len() == 1 && fresh.lines().count() == 1 && !entry.comment.is_empty() {
            fresh = format!("{} {}\n", fresh.trim_end(), entry.comment);
        }
        return verified(lines.with(entry.lines.clone(), &fresh), new);
    }
    Err(EditError::Shape)
}

fn verified(text: String, meant: &Value) -> Result<String, EditError> {
    match parse(&text) {
        Ok(made) if same(&made, meant) => Ok(text),
        _ => Err(EditError::Shape),
    }
}

/// Whether two trees say the same: a key without a value says nothing.
fn same(a: &Value, b: &Value) -> bool {
    fn said(value: &Value) -> Value {
        match value {
            Value::Mapping(mapping) => {
                let said: Mapping = mapping
                    .iter()
                    .map(|(key, value)| (key.clone(), said(value)))
                    .filter(|(_, value)| !value.is_null())
                    .collect();
                if said.is_empty() {
                    Value::Null
                } else {
                    Value::Mapping(said)
                }
            }
            other => other.clone(),
        }
    }
    said(a) == said(b)
}

fn at<'a>(tree: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(tree, |tree, name| tree.get(name.as_str()))
}

fn put(tree: &mut Value, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *tree = value;
        return;
    };
    if !tree.is_mapping() {
        *tree = Value::Mapping(Mapping::new());
    }
    if let Value::Mapping(mapping) = tree {
        let child = mapping
            .entry(Value::String(name.clone()))
            .or_insert(Value::Null);
        put(child, rest, value);
    }
}

fn take(tree: &mut Value, path: &[String]) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        if let Value::Mapping(mapping) = tree {
            mapping.remove(name.as_str());
        }
    } else if let Some(child) = tree.get_mut(name.as_str()) {
        take(child, rest);
    }
}

/// `key: value` as lines.
fn lines_of(key: &str, value: &Value, indent: usize) -> String {
    let mapping: Mapping = [(Value::String(key.to_owned()), value.clone())]
        .into_iter()
        .collect();
    let text = serde_yaml::to_string(&mapping).unwrap_or_default();
    text.lines()
        .map(|line| match line.is_empty() {
            true => "\n".to_owned(),
            false => format!("{:indent$}{line}\n", ""),
        })
        .collect()
}

/// A text as lines, each with its line end.
struct Lines<'a>(Vec<&'a str>);

/// The keys of one mapping.
struct Block {
    indent: usize,
    entries: Vec<Entry>,
}

/// A key and the lines of its value.
struct Entry {
    key: String,
    /// What stands behind the colon, without the comment.
    inline: String,
    /// The comment on the line of the key.
    comment: String,
    lines: Range<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.split_inclusive('\n').collect())
    }

    /// The numbers of the lines in a range that are neither blank nor comments nor markers of the document.
    fn content(&self, range: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        range.filter(|n| {
            let line = self.0[*n].trim();
            !line.is_empty()
                && !line.starts_with('#')
                && !self.0[*n].starts_with("---")
                && !self.0[*n].starts_with("...")
                && !self.0[*n].starts_with('%')
        })
    }

    /// The keys that stand in a range, if there are any and they are in block style.
    fn block(&self, range: Range<usize>) -> Option<Block> {
        let first = self.content(range.clone()).next()?;
        let indent = indent_of(self.0[first]);
        let mut entries: Vec<Entry> = Vec::new();
        for n in self.content(range) {
            let line = self.0[n];
            let of_the_last = indent_of(line) > indent || line.trim_start().starts_with("- ");
            if of_the_last {
                entries.last_mut()?.lines.end = n + 1;
            } else if indent_of(line) == indent {
                let (key, rest) = key_of(line.trim())?;
                let (inline, comment) = cut_comment(rest);
                entries.push(Entry {
                    key,
                    inline: inline.to_owned(),
                    comment: comment.to_owned(),
                    lines: n..n + 1,
                });
            } else {
                return None;
            }
        }
        Some(Block { indent, entries })
    }

    /// The text with other lines in the place of these.
    fn with(&self, lines: Range<usize>, fresh: &str) -> String {
        let mut text = self.0[..lines.start].concat();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(fresh);
        text.push_str(&self.0[lines.end..].concat());
        text
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// `key: rest`; the key may be quoted.
fn key_of(line: &str) -> Option<(String, &str)> {
    let (key, rest) = match line.chars().next()? {
        quote @ ('"' | '\'') => line[1..].split_once(quote)?,
        _ => {
            let end = line
                .match_indices(':')
                .map(|(end, _)| end)
                .find(|end| line[end + 1..].is_empty() || line[end + 1..].starts_with(' '))?;
            (&line[..end], &line[end..])
        }
    };
    let rest = rest.trim_start().strip_prefix(':')?;
    Some((key.trim().to_owned(), rest.trim()))
}

/// Cuts ` # comment` off; a sharp inside quotes is none.
fn cut_comment(rest: &str) -> (&str, &str) {
    let mut quote = None;
    let mut before = ' ';
    for (n, c) in rest.char_indices() {
        match quote {
            None if c == '#' && before.is_whitespace() => {
                return (rest[..n].trim_end(), &rest[n..]);
            }
            None if matches!(c, '"' | '\'') && before.is_whitespace() => quote = Some(c),
            Some(open) if c == open && before != '\\' => quote = None,
            _ => {}
        }
        before = c;
    }
    (rest, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(dotted: &str) -> Vec<String> {
        dotted.split('/').map(str::to_owned).collect()
    }

    fn set_to(text: &str, key: &str, value: &str) -> String {
        set(text, &path(key), &serde_yaml::from_str(value).unwrap()).unwrap()
    }

    const FILE: &str = "\
# mine
global:
  # how many
  conversion_parallelism: 3   # not more
  engine: docker

git:
  github.com:   # the usual
    auth: ssh
# the end
";

    #[test]
    fn one_value_changes_and_everything_else_stays() {
        assert_eq!(
            set_to(FILE, "global/conversion_parallelism", "12"),
            FILE.replace(": 3   # not", ": 12 # not")
        );
        assert_eq!(
            set_to(FILE, "git/github.com/auth", "https"),
            FILE.replace("ssh", "https")
        );
    }

    #[test]
    fn a_new_key_stands_at_the_end_of_its_section_and_makes_the_way_to_it() {
        assert_eq!(
            set_to(FILE, "global/secret_provider", "pass show"),
            FILE.replace("docker\n", "docker\n  secret_provider: pass show\n")
        );
        assert_eq!(
            set_to(FILE, "git/example.com/port", "2222"),
            FILE.replace("ssh\n", "ssh\n  example.com:\n    port: 2222\n")
        );
        assert_eq!(set_to("", "global/engine", "x"), "global:\n  engine: x\n");
        assert_eq!(
            set_to("# only this", "global/engine", "x"),
            "# only this\nglobal:\n  engine: x\n"
        );
        assert_eq!(
            set_to("global:\n", "global/engine", "x"),
            "global:\n  engine: x\n"
        );
        assert_eq!(
            set_to("global:\ngit: {}\n", "git/a/auth", "ssh"),
            "global:\ngit:\n  a:\n    auth: ssh\n"
        );
    }

    #[test]
    fn whole_sections_and_lists_can_be_values() {
        assert_eq!(
            set_to(FILE, "git", "{a.com: {auth: ssh, port: 22}}"),
            FILE.replace(
                "git:\n  github.com:   # the usual\n    auth: ssh\n",
                "git:\n  a.com:\n    auth: ssh\n    port: 22\n"
            )
        );
        let list =
            "registries:\n  docker.io:\n    mirrors:\n    - a\n    - b\n    insecure: true\n";
        assert_eq!(
            set_to(list, "registries/docker.io/mirrors", "[c]"),
            list.replace("- a\n    - b", "- c")
        );
        let secret = "key: |-\n  two\n  lines\nother: 1\n";
        assert_eq!(set_to(secret, "key", "one"), "key: one\nother: 1\n");
    }

    #[test]
    fn flow_style_on_the_way_is_written_anew() {
        assert_eq!(
            set_to(
                "# a\ngit: {a.com: {auth: ssh}} # b\nglobal:\n  engine: x # c\n",
                "git/a.com/port",
                "1"
            ),
            "# a\ngit:\n  a.com:\n    auth: ssh\n    port: 1\nglobal:\n  engine: x # c\n"
        );
    }

    #[test]
    fn a_key_is_taken_away_with_its_value_alone() {
        let without = |key: &str| delete(FILE, &path(key)).unwrap();
        assert_eq!(
            without("global/engine").unwrap(),
            FILE.replace("  engine: docker\n", "")
        );
        assert_eq!(
            without("git").unwrap(),
            FILE.replace("git:\n  github.com:   # the usual\n    auth: ssh\n", "")
        );
        assert_eq!(without("global/nothing"), None);
        assert_eq!(delete("", &path("global/engine")), Ok(None));
    }

    #[test]
    fn a_shape_that_is_not_understood_is_refused_and_nothing_is_lost() {
        let anchors = "global: &g\n  engine: x\ngit:\n  a.com: *g\n";
        assert_eq!(delete(anchors, &path("global")), Err(EditError::Shape));
        assert_eq!(
            set(
                "{global: {engine: x}}",
                &path("global/engine"),
                &Value::from("y")
            ),
            Err(EditError::Shape)
        );
        assert!(matches!(
            set("a: [", &path("a"), &Value::from("y")),
            Err(EditError::Invalid(_))
        ));
    }

    #[test]
    fn quoted_keys_and_sharps_in_values_are_read() {
        let text = "git:\n  \"a.com\":\n    password: \"x # y\"\n    user: a#b # c\n";
        assert_eq!(
            set_to(text, "git/a.com/user", "d"),
            text.replace("a#b", "d")
        );
        assert_eq!(line_of(text, &path("git/a.com/user")), Some(4));
        assert_eq!(line_of(text, &path("git/b.com")), Some(1));
    }
}
