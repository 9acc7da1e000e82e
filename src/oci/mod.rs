//! Image formats and their transport. Knows nothing of building.

pub mod config;
pub mod reference;

pub use config::ImageConfig;
pub use reference::ImageRef;
