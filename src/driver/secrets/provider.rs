//! `secret_provider` of the config file: a program that is asked for secrets nobody gave.

use std::process::Stdio;

use tokio::process::Command;

use crate::{base::SecretBytes, diag::Diagnostic};

/// The exit code that says: I know no such secret.
const UNKNOWN: i32 = 2;

/// Runs the program, with the name of the secret as its last argument, and takes what it prints as it is.
pub(super) async fn ask(
    command: &str,
    name: &str,
    project: Option<&str>,
) -> Result<Option<SecretBytes>, Box<Diagnostic>> {
    if name.starts_with('-') {
        let why = "the name could be taken for an option, and is not passed on";
        return Err(failed(command, name, why, ""));
    }
    let mut shell = Command::new("/bin/sh");
    // The shell splits the command as it is configured, and leaves the name alone.
    shell.args(["-c", &format!("{command} \"$1\""), "sh", name]);
    if let Some((organisation, project)) = project.and_then(|p| p.split_once('/')) {
        for prefix in ["EARTHLY", "BLD"] {
            shell.env(format!("{prefix}_ORG"), organisation);
            shell.env(format!("{prefix}_PROJECT"), project);
        }
    }
    let ran = shell
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| failed(command, name, &format!("it cannot be started: {e}"), ""))?;
    if ran.status.success() {
        return Ok(Some(SecretBytes::new(ran.stdout)));
    }
    if ran.status.code() == Some(UNKNOWN) {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    Err(failed(command, name, &ran.status.to_string(), said.trim()))
}

fn failed(command: &str, name: &str, why: &str, said: &str) -> Box<Diagnostic> {
    let message =
        format!("unable to lookup secret `{name}`: the secret provider `{command}` failed: {why}");
    let mut diagnostic = Diagnostic::error("secret-provider", message)
        .hint("it ends with exit code 2 where it knows no such secret");
    if !said.is_empty() {
        diagnostic = diagnostic.with_note(format!("it said:\n{said}"));
    }
    Box::new(diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_looks_like_an_option_reaches_no_provider() {
        assert!(ask("echo", "--dump", None).await.is_err());
        let echoed = ask("echo", "a --dump", None).await.unwrap().unwrap();
        assert_eq!(echoed.reveal(), b"a --dump\n");
    }
}
