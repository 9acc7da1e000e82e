//! What the integration tests share: a hermetic bld, the services of `dev/services`, and ways to ask the daemon and the
//! registry from outside of bld.

mod bld;
mod proxy;
mod registry;
mod services;

pub use bld::{Bld, Ran};
pub use proxy::Proxy;
pub use registry::Registry;
pub use services::{Docker, Services, services};
