//! What the words behind the options ask for: a target, its images, or one artifact.

use crate::{
    cli::args::BuildArgs,
    diag::Diagnostic,
    driver::Goal,
    graph::reference::{ArtifactRef, Place, RefError, TargetRef},
};

use super::usage;

/// What the words behind the options ask for, and the words that are left for the target.
pub(super) fn goal<'a>(
    args: &BuildArgs,
    words: &'a [String],
) -> Result<(Goal, &'a [String]), Diagnostic> {
    let Some((reference, rest)) = words.split_first() else {
        return Err(usage("no target was given")
            .hint("name one: `bld +target`; `bld --help` shows what else there is"));
    };
    if args.artifact {
        let artifact =
            ArtifactRef::parse(reference).map_err(|e| bad_reference(reference, "artifact", &e))?;
        no_alias(&artifact.target.place, reference)?;
        let (dest, rest) = match rest.split_first() {
            Some((dest, rest)) if !dest.starts_with('-') => (dest.clone(), rest),
            _ => ("./".to_owned(), rest),
        };
        return Ok((Goal::Artifact { artifact, dest }, rest));
    }
    let target = TargetRef::parse(reference).map_err(|e| bad_reference(reference, "target", &e))?;
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

fn bad_reference(text: &str, kind: &str, error: &RefError) -> Diagnostic {
    let diagnostic = usage(format!("`{text}` is an invalid {kind} reference: {error}"));
    match error {
        RefError::NotAReference if LATER.contains(&text) => {
            usage(format!("`bld {text}` is not in this version of bld yet"))
                .hint("`bld --help` shows the commands that are")
        }
        RefError::NotAReference if GONE.contains(&text) => usage(format!(
            "`bld {text}` is not supported: it belonged to a service that no longer exists"
        )),
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
        let error = bad_reference("build", "target", &TargetRef::parse("build").unwrap_err());
        assert!(error.hints[0].contains("`bld +build`"));
    }
}
