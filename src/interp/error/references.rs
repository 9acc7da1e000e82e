//! References, imports, cycles.

use super::{Failure, fail, fail_hint};
use crate::{
    diag::{Diagnostic, Location, words},
    git::GitError,
    graph::reference::RefError,
    syntax::ast::BuildFile,
};

pub(crate) fn unknown_target(name: &str, file: &BuildFile) -> Failure {
    let names: Vec<&str> = file.target_names().collect();
    let mut error = Diagnostic::error(
        "unknown-target",
        format!("target `{name}` not found in `{}`", file.source.name),
    );
    if let Some(near) = words::nearest(name, names.iter().copied()) {
        error = error.hint(format!("did you mean `+{near}`?"));
    } else if !names.is_empty() && names.len() <= 12 {
        error = error.hint(format!("it has {}", words::all(&names)));
    }
    error.into()
}

pub(crate) fn unknown_function(reference: &str, name: &str, file: &BuildFile) -> Failure {
    let names: Vec<&str> = file.function_names().collect();
    let mut error = Diagnostic::error(
        "unknown-function",
        format!(
            "function reference `{reference}` not found in `{}`",
            file.source.name
        ),
    );
    if let Some(near) = words::nearest(name, names) {
        error = error.hint(format!("did you mean `+{near}`?"));
    }
    error.into()
}

pub(crate) fn bad_reference(kind: &str, text: &str, why: &RefError) -> Failure {
    fail(
        "bad-reference",
        format!("invalid {kind} reference `{text}`: {why}"),
    )
}

pub(crate) fn unknown_alias<'a>(alias: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let mut error = Diagnostic::error(
        "unknown-alias",
        format!("alias `{alias}` could not be resolved"),
    );
    error = match words::nearest(alias, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("declare it with `IMPORT <path> AS {alias}`")),
    };
    error.into()
}

pub(crate) fn file_and_directory(reference: &str) -> Failure {
    fail_hint(
        "file-and-directory",
        format!("`{reference}` names a directory, and `-f` names a build file"),
        "give one of the two: with `-f` the target is `+name`",
    )
}

pub(crate) fn alias_outside(text: &str) -> Failure {
    fail_hint(
        "alias-outside",
        format!("cannot resolve import reference `{text}` outside a build file"),
        "name the directory itself: `./dir+target`",
    )
}

pub(crate) fn bad_import(text: &str, why: &str) -> Failure {
    fail("bad-import", format!("cannot import `{text}`: {why}"))
}

pub(crate) fn alias_twice(alias: &str, first: &Location) -> Failure {
    Diagnostic::error("alias-twice", format!("alias `{alias}` is already used"))
        .related(first.clone(), "first here")
        .into()
}

pub(crate) fn absolute_in_repository(path: &str) -> Failure {
    fail_hint(
        "absolute-in-repository",
        format!("path `{path}` is not supported in a build file of a repository"),
        "it can name directories of its own repository only, relative to its own: `./dir`, `../dir`",
    )
}

pub(crate) fn remote(error: &GitError) -> Failure {
    error.diagnostic().into()
}

pub(crate) fn no_cache_directory() -> Failure {
    fail(
        "cache-directory",
        "a repository is needed, and there is no directory to keep a copy of it in",
    )
}

pub(crate) fn not_permitted(what: &str) -> Failure {
    fail_hint(
        "not-permitted",
        format!("permission denied: {what} in a build file of a repository"),
        "allow it with `--allow-privileged` on every FROM, COPY, BUILD, DO, WITH DOCKER or IMPORT on the way to it",
    )
}

pub(crate) fn no_home() -> Failure {
    fail("no-home", "`~` has no meaning: `HOME` is not set")
}

pub(crate) fn cycle(target: &str, path: &[String]) -> Failure {
    Diagnostic::error(
        "infinite-recursion",
        format!("infinite recursion detected for target `{target}`"),
    )
    .with_note(format!("the way round: {}", path.join(" → ")))
    .hint("a target cannot need itself, not even through others")
    .into()
}

pub(crate) fn too_deep(target: &str, limit: usize) -> Failure {
    fail_hint(
        "infinite-recursion",
        format!(
            "infinite recursion detected for target `{target}`: it refers to itself with other arguments more than {limit} times"
        ),
        "the recursion needs a condition that ends it",
    )
}

pub(crate) fn nested_too_deep(name: &str, function: bool, limit: usize) -> Failure {
    if function {
        fail_hint(
            "infinite-recursion",
            format!(
                "infinite recursion detected for function `{name}`: calls and blocks are nested {limit} deep"
            ),
            "the recursion needs a condition that ends it",
        )
    } else {
        fail(
            "nested-too-deep",
            format!("blocks are nested more than {limit} deep"),
        )
    }
}

pub(crate) fn stopped(target: &str) -> Failure {
    fail(
        "internal",
        format!("internal error: `{target}` was not interpreted to its end; please report this"),
    )
}
