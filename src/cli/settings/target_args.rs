//! Arguments for the target: behind the reference, by `--build-arg`, and from the `.arg` file.

use std::path::Path;

use crate::{
    cli::{
        args::{self, BuildArgs},
        env_vars::Environment,
        variable_files,
    },
    diag::Diagnostic,
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
        let arg =
            match bare.split_once('=') {
                Some((key, value)) => (key.to_owned(), value.to_owned()),
                None => match words.next_if(|next| !next.starts_with('-')) {
                    Some(value) => (bare.to_owned(), value.clone()),
                    None if args::option_names().any(|option| option == bare) => {
                        return Err(usage(format!("`{word}` stands behind the target")).hint(
                            format!("options of bld go in front of it: `bld --{bare} …`"),
                        ));
                    }
                    None => key_value(bare, "an argument", environment)?,
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

/// `KEY=VALUE`, or `KEY` for the value of the environment variable.
pub(super) fn key_value(
    text: &str,
    option: &str,
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
        .hint(format!("write `{text}=value`, or set `{text}`"))),
    }
}

pub(super) fn arg_file(args: &BuildArgs, cwd: &Path) -> Result<Vec<(String, String)>, Diagnostic> {
    variable_files::read(args.arg_file_path.as_deref(), cwd, ".arg").map_err(|e| *e)
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
        let error = args_of("--push").unwrap_err();
        assert!(error.hints[0].contains("in front"), "{error:?}");
        assert!(
            args_of("more")
                .unwrap_err()
                .message
                .contains("behind the target")
        );
    }
}
