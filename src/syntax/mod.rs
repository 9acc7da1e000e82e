//! Text in, checked tree out.
//!
//! [`read`] takes bytes in, [`parse`] turns text into the tree of [`ast`] by the grammar in `grammar/` (prose beside it),
//! [`validate`] judges the tree by the dialect that its `VERSION` line asks for. Both collect problems instead of stopping
//! at the first; [`load`] is both at once.
//!
//! Some problems make a file unusable ([`Parsed::fatal`]); the others count only where their statement is executed
//! ([`Parsed::errors_in`]), because a recipe that nobody builds must not stop those that somebody does.

pub mod ast;
pub mod builtins;
pub mod dialect;
mod docs;
mod documents;
pub mod dump;
mod flag_reader;
mod flags;
mod grammar;
mod group;
mod json;
mod line;
mod parser;
mod problem;
mod problems;
mod read;
mod tree;
mod validate;
mod version;
mod walk;
pub mod words;

pub(crate) use flag_reader::truth;
pub use json::json;
pub use parser::{Parsed, parse};
pub use read::read;
pub use validate::{load, validate};
