//! HTTP connections, made when they are needed: reading the system's certificates takes milliseconds, and it may fail on
//! machines where it is not needed at all.
//!
//! Source of the directories with certificates for one registry: Docker's "Verify repository client with certificates"
//! (`certs.d/<host:port>/*.crt`, `*.cert` with `*.key`), and the same of podman.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use reqwest::{Certificate, Client, Identity};

use super::request::chain;
use crate::oci::settings::{Endpoint, Transport, is_loopback};

/// Connections that may be shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Pool {
    /// With the system's certificates.
    Verified,
    /// With certificates of its own, too.
    Own(String),
    /// With any certificate or none.
    Unverified,
    /// The same, and never through a proxy.
    Loopback,
}

/// All connections of one run.
#[derive(Debug, Default)]
pub(super) struct Connections {
    pools: Mutex<HashMap<Pool, Result<Client, String>>>,
}

impl Connections {
    pub(super) fn of(&self, endpoint: &Endpoint) -> Result<Client, String> {
        let mut pools = self.pools.lock().expect("no holder of this lock panics");
        let pool = match endpoint.transport {
            _ if is_loopback(&endpoint.host) => Pool::Loopback,
            Transport::Unverified | Transport::Plain => Pool::Unverified,
            // Once per host: looking for a directory is cheaper than making a client.
            Transport::Verified => match own_certificates(&endpoint.registry) {
                Some(_) => Pool::Own(endpoint.registry.clone()),
                None => Pool::Verified,
            },
        };
        pools
            .entry(pool.clone())
            .or_insert_with(|| connect(&pool))
            .clone()
    }
}

fn connect(pool: &Pool) -> Result<Client, String> {
    // Fails if somebody else was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("bld/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(15));
    match pool {
        Pool::Verified => {}
        Pool::Own(registry) => {
            let dir = own_certificates(registry).unwrap_or_default();
            let (roots, identity) = read(&dir)?;
            builder = builder.tls_certs_merge(roots);
            if let Some(identity) = identity {
                builder = builder.identity(identity);
            }
        }
        Pool::Unverified => builder = builder.tls_danger_accept_invalid_certs(true),
        Pool::Loopback => {
            builder = builder.tls_danger_accept_invalid_certs(true).no_proxy();
        }
    }
    builder.build().map_err(|e| chain(&e))
}

/// The directory with certificates for this registry alone, if there is one.
fn own_certificates(registry: &str) -> Option<PathBuf> {
    let config = env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".config")));
    let of_user = config
        .into_iter()
        .flat_map(|dir| [dir.join("docker/certs.d"), dir.join("containers/certs.d")]);
    let of_system = ["/etc/docker/certs.d", "/etc/containers/certs.d"].map(PathBuf::from);
    of_user
        .chain(of_system)
        .map(|dir| dir.join(registry))
        .find(|dir| dir.is_dir())
}

fn read(dir: &Path) -> Result<(Vec<Certificate>, Option<Identity>), String> {
    let told = |path: &Path, e: &dyn std::fmt::Display| format!("`{}`: {e}", path.display());
    let mut roots = Vec::new();
    let mut identity = None;
    let entries = std::fs::read_dir(dir).map_err(|e| told(dir, &e))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        match path.extension().and_then(|e| e.to_str()) {
            Some("crt") => {
                let pem = std::fs::read(&path).map_err(|e| told(&path, &e))?;
                roots.extend(Certificate::from_pem_bundle(&pem).map_err(|e| told(&path, &e))?);
            }
            Some("cert") => {
                let mut pem = std::fs::read(&path).map_err(|e| told(&path, &e))?;
                let key = path.with_extension("key");
                pem.push(b'\n');
                pem.extend(std::fs::read(&key).map_err(|e| told(&key, &e))?);
                identity = Some(Identity::from_pem(&pem).map_err(|e| told(&path, &e))?);
            }
            _ => {}
        }
    }
    Ok((roots, identity))
}
