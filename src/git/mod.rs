//! Repositories: what git says of a directory, and copies of what a reference names in another repository.
//!
//! [`Remotes`] is the entrance: from `github.com/owner/repo/dir:ref` to a directory with the files of that commit. It uses
//! the `git` program of this machine; what a repository contains is never trusted to configure it.

mod checkout;
mod command;
mod error;
mod hosts;
mod large_files;
mod lookup;
mod metadata;
mod netrc;
mod refs;
mod remotes;
mod settings;
mod ssh;
mod store;
mod url;

pub use checkout::Checkout;
pub use error::GitError;
pub use metadata::{Metadata, is_installed, metadata};
pub use remotes::{Named, Remotes, RemotesRequest};
pub use settings::{Settings, Site};
use url::concealed;
pub use url::{repository, scrubbed};
