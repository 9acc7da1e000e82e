//! What a build leaves behind: images in a daemon, images in registries, files on this machine.
//!
//! Requests go in, results and events come out; whether something is output at all was decided before, by the ledger.
//! Everything is checked before anything is written, local files are written before images are named, and nothing is
//! pushed before all else is done.

pub mod archive;
pub mod duplicates;
pub mod files;
pub mod image;
pub mod load;
pub mod push;
mod push_daemon;
pub mod push_engine;
mod runs;
pub mod upload;

use crate::diag::Diagnostic;

pub use files::{FileRequest, Staging};
pub use image::ImageRequest;
pub use push::{Pushed, Pusher};

/// Why an output failed. Boxed, because a diagnostic is large and success is the rule.
pub type Failure = Box<Diagnostic>;
