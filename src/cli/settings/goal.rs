//! What the words behind the options ask for: a target, its images, or one artifact.

use std::path::Path;

use crate::{
    cli::args::BuildArgs,
    diag::{Diagnostic, words},
    driver::Goal,
    graph::reference::{ArtifactRef, Place, RefError, TargetRef},
    interp::manual::{self, ManualRequest},
};

use super::usage;

/// What the words behind the options ask for, and the words that are left for the target.
pub(super) fn goal<'a>(
    args: &BuildArgs,
    words: &'a [String],
    cwd: &Path,
) -> Result<(Goal, &'a [String]), Diagnostic> {
    let Some((reference, rest)) = words.split_first() else {
        return Err(usage("no target was given")
            .hint("name one: `bld +target`; `bld --help` shows what else there is"));
    };
    if args.artifact {
        let artifact = ArtifactRef::parse(reference)
            .map_err(|e| bad_reference(reference, "artifact", &e, cwd))?;
        no_alias(&artifact.target.place, reference)?;
        let (dest, rest) = match rest.split_first() {
            Some((dest, rest)) if !dest.starts_with('-') => (dest.clone(), rest),
            _ => ("./".to_owned(), rest),
        };
        return Ok((Goal::Artifact { artifact, dest }, rest));
    }
    let target =
        TargetRef::parse(reference).map_err(|e| bad_reference(reference, "target", &e, cwd))?;
    no_alias(&target.place, reference)?;
    Ok((
        if args.image {
            Goal::Image(target)
        } else {
            Goal::Target(target)
        },
        rest,
    ))
}

/// Commands of the reference that a later version has.
const LATER: &[&str] = &["image", "mirror"];
/// Commands of the reference that are no more.
const GONE: &[&str] = &[
    "account",
    "org",
    "project",
    "secret",
    "satellite",
    "cloud",
    "registry",
    "web",
    "billing",
];

fn bad_reference(text: &str, kind: &str, error: &RefError, cwd: &Path) -> Diagnostic {
    let diagnostic = usage(format!("`{text}` is an invalid {kind} reference: {error}"));
    match error {
        RefError::NotAReference if LATER.contains(&text) => {
            usage(format!("`bld {text}` is not in this version of bld yet"))
                .hint("`bld --help` shows the commands that are")
        }
        RefError::NotAReference if GONE.contains(&text) => usage(format!(
            "`bld {text}` is not supported: it belonged to a service that no longer exists"
        )),
        RefError::NotAReference if cwd.join(text).is_dir() => directory(text, kind, cwd),
        RefError::NotAReference if !text.contains('+') => {
            let hint = format!("targets begin with a plus sign: `bld +{text}`");
            diagnostic
                .hint(hint)
                .hint("`bld --help` shows the commands of bld")
        }
        RefError::NoPath => {
            diagnostic.hint(format!("write `{text}/path`, or `{text}/*` for everything"))
        }
        RefError::Name { .. } if kind == "target" && text.contains('/') => {
            diagnostic.hint("for an artifact give `--artifact` in front of the reference")
        }
        _ => diagnostic,
    }
}

/// A directory without a target.
fn directory(text: &str, kind: &str, cwd: &Path) -> Diagnostic {
    let request = ManualRequest {
        cwd: cwd.to_path_buf(),
        place: text.to_owned(),
        features: Vec::new(),
    };
    let diagnostic = usage(format!("`{text}` names a directory, and no {kind} in it"));
    let manual = match manual::manual(&request) {
        Ok(manual) => manual,
        Err(problems) => {
            let why = problems.into_iter().next();
            return diagnostic.hint(why.map_or_else(String::new, |why| why.to_string()));
        }
    };
    let dir = text.trim_end_matches('/');
    let dir = match dir {
        "." => String::new(),
        dir if dir.starts_with(['.', '/', '~']) => dir.to_owned(),
        // Without the dots it would be the alias of an import.
        dir => format!("./{dir}"),
    };
    let flag = if kind == "artifact" { "-a " } else { "" };
    let path = if kind == "artifact" { "/path" } else { "" };
    let targets = manual.targets();
    let example = match targets.as_slice() {
        [one] => one,
        _ => "target",
    };
    let diagnostic = diagnostic.hint(format!("write `bld {flag}{dir}+{example}{path}`"));
    match targets.len() {
        2..=MANY => diagnostic.hint(format!("`{}` has {}", manual.file, words::all(&targets))),
        n if n > MANY => diagnostic.hint(format!("`bld ls {text}` lists its {n} targets")),
        _ => diagnostic,
    }
}

/// So many targets are named at most.
const MANY: usize = 12;

fn no_alias(place: &Place, text: &str) -> Result<(), Diagnostic> {
    match place {
        Place::Alias(alias) => Err(usage(format!(
            "`{text}` cannot be resolved: `{alias}` is an import reference, which means something only inside a build file"
        ))
        .hint(format!("for a directory write `./{text}`"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_without_a_plus_is_asked_back() {
        assert!(asked_back("build").contains("`bld +build`"));
    }

    #[test]
    fn a_directory_is_told_which_targets_it_has() {
        assert_eq!(
            asked_back("lib"),
            "`lib` names a directory, and no target in it\nwrite `bld ./lib+target`\n\
             `lib/Buildfile` has `a`, `b` and `base`"
        );
        assert!(asked_back("./lib/").contains("`bld ./lib+target`"));
        assert!(asked_back("./empty").contains("no build file"));
    }

    fn asked_back(text: &str) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("empty")).expect("made");
        std::fs::create_dir_all(dir.path().join("lib")).expect("made");
        let file = "VERSION 0.8\nFROM x\nb:\n  RUN x\na:\n  RUN x\n";
        std::fs::write(dir.path().join("lib/Buildfile"), file).expect("written");
        let error = TargetRef::parse(text).unwrap_err();
        let error = bad_reference(text, "target", &error, dir.path());
        let hints = error.hints.iter().map(String::as_str);
        std::iter::once(error.message.as_str())
            .chain(hints)
            .collect::<Vec<_>>()
            .join("\n")
    }
}
