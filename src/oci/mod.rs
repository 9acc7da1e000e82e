//! Image formats and their transport. Knows nothing of building.

pub mod auth;
pub mod cache;
pub mod config;
pub mod layers;
pub mod manifest;
pub mod reference;
pub mod registry;
pub mod resolve;
pub mod settings;

pub use auth::{Anonymous, Credential, Credentials, DockerConfig};
pub use config::ImageConfig;
pub use reference::ImageRef;
pub use registry::{Registries, RegistryError};
pub use resolve::{ResolvedBase, Resolver};
pub use settings::RegistrySettings;
