//! Environment variables: every option of the build can be given as `BLD_<OPTION>` or `EARTHLY_<OPTION>`.
//!
//! The names follow from the options, so that there is one list; where the reference's name differs, `RENAMED` says so.

use std::collections::{HashMap, hash_map::Entry as Slot};

use super::args;
use crate::{
    diag::Diagnostic,
    interp::dotenv::{Entry, Place},
};

/// Prefixes, the stronger one first.
const PREFIXES: [&str; 2] = ["BLD_", "EARTHLY_"];

/// Options whose variable is not simply their name: option, variable without prefix.
const RENAMED: &[(&str, &str)] = &[
    ("secret", "SECRETS"),
    ("secret-file", "SECRET_FILES"),
    ("build-arg", "BUILD_ARGS"),
    ("platform", "PLATFORMS"),
    ("git-branch", "GIT_BRANCH_OVERRIDE"),
    ("buildkit-container-name", "CONTAINER_NAME"),
    ("buildkit-volume-name", "VOLUME_NAME"),
];

/// Options that are also given by a variable of somebody else's.
const FOREIGN: &[(&str, &str)] = &[
    ("git-username", "GIT_USERNAME"),
    ("git-password", "GIT_PASSWORD"),
    ("github-annotations", "GITHUB_ACTIONS"),
    ("ssh-auth-sock", "SSH_AUTH_SOCK"),
];

/// Options that only make sense when typed.
const NOT_FROM_ENVIRONMENT: &[&str] = &["artifact", "image", "help", "version", "file"];

/// The environment: the process's own, with the settings file (`.env`) beneath it.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    values: HashMap<String, String>,
    /// Where those stand that come from the settings file.
    places: HashMap<String, Place>,
}

impl Environment {
    /// The process's environment. A value that is not UTF-8 is left out.
    pub fn of_process() -> Self {
        let values = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        Self {
            values,
            places: HashMap::new(),
        }
    }

    /// An environment of just these values.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            values: pairs
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
            places: HashMap::new(),
        }
    }

    /// Adds the values of a file, which never override what is there.
    pub fn underlay(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            if let Slot::Vacant(slot) = self.values.entry(entry.name.clone()) {
                slot.insert(entry.value);
                self.places.insert(entry.name, entry.at);
            }
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

    /// What is wrong with a setting, with its place if that is the settings file.
    fn bad_setting(&self, name: &str, message: String) -> Diagnostic {
        let error = Diagnostic::error("usage", message);
        let mut full = PREFIXES.iter().map(|prefix| format!("{prefix}{name}"));
        let full = full.find(|full| self.get(full).is_some());
        match full.and_then(|full| self.places.get(&full)) {
            Some(place) => place.of(error),
            None => error,
        }
    }
}

/// Whether a variable means something to bld.
pub fn is_setting(name: &str) -> bool {
    let shown = ["NO_COLOR", "FORCE_COLOR"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || FOREIGN.iter().any(|(_, foreign)| *foreign == name)
        || shown.contains(&name)
}

/// Two names for one thing: who types one of them wants no other from the environment.
const SAME: [&str; 2] = ["engine", "buildkit-host"];

/// The options that the environment gives and the command line does not, as they would be typed.
pub fn options(environment: &Environment, typed: &[String]) -> Result<Vec<String>, Diagnostic> {
    let mut found = Vec::new();
    for arg in args::table().get_arguments() {
        let Some(long) = arg.get_long() else { continue };
        let is_said = is_typed(long, arg.get_short(), typed)
            || SAME.contains(&long) && SAME.iter().any(|other| is_typed(other, None, typed));
        if NOT_FROM_ENVIRONMENT.contains(&long) || is_said {
            continue;
        }
        let Some(value) = environment
            .setting(&variable(long))
            .filter(|v| !v.is_empty())
        else {
            found.extend(foreign(environment, arg, long));
            continue;
        };
        if !arg.get_action().takes_values() {
            match env_bool(value) {
                Some(true) => found.push(format!("--{long}")),
                Some(false) => {}
                None => {
                    let message = format!(
                        "the environment variable for `--{long}` is `{value}`, expected `true` or `false`"
                    );
                    return Err(environment.bad_setting(&variable(long), message));
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

/// The name of an option's variable, without prefix.
fn variable(option: &str) -> String {
    RENAMED
        .iter()
        .find(|(renamed, _)| *renamed == option)
        .map_or_else(
            || option.to_uppercase().replace('-', "_"),
            |(_, name)| (*name).to_owned(),
        )
}

/// An option from a variable that is not ours. What it holds may be anything; only a clear no switches nothing on.
fn foreign(environment: &Environment, arg: &clap::Arg, long: &str) -> Option<String> {
    let (_, name) = FOREIGN.iter().find(|(option, _)| *option == long)?;
    let value = environment.get(name).filter(|v| !v.is_empty())?;
    if arg.get_action().takes_values() {
        return Some(format!("--{long}={value}"));
    }
    (env_bool(value) != Some(false)).then(|| format!("--{long}"))
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

/// `true`, `1`, … as the reference reads them.
pub fn env_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Some(true),
        "0" | "f" | "false" | "" => Some(false),
        _ => None,
    }
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
        let typed = ["--buildkit-host=y".to_owned()];
        assert_eq!(options(&env, &typed).unwrap(), ["--push"]);
    }

    #[test]
    fn some_options_listen_to_variables_of_others() {
        let env = Environment::from_pairs([
            ("SSH_AUTH_SOCK", "/theirs"),
            ("BLD_SSH_AUTH_SOCK", "/ours"),
            ("GITHUB_ACTIONS", "true"),
            ("GIT_USERNAME", "me"),
            ("GITHUB_BRANCH", "not an option"),
        ]);
        let found = options(&env, &[]).unwrap();
        assert_eq!(
            found,
            [
                "--ssh-auth-sock=/ours",
                "--git-username=me",
                "--github-annotations"
            ]
        );
        let off = Environment::from_pairs([("GITHUB_ACTIONS", "false")]);
        assert!(options(&off, &[]).unwrap().is_empty());
    }

    #[test]
    fn a_value_that_is_neither_true_nor_false_is_refused() {
        let env = Environment::from_pairs([("BLD_PUSH", "maybe")]);
        assert!(options(&env, &[]).unwrap_err().message.contains("`--push`"));
    }
}
