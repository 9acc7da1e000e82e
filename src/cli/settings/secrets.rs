//! Secrets: by `--secret`, by `--secret-file`, and from the `.secret` file.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{
    base::SecretBytes,
    cli::{
        args::BuildArgs,
        env_vars::Environment,
        variable_files::{self, VariableFile},
    },
    diag::Diagnostic,
};

use super::{target_args::key_value, usage};

pub(super) fn secrets(
    args: &BuildArgs,
    cwd: &Path,
    environment: &Environment,
) -> Result<HashMap<String, SecretBytes>, Diagnostic> {
    let mut secrets = HashMap::new();
    let mut add = |key: String, value: Vec<u8>| {
        if secrets
            .insert(key.clone(), SecretBytes::new(value))
            .is_some()
        {
            return Err(usage(format!("the secret `{key}` is given twice")).hint(
                "give it once: by `--secret`, by `--secret-file` or in the `.secret` file; none of them goes before another",
            ));
        }
        Ok(())
    };
    for secret in &args.secret {
        let (key, value) = key_value(secret, "--secret", "--secret ", environment).map_err(|_| {
            // The text is not quoted: a value with a comma in a variable gets here in pieces.
            usage("a `--secret` has no value, and no environment variable of its name is set")
                .hint("write `--secret NAME=value`, or set the variable; in `BLD_SECRETS` values must not contain commas")
        })?;
        add(key, value.into_bytes())?;
    }
    for secret in &args.secret_file {
        let Some((key, path)) = secret.split_once('=') else {
            return Err(usage(format!("`--secret-file {secret}` has no path"))
                .hint("write `--secret-file KEY=path`"));
        };
        let path = home(path, environment);
        let value = std::fs::read(&path).map_err(|e| {
            usage(format!(
                "cannot read the secret file `{}`: {e}",
                path.display()
            ))
        })?;
        add(key.to_owned(), value)?;
    }
    let file = variable_files::read(args.secret_file_path.as_deref(), cwd, VariableFile::Secrets)
        .map_err(|e| *e)?;
    for entry in file {
        let added = add(entry.name, entry.value.into_bytes());
        added.map_err(|error| entry.at.of(error))?;
    }
    Ok(secrets)
}

/// What is worth saying about the names: only those of variables can be asked for without giving them another one.
pub(super) fn remarks<'a>(names: impl Iterator<Item = &'a String>) -> Vec<Diagnostic> {
    let plain = |name: &&String| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut odd: Vec<&String> = names.filter(|name| !plain(name)).collect();
    odd.sort();
    let remark = |name: &&String| {
        let message = format!("the secret `{name}` does not have the name of a variable");
        Diagnostic::warning("secret-name", message).hint(format!(
            "letters, digits and `_` make one; as it is, write `RUN --secret VARIABLE={name}`"
        ))
    };
    odd.iter().map(remark).collect()
}

/// Puts the home directory in the place of a leading `~`.
fn home(path: &str, environment: &Environment) -> PathBuf {
    match (path.strip_prefix("~/"), environment.get("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => PathBuf::from(path),
    }
}
