//! Every sentence of this layer: what goes wrong while a recipe is interpreted.
//!
//! Callers give facts; wording, codes and hints live here. Positions are put on by whoever runs the statement, the
//! innermost wins.

use std::io;

use crate::{
    diag::{Diagnostic, Frame, Location, Severity, words},
    graph::reference::RefError,
    syntax::{
        ast::{BuildFile, Keyword},
        dialect::Feature,
    },
};

/// Why interpretation stopped: one error, or several that were found together.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure(Vec<Diagnostic>);

/// What everything here gives.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The errors among diagnostics.
    pub(crate) fn errors_of(diagnostics: Vec<Diagnostic>) -> Self {
        Self(
            diagnostics
                .into_iter()
                .filter(|d| d.severity == Severity::Error)
                .collect(),
        )
    }

    /// Gives every error that has no place this one.
    #[must_use]
    pub(crate) fn at(self, at: &Location) -> Self {
        self.map(|d| d.at(at.clone()))
    }

    /// Adds an outer step of the way to every error.
    #[must_use]
    pub(crate) fn frame(self, what: &str, called_from: Option<&Location>) -> Self {
        self.map(|d| {
            d.frame(Frame {
                what: what.to_owned(),
                at: called_from.cloned(),
            })
        })
    }

    /// Says from where the outermost step was reached.
    #[must_use]
    pub(crate) fn called_from(self, at: &Location) -> Self {
        self.map(|mut d| {
            if let Some(frame) = d.frames.last_mut() {
                frame.at.get_or_insert(at.clone());
            }
            d
        })
    }

    /// Adds a hint to every error.
    #[must_use]
    pub(crate) fn hint(self, hint: &str) -> Self {
        self.map(|d| d.hint(hint))
    }

    /// The errors.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.0
    }

    fn map(mut self, change: impl Fn(Diagnostic) -> Diagnostic) -> Self {
        self.0 = self.0.drain(..).map(change).collect();
        self
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Box<Diagnostic>> for Failure {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::from(*diagnostic)
    }
}

fn fail(code: &'static str, message: impl Into<String>) -> Failure {
    Diagnostic::error(code, message).into()
}

fn fail_hint(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Diagnostic::error(code, message).hint(hint).into()
}

// Files.

pub(crate) fn no_build_file(reference: &str, dir: &str) -> Failure {
    fail_hint(
        "no-build-file",
        format!("no build file found for target `{reference}`"),
        format!("`{dir}` would need a `Buildfile` or an `Earthfile`"),
    )
}

pub(crate) fn unreadable(path: &str, error: &io::Error) -> Failure {
    fail("unreadable", format!("cannot read `{path}`: {error}"))
}

pub(crate) fn two_ignore_files(first: &str, second: &str) -> Failure {
    fail_hint(
        "two-ignore-files",
        format!("both `{first}` and `{second}` exist in one directory"),
        format!("keep one of them, for example `{first}`, and remove the other"),
    )
}

// References.

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

// Commands in general.

pub(crate) fn not_yet(what: &str) -> Failure {
    fail(
        "not-executed-yet",
        format!("{what} is not executed by this version of bld yet"),
    )
}

pub(crate) fn not_supported(keyword: Keyword) -> Failure {
    fail(
        "not-supported",
        format!("command {} is not yet supported", keyword.text()),
    )
}

pub(crate) fn needs_from(what: &str) -> Failure {
    fail_hint(
        "needs-from",
        format!("{what} requires a FROM, FROM DOCKERFILE, or LOCALLY before it"),
        "begin the target, or the base recipe, with `FROM <image>`",
    )
}

pub(crate) fn arguments(keyword: Keyword, usage: &str) -> Failure {
    fail_hint(
        "arguments",
        format!("invalid number of arguments for {}", keyword.text()),
        format!("it is written `{} {usage}`", keyword.text()),
    )
}

pub(crate) fn bad_boolean(flag: &str, value: &str) -> Failure {
    fail(
        "bad-boolean",
        format!("invalid value `{value}` of flag `--{flag}`: expected `true` or `false`"),
    )
}

pub(crate) fn feature(what: &str, feature: Feature) -> Failure {
    fail_hint(
        "feature",
        format!("{what} must be enabled with `VERSION --{}`", feature.name()),
        "or raise the number on the VERSION line",
    )
}

pub(crate) fn bad_word(message: String, hint: Option<String>) -> Failure {
    let error = Diagnostic::error("expansion", message);
    match hint {
        Some(hint) => error.hint(hint).into(),
        None => error.into(),
    }
}

pub(crate) fn required_variable(name: &str, message: &str) -> Failure {
    let message = if message.is_empty() {
        "is not set"
    } else {
        message
    };
    fail("required-variable", format!("`{name}`: {message}"))
}

pub(crate) fn shell_out_failed(text: &str, status: i32, output: &[u8]) -> Failure {
    let mut error = Diagnostic::error(
        "shell-out",
        format!("`$({text})` did not complete successfully: exit code {status}"),
    );
    let output = String::from_utf8_lossy(output);
    if !output.trim().is_empty() {
        error = error.with_note(format!("it printed:\n{}", output.trim_end()));
    }
    if status == 127 {
        error = error.hint("127 means: a command was not found in the image at this point");
    }
    error.into()
}

// FROM.

pub(crate) fn from_as() -> Failure {
    fail_hint(
        "from-as",
        "`FROM … AS name` is not supported",
        "use targets: what another target needs of this one is `FROM +target` or `COPY +target/path`",
    )
}

pub(crate) fn args_of_image() -> Failure {
    fail(
        "args-of-image",
        "arguments are not supported for a FROM of an image, only of a target",
    )
}

pub(crate) fn bad_image(text: &str, why: &str) -> Failure {
    fail("bad-image", format!("invalid image name `{text}`: {why}"))
}

pub(crate) fn bad_platform(why: &str) -> Failure {
    fail_hint(
        "bad-platform",
        format!("unable to parse platform: {why}"),
        "for example `linux/arm64`; `native` is the engine's, `user` this machine's",
    )
}

pub(crate) fn platform_conflict(here: &str, asked: &str) -> Failure {
    fail(
        "platform-conflict",
        format!("platform `{asked}` contradicts `{here}`, which is in force already"),
    )
}

// RUN, IF.

pub(crate) fn network(value: &str) -> Failure {
    fail(
        "network",
        format!("unsupported value `{value}` of `--network`: only `none` is supported"),
    )
}

pub(crate) fn after_push() -> Failure {
    fail_hint(
        "after-push",
        "no non-push commands allowed after a --push",
        "from VERSION 0.7 on this is allowed",
    )
}

pub(crate) fn no_entrypoint() -> Failure {
    fail(
        "no-entrypoint",
        "`--entrypoint` needs an ENTRYPOINT, or a command behind it",
    )
}

// COPY.

pub(crate) fn copy_mixed() -> Failure {
    fail_hint(
        "copy-mixed",
        "combining artifacts and files in one COPY is not allowed",
        "write two COPY statements",
    )
}

pub(crate) fn copy_args() -> Failure {
    fail(
        "copy-args",
        "build arguments are not supported for non-artifact COPY sources",
    )
}

pub(crate) fn not_found(source: &str, why: Option<&str>) -> Failure {
    let error = Diagnostic::error("not-found", format!("\"{source}\": not found"));
    match why {
        Some(why) => error.hint(why.to_owned()).into(),
        None => error.into(),
    }
}

pub(crate) fn outside_context(source: &str, dir: &str) -> Failure {
    fail_hint(
        "outside-context",
        format!("`{source}` is outside of the directory of the build file, `{dir}`"),
        "COPY takes files from there only; save what another directory has with SAVE ARTIFACT in a target of its build file",
    )
}

pub(crate) fn artifact_path_missing(text: &str) -> Failure {
    fail_hint(
        "artifact-path",
        format!("`{text}` names a target, and the path of the artifact is missing"),
        format!("write `{text}/<path>`; all it has saved is `{text}/*`"),
    )
}

pub(crate) fn artifact_not_found(text: &str, target: &str) -> Failure {
    fail_hint(
        "artifact-not-found",
        format!("artifact path not found: `{text}`"),
        format!("`{target}` has no SAVE ARTIFACT"),
    )
}

pub(crate) fn output_elsewhere(source: &str, by: &Location) -> Failure {
    Diagnostic::error(
        "copy-of-output",
        format!("file `{source}` is output elsewhere in the build"),
    )
    .related(by.clone(), "it is written here")
    .hint("copy the artifact itself: `COPY +target/path`")
    .into()
}

pub(crate) fn bad_owner(text: &str) -> Failure {
    fail_hint(
        "bad-owner",
        format!("`{text}` is not an owner"),
        "write `user` or `user:group`, each a name or a number",
    )
}

pub(crate) fn bad_mode(value: &str) -> Failure {
    fail(
        "bad-chmod",
        format!("invalid value `{value}` of `--chmod`: expected an octal number such as `755`"),
    )
}

pub(crate) fn owner_in_scratch(owner: &str, name: &str) -> Failure {
    fail_hint(
        "owner-in-scratch",
        format!(
            "cannot give files to `{owner}`: `scratch` has no `/etc/passwd` to look `{name}` up in"
        ),
        "use numbers, `--chown=<uid>:<gid>` or `USER <uid>:<gid>`",
    )
}

pub(crate) fn bad_parens(text: &str, why: &str) -> Failure {
    fail("bad-parens", format!("cannot read `{text}`: {why}"))
}

// SAVE.

pub(crate) fn save_root() -> Failure {
    fail("save-root", "cannot save root dir as artifact")
}

pub(crate) fn unsafe_save(path: &str, within: &str) -> Failure {
    fail_hint(
        "unsafe-save",
        format!("unable to save to `{path}`; path must be located under `{within}`"),
        "allow it with `--force`",
    )
}

pub(crate) fn save_onto_root(path: &str) -> Failure {
    fail(
        "save-onto-root",
        format!(
            "unable to save to `{path}`: it would replace a directory that the build itself stands in"
        ),
    )
}

pub(crate) fn glob_needs_slash(path: &str) -> Failure {
    fail_hint(
        "glob-needs-slash",
        format!("the destination `{path}` of a pattern must end with `/`"),
        format!("write `AS LOCAL {path}/`"),
    )
}

pub(crate) fn push_without_name() -> Failure {
    fail(
        "arguments",
        "invalid number of arguments for SAVE IMAGE: `--push` needs a name",
    )
}

// Variables.

pub(crate) fn redeclared(name: &str, hint: String) -> Failure {
    fail_hint(
        "redeclared",
        format!("variable `{name}` was already declared in this scope"),
        hint,
    )
}

pub(crate) fn required_arg(name: &str) -> Failure {
    fail_hint(
        "required-arg",
        format!("value not supplied for required ARG: {name}"),
        format!("pass `--{name}=<value>` behind the target"),
    )
}

pub(crate) fn required_with_default() -> Failure {
    fail(
        "required-default",
        "required ARG cannot have a default value",
    )
}

pub(crate) fn global_outside_base() -> Failure {
    fail(
        "global-outside-base",
        "global ARG can only be set in the base target",
    )
}

pub(crate) fn default_of_builtin(name: &str) -> Failure {
    fail(
        "builtin-default",
        format!("arg default value supplied for built-in ARG `{name}`"),
    )
}

pub(crate) fn value_of_builtin(name: &str) -> Failure {
    fail(
        "builtin-value",
        format!("value cannot be specified for built-in build arg `{name}`"),
    )
}

pub(crate) fn builtin_on_command_line(name: &str) -> Failure {
    fail(
        "builtin-value",
        format!("built-in arg `{name}` cannot be passed on the command line"),
    )
}

pub(crate) fn let_builtin(name: &str) -> Failure {
    fail(
        "builtin-value",
        format!("`{name}` is the name of a built-in ARG and cannot be used with LET"),
    )
}

pub(crate) fn set_undeclared(name: &str, near: Option<&str>) -> Failure {
    let error = Diagnostic::error(
        "set-undeclared",
        format!("variable `{name}` is not declared"),
    );
    let error = match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    };
    error
        .hint(format!(
            "declare it with `LET {name} = someValue` before it is used with SET"
        ))
        .into()
}

pub(crate) fn set_of_arg(name: &str) -> Failure {
    fail_hint(
        "set-of-arg",
        format!("`{name}` is an ARG or ENV and cannot be used with SET"),
        format!("try `LET {name} = ${name}` first"),
    )
}

pub(crate) fn arg_without_value(key: &str) -> Failure {
    fail(
        "arg-without-value",
        format!("argument `--{key}` has no value"),
    )
}

pub(crate) fn not_an_arg(word: &str) -> Failure {
    fail_hint(
        "not-an-arg",
        format!("unexpected `{word}` behind the reference"),
        "arguments are written `--name=value`",
    )
}

pub(crate) fn nothing_to_infer(key: &str) -> Failure {
    fail(
        "nothing-to-infer",
        format!("value not specified for build arg `{key}` and no value can be inferred"),
    )
}

// Image configuration.

pub(crate) fn no_labels() -> Failure {
    fail("arguments", "no labels provided in LABEL command")
}

pub(crate) fn reserved_label(key: &str) -> Failure {
    fail(
        "reserved-label",
        format!(
            "label `{key}` has a reserved prefix: `dev.bld.` and `dev.earthly.` are set by bld itself"
        ),
    )
}

pub(crate) fn bad_port(text: &str) -> Failure {
    fail_hint(
        "bad-port",
        format!("cannot read port `{text}`"),
        "for example `8080`, `53/udp` or `8000-8010`",
    )
}

pub(crate) fn bad_healthcheck() -> Failure {
    fail_hint(
        "healthcheck",
        "this form of HEALTHCHECK is not yet supported",
        "write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`",
    )
}

pub(crate) fn bad_duration(flag: &str, text: &str) -> Failure {
    fail_hint(
        "bad-duration",
        format!("invalid value `{text}` of flag `--{flag}`: expected a duration"),
        "for example `30s` or `1m30s`",
    )
}

pub(crate) fn bad_count(flag: &str, text: &str) -> Failure {
    fail(
        "bad-number",
        format!("invalid value `{text}` of flag `--{flag}`: expected a number"),
    )
}

pub(crate) fn bad_host_ip(ip: &str) -> Failure {
    fail("host-ip", format!("invalid HOST ip `{ip}`"))
}

// Blocks and functions.

pub(crate) fn no_condition(keyword: Keyword) -> Failure {
    fail("arguments", format!("{} needs a condition", keyword.text()))
}

pub(crate) fn for_shape() -> Failure {
    fail_hint(
        "for-shape",
        "FOR is written `FOR name IN words…`",
        "it needs a name, the word `IN`, and at least one word",
    )
}

pub(crate) fn for_hidden(name: &str) -> Failure {
    fail_hint(
        "for-hidden",
        format!("the variable `{name}` of FOR is hidden by a LET of that name"),
        "give one of them another name",
    )
}

pub(crate) fn wait_words() -> Failure {
    fail("wait-words", "WAIT does not accept options")
}

pub(crate) fn function_keyword(expected: &str, name: &str) -> Failure {
    fail(
        "function-keyword",
        format!("`{name}` must start with {expected}, without arguments"),
    )
}

pub(crate) fn function_keyword_here(keyword: Keyword) -> Failure {
    fail(
        "function-keyword",
        format!(
            "{} can only be the first statement of a function",
            keyword.text()
        ),
    )
}
