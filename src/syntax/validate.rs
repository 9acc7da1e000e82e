//! x
use std::sync::Arc;

use super::{
    ast::BuildFile,
    dialect::Feature,
    parser::{Parsed, parse},
};
use crate::diag::{Diagnostic, SourceFile};

/// x
pub fn validate(file: &BuildFile, overrides: &[Feature]) -> Vec<Diagnostic> {
    Vec::new()
}

/// x
pub fn load(source: &Arc<SourceFile>, overrides: &[Feature]) -> Parsed {
    parse(source)
}
