//! `bld debug`: how bld reads a file.

use crate::{
    cli::{
        args::{DebugArgs, DebugCommand},
        exit::Exit,
        printer::{self, Streams},
    },
    diag::{Diagnostic, Severity},
    driver,
};

/// Prints what was asked for.
pub fn debug(args: &DebugArgs, streams: Streams) -> Result<Exit, Box<Diagnostic>> {
    let DebugCommand::Ast { path, source_map } = &args.what;
    let (tree, problems) = driver::syntax_tree(path, *source_map)?;
    printer::diagnostics(&problems, streams);
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Ok(Exit::Failure);
    }
    printer::data(&format!("{tree}\n"))?;
    Ok(Exit::Success)
}
