//! Environment variables: every option of the build can be given as `BLD_<OPTION>` or `EARTHLY_<OPTION>`.
//!
//! The names follow from the options, so that there is one list; where the reference's name differs, `RENAMED` says so.

use std::collections::HashMap;

use clap::CommandFactory as _;

use super::args::{Cli, env_bool};

/// Prefixes, the stronger one first.
pub const PREFIXES: [&str; 2] = ["BLD_", "EARTHLY_"];

/// Options whose variable is not simply their name: option, variable without prefix.
const RENAMED: &[(&str, &str)] = &[
    ("secret", "SECRETS"),
    ("secret-file", "SECRET_FILES"),
    ("build-arg", "BUILD_ARGS"),
    ("platform", "PLATFORMS"),
    ("git-branch", "GIT_BRANCH_OVERRIDE"),
];

/// Options that only make sense when typed.
const NOT_FROM_ENVIRONMENT: &[&str] = &["artifact", "image", "help", "version", "file"];

/// The environment: the process's own, with the settings file (`.env`) beneath it.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    values: HashMap<String, String>,
}

impl Environment {
    /// The process's environment. A value that is not UTF-8 is left out.
    pub fn of_process() -> Self {
        let values = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        Self { values }
    }

    /// An environment of just these values.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            values: pairs
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
        }
    }

    /// Adds values that never override what is there.
    pub fn underlay(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        for (key, value) in pairs {
            self.values.entry(key).or_insert(value);
        }
    }

    /// A variable as it is.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// `BLD_<name>`, else `EARTHLY_<name>`.
    pub fn setting(&self, name: &str) -> Option<&str> {
        PREFIXES
            .iter()
            .find_map(|prefix| self.get(&format!("{prefix}{name}")))
    }
}

/// The options that the environment gives and the command line does not, as they would be typed.
pub fn options(environment: &Environment, typed: &[String]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let command = Cli::command();
    for arg in command.get_arguments() {
        let Some(long) = arg.get_long() else { continue };
        if NOT_FROM_ENVIRONMENT.contains(&long) || is_typed(long, arg.get_short(), typed) {
            continue;
        }
        let name = RENAMED
            .iter()
            .find(|(option, _)| *option == long)
            .map_or_else(
                || long.to_uppercase().replace('-', "_"),
                |(_, name)| (*name).to_owned(),
            );
        let Some(value) = environment.setting(&name).filter(|v| !v.is_empty()) else {
            continue;
        };
        if !arg.get_action().takes_values() {
            match env_bool(value) {
                Some(true) => found.push(format!("--{long}")),
                Some(false) => {}
                None => {
                    return Err(format!(
                        "the environment variable for `--{long}` is `{value}`, expected `true` or `false`"
                    ));
                }
            }
        } else if matches!(arg.get_action(), clap::ArgAction::Append) {
            found.extend(value.split(',').map(|v| format!("--{long}={v}")));
        } else {
            found.push(format!("--{long}={value}"));
        }
    }
    Ok(found)
}

fn is_typed(long: &str, short: Option<char>, typed: &[String]) -> bool {
    typed.iter().any(|word| {
        let bare = word.trim_start_matches('-');
        word.starts_with('-')
            && (bare == long
                || bare
                    .strip_prefix(long)
                    .is_some_and(|rest| rest.starts_with('='))
                || short.is_some_and(|c| word.len() == 2 && word.ends_with(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_prefixes_work_and_ours_wins() {
        let env = Environment::from_pairs([
            ("EARTHLY_PUSH", "1"),
            ("EARTHLY_ENGINE", "old"),
            ("BLD_ENGINE", "new"),
            ("BLD_SECRETS", "a=1,b=2"),
        ]);
        let found = options(&env, &[]).unwrap();
        assert_eq!(
            found,
            ["--push", "--engine=new", "--secret=a=1", "--secret=b=2"]
        );
    }

    #[test]
    fn what_is_typed_wins_over_the_environment() {
        let env = Environment::from_pairs([("BLD_ENGINE", "x"), ("BLD_PUSH", "true")]);
        let typed = ["--engine=y".to_owned(), "--push=false".to_owned()];
        assert!(options(&env, &typed).unwrap().is_empty());
    }

    #[test]
    fn a_value_that_is_neither_true_nor_false_is_refused() {
        let env = Environment::from_pairs([("BLD_PUSH", "maybe")]);
        assert!(options(&env, &[]).unwrap_err().contains("`--push`"));
    }
}
