//! `ARG`, `LET`, `SET` and arguments of references.

use super::{Failure, fail, fail_hint};
use crate::diag::{Diagnostic, Location};

pub(crate) fn redeclared(name: &str, hint: String) -> Failure {
    fail_hint(
        "redeclared",
        format!("variable `{name}` was already declared in this scope"),
        hint,
    )
}

/// `by` is the statement that would have to give the value; without one it is the command line.
pub(crate) fn required_arg(name: &str, by: Option<&Location>) -> Failure {
    let hint = match by {
        None => format!("pass `--{name}=<value>` behind the target"),
        Some(at) => {
            let command = at.text().split_whitespace().next().unwrap_or_default();
            match command {
                "COPY" | "WITH" => format!(
                    "pass it in the {command} at {at}, in brackets: `(target --{name}=<value>)`"
                ),
                _ => format!("add `--{name}=<value>` to the {command} at {at}"),
            }
        }
    };
    fail_hint(
        "required-arg",
        format!("value not supplied for required ARG: {name}"),
        hint,
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
