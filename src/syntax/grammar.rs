//! The parser that pest derives from `grammar/`; nothing else. The rules are explained in the grammar files.

/// Reads whole files and logical lines.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/lines.pest"]
#[grammar = "../grammar/commands.pest"]
#[grammar = "../grammar/documents.pest"]
pub(super) struct FileGrammar;
