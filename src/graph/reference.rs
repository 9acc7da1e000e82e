//! References: `+target`, `./dir+target`, `host/user/repo:ref+target`, `alias+target`, `+target/path` (language
//! specification, section 3).

use std::fmt;

/// Where the build file of a reference is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The same file: `+t`.
    Here,
    /// A local directory, as written: begins with `.`, `/` or `~/`.
    Local(String),
    /// A git repository: `host/user/repo[/dir][:ref]`, as written.
    Remote(String),
    /// An `IMPORT` alias.
    Alias(String),
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetRef {
    /// The file.
    pub place: Place,
    /// The name after the `+`.
    pub name: String,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionRef {
    /// The file.
    pub place: Place,
    /// The name after the `+`.
    pub name: String,
}

/// Something that a target saved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactRef {
    /// The target.
    pub target: TargetRef,
    /// The path in its artifacts, beginning with `/`; may contain globs.
    pub path: String,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefError {
    /// There is no unescaped `+`, or there are several.
    NotAReference,
    /// The name does not match the pattern of its kind.
    Name {
        /// What was written.
        name: String,
        /// What it has to match.
        pattern: &'static str,
    },
    /// An artifact without a path: `+target`.
    NoPath,
    /// A backslash at the end, or in front of something other than `+`.
    Escape,
    /// The place is empty in a way that means nothing.
    Place(String),
}

/// What target names look like.
pub const TARGET_PATTERN: &str = "[a-z][a-zA-Z0-9.-]*";
/// What function names look like.
pub const FUNCTION_PATTERN: &str = "[A-Z][A-Z0-9._]*";

impl fmt::Display for RefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAReference => {
                f.write_str("expected one `+` between the directory and the name")
            }
            Self::Name { name, pattern } => write!(f, "name `{name}` must match `{pattern}`"),
            Self::NoPath => f.write_str("the path of the artifact is missing"),
            Self::Escape => f.write_str("a backslash may only stand in front of `+`"),
            Self::Place(place) => write!(
                f,
                "`{place}` is neither a directory, a repository nor an alias"
            ),
        }
    }
}

impl std::error::Error for RefError {}

/// Whether `name` can name a target.
pub fn is_target_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
}

/// Whether `name` can name a function.
pub fn is_function_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '.' || c == '_')
}

impl TargetRef {
    /// Reads `[place]+name`.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        let (place, name) = split(text)?;
        if !is_target_name(&name) {
            return Err(RefError::Name {
                name,
                pattern: TARGET_PATTERN,
            });
        }
        Ok(Self {
            place: Place::parse(&place)?,
            name,
        })
    }
}

impl FunctionRef {
    /// Reads `[place]+NAME`.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        let (place, name) = split(text)?;
        if !is_function_name(&name) {
            return Err(RefError::Name {
                name,
                pattern: FUNCTION_PATTERN,
            });
        }
        Ok(Self {
            place: Place::parse(&place)?,
            name,
        })
    }
}

impl ArtifactRef {
    /// Reads `[place]+name/path`.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        let (place, rest) = split(text)?;
        let (name, path) = match rest.split_once('/') {
            Some((name, path)) => (name.to_owned(), path),
            None if is_target_name(&rest) => return Err(RefError::NoPath),
            None => {
                return Err(RefError::Name {
                    name: rest,
                    pattern: TARGET_PATTERN,
                });
            }
        };
        if !is_target_name(&name) {
            return Err(RefError::Name {
                name,
                pattern: TARGET_PATTERN,
            });
        }
        let target = TargetRef {
            place: Place::parse(&place)?,
            name,
        };
        Ok(Self {
            target,
            path: format!("/{path}"),
        })
    }
}

impl Place {
    /// Reads what stands in front of the `+`. Local paths are cleaned; relative ones keep a leading `./` or `../`.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        if text.is_empty() {
            return Ok(Self::Here);
        }
        if text.starts_with(['.', '/']) || text.starts_with("~/") || text == "~" {
            let cleaned = clean(text);
            return Ok(if cleaned == "." {
                Self::Here
            } else {
                Self::Local(cleaned)
            });
        }
        if text.contains(['/', ':']) {
            return Ok(Self::Remote(text.to_owned()));
        }
        Ok(Self::Alias(text.to_owned()))
    }
}

/// Splits at the only unescaped `+` and takes the escapes away.
fn split(text: &str) -> Result<(String, String), RefError> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '+' => parts.push(String::new()),
            '\\' => match chars.next() {
                Some('+') => parts.last_mut().expect("never empty").push('+'),
                Some(other) => {
                    let part = parts.last_mut().expect("never empty");
                    part.push('\\');
                    part.push(other);
                }
                None => return Err(RefError::Escape),
            },
            c => parts.last_mut().expect("never empty").push(c),
        }
    }
    match <[String; 2]>::try_from(parts) {
        Ok([place, name]) => Ok((place, name)),
        Err(_) => Err(RefError::NotAReference),
    }
}

/// Cleans a slash path by its text alone: `.`, `//` and `x/..` vanish; a relative path keeps `./` in front.
pub fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false)
            if joined.starts_with("../") || joined == ".." || joined.starts_with('~') =>
        {
            joined
        }
        (false, false) => format!("./{joined}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('+', "\\+")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => Ok(()),
            Self::Local(text) | Self::Remote(text) | Self::Alias(text) => {
                f.write_str(&escaped(text))
            }
        }
    }
}

impl fmt::Display for TargetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.place, self.name)
    }
}

impl fmt::Display for FunctionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.place, self.name)
    }
}

impl fmt::Display for ArtifactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.target, escaped(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written_back() {
        for (text, place) in [
            ("+t", Place::Here),
            (".+t", Place::Here),
            ("./.+t", Place::Here),
            ("./d/+t", Place::Local("./d".into())),
            ("../d/../e+t", Place::Local("../e".into())),
            ("/abs//x+t", Place::Local("/abs/x".into())),
            ("~/d+t", Place::Local("~/d".into())),
            (
                "github.com/a/b:v1+t",
                Place::Remote("github.com/a/b:v1".into()),
            ),
            ("lib+t", Place::Alias("lib".into())),
        ] {
            assert_eq!(TargetRef::parse(text).unwrap().place, place, "{text}");
        }
        assert_eq!(
            TargetRef::parse("./a\\+b+t").unwrap().to_string(),
            "./a\\+b+t"
        );
    }

    #[test]
    fn text_that_is_no_reference_says_why() {
        assert_eq!(TargetRef::parse("plain"), Err(RefError::NotAReference));
        assert_eq!(TargetRef::parse("+a+b"), Err(RefError::NotAReference));
        assert_eq!(ArtifactRef::parse("+t"), Err(RefError::NoPath));
        assert_eq!(TargetRef::parse("+t\\"), Err(RefError::Escape));
        assert!(matches!(TargetRef::parse("+T"), Err(RefError::Name { .. })));
        assert!(matches!(
            FunctionRef::parse("+t"),
            Err(RefError::Name { .. })
        ));
    }

    #[test]
    fn an_artifact_has_a_path_from_the_root_of_the_artifacts() {
        let artifact = ArtifactRef::parse("./d+t/a/*.txt").unwrap();
        assert_eq!(
            (artifact.path.as_str(), artifact.to_string().as_str()),
            ("/a/*.txt", "./d+t/a/*.txt")
        );
    }
}
