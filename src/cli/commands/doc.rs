//! `bld doc`: what the comments of a build file say of its targets and functions.

use crate::{
    cli::{
        args::{BuildArgs, DocArgs},
        env_vars::Environment,
        exit::Exit,
        printer::{self, Streams},
    },
    diag::Diagnostic,
    interp::manual::{Docs, Item, Saved},
    syntax::ast::RecipeKind,
};

use super::manual_of;

/// Prints one item, or all that are documented.
pub fn doc(
    args: &DocArgs,
    build: &BuildArgs,
    environment: &Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    let reference = args.reference.as_deref().unwrap_or_default();
    let text = match manual_of(reference, build, environment, streams) {
        Ok((manual, Some(name))) => manual.documented(&name).map(|item| page(item, 0, true)),
        Ok((manual, None)) => Ok(list(&manual.items, args.long)),
        Err(problems) => Err(problems),
    };
    match text {
        Ok(text) => {
            printer::data(&text)?;
            Ok(Exit::Success)
        }
        Err(problems) => {
            printer::diagnostics(&problems, streams);
            Ok(Exit::Failure)
        }
    }
}

/// Everything that is documented, targets first.
fn list(items: &[Item], long: bool) -> String {
    let mut text = String::from("TARGETS:\n");
    let pages = |kind| {
        let of_kind = items.iter().filter(move |item| item.kind == kind);
        let documented = of_kind.filter(|item| matches!(item.docs, Docs::Text(_)));
        documented
            .map(|item| page(item, 2, long))
            .collect::<String>()
    };
    text.push_str(&pages(RecipeKind::Target));
    let functions = pages(RecipeKind::Function);
    if !functions.is_empty() {
        text.push_str("FUNCTIONS:\n");
        text.push_str(&functions);
    }
    text
}

/// An item: how it is called, its comment, and with `details` what it takes and gives.
fn page(item: &Item, indent: usize, details: bool) -> String {
    let (required, optional): (Vec<_>, Vec<_>) = item.args.iter().partition(|arg| arg.required);
    let with_default = |default: &Option<String>| {
        default
            .as_ref()
            .map_or_else(String::new, |default| format!("={default}"))
    };
    let entry = |name: String, docs: &str| Saved {
        name,
        docs: docs.to_owned(),
    };
    let required: Vec<Saved> = required
        .iter()
        .map(|arg| entry(format!("--{}", arg.name), &arg.docs))
        .collect();
    let optional: Vec<Saved> = optional
        .iter()
        .map(|arg| {
            entry(
                format!("--{}{}", arg.name, with_default(&arg.default)),
                &arg.docs,
            )
        })
        .collect();
    let mut usage = format!("+{}", item.name);
    for arg in &required {
        usage.push_str(&format!(" {}", arg.name));
    }
    for arg in &optional {
        usage.push_str(&format!(" [{}]", arg.name));
    }
    let mut text = indented(&usage, indent);
    if let Docs::Text(docs) = &item.docs {
        text.push_str(&indented(docs, indent + 4));
    }
    if details {
        for (title, entries) in [
            ("REQUIRED ARGS", &required),
            ("OPTIONAL ARGS", &optional),
            ("ARTIFACTS", &item.artifacts),
            ("LOCAL ARTIFACTS", &item.local_artifacts),
            ("IMAGES", &item.images),
        ] {
            if entries.is_empty() {
                continue;
            }
            text.push_str(&indented(&format!("{title}:"), indent + 2));
            for entry in entries {
                text.push_str(&indented(&entry.name, indent + 4));
                text.push_str(&indented(&entry.docs, indent + 6));
            }
        }
        text.push('\n');
    }
    text
}

/// Lines with blanks in front, blank lines at the ends taken off.
fn indented(text: &str, indent: usize) -> String {
    let lines = text.trim_matches('\n').lines();
    lines
        .map(|line| match line.is_empty() {
            true => "\n".to_owned(),
            false => format!("{:indent$}{line}\n", ""),
        })
        .collect()
}
