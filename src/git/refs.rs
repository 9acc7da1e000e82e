//! Which commit a name of a repository stands for: a branch, a tag, the digits of a commit, nothing at all.

use super::{command::Git, error::GitError, lookup::Found};

/// What a name turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Branch(String),
    Tag(String),
    /// A reference by its full name, `refs/pull/7/head`.
    Full(String),
    Commit,
}

impl Kind {
    /// As people call it; a commit has no name.
    pub fn name(&self) -> &str {
        match self {
            Self::Branch(name) | Self::Tag(name) | Self::Full(name) => name,
            Self::Commit => "",
        }
    }

    /// The reference as the server calls it; none for a commit.
    pub fn refname(&self) -> Option<String> {
        match self {
            Self::Branch(name) => Some(format!("refs/heads/{name}")),
            Self::Tag(name) => Some(format!("refs/tags/{name}")),
            Self::Full(name) => Some(name.clone()),
            Self::Commit => None,
        }
    }
}

/// A name, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The commit, all of its digits.
    pub commit: String,
    /// What has to be fetched: an annotated tag is an object of its own in front of its commit.
    pub object: String,
    pub kind: Kind,
}

impl Resolved {
    pub fn commit(digits: &str) -> Self {
        let commit = digits.to_ascii_lowercase();
        Self {
            object: commit.clone(),
            commit,
            kind: Kind::Commit,
        }
    }
}

/// How a name looks, before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// All digits of a commit.
    Commit,
    /// It may be the first digits of one.
    MaybeDigits,
    Name,
    /// No reference can be called that.
    Impossible,
}

/// Whether a name means the same tomorrow: a whole commit, or a tag that is called one.
pub(crate) fn is_pinned(name: &str) -> bool {
    name.starts_with("tags/") || matches!(shape(name), Shape::Commit)
}

pub(crate) fn shape(name: &str) -> Shape {
    let hex = !name.is_empty() && name.chars().all(|c| c.is_ascii_hexdigit());
    let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    match name.len() {
        40 | 64 if hex => Shape::Commit,
        4..=63 if hex => Shape::MaybeDigits,
        _ if name.starts_with(['-', '/'])
            || name.ends_with(['/', '.'])
            || name.ends_with(".lock")
            || name.contains("..")
            || name.contains("//")
            || name.contains("@{")
            || name.chars().any(bad) =>
        {
            Shape::Impossible
        }
        _ => Shape::Name,
    }
}

/// Asks the server what a name is; nothing is the branch that it has by default. None if it knows no such name.
pub(crate) async fn ask(
    found: &Found,
    name: &str,
    dir: &std::path::Path,
) -> Result<Option<Resolved>, GitError> {
    let url = found.url.to_string();
    let heads = format!("refs/heads/{name}");
    let tags = format!("refs/tags/{name}");
    let peeled = format!("{tags}^{{}}");
    let patterns: Vec<&str> = match name {
        "" | "HEAD" => vec!["HEAD"],
        name if name.starts_with("refs/") => vec![name],
        _ => vec![&heads, &tags, &peeled],
    };
    let text = Git::at(dir, &found.access)
        .args(["ls-remote", "--quiet", "--symref", "--", &url])
        .args(&patterns)
        .must(&found.url, "read the references of")
        .await?;
    Ok(read(&text, name))
}

/// What `ls-remote --symref` printed. A pattern also matches the ends of longer names, so that names are compared whole.
fn read(text: &str, name: &str) -> Option<Resolved> {
    let of = |wanted: &str| {
        text.lines().find_map(|line| {
            let (object, refname) = line.split_once('\t')?;
            (refname == wanted && !object.starts_with("ref:")).then(|| object.to_owned())
        })
    };
    let resolved = |commit: String, object: String, kind| {
        Some(Resolved {
            commit,
            object,
            kind,
        })
    };
    if matches!(name, "" | "HEAD") {
        let object = of("HEAD")?;
        let branch = text.lines().find_map(|line| {
            let (symref, refname) = line.split_once('\t')?;
            let branch = symref.strip_prefix("ref: refs/heads/")?;
            (refname == "HEAD").then(|| branch.to_owned())
        });
        let kind = branch.map_or(Kind::Commit, Kind::Branch);
        return resolved(object.clone(), object, kind);
    }
    if name.starts_with("refs/") {
        let object = of(name)?;
        return resolved(object.clone(), object, Kind::Full(name.to_owned()));
    }
    if let Some(object) = of(&format!("refs/heads/{name}")) {
        return resolved(object.clone(), object, Kind::Branch(name.to_owned()));
    }
    let object = of(&format!("refs/tags/{name}"))?;
    let commit = of(&format!("refs/tags/{name}^{{}}")).unwrap_or_else(|| object.clone());
    resolved(commit, object, Kind::Tag(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_wins_over_a_tag_and_a_tag_is_followed_to_its_commit() {
        let text = "a1\trefs/heads/x/v1\na2\trefs/tags/v1\na3\trefs/tags/v1^{}\n";
        let tag = read(text, "v1").unwrap();
        assert_eq!((tag.commit.as_str(), tag.object.as_str()), ("a3", "a2"));
        assert_eq!(tag.kind, Kind::Tag("v1".into()));
        let both = format!("{text}a4\trefs/heads/v1\n");
        assert_eq!(read(&both, "v1").unwrap().kind, Kind::Branch("v1".into()));
        assert_eq!(read(text, "v2"), None);
    }

    #[test]
    fn no_name_is_the_default_branch() {
        let text = "ref: refs/heads/dev\tHEAD\na1\tHEAD\nb1\trefs/remotes/o/HEAD\n";
        let head = read(text, "").unwrap();
        assert_eq!(
            (head.commit.as_str(), head.kind),
            ("a1", Kind::Branch("dev".into()))
        );
    }

    #[test]
    fn names_that_git_could_misread_are_never_asked_for() {
        for (name, expected) in [
            ("feature/x", Shape::Name),
            ("abc", Shape::Name),
            ("abcd", Shape::MaybeDigits),
            ("--upload-pack=x", Shape::Impossible),
            ("a..b", Shape::Impossible),
            ("a b", Shape::Impossible),
            ("a:b", Shape::Impossible),
            ("v1^{}", Shape::Impossible),
        ] {
            assert_eq!(shape(name), expected, "{name}");
        }
        assert_eq!(shape(&"a".repeat(40)), Shape::Commit);
    }
}
