//! Words of instructions, so changed that in a build file they mean what they meant.

use std::{collections::BTreeMap, fmt::Write as _};

use super::stages::quoted_words;

/// What stands behind the options of an instruction.
pub(super) fn after_flags(rest: &str) -> &str {
    let mut rest = rest;
    while rest.starts_with("--") {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest = rest[end..].trim_start();
    }
    rest
}

/// `a=b c=d`, or the old form `a b c`.
pub(super) fn pairs(rest: &str, escape: char) -> Vec<(String, String)> {
    let words = quoted_words(rest, escape);
    if words.first().is_some_and(|word| word.contains('=')) {
        let pairs = words.iter().filter_map(|word| word.split_once('='));
        return pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    }
    match rest.split_once(char::is_whitespace) {
        Some((key, value)) => {
            let value = value.trim();
            let plain = value.starts_with(['"', '\'']) || !value.contains(char::is_whitespace);
            let value = if plain {
                value.to_owned()
            } else {
                // Variables stay variables.
                format!("\"{}\"", value.replace('"', "\\\""))
            };
            vec![(key.to_owned(), value)]
        }
        None => vec![(rest.to_owned(), String::new())],
    }
}

/// A list of words, if it is one.
pub(super) fn json(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

/// The shell form of `CMD` is expanded and loses its quotes in a build file; the exec form is left alone.
pub(super) fn exec_form(rest: &str) -> String {
    if json(rest).is_some() {
        return rest.to_owned();
    }
    let words = ["/bin/sh", "-c", rest];
    serde_json::to_string(&words).expect("words are JSON")
}

/// `NONE`, or options and the command as one word that is read as it stands.
pub(super) fn healthcheck(rest: &str) -> String {
    let command = after_flags(rest);
    let flags = &rest[..rest.len() - command.len()];
    let Some((keyword, command)) = command.split_once(char::is_whitespace) else {
        return rest.to_owned();
    };
    let command = command.trim();
    let shell = match json(command) {
        Some(words) => {
            let quoted = words
                .iter()
                .map(|w| format!("'{}'", w.replace('\'', "'\\''")));
            quoted.collect::<Vec<_>>().join(" ")
        }
        None => command.to_owned(),
    };
    format!(
        "{flags}{} \"{}\"",
        keyword.to_ascii_uppercase(),
        escaped(&shell)
    )
}

/// For double quotes, with nothing left to expand.
pub(super) fn escaped(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '$' | '\\') {
            word.push('\\');
        }
        word.push(c);
    }
    word
}

/// A line in which no `$(…)` is left that a build file would run: in a Dockerfile that is plain text. Single quotes keep it
/// plain here, too.
pub(super) fn without_shell_outs(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let (mut in_single, mut in_double) = (false, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if !in_single => {
                text.push(c);
                text.extend(chars.next());
                continue;
            }
            '\'' if !in_double => in_single = !in_single,
            '"' if !in_single => in_double = !in_double,
            '$' if !in_single && chars.peek() == Some(&'(') => text.push('\\'),
            _ => {}
        }
        text.push(c);
    }
    text
}

/// A path, with its plus signs told from those of references, in quotes if it has blanks. Variables stay variables.
pub(super) fn path_word(path: &str) -> String {
    let path = path.replace('+', "\\+");
    if path.contains(char::is_whitespace) && !path.starts_with('"') {
        format!("\"{}\"", path.replace('"', "\\\""))
    } else {
        path
    }
}

/// `--mount` of a build file, or what stands for it there. None where nothing does.
pub(super) fn mount_flag(mount: &str) -> Option<String> {
    let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
    for field in mount.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let key = match key {
            "dst" | "destination" => "target",
            "readonly" => "ro",
            key => key,
        };
        fields.insert(key, value);
    }
    let kind = fields.remove("type").unwrap_or("bind");
    let known: &[&str] = match kind {
        "cache" => &["id", "target", "sharing", "mode", "uid", "gid", "ro"],
        "secret" => &["id", "target", "mode", "uid", "gid", "required", "env"],
        "tmpfs" => &["target", "size"],
        "ssh" => return fields.is_empty().then(|| "--ssh".to_owned()),
        _ => return None,
    };
    if fields.keys().any(|key| !known.contains(key)) {
        return None;
    }
    let mode = fields
        .get("mode")
        .map(|mode| format!("0{}", mode.trim_start_matches('0')));
    let mut flag = format!("--mount=type={kind}");
    match kind {
        "cache" => {
            // What is taken for granted there is not here.
            let _ = write!(
                flag,
                ",sharing={}",
                fields.remove("sharing").unwrap_or("shared")
            );
            let _ = write!(flag, ",mode={}", mode.as_deref().unwrap_or("0755"));
        }
        "secret" => {
            let id = fields.get("id").copied()?;
            if let Some(env) = fields.get("env") {
                return Some(format!("--secret {env}={id}"));
            }
            if !fields.contains_key("target") {
                let _ = write!(flag, ",target=/run/secrets/{id}");
            }
            if let Some(mode) = mode {
                let _ = write!(flag, ",mode={mode}");
            }
        }
        _ => {}
    }
    for (key, value) in &fields {
        match *key {
            "mode" | "required" | "size" => {}
            "ro" if *value == "false" => {}
            "ro" => flag.push_str(",ro"),
            key => {
                let _ = write!(flag, ",{key}={value}");
            }
        }
    }
    Some(flag)
}
