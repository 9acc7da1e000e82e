//! `IMPORT` of a directory or a repository (language specification, 3.3, 4.18).

use crate::{
    graph::reference::Place,
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::REFERENCE,
        scope::{Import, Imported},
    },
    syntax::ast::{Command, Keyword},
};

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let (path, alias) = match command.args.as_slice() {
        [path] => (path, None),
        [path, as_word, alias] if as_word.text == "AS" => (path, Some(alias)),
        _ => return Err(error::arguments(Keyword::Import, "<path> [AS <alias>]")),
    };
    let text = exec.expand_text(path, REFERENCE).await?;
    let alias = match alias {
        Some(word) => exec.expand_text(word, REFERENCE).await?,
        None => default_alias(&text)?,
    };
    if alias.is_empty() || alias.contains(['/', ':', '+']) {
        return Err(error::bad_import(
            &text,
            &format!("`{alias}` is no valid alias"),
        ));
    }
    let mut permitted = exec.frame().permitted;
    let to = match Place::parse(&text) {
        Ok(Place::Local(dir)) => {
            exec.note_allow_privileged(command, &Place::Local(dir.clone()));
            let repository = exec.frame().file.repository.clone();
            Imported::Directory(exec.directory(&dir)?, repository)
        }
        Ok(Place::Remote(remote)) => {
            permitted &= command.is_on("allow-privileged");
            Imported::Remote(remote)
        }
        Ok(Place::Here) => return Err(error::bad_import(&text, "it is this file itself")),
        Ok(Place::Alias(_)) | Err(_) => {
            return Err(
                error::bad_import(&text, "it is neither a directory nor a repository")
                    .hint(&format!("a directory is written `./{text}`")),
            );
        }
    };
    let at = exec.at.clone();
    let frame = exec.frame_mut();
    if let Some(first) = frame.imports.get(&alias) {
        return Err(error::alias_twice(&alias, &first.at));
    }
    frame.imports.insert(alias, Import { to, permitted, at });
    Ok(())
}

/// The last part of the path, without its tag.
fn default_alias(path: &str) -> Result<String> {
    let last = path.trim_end_matches('/').rsplit('/').next();
    let last = last.unwrap_or_default();
    let alias = last.split(':').next().unwrap_or_default();
    if matches!(alias, "" | "." | "..") {
        return Err(error::bad_import(
            path,
            "it needs a name: `IMPORT <path> AS <alias>`",
        ));
    }
    Ok(alias.to_owned())
}
