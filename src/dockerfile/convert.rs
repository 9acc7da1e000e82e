//! A Dockerfile as a build file: one target for each stage, `build` for the last of them.
//!
//! What comes out does the same or is not made at all: an instruction that has no counterpart is a problem with its
//! place. Where the two languages read the same words in different ways (quotes of `CMD`, owners of copied files, options
//! of mounts), the words are changed so that they mean what they meant.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    lines::{Instruction, Text},
    rewrite::{
        after_flags, escaped, exec_form, healthcheck, json, mount_flag, pairs, path_word,
        without_shell_outs,
    },
    stages::quoted_words,
};
use crate::diag::Span;

/// An instruction that cannot be rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Where it stands.
    pub at: Span,
    /// What it is.
    pub what: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// Rewrites a Dockerfile. `tag` is the name of the image.
pub fn convert(source: &str, tag: Option<&str>) -> Result<String, Vec<Obstacle>> {
    let text = Text::parse(source);
    let mut converter = Converter {
        source,
        escape: text.escape,
        globals: Vec::new(),
        stages: Vec::new(),
        images: Vec::new(),
        obstacles: Vec::new(),
    };
    for instruction in &text.instructions {
        converter.instruction(instruction);
    }
    converter.whole(tag)
}

/// A stage on its way to be a target.
#[derive(Default)]
struct Stage {
    name: Option<String>,
    lines: Vec<String>,
    saved: Saved,
    /// Whether commands run as somebody else than root.
    has_user: bool,
}

/// What others copy from a target: where it is there, and what it is called among the artifacts.
#[derive(Default)]
struct Saved(BTreeMap<String, String>);

impl Saved {
    /// The path of something among the artifacts.
    fn artifact(&mut self, path: &str) -> String {
        let path = format!("/{}", path.trim_matches('/'));
        let base = path.rsplit('/').next().unwrap_or_default().to_owned();
        let pattern = base.contains(['*', '?', '[']);
        let number = self.0.len() + 1;
        let taken = self
            .0
            .iter()
            .any(|(other, name)| *other != path && *name == base);
        let name = self
            .0
            .entry(path)
            .or_insert_with(|| match (pattern, taken) {
                // What a pattern finds goes into a directory of its own.
                (true, _) => format!("{number}/"),
                (false, true) => format!("{number}/{base}"),
                (false, false) => base.clone(),
            });
        match name.strip_suffix('/') {
            Some(dir) => format!("{dir}/{base}"),
            None => name.clone(),
        }
    }

    fn write(&self, text: &mut String) {
        for (path, name) in &self.0 {
            let _ = writeln!(
                text,
                "    SAVE ARTIFACT {} {}",
                path_word(path),
                path_word(name)
            );
        }
    }
}

struct Converter<'a> {
    source: &'a str,
    escape: char,
    /// Names of the arguments above the first stage, and their lines.
    globals: Vec<(String, String)>,
    stages: Vec<Stage>,
    /// Images that only something is copied from.
    images: Vec<(String, Saved)>,
    obstacles: Vec<Obstacle>,
}

const NO_COUNTERPART: &str =
    "take it out of the Dockerfile, or keep the Dockerfile and use `FROM DOCKERFILE`";

const A_REFERENCE: &str =
    "a build file would read it as a target, for its `+`; no image is called like that";

impl Converter<'_> {
    fn obstacle(&mut self, at: Span, what: impl Into<String>, hint: &'static str) {
        let what = what.into();
        self.obstacles.push(Obstacle { at, what, hint });
    }

    fn instruction(&mut self, i: &Instruction) {
        let before = self.stages.len();
        let lines = match i.keyword.as_str() {
            "FROM" => self.from(i),
            "ARG" => self.arg(i),
            _ if self.stages.is_empty() => {
                self.obstacle(
                    i.span,
                    format!("{} in front of the first FROM", i.keyword),
                    "a stage begins with FROM",
                );
                return;
            }
            _ if !i.heredocs.is_empty() => {
                self.obstacle(
                    i.span,
                    "a here-document",
                    "write the file into the context and COPY it, or join the commands with `&&`",
                );
                return;
            }
            "RUN" => self.run(i),
            "COPY" => self.copy(i),
            "ENV" => pairs(&i.rest, self.escape)
                .iter()
                .map(|(k, v)| format!("ENV {k}={v}"))
                .collect(),
            "LABEL" => {
                let pairs = pairs(&i.rest, self.escape);
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
                vec![format!("LABEL {}", pairs.join(" "))]
            }
            "MAINTAINER" => vec![format!("LABEL maintainer=\"{}\"", escaped(&i.rest))],
            "CMD" | "ENTRYPOINT" => vec![format!("{} {}", i.keyword, exec_form(&i.rest))],
            "HEALTHCHECK" => vec![format!("HEALTHCHECK {}", healthcheck(&i.rest))],
            "USER" => {
                self.stage().has_user = true;
                vec![format!("USER {}", i.rest)]
            }
            "WORKDIR" | "EXPOSE" | "VOLUME" => vec![format!("{} {}", i.keyword, i.rest)],
            "ADD" => {
                let hint =
                    "use COPY for files; fetch and unpack what comes from elsewhere with RUN";
                self.obstacle(i.span, "ADD", hint);
                return;
            }
            keyword => {
                self.obstacle(i.span, keyword.to_owned(), NO_COUNTERPART);
                return;
            }
        };
        let lines = lines.into_iter().map(|line| match i.keyword.as_str() {
            // A shell reads it in both languages, or nobody does in either.
            "RUN" | "CMD" | "ENTRYPOINT" => line,
            _ => without_shell_outs(&line),
        });
        let comments = i.comments.iter().map(|comment| format!("#{comment}"));
        let failed = i.keyword == "FROM" && before == self.stages.len();
        if let Some(stage) = self.stages.last_mut().filter(|_| !failed) {
            stage.lines.extend(comments.chain(lines));
        }
    }

    fn stage(&mut self) -> &mut Stage {
        self.stages.last_mut().expect("there is a stage")
    }

    fn from(&mut self, i: &Instruction) -> Vec<String> {
        let words = i.words();
        let mut words = words.iter().map(|word| word.text.as_str());
        let mut platform = None;
        let base = loop {
            match words.next() {
                Some(flag) if flag.starts_with("--") => platform = flag.strip_prefix("--platform="),
                Some(base) => break base,
                None => {
                    self.obstacle(i.span, "FROM without an image", "name one");
                    return Vec::new();
                }
            }
        };
        let name = match (words.next(), words.next()) {
            (Some(word), Some(name)) if word.eq_ignore_ascii_case("AS") => Some(name.to_owned()),
            _ => None,
        };
        let platform = match platform {
            // That is what is in force anyway.
            None | Some("$TARGETPLATFORM" | "${TARGETPLATFORM}") => String::new(),
            Some("$BUILDPLATFORM" | "${BUILDPLATFORM}") => "--platform=native ".to_owned(),
            Some(other) => format!("--platform={other} "),
        };
        let parent = self.named(base);
        if parent.is_none() && self.is_reference(base) {
            self.obstacle(i.span, format!("the image `{base}`"), A_REFERENCE);
        }
        let has_user = parent.is_some_and(|parent| self.stages[parent].has_user);
        let base = parent.map_or_else(|| base.to_owned(), target);
        self.stages.push(Stage {
            name,
            has_user,
            ..Stage::default()
        });
        vec![format!("FROM {platform}{base}")]
    }

    /// Whether a build file would read the name of an image as that of a target, whose code it would run.
    fn is_reference(&self, image: &str) -> bool {
        let through = |(name, line): &(String, String)| {
            let is_used = ['$', '{']
                .iter()
                .any(|c| image.contains(&format!("{c}{name}")));
            is_used && line.contains('+')
        };
        image.contains('+') || (image.contains('$') && self.globals.iter().any(through))
    }

    /// A stage by its name or number.
    fn named(&self, name: &str) -> Option<usize> {
        let own = |stage: &Stage| {
            stage
                .name
                .as_ref()
                .is_some_and(|n| n.eq_ignore_ascii_case(name))
        };
        self.stages.iter().rposition(own)
    }

    fn arg(&mut self, i: &Instruction) -> Vec<String> {
        let mut lines = Vec::new();
        for word in quoted_words(&i.rest, self.escape) {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word.clone(), None),
            };
            let suffix = value
                .as_ref()
                .map_or(String::new(), |value| format!("={value}"));
            let is_global = self.globals.iter().any(|(global, _)| *global == name);
            let builtin = name
                .strip_prefix("TARGET")
                .or_else(|| name.strip_prefix("BUILD"));
            let builtin =
                builtin.filter(|part| matches!(*part, "PLATFORM" | "OS" | "ARCH" | "VARIANT"));
            if self.stages.is_empty() {
                if builtin.is_none() {
                    let line = format!("ARG --global {name}{suffix}");
                    self.globals.push((name.clone(), without_shell_outs(&line)));
                }
                continue;
            }
            match builtin {
                // The value is that of the place of the declaration, and a FROM may change it.
                Some(_) if name.starts_with("TARGET") => {
                    let line = format!("ARG {name}");
                    let lines = &mut self.stage().lines;
                    let from = lines.iter().position(|line| line.starts_with("FROM "));
                    if !lines.contains(&line) {
                        lines.insert(from.unwrap_or(0), line);
                    }
                }
                Some(part) => {
                    lines.push(format!("ARG NATIVE{part}"));
                    lines.push(format!("LET {name}=$NATIVE{part}"));
                }
                // It is there already, with the value from above; declared anew it would be empty.
                None if is_global && value.is_none() => {}
                None => lines.push(format!("ARG {name}{suffix}")),
            }
        }
        lines
    }

    fn run(&mut self, i: &Instruction) -> Vec<String> {
        let mut flags = String::new();
        let words = i.words();
        let mut given = 0;
        for word in words.iter().take_while(|word| word.text.starts_with("--")) {
            given += 1;
            let flag = match word.text.split_once('=') {
                Some(("--mount", mount)) => mount_flag(mount),
                Some(("--network", "none")) => Some("--network=none".to_owned()),
                Some(("--network", "default")) | Some(("--security", "sandbox")) => {
                    Some(String::new())
                }
                Some(("--security", "insecure")) => Some("--privileged".to_owned()),
                _ => None,
            };
            match flag {
                Some(flag) if flag.is_empty() => {}
                Some(flag) => {
                    let _ = write!(flags, "{flag} ");
                }
                None => self.obstacle(word.span, format!("RUN {}", word.text), NO_COUNTERPART),
            }
        }
        let Some(first) = words.get(given) else {
            self.obstacle(i.span, "RUN without a command", "write one");
            return Vec::new();
        };
        // The lines of the file, as far as they mean the same here.
        let raw = &self.source[first.span.start as usize..i.span.end as usize];
        let command = if self.escape == '\\' {
            raw.trim_end().replace('\r', "")
        } else {
            i.rest[i.rest.find(&first.text).unwrap_or(0)..].to_owned()
        };
        vec![format!("RUN {flags}{command}")]
    }

    fn copy(&mut self, i: &Instruction) -> Vec<String> {
        let mut words = i.words();
        let mut flags = String::new();
        let (mut from, mut owned) = (None, false);
        while words
            .first()
            .is_some_and(|word| word.text.starts_with("--"))
        {
            let word = words.remove(0);
            match word.text.split_once('=') {
                Some(("--from", name)) => from = Some(name.to_owned()),
                Some(("--chown", owner)) => {
                    owned = true;
                    let _ = write!(flags, "--chown={owner} ");
                }
                Some(("--chmod", mode)) => {
                    let _ = write!(flags, "--chmod={mode} ");
                }
                // Only how it is stored.
                None | Some((_, "true" | "false")) if word.text.starts_with("--link") => {}
                _ => self.obstacle(word.span, format!("COPY {}", word.text), NO_COUNTERPART),
            }
        }
        let mut paths: Vec<String> = match json(after_flags(&i.rest)) {
            Some(paths) => paths,
            None => words.into_iter().map(|word| word.text).collect(),
        };
        let Some(dest) = paths.pop().filter(|_| !paths.is_empty()) else {
            self.obstacle(
                i.span,
                "COPY without a destination",
                "it is written `COPY <src>… <dst>`",
            );
            return Vec::new();
        };
        let dest = path_word(&dest);
        let Some(from) = from else {
            if !owned && self.stage().has_user {
                flags.push_str("--chown=root:root ");
            }
            let paths: Vec<String> = paths.iter().map(|path| path_word(path)).collect();
            return vec![format!("COPY {flags}{} {dest}", paths.join(" "))];
        };
        if !owned {
            flags.push_str("--keep-own ");
        }
        if self.stage_of(&from).is_none() && self.is_reference(&from) {
            self.obstacle(i.span, format!("the image `{from}`"), A_REFERENCE);
            return Vec::new();
        }
        let mut sources = Vec::new();
        for path in &paths {
            if path.contains('$') || path.trim_matches('/').is_empty() {
                let what = format!("COPY --from of `{path}`");
                let hint = "name a file or a directory of the stage, without variables";
                self.obstacle(i.span, what, hint);
                continue;
            }
            sources.push(self.artifact(&from, path));
        }
        vec![format!("COPY {flags}{} {dest}", sources.join(" "))]
    }

    /// The stage that is copied from, by its number or name.
    fn stage_of(&self, from: &str) -> Option<usize> {
        let number = from.parse().ok().filter(|n| *n < self.stages.len());
        number.or_else(|| self.named(from))
    }

    /// The reference to something in a stage, or in an image.
    fn artifact(&mut self, from: &str, path: &str) -> String {
        let (target, name) = match self.stage_of(from) {
            Some(stage) => (target(stage), self.stages[stage].saved.artifact(path)),
            None => {
                let known = self.images.iter().position(|(image, _)| image == from);
                let at = known.unwrap_or_else(|| {
                    self.images.push((from.to_owned(), Saved::default()));
                    self.images.len() - 1
                });
                (
                    format!("+image{}", at + 1),
                    self.images[at].1.artifact(path),
                )
            }
        };
        let reference = format!("{target}/{}", name.replace('+', "\\+"));
        if reference.contains(char::is_whitespace) {
            format!("\"{reference}\"")
        } else {
            reference
        }
    }

    fn whole(mut self, tag: Option<&str>) -> Result<String, Vec<Obstacle>> {
        if self.stages.is_empty() && self.obstacles.is_empty() {
            self.obstacle(
                Span::default(),
                "a Dockerfile without FROM",
                "a stage begins with FROM",
            );
        }
        if !self.obstacles.is_empty() {
            return Err(self.obstacles);
        }
        let mut text =
            String::from("VERSION 0.8\n# Rewritten from a Dockerfile by `bld docker2bld`.\n");
        if !self.globals.is_empty() {
            text.push('\n');
        }
        for (_, line) in &self.globals {
            let _ = writeln!(text, "{line}");
        }
        let last = self.stages.len() - 1;
        for (number, stage) in self.stages.iter().enumerate() {
            let name = stage
                .name
                .as_ref()
                .map_or(String::new(), |name| format!("# Stage {name}.\n"));
            let _ = write!(
                text,
                "\n{name}{}:\n",
                target(number).trim_start_matches('+')
            );
            for line in &stage.lines {
                let _ = writeln!(text, "    {line}");
            }
            stage.saved.write(&mut text);
            if let Some(tag) = tag.filter(|_| number == last) {
                let _ = writeln!(text, "    SAVE IMAGE {tag}");
            }
        }
        for (number, (image, saved)) in self.images.iter().enumerate() {
            let _ = write!(text, "\nimage{}:\n    FROM {image}\n", number + 1);
            saved.write(&mut text);
        }
        let _ = write!(text, "\nbuild:\n    BUILD {}\n", target(last));
        Ok(text)
    }
}

/// The target of a stage.
fn target(stage: usize) -> String {
    format!("+subbuild{}", stage + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(dockerfile: &str) -> String {
        let text = convert(dockerfile, None).unwrap();
        let start = text.find("subbuild1:\n").unwrap() + "subbuild1:\n".len();
        let end = text.find("\nbuild:").unwrap();
        text[start..end].to_owned()
    }

    #[test]
    fn stages_become_targets_and_copies_between_them_artifacts() {
        let text = "\
ARG V=1
FROM --platform=$BUILDPLATFORM golang:$V AS build
ARG TARGETARCH
ARG V
RUN go build \\
  # the app
  -o /out/app .
FROM scratch
COPY --from=build /out/app /other/app /bin/
COPY --from=0 --chown=1 /lib/*.so /lib/
COPY --from=busybox:1 /bin/sh /bin/sh
";
        insta::assert_snapshot!(convert(text, Some("x:1")).unwrap(), @r"
        VERSION 0.8
        # Rewritten from a Dockerfile by `bld docker2bld`.

        ARG --global V=1

        # Stage build.
        subbuild1:
            ARG TARGETARCH
            FROM --platform=native golang:$V
            RUN go build \
          # the app
          -o /out/app .
            SAVE ARTIFACT /lib/*.so 3/
            SAVE ARTIFACT /other/app 2/app
            SAVE ARTIFACT /out/app app

        subbuild2:
            FROM scratch
            COPY --keep-own +subbuild1/app +subbuild1/2/app /bin/
            COPY --chown=1 +subbuild1/3/*.so /lib/
            COPY --keep-own +image1/sh /bin/sh
            SAVE IMAGE x:1

        image1:
            FROM busybox:1
            SAVE ARTIFACT /bin/sh sh

        build:
            BUILD +subbuild2
        ");
    }

    #[test]
    fn words_that_are_read_in_another_way_are_changed_so_that_they_mean_the_same() {
        let text = "\
FROM a
ENV A=1 B=\"2 3\"
ENV OLD two words
LABEL k=v l=\"w x\"
LABEL old form here
MAINTAINER me <m@x>
USER app
COPY [\"a b\", \"c\"]
COPY c++/x ./
RUN --mount=type=cache,target=/c --mount=type=secret,id=s,env=S --network=default make
HEALTHCHECK --interval=5s CMD curl \"$URL\" || exit 1
HEALTHCHECK CMD [\"a\", \"b c\"]
ENTRYPOINT [\"x\"]
CMD echo \"$HOME\"
";
        insta::assert_snapshot!(body(text), @r#"
        FROM a
        ENV A=1
        ENV B="2 3"
        ENV OLD="two words"
        LABEL k=v l="w x"
        LABEL old="form here"
        LABEL maintainer="me <m@x>"
        USER app
        COPY --chown=root:root "a b" c
        COPY --chown=root:root c\+\+/x ./
        RUN --mount=type=cache,sharing=shared,mode=0755,target=/c --secret S=s make
        HEALTHCHECK --interval=5s CMD "curl \"\$URL\" || exit 1"
        HEALTHCHECK CMD "'a' 'b c'"
        ENTRYPOINT ["x"]
        CMD ["/bin/sh","-c","echo \"$HOME\""]
        "#);
    }

    #[test]
    fn nothing_but_run_becomes_a_command() {
        let text = "\
ARG G=$(id)
FROM a
ARG V=$(id)
ENV W=$(id) X=\"$(id)\" Y='$(id)' Z=\\$(id)
LABEL l=\"$(id)\"
WORKDIR /$(id)
USER $(id)
COPY $(id) /x
CMD echo $(id)
HEALTHCHECK CMD echo $(id)
RUN echo $(id)
";
        insta::assert_snapshot!(body(text), @r#"
        FROM a
        ARG V=\$(id)
        ENV W=\$(id)
        ENV X="\$(id)"
        ENV Y='$(id)'
        ENV Z=\$(id)
        LABEL l="\$(id)"
        WORKDIR /\$(id)
        USER \$(id)
        COPY --chown=root:root \$(id) /x
        CMD ["/bin/sh","-c","echo $(id)"]
        HEALTHCHECK CMD "echo \$(id)"
        RUN echo $(id)
        "#);
        assert!(
            convert(text, None)
                .unwrap()
                .contains(r"ARG --global G=\$(id)")
        );
    }

    #[test]
    fn no_image_becomes_a_reference_to_code() {
        for text in [
            "FROM github.com/evil/x+target\n",
            "FROM ./dir+target\n",
            "ARG I=github.com/evil/x+target\nFROM $I\n",
            "ARG I=x+target\nFROM github.com/evil/${I}\n",
            "FROM a\nCOPY --from=github.com/evil/x+target /f /f\n",
        ] {
            let found = convert(text, None).unwrap_err();
            assert!(found[0].what.contains("the image `"), "{text}: {found:?}");
        }
        assert!(convert("ARG V=1+2\nFROM a\nARG V\nRUN $V\n", None).is_ok());
    }

    #[test]
    fn what_has_no_counterpart_is_told_with_its_place_all_of_it() {
        let text = "FROM a\nADD x y\nSHELL [\"x\"]\nRUN <<E\nx\nE\nRUN --mount=type=bind,target=/x y\nCOPY --from=0 $X /y\n";
        let found = convert(text, None).unwrap_err();
        let shown: Vec<String> = found
            .iter()
            .map(|o| {
                format!(
                    "{} <{}>",
                    o.what,
                    &text[o.at.range()].lines().next().unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "ADD <ADD x y>",
                "SHELL <SHELL [\"x\"]>",
                "a here-document <RUN <<E>",
                "RUN --mount=type=bind,target=/x <--mount=type=bind,target=/x>",
                "COPY --from of `$X` <COPY --from=0 $X /y>",
            ]
        );
        assert!(convert("", None).is_err() && convert("RUN x", None).is_err());
    }
}
