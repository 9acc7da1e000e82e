//! The registry client: manifests and blobs over the distribution protocol.
//!
//! Source: OCI distribution specification, and the `distribution` project's token authentication. One request is in
//! [`request`]; what a failure means is in [`error`]; how often it is tried is in [`retry`].

pub mod blobs;
pub mod client;
mod connections;
pub mod error;
mod login;
pub mod manifests;
pub mod request;
pub mod retry;
pub mod token;

pub use blobs::{Arrival, BlobSource};
pub use client::{Registries, Repository};
pub use error::RegistryError;
pub use manifests::RawManifest;
pub use request::Progress;
pub use retry::RetryPolicy;

#[cfg(test)]
mod tests;
