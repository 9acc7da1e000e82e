//! What the integration tests share: a hermetic bld, the services of `dev/services`, and ways to ask the daemon and the
//! registry from outside of bld.

mod bld;
pub mod git_server;
pub mod lfs;
mod proxy;
mod registry;
mod repository;
mod services;
mod skip;
pub mod ssh_server;
mod tls;

pub use bld::{Bld, Ran};
pub use proxy::Proxy;
pub use registry::Registry;
pub use repository::Repository;
pub use services::{Docker, Services, services, services_with_third};
pub use skip::{skip, skip_program};
pub use tls::TlsProxy;
