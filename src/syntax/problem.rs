//! The words of this layer: one constructor for each thing that can be wrong with a build file.
//!
//! Where and when to say it is decided elsewhere; here is only what. The sentences begin in lower case, end without a
//! period, and keep the phrases that users of the language search for ("invalid number of arguments", "not found").
//! The file is long and shallow on purpose: the tone of all messages can be reviewed in one sitting.

use super::{ast::Keyword, flags};
use crate::diag::{Diagnostic, Location, Severity, words};

fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message)
}

/// A command has too few or too many words.
pub(super) const WRONG_NUMBER: &str = "wrong-number-of-arguments";

/// The codes of errors that make the whole file unusable, whatever is built.
const FATAL: &[&str] = &[
    "duplicate-name",
    "file-too-large",
    "indented-base",
    "invalid-key",
    "invalid-name",
    "malformed-header",
    "malformed-version",
    "misplaced-version",
    "missing-equals",
    "missing-key",
    "missing-value",
    "missing-version",
    "not-utf8",
    "reserved-name",
    "stray-block-part",
    "too-deep",
    "trailing-backslash",
    "unclosed-block",
    "unclosed-quote",
    "unclosed-shell-out",
    "unindented-statement",
    "unknown-command",
    "unknown-version-flag",
    "unsupported-version",
    "version-flag-value",
    "words-after-keyword",
];

/// Whether nothing of the file can be built.
pub(super) fn is_fatal(problem: &Diagnostic) -> bool {
    problem.severity == Severity::Error && FATAL.contains(&problem.code)
}

/// The name that was meant. Comparing costs the product of the lengths, and no name is long.
pub(super) fn nearest<'a>(
    written: &str,
    valid: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    (written.len() <= 64)
        .then(|| words::nearest(written, valid))
        .flatten()
}

/// Adds `did you mean …?`.
fn suggesting(problem: Diagnostic, near: Option<String>) -> Diagnostic {
    match near {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    }
}

fn with_usage(problem: Diagnostic, keyword: Keyword) -> Diagnostic {
    problem.with_note(format!("usage: {}", flags::usage(keyword)))
}

/// The first line of a text, cut where it gets long.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

// ------------------------------------------------------------------------------------------------ reading the file

pub(super) fn not_utf8(name: &str, line: usize, column: usize) -> Diagnostic {
    error(
        "not-utf8",
        format!("`{name}` is not UTF-8 text: line {line}, column {column}"),
    )
    .hint("save the file with the encoding UTF-8")
}

pub(super) fn too_large(name: &str, limit: usize) -> Diagnostic {
    let limit = limit / (1024 * 1024);
    error(
        "file-too-large",
        format!("`{name}` is larger than {limit} MiB"),
    )
    .hint("a build file is a text that people write; is this the right file?")
}

// ------------------------------------------------------------------------------------------------ lines and words

/// `command` is where the logical line begins, if that is on an earlier physical line.
pub(super) fn unclosed_quote(quote: char, text: &str, command: Option<Location>) -> Diagnostic {
    let shown = short(text);
    let mut problem = error(
        "unclosed-quote",
        format!("syntax error: the quote in `{shown}` is not closed"),
    )
    .label("opened here");
    if let Some(at) = command {
        problem = problem.related(
            at,
            "the command begins here; a quote of it may close too late",
        );
    }
    if quote == '"' && text.contains("$(") {
        problem = problem.hint("a `$(` in quotes is closed with `)` on its line, too");
    }
    problem.hint(format!(
        "close it with `{quote}`, or write `\\{quote}` for the character itself"
    ))
}

pub(super) fn unclosed_shell_out(text: &str) -> Diagnostic {
    let text = short(text);
    error(
        "unclosed-shell-out",
        format!("syntax error: `{text}` is not closed on its line"),
    )
    .label("opened here")
    .hint("close it with `)`; to go on in the next line, end this one with a backslash")
}

pub(super) fn shell_form() -> Diagnostic {
    error("malformed-shell", "SHELL takes a JSON list of strings")
        .hint("for example `SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]`")
}

pub(super) fn open_document(name: &str, indented: bool) -> Diagnostic {
    let name = short(name);
    let hint = if indented {
        format!("it ends with a line that holds `{name}` and nothing else but tabs in front of it")
    } else {
        format!(
            "it ends with a line that holds `{name}` and nothing else; `<<-{name}` allows tabs in front of it"
        )
    };
    error(
        "open-document",
        format!("invalid syntax: nothing ends the here-document `{name}`"),
    )
    .hint(hint)
}

pub(super) fn too_many_documents(most: usize) -> Diagnostic {
    error(
        "too-many-documents",
        format!("invalid syntax: a statement can have {most} here-documents, and not more"),
    )
    .hint("make several statements of it, or put the texts into files and COPY them")
}

pub(super) fn unclosed_group(text: &str) -> Diagnostic {
    let text = short(text);
    error(
        "unclosed-group",
        format!("unterminated group: nothing closes the parenthesis in `{text}`"),
    )
    .hint("close it with `)`")
}

pub(super) fn lone_backslash() -> Diagnostic {
    error(
        "trailing-backslash",
        "syntax error: a backslash at the end of the file continues nothing",
    )
    .hint("delete the backslash")
}

pub(super) fn unknown_keyword(word: &str, second: Option<&str>) -> Diagnostic {
    let shown = short(word);
    let upper = word.get(..64).unwrap_or(word).to_ascii_uppercase();
    let first = upper.split(|c: char| !c.is_ascii_uppercase()).next();
    let problem = error(
        "unknown-command",
        format!("invalid syntax: `{shown}` is not a command"),
    );
    if let Some(name) = word.strip_suffix(':') {
        return problem.hint(format!(
            "if `{}` is a target or a function, its header stands in column 0",
            short(name)
        ));
    }
    match (upper.as_str(), second) {
        ("SAVE", _) => return problem.hint("write `SAVE ARTIFACT` or `SAVE IMAGE`"),
        ("WITH", _) => return problem.hint("write `WITH DOCKER`"),
        ("GIT", _) => return problem.hint("write `GIT CLONE`"),
        ("ELSEIF" | "ELIF", _) => return problem.hint("write `ELSE IF`"),
        ("ENDIF" | "FI" | "DONE", _) => return problem.hint("every block is closed by `END`"),
        ("MAINTAINER", _) => return problem.hint("write `LABEL maintainer=…`"),
        (_, Some(":")) => {
            return problem.hint("a header is written without a blank before the colon");
        }
        _ => {}
    }
    if Keyword::from_text(&upper).is_some() && upper != word {
        return problem.hint(format!("keywords are upper case: `{upper}`"));
    }
    // A keyword with its first argument glued on.
    let glued = Keyword::ALL.iter().map(|k| k.text()).find(|k| {
        word.len() > k.len()
            && word.starts_with(k)
            && first.is_some_and(|f| f.len() >= k.len())
            && !word.as_bytes()[k.len()].is_ascii_uppercase()
    });
    if let Some(keyword) = glued {
        return problem.hint(format!("write a blank after `{keyword}`"));
    }
    match nearest(&upper, Keyword::ALL.iter().map(|k| k.text())) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("a line begins with a command such as `RUN`, or goes on from the line above if that ends with a backslash"),
    }
}

// ------------------------------------------------------------------------------------------------ headers and blocks

pub(super) fn blank_before_colon(name: &str) -> Diagnostic {
    error(
        "malformed-header",
        format!("invalid syntax: a blank stands before the colon of `{name}`"),
    )
    .hint(format!("write `{name}:`"))
}

pub(super) fn text_after_header(name: &str) -> Diagnostic {
    error(
        "malformed-header",
        format!("invalid syntax: text after the header `{name}:`"),
    )
    .hint("put commands on lines of their own, indented; `BUILD +other` runs another target first")
}

pub(super) fn invalid_recipe_name(name: &str) -> Diagnostic {
    error(
        "invalid-name",
        format!("invalid name `{name}`: a target must match `[a-z][a-zA-Z0-9.-]*`, a function `[A-Z][A-Z0-9._]*`"),
    )
    .hint(invalid_name_hint(name))
}

fn invalid_name_hint(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.contains('_') {
        let better = name.replace('_', "-");
        format!("target names have no underscore: `{better}`")
    } else {
        "targets begin with a lower-case letter, functions are all upper case".to_owned()
    }
}

pub(super) fn duplicate(kind: &str, name: &str, first: Location) -> Diagnostic {
    error("duplicate-name", format!("duplicate {kind} `{name}`"))
        .related(first, "first defined here")
        .hint("rename one of them")
}

pub(super) fn reserved_name(name: &str) -> Diagnostic {
    error(
        "reserved-name",
        format!("the target name `{name}` is reserved for the recipe at the top of the file"),
    )
    .hint("choose another name")
}

pub(super) fn indented_base(keyword: Keyword) -> Diagnostic {
    let keyword = keyword.text();
    error(
        "indented-base",
        format!("invalid syntax: `{keyword}` above the first target is indented"),
    )
    .hint("statements of the base recipe start in column 0")
}

pub(super) fn base_after_recipe(keyword: Keyword, recipe: &str) -> Diagnostic {
    let keyword = keyword.text();
    error(
        "unindented-statement",
        format!("invalid syntax: `{keyword}` in column 0 stands below the header `{recipe}:`"),
    )
    .hint(format!(
        "indent it if it belongs to `{recipe}`; base statements stand above the first target"
    ))
}

pub(super) fn too_deep(limit: usize) -> Diagnostic {
    error(
        "too-deep",
        format!("blocks are nested more than {limit} deep"),
    )
    .hint("move the inner blocks into a function")
}

pub(super) fn words_after(keyword: Keyword, word: &str) -> Diagnostic {
    let (keyword, word) = (keyword.text(), short(word));
    if keyword == "WAIT" {
        return error(
            "words-after-keyword",
            format!("`WAIT` does not accept options or words, but `{word}` follows"),
        )
        .hint("delete what follows it");
    }
    let problem = error(
        "words-after-keyword",
        format!("invalid syntax: `{keyword}` takes no arguments, but `{word}` follows"),
    );
    if keyword == "ELSE" && word.eq_ignore_ascii_case("if") {
        problem.hint("write `ELSE IF` in upper case")
    } else {
        problem.hint("put it on a line of its own, or delete it")
    }
}

pub(super) fn catch_unsupported() -> Diagnostic {
    error("catch-unsupported", "`CATCH` is not (currently) supported")
        .hint("use `FINALLY` to save artifacts of a command that may fail")
}

/// `open` is the innermost open block and its line.
pub(super) fn stray(keyword: Keyword, open: Option<(Keyword, usize)>) -> Diagnostic {
    let word = keyword.text();
    let problem = error(
        "stray-block-part",
        format!("invalid syntax: `{word}` does not belong here"),
    );
    match (keyword, open) {
        (_, Some((open, line))) => problem.hint(format!(
            "the innermost open block is the `{}` of line {line}; is an `END` missing?",
            open.text()
        )),
        (Keyword::End, None) => problem.hint("no block is open; delete it"),
        (Keyword::Catch | Keyword::Finally, None) => problem.hint("it is a part of `TRY` … `END`"),
        (_, None) => problem.hint("it is a part of `IF` … `END`"),
    }
}

pub(super) fn unclosed_block(keyword: Keyword, swallowed: Option<Location>) -> Diagnostic {
    let keyword = keyword.text();
    let problem = error(
        "unclosed-block",
        format!("invalid syntax: `{keyword}` is not closed by an `END`"),
    )
    .label("opened here");
    match swallowed {
        Some(at) => problem.related(at, "here `END` is an ordinary word").hint(
            "a backslash at the end of the line before `END` makes it a part of that command",
        ),
        None => problem.hint("add an `END` line"),
    }
}

// ------------------------------------------------------------------------------------------------ VERSION

pub(super) fn missing_version(file: &str) -> Diagnostic {
    error("missing-version", format!("no version specified in {file}"))
        .hint("begin the file with `VERSION 0.8`")
}

pub(super) fn malformed_version() -> Diagnostic {
    error(
        "malformed-version",
        "malformed VERSION: expected `VERSION [--flag …] MAJOR.MINOR`",
    )
    .hint("for example `VERSION 0.8`")
}

pub(super) fn unsupported_version(number: &str) -> Diagnostic {
    error(
        "unsupported-version",
        format!(
            "version `{number}` is not supported; supported versions are `0.6`, `0.7` and `0.8`"
        ),
    )
    .hint("new files use `VERSION 0.8`")
}

pub(super) fn text_after_continuation() -> Diagnostic {
    error(
        "malformed-version",
        "malformed VERSION line: text after the continuation backslash",
    )
    .hint("nothing but a comment may follow the backslash on its line")
}

pub(super) fn version_flag_last(flag: &str) -> Diagnostic {
    error(
        "malformed-version",
        format!("malformed VERSION: the flag `{flag}` stands after the number"),
    )
    .hint("flags stand before the number: `VERSION --flag 0.8`")
}

pub(super) fn version_flag_value(name: &str) -> Diagnostic {
    error(
        "version-flag-value",
        format!("bool flag `--{name}` cannot have an argument"),
    )
    .hint(format!(
        "write `--{name}` to turn it on; a flag cannot be turned off"
    ))
}

pub(super) fn unknown_version_flag(name: &str, near: Option<&str>) -> Diagnostic {
    let problem = error(
        "unknown-version-flag",
        format!("unknown VERSION flag `--{name}`"),
    );
    if near.is_none() {
        return problem.hint("`bld` lists the flags it knows in its language reference");
    }
    suggesting(problem, near.map(|n| format!("--{n}")))
}

pub(super) fn implied_flag(name: &str, version: &str) -> Diagnostic {
    Diagnostic::note(
        "implied-version-flag",
        format!("the flag `--{name}` can be removed: `VERSION {version}` turns it on by itself"),
    )
}

pub(super) fn needs_shell_outs() -> Diagnostic {
    error(
        "version-flag-alone",
        "`--arg-scope-and-set` needs `--shell-out-anywhere`",
    )
    .hint("add that flag, too, or raise the number of the version")
}

pub(super) fn cloud_flag(name: &str) -> Diagnostic {
    Diagnostic::warning(
        "cloud-flag",
        format!("the flag `--{name}` belongs to a service that no longer exists"),
    )
    .hint("remove it")
}

pub(super) fn misplaced_version(first: Option<Location>) -> Diagnostic {
    let problem = error(
        "misplaced-version",
        "invalid syntax: `VERSION` must be the first statement of the file, and there is one only",
    );
    match first {
        Some(at) => problem
            .related(at, "the version is set here")
            .hint("delete this line"),
        None => problem.hint("move it to the top of the file"),
    }
}

pub(super) fn feature_off(
    what: &str,
    feature: &str,
    since: Option<&str>,
    version: &str,
) -> Diagnostic {
    let problem = error(
        "feature-off",
        format!("{what} must be enabled with `VERSION --{feature}`"),
    )
    .hint(format!("write `VERSION --{feature} {version}`"));
    match since {
        Some(since) => problem.hint(format!("or use `VERSION {since}`, which includes it")),
        None => problem,
    }
}

// ------------------------------------------------------------------------------------------------ flags

pub(super) fn unknown_flag(keyword: Keyword, name: &str, near: Option<&str>) -> Diagnostic {
    let dashes = if name.chars().count() == 1 { "-" } else { "--" };
    let problem = error(
        "unknown-flag",
        format!("unknown flag `{dashes}{name}` for {}", keyword.text()),
    );
    let near = near.map(|n| {
        if n.len() == 1 {
            format!("-{n}")
        } else {
            format!("--{n}")
        }
    });
    with_usage(suggesting(problem, near), keyword)
}

pub(super) fn missing_value(flag: &str, next: Option<&str>) -> Diagnostic {
    let dashes = if flag.len() == 1 { "-" } else { "--" };
    let problem = error(
        "missing-flag-value",
        format!("expected a value for the flag `{dashes}{flag}`"),
    );
    match next {
        Some(next) => problem.hint(format!(
            "a value that begins with a dash is written with `=`: `{dashes}{flag}={}`",
            short(next)
        )),
        None => problem.hint(format!(
            "write `{dashes}{flag} VALUE` or `{dashes}{flag}=VALUE`"
        )),
    }
}

pub(super) fn bad_boolean(flag: &str, value: &str) -> Diagnostic {
    error(
        "bad-boolean",
        format!(
            "invalid boolean value `{}` for the flag `--{flag}`",
            short(value)
        ),
    )
    .hint(format!(
        "write `--{flag}`, `--{flag}=true` or `--{flag}=false`"
    ))
}

pub(super) fn malformed_quoted(flag: &str, value: &str) -> Diagnostic {
    error("malformed-flag-value", format!("the quoted value `{}` of the flag `--{flag}` is malformed", short(value)))
        .hint("a value that begins with `\"` ends with one and knows the escapes of C, such as `\\n` and `\\\"`")
}

pub(super) fn refused_flag(keyword: Keyword, flag: &str, instead: &str) -> Diagnostic {
    error(
        "unsupported-flag",
        format!("`{} --{flag}` is not implemented", keyword.text()),
    )
    .hint(instead)
}

// ------------------------------------------------------------------------------------------------ assignments

pub(super) fn no_words(keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    let problem = error(
        WRONG_NUMBER,
        format!("invalid number of arguments for {word}: there is none"),
    );
    with_usage(problem, keyword)
}

pub(super) fn missing_key(keyword: Keyword) -> Diagnostic {
    with_usage(
        error(
            "missing-key",
            format!("invalid syntax: {} has no key before `=`", keyword.text()),
        ),
        keyword,
    )
}

pub(super) fn invalid_key(keyword: Keyword, key: &str) -> Diagnostic {
    let problem = error(
        "invalid-key",
        format!("invalid env key definition `{}`", short(key)),
    );
    if key.starts_with("--") {
        return with_usage(problem, keyword).hint(format!("{} has no flags", keyword.text()));
    }
    problem.hint("a key matches `[A-Za-z_][A-Za-z0-9_]*` and is neither quoted nor expanded")
}

pub(super) fn value_without_equals(keyword: Keyword, key: &str) -> Diagnostic {
    let word = keyword.text();
    error(
        "missing-equals",
        format!(
            "invalid syntax: {word} `{}` needs `=` before its value",
            short(key)
        ),
    )
    .hint(format!("write `{word} {}=…`", short(key)))
}

pub(super) fn no_value(keyword: Keyword, key: &str, equals: bool) -> Diagnostic {
    let (word, key) = (keyword.text(), short(key));
    let problem = if equals {
        error(
            "missing-value",
            format!("invalid syntax: {word} `{key}` has no value in its key/value pair"),
        )
    } else {
        error(
            "missing-equals",
            format!("invalid syntax: {word} `{key}` is not a key/value pair"),
        )
    };
    problem.hint(format!(
        "write `{word} {key}=value`; for the empty string `{word} {key}=\"\"`"
    ))
}

pub(super) fn label_without_key() -> Diagnostic {
    with_usage(
        error(
            "missing-key",
            "invalid syntax: this is not a key/value pair of LABEL",
        ),
        Keyword::Label,
    )
}

pub(super) fn label_without_value(key: &str) -> Diagnostic {
    let key = short(key);
    error(
        "missing-value",
        format!("invalid syntax: LABEL `{key}` has no value in its key/value pair"),
    )
    .hint(format!(
        "write `{key}=value`; for the empty string `{key}=\"\"`"
    ))
}

pub(super) fn reserved_label(key: &str, prefix: &str) -> Diagnostic {
    error(
        "reserved-label",
        format!("LABEL `{key}` begins with the reserved prefix `{prefix}`"),
    )
    .hint("choose another key")
}

pub(super) fn required_with_default(name: &str) -> Diagnostic {
    error(
        "required-with-default",
        format!("required ARG `{name}` cannot have a default value"),
    )
    .hint("drop `--required` or the default")
}

pub(super) fn global_outside_base(name: &str) -> Diagnostic {
    error(
        "global-outside-base",
        format!(
            "global ARG can only be set in the base target, but `{name}` is declared in a recipe"
        ),
    )
    .hint("move it above the first target, or drop `--global`")
}

pub(super) fn builtin_default(name: &str) -> Diagnostic {
    error(
        "builtin-with-default",
        format!("arg default value supplied for built-in ARG `{name}`"),
    )
    .hint(format!("write `ARG {name}`, its value is given"))
}

pub(super) fn builtin_variable(keyword: Keyword, name: &str) -> Diagnostic {
    error(
        "builtin-variable",
        format!("{} cannot set the built-in ARG `{name}`", keyword.text()),
    )
    .hint("choose another name")
}

pub(super) fn builtin_passed(name: &str) -> Diagnostic {
    error(
        "builtin-passed",
        format!("value cannot be specified for built-in build arg `{name}`"),
    )
    .hint("built-in args have their value by themselves; choose another name")
}

pub(super) fn declared_twice(
    keyword: Keyword,
    name: &str,
    first: Location,
    hint: &str,
) -> Diagnostic {
    error(
        "already-declared",
        format!("{} `{name}` was already declared", keyword.text()),
    )
    .related(first, "first declared here")
    .hint(hint)
}

pub(super) fn set_undeclared(name: &str) -> Diagnostic {
    error(
        "set-undeclared",
        format!("SET of `{name}`, which is not declared"),
    )
    .hint(format!(
        "declare it first: `LET {name}=…`; to change an ENV or a global, take its value over: `LET {name}=${name}`"
    ))
}

pub(super) fn set_of_arg(name: &str, declared: Location) -> Diagnostic {
    error(
        "set-of-arg",
        format!("SET of `{name}`, which is no LET variable"),
    )
    .related(declared, "declared here as an ARG")
    .hint(format!("take its value over first: `LET {name}=${name}`"))
}

// ------------------------------------------------------------------------------------------------ numbers of words

pub(super) fn wrong_count(keyword: Keyword, found: usize) -> Diagnostic {
    let word = keyword.text();
    let message = match (found, keyword) {
        (0, Keyword::Run | Keyword::If | Keyword::ElseIf | Keyword::For) => {
            format!("invalid number of arguments for {word}: not enough arguments, there is none")
        }
        (0, _) => format!("invalid number of arguments for {word}: there is none"),
        (n, _) => format!("invalid number of arguments for {word}: {n}"),
    };
    with_usage(error(WRONG_NUMBER, message), keyword)
}

pub(super) fn takes_no_arguments(keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    error(WRONG_NUMBER, format!("{word} takes no arguments"))
        .hint(format!("delete what follows `{word}`"))
}

pub(super) fn from_as(name: &str) -> Diagnostic {
    error("from-as", "AS not supported, use targets instead").hint(format!(
        "make it a target `{name}:` with this FROM, and use `FROM +{name}` or `COPY +{name}/…`"
    ))
}

pub(super) fn args_with_image(image: &str) -> Diagnostic {
    error(
        "args-with-image",
        format!("args not supported for a non-target FROM: `{image}` is an image"),
    )
    .hint("a target is written with a plus: `+name` or `./dir+name`")
}

pub(super) fn args_with_files() -> Diagnostic {
    error(
        "args-with-files",
        "build args not supported for a non-artifact COPY source",
    )
    .hint("an artifact is written with a plus: `+target/path`")
}

pub(super) fn not_an_arg(word: &str) -> Diagnostic {
    error(
        "malformed-build-arg",
        format!("`{}` is not a build arg", short(word)),
    )
    .hint("build args are written `--key=value`")
}

pub(super) fn arg_without_value(key: &str) -> Diagnostic {
    error(
        "malformed-build-arg",
        format!("the build arg `{}` has no value", short(key)),
    )
    .hint(format!("write `{}=value`", short(key)))
}

pub(super) fn not_a_reference(what: &str, word: &str) -> Diagnostic {
    let word = short(word);
    error(
        "malformed-reference",
        format!("invalid {what} reference `{word}`: there is no `+` in it"),
    )
    .hint(format!(
        "write `+{word}` for one in this file, `./{word}+name` for one of another directory"
    ))
}

pub(super) fn missing_artifact_path(word: &str) -> Diagnostic {
    error(
        "missing-artifact-path",
        format!("invalid artifact reference `{word}`: the path of the artifact is missing"),
    )
    .hint(format!(
        "write `{word}/path`, or `{word}/*` for everything it saves"
    ))
}

pub(super) fn save_artifact_words() -> Diagnostic {
    with_usage(
        error(
            WRONG_NUMBER,
            "invalid number of arguments for SAVE ARTIFACT",
        ),
        Keyword::SaveArtifact,
    )
}

pub(super) fn push_without_name() -> Diagnostic {
    error(
        WRONG_NUMBER,
        "invalid number of arguments for SAVE IMAGE --push: there is no image name",
    )
    .hint("name the image to push: `SAVE IMAGE --push registry/name:tag`")
}

pub(super) fn import_words() -> Diagnostic {
    with_usage(
        error(WRONG_NUMBER, "invalid number of arguments for IMPORT"),
        Keyword::Import,
    )
}

// ------------------------------------------------------------------------------------------------ places

pub(super) fn needs_from(keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    error(
        "needs-from",
        format!("{word} requires a FROM, FROM DOCKERFILE, or LOCALLY before it"),
    )
    .hint("begin the recipe, or the base recipe at the top of the file, with `FROM image`")
}

pub(super) fn not_in_recipe(keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    error(
        "misplaced-command",
        format!("invalid syntax: {word} is allowed in the base recipe only, outside blocks"),
    )
    .hint("move it above the first target")
}

pub(super) fn function_keyword_misplaced(keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    error(
        "misplaced-command",
        format!("{word} may only be the first statement of a function"),
    )
    .hint("functions have upper-case names: `NAME:`")
}

pub(super) fn function_without_keyword(name: &str, keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    error(
        "missing-function-keyword",
        format!("the function `{name}` must start with {word}"),
    )
    .hint(format!(
        "make `{word}` its first statement; a target has a lower-case name"
    ))
}

pub(super) fn wrong_function_keyword(written: Keyword, right: Keyword) -> Diagnostic {
    let (written, right) = (written.text(), right.text());
    error(
        "wrong-function-keyword",
        format!(
            "in this version of the language a function must start with {right}, not {written}"
        ),
    )
    .hint(format!("write `{right}`"))
}

pub(super) fn unsupported_command(keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    let problem = error(
        "unsupported-command",
        format!("command {word} is not (yet) supported"),
    );
    match keyword {
        Keyword::Add => problem.hint(
            "use `COPY` for files, and `RUN curl` or `RUN wget` for addresses; or turn ADD on with `VERSION --extended`, which only bld knows",
        ),
        Keyword::Shell => problem.hint(
            "name the shell in the command: `RUN bash -c '…'`; or turn SHELL on with `VERSION --extended`, which only bld knows",
        ),
        Keyword::Stopsignal => {
            problem.hint("turn it on with `VERSION --extended`, which only bld knows")
        }
        _ => problem.hint("remove it"),
    }
}

// ------------------------------------------------------------------------------------------------ blocks

pub(super) fn for_without_in(second: &str) -> Diagnostic {
    let problem = error(
        "malformed-for",
        format!("expected `IN` in FOR, but found `{}`", short(second)),
    );
    with_usage(problem, Keyword::For)
}

pub(super) fn for_too_short() -> Diagnostic {
    with_usage(
        error(
            WRONG_NUMBER,
            "invalid number of arguments for FOR: not enough arguments",
        ),
        Keyword::For,
    )
}

pub(super) fn try_body(found: &str) -> Diagnostic {
    error(
        "try-shape",
        format!("TRY/FINALLY: the TRY body must hold exactly one RUN or one WITH DOCKER, {found}"),
    )
    .hint("move what is around it out of the block")
}

pub(super) fn try_without_finally() -> Diagnostic {
    Diagnostic::warning("try-without-finally", "TRY without FINALLY has no effect")
        .hint("add `FINALLY` with the artifacts to save when the command fails")
}

pub(super) fn finally_only_saves() -> Diagnostic {
    error(
        "try-shape",
        "TRY/FINALLY: only SAVE ARTIFACT is allowed in FINALLY",
    )
    .hint("move it below `END`; it does not run there if the command fails")
}

pub(super) fn finally_needs_local() -> Diagnostic {
    error(
        "try-shape",
        "TRY/FINALLY: SAVE ARTIFACT in FINALLY requires a local path",
    )
    .hint("add `AS LOCAL path`")
}

pub(super) fn finally_wildcard(source: &str) -> Diagnostic {
    error(
        "try-shape",
        format!("TRY/FINALLY: SAVE ARTIFACT in FINALLY cannot use wildcards, as in `{source}`"),
    )
    .hint("name each file")
}

pub(super) fn finally_variable(path: &str) -> Diagnostic {
    error("try-shape", format!("TRY/FINALLY: the local path `{path}` of SAVE ARTIFACT in FINALLY cannot contain variables"))
        .hint("write the path out")
}

pub(super) fn finally_flag(flag: &str) -> Diagnostic {
    error(
        "try-shape",
        format!(
            "TRY/FINALLY: SAVE ARTIFACT in FINALLY does not support `--{flag}`, only `--if-exists`"
        ),
    )
    .hint(format!("drop `--{flag}`"))
}

pub(super) fn with_docker_words() -> Diagnostic {
    let problem = error(WRONG_NUMBER, "WITH DOCKER takes flags only, no arguments");
    with_usage(problem, Keyword::WithDocker)
}

pub(super) fn with_docker_empty() -> Diagnostic {
    error("with-docker-shape", "no RUN command found in WITH DOCKER")
        .hint("put exactly one `RUN` between `WITH DOCKER` and `END`")
}

pub(super) fn with_docker_many() -> Diagnostic {
    error(
        "with-docker-shape",
        "only one command is allowed in WITH DOCKER, and there are several",
    )
    .hint(
        "join several RUNs with `&&`, or put the statements into a function and call it with `DO`",
    )
}

pub(super) fn with_docker_other(keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    error(
        "with-docker-shape",
        format!("{word} is not allowed in WITH DOCKER: the only command must be a RUN"),
    )
    .hint("move it above `WITH DOCKER`")
}

pub(super) fn with_docker_nested() -> Diagnostic {
    error(
        "with-docker-shape",
        "cannot use WITH DOCKER within WITH DOCKER",
    )
    .hint("one block can load, pull and compose everything")
}

pub(super) fn with_docker_flag(flag: &str) -> Diagnostic {
    error(
        "with-docker-shape",
        format!("RUN --{flag} is not allowed in WITH DOCKER"),
    )
    .hint(format!("drop `--{flag}`"))
}

// ------------------------------------------------------------------------------------------------ values

pub(super) fn network(value: &str) -> Diagnostic {
    error(
        "invalid-network",
        format!("invalid network value `{value}`: only `none` is supported"),
    )
    .hint("write `--network none`, or drop the flag for the usual network")
}

pub(super) fn project_format(value: &str) -> Diagnostic {
    error(
        "malformed-project",
        format!("unexpected format for PROJECT `{value}`, expected `organisation/project`"),
    )
    .hint("PROJECT has no effect here; it can be removed")
}

pub(super) fn healthcheck_exec() -> Diagnostic {
    error(
        "healthcheck-exec",
        "exec form not yet supported for HEALTHCHECK",
    )
    .hint("write `HEALTHCHECK CMD command …`")
}

pub(super) fn healthcheck_words() -> Diagnostic {
    let problem = error(WRONG_NUMBER, "invalid arguments for HEALTHCHECK");
    with_usage(problem, Keyword::Healthcheck)
}

pub(super) fn healthcheck_empty() -> Diagnostic {
    let problem = error(
        WRONG_NUMBER,
        "invalid number of arguments for HEALTHCHECK CMD: there is none",
    );
    with_usage(problem, Keyword::Healthcheck)
}

pub(super) fn duration(flag: &str, value: &str) -> Diagnostic {
    error(
        "invalid-duration",
        format!("invalid duration `{value}` for the flag `--{flag}`"),
    )
    .hint("durations are written like `30s`, `1m30s` or `500ms`")
}

pub(super) fn retries(value: &str) -> Diagnostic {
    error(
        "invalid-number",
        format!("invalid number `{value}` for the flag `--retries`"),
    )
    .hint("write a whole number")
}

pub(super) fn port(text: &str) -> Diagnostic {
    error("invalid-port", format!("invalid port `{text}` in EXPOSE"))
        .hint("write `8080`, `8080/udp` or `8000-8002`")
}

pub(super) fn host_ip(text: &str) -> Diagnostic {
    error("invalid-host-ip", format!("invalid HOST ip `{text}`"))
        .hint("write an IPv4 or IPv6 address")
}

pub(super) fn sharing(value: &str) -> Diagnostic {
    error(
        "invalid-sharing",
        format!("invalid cache sharing mode `{value}`"),
    )
    .hint("`locked`, `shared` and `private` are supported")
}

pub(super) fn mode(value: &str) -> Diagnostic {
    error("invalid-mode", format!("invalid mode `{value}`"))
        .hint("write an octal number like `0755`")
}

pub(super) fn malformed_word(word: super::words::WordError) -> Diagnostic {
    let problem = error("malformed-expansion", word.message);
    match word.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

pub(super) fn quotes_vanish(keyword: Keyword) -> Diagnostic {
    let word = keyword.text();
    Diagnostic::warning(
        "quotes-vanish",
        format!(
            "the quotes in this {word} vanish: its words are expanded and joined at build time"
        ),
    )
    .hint(format!(
        "use the exec form, `{word} [\"…\"]`, or escape the quotes"
    ))
}

pub(super) fn healthcheck_shell_out() -> Diagnostic {
    Diagnostic::warning(
        "shell-out-at-build-time",
        "`$(…)` in HEALTHCHECK runs once, at build time, not at every check",
    )
    .hint("write `\\$(…)` to have the check run it")
}
