//! Arguments for the target: behind the reference, by `--build-arg`, and from the `.arg` file.

use std::path::Path;

use crate::{
    cli::{
        args::{self, BuildArgs},
        env_vars::Environment,
        variable_files::{self, VariableFile},
    },
    diag::Diagnostic,
    syntax::builtins::is_reserved,
};

use super::usage;

/// `--key=value`, `--key value`, `-key=value` behind the reference; `--key` alone takes the environment variable.
pub(super) fn target_args(
    rest: &[String],
    environment: &Environment,
    remarks: &mut Vec<Diagnostic>,
) -> Result<Vec<(String, String)>, Diagnostic> {
    let mut args = Vec::new();
    let mut words = rest.iter().peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_start_matches('-');
        let dashes = word.len() - bare.len();
        if !(1..=2).contains(&dashes) || bare.is_empty() {
            return Err(usage(format!(
                "`{word}` stands behind the target, and is not an argument of it"
            ))
            .hint("arguments have the form `--name=value`; one run builds one target"));
        }
        let arg = match bare.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => match words.next_if(|next| !next.starts_with('-')) {
                Some(value) => (bare.to_owned(), value.clone()),
                None if is_option(bare, dashes) => {
                    return Err(usage(format!("`{word}` stands behind the target"))
                        .hint(format!("options of bld go in front of it: `bld {word} …`")));
                }
                None => key_value(bare, "an argument", "--", environment)?,
            },
        };
        if arg.0.starts_with("build-arg") {
            remarks.push(Diagnostic::warning(
                "build-arg-behind-target",
                format!(
                    "`--{}` behind the target sets an argument of that name",
                    arg.0
                ),
            ));
        }
        args.push(arg);
    }
    Ok(args)
}

/// Whether a word without a value is meant for bld: a long option, or short ones without values. A variable of the same
/// name in the environment makes no difference: nobody writes `-P` for an argument `P`.
fn is_option(bare: &str, dashes: usize) -> bool {
    args::option_names().any(|option| option == bare)
        || dashes == 1 && bare.chars().all(|c| args::short_names().any(|s| s == c))
}

/// `KEY=VALUE`, or `KEY` for the value of the environment variable. `before` is what stands in front of it where it is
/// written.
pub(super) fn key_value(
    text: &str,
    option: &str,
    before: &str,
    environment: &Environment,
) -> Result<(String, String), Diagnostic> {
    if let Some((key, value)) = text.split_once('=') {
        return Ok((key.to_owned(), value.to_owned()));
    }
    match environment.get(text) {
        Some(value) => Ok((text.to_owned(), value.to_owned())),
        None => Err(usage(format!(
            "`{text}` has no value: {option} without `=` takes the environment variable `{text}`, which is not set"
        ))
        .hint(format!("write `{before}{text}=value`, or set `{text}`"))),
    }
}

pub(super) fn arg_file(args: &BuildArgs, cwd: &Path) -> Result<Vec<(String, String)>, Diagnostic> {
    let entries = variable_files::read(args.arg_file_path.as_deref(), cwd, VariableFile::Args);
    let entries = entries.map_err(|e| *e)?;
    let builtin = entries.iter().find(|entry| is_reserved(&entry.name, false));
    if let Some(entry) = builtin {
        return Err(entry.at.of(builtin_in_arg_file(&entry.name)));
    }
    Ok(entries
        .into_iter()
        .map(|entry| (entry.name, entry.value))
        .collect())
}

fn builtin_in_arg_file(name: &str) -> Diagnostic {
    let message = format!("`{name}` is a built-in ARG, and cannot be given a value");
    Diagnostic::error("builtin-value", message).hint("take the line out: bld sets it itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn args_of(line: &str) -> Result<Vec<(String, String)>, Diagnostic> {
        let env = Environment::from_pairs([("SET", "from-env")]);
        target_args(&words(line), &env, &mut Vec::new())
    }

    #[test]
    fn arguments_of_the_target_have_every_spelling() {
        let pairs = args_of("--a=1 --b 2 -c=3 --SET --d=").unwrap();
        let expected = [
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("SET", "from-env"),
            ("d", ""),
        ];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn an_option_behind_the_target_is_told_where_it_belongs() {
        for option in ["--push", "-push", "-P", "-V", "-iP"] {
            let error = args_of(option).unwrap_err();
            let right = format!("in front of it: `bld {option} …`");
            assert!(error.hints[0].contains(&right), "{error:?}");
        }
        assert!(
            args_of("more")
                .unwrap_err()
                .message
                .contains("behind the target")
        );
    }

    #[test]
    fn an_argument_without_a_value_is_shown_how_to_have_one() {
        let error = args_of("--a=1 --name").unwrap_err();
        assert!(error.hints[0].contains("`--name=value`"), "{error:?}");
    }
}
