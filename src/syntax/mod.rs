//! Text in, checked tree out.
//!
//! `parser` turns text into the tree of [`ast`] by the grammar in `grammar/`; `validate` judges the tree by the dialect
//! that its `VERSION` line asks for. Both collect problems instead of stopping at the first.

pub mod ast;
pub mod dialect;
pub mod words;
