//! One file for each command, or for a small family of them.

pub(crate) mod arg;
pub(crate) mod attempt;
pub(crate) mod bind;
pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod config;
pub(crate) mod copy;
pub(crate) mod copy_files;
pub(crate) mod copy_host;
pub(crate) mod dockerfile;
pub(crate) mod from;
pub(crate) mod function;
pub(crate) mod git_clone;
pub(crate) mod healthcheck;
pub(crate) mod host;
pub(crate) mod import;
pub(crate) mod locally;
pub(crate) mod loops;
pub(crate) mod mount;
pub(crate) mod options;
pub(crate) mod run;
pub(crate) mod save_artifact;
pub(crate) mod save_host;
pub(crate) mod save_image;
pub(crate) mod variable;
