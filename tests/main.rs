//! The one integration binary. A file that is not declared here fails a test in `layering`.
#![expect(clippy::print_stderr, reason = "the cases that ran are listed")]

mod build;
mod caches;
mod commands;
mod docs;
mod engine;
mod errors;
mod exit_codes;
mod git;
mod harness;
mod interactive;
mod language;
mod layering;
mod output;
mod pipeline;
mod plan;
mod project;
mod push;
mod remote_cache;
mod secrets;
mod standalone;
mod syntax;
mod tls;
