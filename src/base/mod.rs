//! The ground floor: small values that every other room may use and that know nothing of building.

pub mod certificates;
pub mod digest;
pub mod once_map;
pub mod pattern;
pub mod platform;
pub mod secret;
pub mod shell_pattern;
pub mod url_login;

pub use certificates::Certificates;
pub use digest::Digest;
pub use once_map::OnceMap;
pub use platform::Platform;
pub use secret::{Secret, SecretBytes};
