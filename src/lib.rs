//! `bld` builds container images and files from build files in the Earthfile language.
//!
//! The modules stand in the order of their layers: each uses only what stands above it in this list. The way through
//! the house is drawn in `docs/architecture.md`; `tests/layering.rs` keeps it.

pub mod base;
pub mod diag;
pub mod events;

pub mod git;
pub mod oci;

pub mod docker;
pub mod dockerfile;

pub mod syntax;

pub mod graph;

pub mod interp;

pub mod llb;

pub mod engine;

pub mod output;

pub mod driver;

pub mod cli;
