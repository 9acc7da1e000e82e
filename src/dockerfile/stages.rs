//! The stages of a Dockerfile, and the images that one of them needs.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use super::{
    lines::{Instruction, Text, Word},
    words::expand,
};
use crate::diag::Span;

/// The base that is no image.
const SCRATCH: &str = "scratch";

/// The stages of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// In order.
    pub stages: Vec<Stage>,
    /// `ARG`s above the first stage, as they are written: names, and defaults where they have one.
    globals: Vec<(String, Option<String>)>,
    escape: char,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name.
    pub name: Option<String>,
    /// What it begins with: an image, or an earlier stage.
    pub base: Word,
    /// The value of `--platform`.
    pub platform: Option<Word>,
    /// What its `COPY --from` and `RUN --mount=from=` name: stages or images.
    pub sources: Vec<Word>,
}

/// An image that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// Its name after expansion.
    pub name: String,
    /// The platform that it is asked for with, after expansion.
    pub platform: Option<String>,
    /// Where the name stands.
    pub span: Span,
}

/// There is no such stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStage {
    /// What was asked for.
    pub wanted: String,
    /// The names that there are.
    pub names: Vec<String>,
}

impl fmt::Display for UnknownStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Dockerfile has no stage `{}`", self.wanted)
    }
}

impl std::error::Error for UnknownStage {}

impl Stages {
    /// Reads them.
    pub fn of(text: &Text) -> Self {
        let mut stages: Vec<Stage> = Vec::new();
        let mut globals = Vec::new();
        for instruction in &text.instructions {
            match (instruction.keyword.as_str(), stages.last_mut()) {
                ("FROM", _) => stages.extend(stage(instruction)),
                ("ARG", None) => globals.extend(arguments(&instruction.rest, text.escape)),
                ("COPY" | "RUN" | "ADD", Some(stage)) => stage.sources.extend(source(instruction)),
                _ => {}
            }
        }
        Self {
            stages,
            globals,
            escape: text.escape,
        }
    }

    /// The images that a stage needs, directly or through others, each place by itself. `given` are the values of
    /// arguments, and those that every Dockerfile knows (`TARGETPLATFORM` and the like).
    pub fn images(
        &self,
        wanted: Option<&str>,
        given: &HashMap<String, String>,
    ) -> Result<Vec<ImageUse>, UnknownStage> {
        let values = self.values(given);
        let value = |word: &str| expand(word, self.escape, &|name| values.get(name).cloned());
        // Where a name cannot be expanded here, it is left to the front end.
        let bases: Vec<Option<String>> = self
            .stages
            .iter()
            .map(|stage| value(&stage.base.text))
            .collect();
        let mut open = Vec::from_iter(self.wanted(wanted)?);
        let mut seen = BTreeSet::new();
        let mut uses = Vec::new();
        while let Some(at) = open.pop() {
            if !seen.insert(at) {
                continue;
            }
            let stage = &self.stages[at];
            if let Some(name) = &bases[at] {
                match self.named(name, at) {
                    Some(earlier) => open.push(earlier),
                    None if name == SCRATCH || name.is_empty() => {}
                    None => uses.push(ImageUse {
                        name: name.clone(),
                        platform: stage.platform.as_ref().and_then(|p| value(&p.text)),
                        span: stage.base.span,
                    }),
                }
            }
            for source in &stage.sources {
                let number = source.text.parse().ok().filter(|n| *n < self.stages.len());
                match number.or_else(|| self.named(&source.text, self.stages.len())) {
                    Some(other) => open.push(other),
                    None if source.text.contains('$') || source.text == SCRATCH => {}
                    None => uses.push(ImageUse {
                        name: source.text.clone(),
                        platform: None,
                        span: source.span,
                    }),
                }
            }
        }
        uses.sort_by_key(|found| found.span);
        Ok(uses)
    }

    /// The global arguments with their values.
    fn values(&self, given: &HashMap<String, String>) -> HashMap<String, String> {
        let mut values: HashMap<String, String> = given
            .iter()
            .filter(|(name, _)| is_predeclared(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, default) in &self.globals {
            let default = default.as_ref().and_then(|default| {
                expand(default, self.escape, &|name| values.get(name).cloned())
            });
            if let Some(value) = given.get(name).cloned().or(default) {
                values.insert(name.clone(), value);
            }
        }
        values
    }

    /// The index of the stage that is asked for; the last one, if none is. None in a file without stages.
    fn wanted(&self, wanted: Option<&str>) -> Result<Option<usize>, UnknownStage> {
        let Some(wanted) = wanted else {
            return Ok(self.stages.len().checked_sub(1));
        };
        let number = wanted.parse().ok().filter(|n| *n < self.stages.len());
        match self.named(wanted, self.stages.len()).or(number) {
            Some(stage) => Ok(Some(stage)),
            None => Err(UnknownStage {
                wanted: wanted.to_owned(),
                names: self.stages.iter().filter_map(|s| s.name.clone()).collect(),
            }),
        }
    }

    /// The stage of this name before another; of two, the later one.
    fn named(&self, name: &str, before: usize) -> Option<usize> {
        self.stages[..before].iter().rposition(|stage| {
            let own = stage.name.as_ref();
            own.is_some_and(|own| own.eq_ignore_ascii_case(name))
        })
    }
}

/// The text with other words at some places; all lines stay where they are.
pub fn replaced(text: &str, escape: char, places: &[(Span, String)]) -> String {
    let mut places: Vec<_> = places.iter().collect();
    places.sort_by_key(|(span, _)| *span);
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for (span, word) in places {
        let range = span.range();
        result.push_str(&text[at..range.start]);
        result.push_str(word);
        // A word that is broken over several lines stays on as many.
        for _ in text[range.clone()].matches('\n') {
            result.push(escape);
            result.push('\n');
        }
        at = range.end;
    }
    result.push_str(&text[at..]);
    result
}

/// Whether an argument is known without an `ARG`.
fn is_predeclared(name: &str) -> bool {
    let rest = name
        .strip_prefix("TARGET")
        .or_else(|| name.strip_prefix("BUILD"));
    matches!(rest, Some("PLATFORM" | "OS" | "ARCH" | "VARIANT"))
}

/// `FROM [--platform=x] base [AS name]`.
fn stage(instruction: &Instruction) -> Option<Stage> {
    let mut platform = None;
    let mut words = instruction.words().into_iter();
    let base = words.by_ref().find(|word| {
        if let Some(value) = word.text.strip_prefix("--platform=") {
            platform = Some(Word {
                text: value.to_owned(),
                span: word.span,
            });
        }
        !word.text.starts_with("--")
    })?;
    let name = match (words.next(), words.next()) {
        (Some(word), Some(name)) if word.text.eq_ignore_ascii_case("AS") => Some(name.text),
        _ => None,
    };
    Some(Stage {
        name,
        base,
        platform,
        sources: Vec::new(),
    })
}

/// `a`, `a=b`, several of them, with quotes.
fn arguments(rest: &str, escape: char) -> Vec<(String, Option<String>)> {
    quoted_words(rest, escape)
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        })
        .collect()
}

/// Words between blanks that stand in no quotes; quotes stay.
pub(super) fn quoted_words(rest: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() && quote.is_none() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            c if c == escape && quote != Some('\'') => {
                word.push(c);
                word.extend(chars.next());
                continue;
            }
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What `COPY --from=x` and `RUN --mount=…,from=x` name.
fn source(instruction: &Instruction) -> Vec<Word> {
    let mut found = Vec::new();
    for word in instruction.words() {
        if !word.text.starts_with("--") {
            break;
        }
        if word.text.len() != word.span.range().len() {
            // Broken over lines: rare enough to be left as it is.
            continue;
        }
        let part = |start: usize, text: &str| {
            let start = word.span.start as usize + start;
            Word {
                text: text.to_owned(),
                span: Span::new(start, start + text.len()),
            }
        };
        if let Some(name) = word.text.strip_prefix("--from=") {
            found.push(part("--from=".len(), name));
        } else if let Some(mount) = word.text.strip_prefix("--mount=") {
            let mut at = "--mount=".len();
            for field in mount.split(',') {
                if let Some(name) = field.strip_prefix("from=") {
                    found.push(part(at + "from=".len(), name));
                }
                at += field.len() + 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
ARG V=1.36 REG=\"r.io/x\"
ARG NAME=${REG}/busybox:${V}
FROM --platform=$BUILDPLATFORM ${NAME} AS Build
RUN --mount=type=cache,target=/c --mount=type=bind,from=tools:2,target=/t make
FROM scratch AS empty
COPY --from=other:1 /a /b
FROM build AS second
COPY --from=0 /a /b
FROM unused:1
FROM busybox:$V AS last
COPY --from=SECOND --chown=1 /a /b
COPY --from=$X /a /b
";

    fn images(wanted: Option<&str>, given: &[(&str, &str)]) -> Vec<String> {
        let pair = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        let given: HashMap<_, _> = given.iter().map(pair).collect();
        let stages = Stages::of(&Text::parse(TEXT));
        let images = stages.images(wanted, &given).unwrap();
        let show = |image: &ImageUse| {
            let platform = image.platform.clone().unwrap_or_default();
            format!("{} {platform} <{}>", image.name, &TEXT[image.span.range()])
        };
        images.iter().map(show).collect()
    }

    #[test]
    fn a_stage_needs_its_base_and_what_it_copies_from_and_nothing_else() {
        let given = [("BUILDPLATFORM", "linux/amd64"), ("V", "1.35")];
        assert_eq!(
            images(None, &given),
            [
                "r.io/x/busybox:1.35 linux/amd64 <${NAME}>",
                "tools:2  <tools:2>",
                "busybox:1.35  <busybox:$V>"
            ]
        );
        assert_eq!(images(Some("Empty"), &[]), ["other:1  <other:1>"]);
        assert_eq!(images(Some("3"), &[]), ["unused:1  <unused:1>"]);
    }

    #[test]
    fn an_unknown_stage_is_told_with_those_that_there_are() {
        let stages = Stages::of(&Text::parse(TEXT));
        let unknown = stages.images(Some("nope"), &HashMap::new()).unwrap_err();
        assert_eq!(unknown.names, ["Build", "empty", "second", "last"]);
        assert_eq!(
            Stages::of(&Text::parse("RUN x")).images(None, &HashMap::new()),
            Ok(Vec::new())
        );
    }

    #[test]
    fn words_are_replaced_and_lines_stay() {
        let text = "FROM busy\\\nbox AS a\nRUN x";
        let images = Stages::of(&Text::parse(text))
            .images(None, &HashMap::new())
            .unwrap();
        let places = [(images[0].span, "m/busybox@d".to_owned())];
        assert_eq!(
            replaced(text, '\\', &places),
            "FROM m/busybox@d\\\n AS a\nRUN x"
        );
    }
}
