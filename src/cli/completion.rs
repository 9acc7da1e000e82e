//! Completion in the shell: bash calls bld itself, with the line in `COMP_LINE` and the cursor in `COMP_POINT`, and reads
//! candidates from its output (`complete -C`). So targets of the build file are completed, too.

use std::path::Path;

use crate::{
    cli::args,
    interp::manual::{self, Manual, ManualRequest},
};

use super::env_vars::Environment;

/// Registers bld as its own completer in bash.
pub const BASH: &str = "\
complete -o nospace -C bld bld
";

/// The same for zsh, which can do as bash does.
pub const ZSH: &str = "\
#compdef bld
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
complete -o nospace -C bld bld
";

/// The candidates as lines, if a shell asks for them.
pub fn asked(environment: &Environment) -> Option<String> {
    let line = environment.get("COMP_LINE")?;
    let point = environment.get("COMP_POINT")?.parse().ok()?;
    // The cursor is counted in bytes, and never trusted.
    let line = line.get(..point).unwrap_or(line);
    let cwd = std::env::current_dir().ok()?;
    let hidden = environment.setting("SHOW_HIDDEN").is_some();
    Some(
        candidates(line, &cwd, hidden)
            .iter()
            .map(|c| format!("{c}\n"))
            .collect(),
    )
}

/// What can stand at the end of a line.
fn candidates(line: &str, cwd: &Path, hidden: bool) -> Vec<String> {
    let mut words: Vec<&str> = line.split([' ', '\t']).collect();
    let last = words.pop().unwrap_or_default();
    let before: Vec<&str> = words
        .into_iter()
        .skip(1)
        .filter(|w| !w.is_empty())
        .collect();
    let table = args::table();
    let command = before.iter().find_map(|word| table.find_subcommand(word));
    let target = before.iter().find(|word| word.contains('+'));
    let mut found = Vec::new();
    if let (Some(target), None | Some("plan")) = (target, command.map(clap::Command::get_name)) {
        found.extend(args_of(target, cwd));
    } else if last.starts_with('-') {
        let of = command.unwrap_or(table);
        let shown = of.get_arguments().filter(|a| hidden || !a.is_hide_set());
        found.extend(shown.filter_map(|arg| {
            let value = if arg.get_action().takes_values() {
                "="
            } else {
                " "
            };
            Some(format!("--{}{value}", arg.get_long()?))
        }));
    } else if let Some((place, _)) = last.split_once('+') {
        found.extend(targets(place, cwd));
    } else if last.starts_with(['.', '/']) {
        found.extend(directories(last, cwd));
    } else {
        if command.is_none() {
            let shown = table
                .get_subcommands()
                .filter(|c| hidden || !c.is_hide_set());
            found.extend(shown.map(|c| format!("{} ", c.get_name())));
        }
        if matches!(
            command.map(clap::Command::get_name),
            None | Some("plan" | "doc")
        ) {
            found.extend(targets("", cwd));
        }
    }
    found.retain(|candidate| candidate.starts_with(last));
    found.sort();
    found
}

fn manual_at(place: &str, cwd: &Path) -> Option<Manual> {
    let request = ManualRequest {
        cwd: cwd.to_path_buf(),
        place: place.to_owned(),
        features: Vec::new(),
    };
    manual::manual(&request).ok()
}

/// The targets of a directory, as they are typed.
fn targets(place: &str, cwd: &Path) -> Vec<String> {
    let manual = manual_at(place, cwd);
    let names = manual.iter().flat_map(Manual::targets);
    names.map(|name| format!("{place}+{name} ")).collect()
}

/// The arguments of a target.
fn args_of(target: &str, cwd: &Path) -> Vec<String> {
    let Some((place, name)) = target.split_once('+') else {
        return Vec::new();
    };
    let manual = manual_at(place, cwd);
    let item = manual.as_ref().and_then(|manual| manual.item(name));
    let args = item.into_iter().flat_map(|item| &item.args);
    args.map(|arg| format!("--{}=", arg.name)).collect()
}

/// The directories below what is typed, and the targets where there is a build file.
fn directories(typed: &str, cwd: &Path) -> Vec<String> {
    let (above, _) = typed.rsplit_once('/').map_or(("", typed), |(a, b)| (a, b));
    let above = if typed.contains('/') {
        format!("{above}/")
    } else {
        String::new()
    };
    let entries = std::fs::read_dir(cwd.join(if above.is_empty() { "." } else { &above }));
    let mut found: Vec<String> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .map(|name| format!("{above}{name}/"))
        .collect();
    found.extend([".".to_owned(), "..".to_owned()].map(|dots| format!("{dots}/")));
    let place = typed.trim_end_matches('/');
    if !place.is_empty() {
        found.extend(targets(place, cwd).into_iter().map(|t| {
            // `./lib/` and `./lib` are the same place.
            if typed.ends_with('/') {
                t.replacen(place, typed, 1)
            } else {
                t
            }
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let file = "VERSION 0.8\nFROM scratch\nbuild:\n    ARG tag\n    ARG --required mode\ntest:\n    RUN true\n";
        std::fs::write(dir.path().join("Buildfile"), file).unwrap();
        std::fs::create_dir(dir.path().join("lib")).unwrap();
        std::fs::write(
            dir.path().join("lib/Buildfile"),
            "VERSION 0.8\npart:\n    FROM scratch\n",
        )
        .unwrap();
        dir
    }

    fn complete(line: &str) -> Vec<String> {
        candidates(line, project().path(), false)
    }

    #[test]
    fn commands_options_and_targets_are_completed() {
        assert_eq!(complete("bld --pu"), ["--pull ", "--push "]);
        assert_eq!(complete("bld --platf"), ["--platform="]);
        assert_eq!(complete("bld ls --lo"), ["--long "]);
        assert_eq!(complete("bld +"), ["+base ", "+build ", "+test "]);
        assert_eq!(complete("bld --push +bu"), ["+build "]);
        assert_eq!(complete("bld plan +t"), ["+test "]);
        assert!(complete("bld ").contains(&"+build ".to_owned()));
        assert!(complete("bld ").contains(&"check ".to_owned()));
    }

    #[test]
    fn other_directories_and_arguments_are_completed() {
        assert_eq!(complete("bld ./l"), ["./lib/"]);
        assert_eq!(complete("bld ./lib+"), ["./lib+base ", "./lib+part "]);
        assert_eq!(complete("bld +build --"), ["--mode=", "--tag="]);
        assert_eq!(complete("bld +build --t"), ["--tag="]);
        assert!(complete("bld ./nowhere+").is_empty());
        assert!(complete("").len() > 3);
    }
}
