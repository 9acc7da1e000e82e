//! The one integration binary.

mod plan;
mod syntax;
