//! Dockerfiles, as far as bld itself reads them.
//!
//! An engine's front end builds them. What is needed on this side is less: which images a Dockerfile begins with, so
//! that mirrors and digests of bld's hold there, too ([`stages`]), and a rewriting as a build file ([`mod@convert`]). Both
//! stand on instructions ([`lines`]) and on the expansion of words ([`words`]). A mistake in a Dockerfile is for the
//! front end to tell: what cannot be read here is left as it is.

pub mod convert;
pub mod lines;
mod rewrite;
pub mod stages;
pub mod words;

pub use convert::{Obstacle, convert};
pub use lines::{Instruction, Text};
pub use stages::{ImageUse, Stages, UnknownStage};
