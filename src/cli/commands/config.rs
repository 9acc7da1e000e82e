//! `bld config`: one key of the config file, shown, changed or taken away.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

use serde_yaml::Value;

use crate::{
    cli::{
        args::{self, BuildArgs, ConfigArgs},
        config_file::{
            self, dotted,
            edit::{self, EditError},
            keys::{self, Effect, Finding, Found, What},
        },
        env_vars::Environment,
        exit::Exit,
        printer::{self, Streams},
    },
    diag::{Diagnostic, words},
};

use super::usage;

/// Does to the key what was asked.
pub fn config(
    args: &ConfigArgs,
    build: &BuildArgs,
    environment: &Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    let Some(key) = &args.key else {
        return help(args.help);
    };
    let path = segments(key)?;
    let found = known(&path)?;
    if args.help {
        printer::data(&explained(&path, found))?;
        return Ok(Exit::Success);
    }
    let place = config_file::place(build, environment).ok_or_else(|| {
        usage("there is no config file, because there is no home directory")
            .hint("set `HOME`, or name a file with `--config`")
    })?;
    let file = place.path();
    let shown = file.display();
    let old = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(failed("read", file, &e).into()),
    };
    let new = match (&args.value, args.delete) {
        (None, false) => {
            return Err(usage(format!("`{key}` needs a value"))
                .hint(format!(
                    "`bld config {key} <value>`, or `--delete`, or `--help`"
                ))
                .into());
        }
        (None, true) => edit::delete(&old, &path).map(|new| new.unwrap_or_else(|| old.clone())),
        (Some(value), _) => edit::set(&old, &path, &fitting(value, key, &path, found)?),
    };
    let new = new.map_err(|e| not_edited(&e, file))?;
    if let Effect::None(why) = found.effect {
        let note = Diagnostic::note("config-without-effect", format!("`{key}` has no effect"));
        printer::diagnostics(&[note.with_note(why)], streams);
    }
    if args.dry_run {
        printer::data(&new)?;
    } else if new == old {
        printer::message(&format!("{shown} says so already\n"));
    } else {
        write(file, &new).map_err(|e| failed("write", file, &e))?;
        printer::message(&format!("updated {shown}\n"));
    }
    Ok(Exit::Success)
}

/// The help of the command, as an answer or as a reproach.
fn help(asked: bool) -> Result<Exit, Box<Diagnostic>> {
    if !asked {
        return Err(usage("no key was given")
            .hint("`bld config global.engine docker` sets one; `bld config --help` tells more")
            .into());
    }
    let mut table = args::table().clone();
    table.build();
    let command = table.find_subcommand_mut("config");
    printer::data(&command.map_or_else(String::new, |c| c.render_long_help().to_string()))?;
    Ok(Exit::Success)
}

/// `a."b.c".d` as its segments.
fn segments(key: &str) -> Result<Vec<String>, Diagnostic> {
    let mut segments = Vec::new();
    let mut rest = key;
    loop {
        let segment = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (segment, behind) = rest[1..]
                    .split_once(quote)
                    .ok_or_else(|| usage(format!("`{key}` has a quote that is not closed")))?;
                rest = behind;
                segment
            }
            _ => {
                let end = rest.find('.').unwrap_or(rest.len());
                let segment = &rest[..end];
                rest = &rest[end..];
                segment
            }
        };
        if segment.is_empty() {
            return Err(usage(format!("`{key}` has an empty part"))
                .hint("keys look like `global.engine`, or `git.\"example.com\".auth`"));
        }
        segments.push(segment.to_owned());
        if rest.is_empty() {
            return Ok(segments);
        }
        rest = rest.strip_prefix('.').ok_or_else(|| {
            usage(format!("`{key}` has something behind a quote"))
                .hint("between the parts of a key stand dots")
        })?;
    }
}

/// The key, or an error with its neighbour.
fn known(path: &[String]) -> Result<Found, Diagnostic> {
    keys::find(path).map_err(|(at, near)| {
        let error = usage(format!("unknown key `{}`", dotted(&path[..=at])));
        match near {
            Some(near) => {
                let mut meant = path.to_vec();
                near.clone_into(&mut meant[at]);
                error.hint(format!("did you mean `{}`?", dotted(&meant)))
            }
            None if at == 2 && path[0] == "git" => {
                // `git.example.com` is three parts.
                error.hint("a name with dots is quoted: `git.\"example.com\".auth`")
            }
            None => match keys::find(&path[..at]) {
                Ok(section) => error.hint(format!("expected are {}", section.kind.text())),
                Err(_) => error,
            },
        }
    })
}

/// The value, if it can be one of the key.
fn fitting(text: &str, key: &str, path: &[String], found: Found) -> Result<Value, Diagnostic> {
    let misfit = |expected: &str| {
        usage(format!("this value does not fit `{key}`")).hint(format!("expected is {expected}"))
    };
    let value: Value = match text {
        "" => Value::String(String::new()),
        text => serde_yaml::from_str(text)
            .map_err(|_| misfit("YAML; put quotes around a text with `: ` or ` #`"))?,
    };
    let mut findings = Vec::new();
    found.kind.check(&value, path, &mut findings);
    for Finding { path, what } in findings {
        match what {
            What::Misfit(expected) => return Err(misfit(&expected)),
            What::Unknown(near) => {
                let error = usage(format!("unknown key `{}`", dotted(&path)));
                return Err(match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                });
            }
            What::WithoutEffect(_) | What::Obsolete => {}
        }
    }
    Ok(value)
}

/// What is known of a key.
fn explained(path: &[String], found: Found) -> String {
    let effect = match found.effect {
        Effect::Works => String::new(),
        Effect::None(why) => format!("  without effect: {why}\n"),
        Effect::Obsolete => "  obsolete\n".to_owned(),
    };
    format!(
        "{}: {}\n  expected is {}\n{effect}",
        dotted(path),
        found.help,
        found.kind.text()
    )
}

fn not_edited(error: &EditError, file: &Path) -> Diagnostic {
    let shown = file.display();
    match error {
        EditError::Invalid(why) => {
            Diagnostic::error("config-invalid", format!("config file `{shown}`: {why}"))
        }
        EditError::Shape => Diagnostic::error(
            "config-shape",
            format!("`{shown}` is written in a way that bld cannot change without loss"),
        )
        .hint("edit it by hand"),
    }
}

fn failed(what: &str, file: &Path, error: &std::io::Error) -> Diagnostic {
    let message = format!(
        "cannot {what} {}: {error}",
        words::all(&[file.display().to_string()])
    );
    Diagnostic::error("config-file", message)
}

/// Writes beside the file and renames, so that it is never half there. It may hold passwords: a new one is for its
/// owner alone, an old one keeps its permissions.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    // A link stays one.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    fs::create_dir_all(dir)?;
    let mode = match fs::metadata(&file) {
        Ok(metadata) => metadata.permissions(),
        Err(_) => fs::Permissions::from_mode(0o600),
    };
    let mut fresh = tempfile::Builder::new()
        .prefix(".config-")
        .tempfile_in(dir)?;
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().set_permissions(mode)?;
    fresh.as_file().sync_all()?;
    fresh.persist(&file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_cut_at_its_dots_but_not_inside_quotes() {
        let cut = |key| segments(key).map_err(|e| e.message);
        assert_eq!(cut("global.engine").unwrap(), ["global", "engine"]);
        assert_eq!(
            cut("git.\"a.b.com\".auth").unwrap(),
            ["git", "a.b.com", "auth"]
        );
        assert_eq!(cut("git.'a.b'").unwrap(), ["git", "a.b"]);
        for wrong in ["", ".", "a..b", "a.", "git.\"a", "git.\"a\"b"] {
            assert!(cut(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mistyped_key_finds_its_neighbour() {
        let error = known(&segments("global.enigne").unwrap()).unwrap_err();
        assert!(error.hints[0].contains("`global.engine`"), "{error:?}");
        let error = known(&segments("git.example.com.auth").unwrap()).unwrap_err();
        assert!(error.hints[0].contains("quoted"), "{error:?}");
    }
}
