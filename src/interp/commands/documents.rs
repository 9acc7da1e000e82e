//! Here-documents as files: the sources of `COPY <<NAME`, and the scripts of `RUN <<NAME` that say which program reads
//! them.

use crate::{
    graph::{
        StepId,
        plan::{Mount, MountKind, NewFile, Run, StepOp},
    },
    interp::{error::Result, exec::Exec, value::Value},
    syntax::{
        ast::{Command, Document},
        words,
    },
};

/// Where scripts with a program of their own are mounted: below `/dev`, so that nothing of it stays in a layer.
const SCRIPTS: &str = "/dev/pipes";

/// The script of a `RUN` whose first line names the program that reads it.
pub(crate) fn script(command: &Command) -> Option<&Document> {
    let [word] = command.args.as_slice() else {
        return None;
    };
    let document = command.document(word)?;
    document.text().starts_with("#!").then_some(document)
}

/// The program of [`script`]: the file itself.
pub(crate) fn program(script: &Document) -> Vec<String> {
    vec![format!("{SCRIPTS}/{}", file_name(script))]
}

/// Lends a command its script.
pub(crate) fn lend(exec: &Exec, command: &Command, run: &mut Run) {
    if let Some(script) = script(command) {
        let from = file(exec, script, script.text(), 0o755);
        run.mounts.push(Mount {
            target: SCRIPTS.to_owned(),
            kind: MountKind::Files {
                from,
                source: "/".to_owned(),
            },
            read_only: true,
        });
    }
}

/// A here-document as a file system with one file, and the path of that. Variables in it are expanded, unless its name is
/// quoted.
pub(crate) async fn source(exec: &mut Exec, document: &Document) -> Result<(StepId, String)> {
    let mut text = document.text();
    if !document.quoted {
        let at = exec.frame().file.at(document.span);
        let pieces = words::parse_document(&text);
        let pieces =
            pieces.map_err(|e| crate::interp::error::bad_word(e.message, e.hint).at(&at))?;
        let value = exec.joined(&pieces).await.map_err(|e| e.at(&at))?;
        if let Value::Undecided(step) = value {
            let why = format!(
                "the here-document `{}` holds what is not known before",
                document.name
            );
            let by = Some(step);
            return Ok((exec.push(StepOp::Undecided { by, why }), "/".to_owned()));
        }
        value.text().clone_into(&mut text);
    }
    let step = file(exec, document, text, 0o644);
    Ok((step, format!("/{}", file_name(document))))
}

fn file(exec: &Exec, document: &Document, text: String, mode: u32) -> StepId {
    let file = NewFile {
        path: format!("/{}", file_name(document)),
        data: text.into_bytes(),
        mode,
    };
    exec.push_named(StepOp::Files(vec![file]), format!("<<{}", document.name))
}

/// A quoted name may hold anything.
fn file_name(document: &Document) -> String {
    match document.name.replace('/', "_") {
        name if matches!(name.as_str(), "." | "..") => "document".to_owned(),
        name => name,
    }
}
