//! What goes wrong, as data: positions in files, diagnostics that point at them, and how they are drawn.
//!
//! Any layer may build a [`Diagnostic`]; only the edge of the program draws one ([`render`]).

pub mod diagnostic;
pub mod render;
pub mod source;
pub mod words;

pub use diagnostic::{Diagnostic, Frame, Severity, Way};
pub use source::{Location, SourceFile, Span};
