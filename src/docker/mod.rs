//! A Docker daemon's REST API: what bld asks of it beside building.
//!
//! Source: Docker Engine API, v1.41 and later. The client works with every daemon since 20.10; requests go without a
//! version in the path, which every daemon takes as its own newest one.

pub mod address;
pub mod client;
pub mod error;
pub mod images;

pub use address::Address;
pub use client::{Client, Info, Store};
pub use error::DockerError;
pub use images::Image;
