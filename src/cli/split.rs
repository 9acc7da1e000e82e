//! Cuts the command line in front of the reference: what stands before it belongs to bld, what follows to the target.

use super::{args, env_vars::env_bool};

/// A command line, cut in two.
#[derive(Debug, PartialEq, Eq)]
pub struct Split {
    /// The options as they were typed, without their values.
    pub typed: Vec<String>,
    /// For clap: the program's name, options, and the command if there is one with all that follows.
    pub front: Vec<String>,
    /// The reference and what follows; empty where a command of bld was given that takes none.
    pub target: Vec<String>,
    /// The command of bld.
    pub command: Option<&'static str>,
}

/// Cuts the line in front of the reference. Options are accepted with one or two dashes. A command of bld takes options of
/// the build on either side of its name; they are put in front of it.
pub fn split(argv: impl IntoIterator<Item = String>) -> Split {
    let mut words = argv.into_iter();
    let mut front: Vec<String> = words.next().into_iter().collect();
    let root = args::table();
    let mut command: Option<&'static clap::Command> = None;
    let mut own: Vec<String> = Vec::new();
    let mut typed: Vec<String> = Vec::new();
    let mut rest = words.peekable();
    while let Some(word) = rest.next_if(|word| command.is_none() || word.starts_with('-')) {
        if word == "--" {
            break;
        }
        if !word.starts_with('-') || word == "-" {
            match root.find_subcommand(&word) {
                Some(found) => {
                    command = Some(found);
                    own.push(word);
                    // What stands behind `debug` is a command line of its own.
                    if found.has_subcommands() {
                        own.extend(rest.by_ref());
                    }
                    continue;
                }
                None => {
                    let target = std::iter::once(word).chain(rest).collect();
                    return Split {
                        typed,
                        front,
                        target,
                        command: None,
                    };
                }
            }
        }
        typed.push(word.clone());
        let of_command = command.filter(|command| knows(command, &word));
        let (option, takes_value) = spell(of_command.unwrap_or(root), &word);
        let side = if of_command.is_some() {
            &mut own
        } else {
            &mut front
        };
        // `--push=false` is the same as nothing, once the environment has been told that it was typed.
        if !option.is_empty() {
            side.push(option);
        }
        if takes_value && let Some(value) = rest.next() {
            side.push(value);
        }
    }
    front.extend(own);
    let command = command.map(clap::Command::get_name);
    // The other commands know their own words.
    let target = match command {
        Some(name) if !matches!(name, "plan" | "docker-build") => {
            front.extend(rest);
            Vec::new()
        }
        _ => rest.collect(),
    };
    Split {
        typed,
        front,
        target,
        command,
    }
}

/// Whether an option belongs to this command of bld and not to the build.
fn knows(command: &clap::Command, word: &str) -> bool {
    let bare = word.trim_start_matches('-');
    let name = bare.split('=').next().unwrap_or(bare);
    let long = command.get_arguments().any(|a| is_long(a, name));
    let short = |c| command.get_arguments().any(|a| a.get_short() == Some(c));
    let shorts = word.len() == bare.len() + 1 && !bare.is_empty() && bare.chars().all(short);
    matches!(name, "help" | "h") || long || shorts
}

/// Whether an option has this long name, or had it once.
fn is_long(option: &clap::Arg, name: &str) -> bool {
    let older = option.get_all_aliases().unwrap_or_default();
    option.get_long() == Some(name) || older.contains(&name)
}

/// The option as clap knows it, and whether the next word is its value.
fn spell(command: &clap::Command, word: &str) -> (String, bool) {
    let bare = word.trim_start_matches('-');
    let dashes = word.len() - bare.len();
    let (name, value) = bare
        .split_once('=')
        .map_or((bare, None), |(n, v)| (n, Some(v)));
    let long = command.get_arguments().find(|a| is_long(a, name));
    if let Some(arg) = long
        && (dashes == 2 || name.len() > 1)
    {
        let takes_value = arg.get_action().takes_values();
        return match value {
            // `--push=false` is a way to take an environment variable back.
            Some(v) if !takes_value => match env_bool(v) {
                Some(true) => (format!("--{name}"), false),
                Some(false) => (String::new(), false),
                None => (word.to_owned(), false),
            },
            Some(v) => (format!("--{name}={v}"), false),
            None => (format!("--{name}"), takes_value),
        };
    }
    let short = bare.chars().next().filter(|_| dashes == 1);
    let takes_value = short
        .and_then(|c| command.get_arguments().find(|a| a.get_short() == Some(c)))
        .is_some_and(|a| a.get_action().takes_values() && bare.len() == 1);
    (word.to_owned(), takes_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> (String, String) {
        let split = split(line.split_whitespace().map(str::to_owned));
        (split.front.join(" "), split.target.join(" "))
    }

    #[test]
    fn everything_behind_the_reference_belongs_to_the_target() {
        assert_eq!(
            cut("bld --push +t --push --x=1"),
            ("bld --push".into(), "+t --push --x=1".into())
        );
        assert_eq!(
            cut("bld -f dir/Buildfile +t"),
            ("bld -f dir/Buildfile".into(), "+t".into())
        );
        assert_eq!(cut("bld"), ("bld".into(), String::new()));
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        assert_eq!(
            cut("bld -push -platform linux/arm64 +t").0,
            "bld --push --platform linux/arm64"
        );
        assert_eq!(
            cut("bld -P -a +t/x out"),
            ("bld -P -a".into(), "+t/x out".into())
        );
    }

    #[test]
    fn a_command_takes_the_rest_of_the_line() {
        assert_eq!(
            cut("bld check --json a b"),
            ("bld check --json a b".into(), String::new())
        );
        assert_eq!(
            cut("bld plan --json +t --x=1"),
            ("bld plan --json".into(), "+t --x=1".into())
        );
        assert_eq!(
            cut("bld --push plan +t"),
            ("bld --push plan".into(), "+t".into())
        );
        assert_eq!(
            cut("bld plan -f x --json --platform linux/arm64 +t"),
            (
                "bld -f x --platform linux/arm64 plan --json".into(),
                "+t".into()
            )
        );
        assert_eq!(
            cut("bld -l ls -la ."),
            ("bld -l ls -la .".into(), String::new())
        );
        assert_eq!(
            cut("bld --push docker2earthly -earthfile - --dockerfile x"),
            (
                "bld --push docker2earthly --earthfile - --dockerfile x".into(),
                String::new()
            )
        );
        assert_eq!(
            cut("bld docker-build -t x --platform a dir --k=v"),
            (
                "bld docker-build -t x --platform a".into(),
                "dir --k=v".into()
            )
        );
        assert_eq!(
            cut("bld debug ast --source-map x"),
            ("bld debug ast --source-map x".into(), String::new())
        );
    }
}
