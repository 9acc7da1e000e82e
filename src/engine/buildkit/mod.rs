//! An engine that is a BuildKit: the one inside a Docker daemon, or one of its own.
//!
//! One connection carries everything: calls to the daemon ([`client`]), and inside one of those calls a second
//! connection in the other direction ([`session`]), over which the daemon asks for files, credentials and secrets
//! ([`attach`]). Builds are gateway builds ([`build`]): they stay open, and are told piece by piece what to solve.
//! Sources: BuildKit's `api/services/control`, `frontend/gateway/pb` and `session`.

pub mod attach;
pub mod build;
mod cache;
pub mod client;
pub mod connect;
pub mod dial;
mod dockerfile;
pub mod error;
pub mod export;
mod gateway;
pub mod hearth;
pub mod progress;
pub mod session;
pub mod tail;
mod terminal;
mod tls;

pub use connect::BuildKit;
pub use dial::Address;
