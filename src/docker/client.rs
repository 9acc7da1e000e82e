//! The connection to a daemon, and what the daemon says of itself.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker, errors::Error};
use http::HeaderValue;
use tokio::sync::OnceCell;

use super::{address::Address, error::DockerError};
use crate::{base::Platform, oci::settings::is_loopback};

/// A daemon that has answered once.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) docker: Docker,
    address: Address,
    /// Asked for when it is needed: it takes a daemon ten milliseconds, a greeting half of one.
    info: Arc<OnceCell<Info>>,
}

/// How a daemon keeps images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Unpacked layers; the id of an image is the digest of its configuration.
    GraphDriver,
    /// Blobs as they came; the id of an image is the digest of its manifest or index.
    Containerd,
}

/// What a daemon says of itself.
#[derive(Debug, Clone)]
pub struct Info {
    /// `20.10.24`.
    pub version: String,
    /// Names this daemon among all others.
    pub id: String,
    /// How it keeps images.
    pub store: Store,
    /// What containers run on without emulation.
    pub platform: Platform,
    /// Registries that it may talk to without a trusted certificate, by name.
    insecure: Vec<String>,
    /// The same, by address.
    insecure_ranges: Vec<(IpAddr, u8)>,
}

impl Info {
    /// Whether the daemon itself may talk to this registry without a trusted certificate.
    pub fn allows_insecure(&self, registry: &str) -> bool {
        if self.insecure.iter().any(|name| name == registry) {
            return true;
        }
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        let ip = if host == "localhost" {
            Some(IpAddr::V4(Ipv4Addr::LOCALHOST))
        } else {
            host.trim_matches(['[', ']']).parse().ok()
        };
        ip.is_some_and(|ip| self.insecure_ranges.iter().any(|range| within(ip, *range)))
    }
}

/// A daemon that takes longer to say who it is does not work.
const HELLO: Duration = Duration::from_secs(20);
/// For single requests; loads and pushes end when their streams do.
const LONGEST_REQUEST: u64 = 3600;

impl Client {
    /// Connects, and greets the daemon.
    pub async fn connect(address: Address) -> Result<Self, DockerError> {
        let unreachable = |reason: String| DockerError::Unreachable {
            address: address.to_string(),
            reason,
        };
        let docker = open(&address)
            .map_err(|e| unreachable(reason(&e)))?
            .with_request_modifier(url_safe_credentials);
        tokio::time::timeout(HELLO, docker.ping())
            .await
            .map_err(|_| unreachable(format!("no answer in {} seconds", HELLO.as_secs())))?
            .map_err(|e| unreachable(reason(&e)))?;
        Ok(Self {
            docker,
            address,
            info: Arc::default(),
        })
    }

    /// What the daemon says of itself, asked once.
    pub async fn info(&self) -> Result<&Info, DockerError> {
        let ask = || async {
            let info = self.docker.info().await;
            info.map(read).map_err(|e| self.error("say what it is", &e))
        };
        self.info.get_or_try_init(ask).await
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the daemon's loopback is ours, as far as the address tells.
    pub fn is_local(&self) -> bool {
        match &self.address {
            Address::Unix(_) => true,
            Address::Tcp { host, .. } => is_loopback(host),
        }
    }

    /// Sorts what the API library reports.
    pub(super) fn error(&self, doing: &str, error: &Error) -> DockerError {
        match error {
            Error::DockerResponseServerError { message, .. }
            | Error::DockerStreamError { error: message } => DockerError::Failed {
                doing: doing.to_owned(),
                message: message.trim().to_owned(),
            },
            Error::HyperResponseError { .. }
            | Error::IOError { .. }
            | Error::SocketNotFoundError(_)
            | Error::RequestTimeoutError => DockerError::Unreachable {
                address: self.address.to_string(),
                reason: reason(error),
            },
            _ => DockerError::Failed {
                doing: doing.to_owned(),
                message: reason(error),
            },
        }
    }
}

fn open(address: &Address) -> Result<Docker, Error> {
    match address {
        Address::Unix(path) => Docker::connect_with_unix(
            &path.to_string_lossy(),
            LONGEST_REQUEST,
            API_DEFAULT_VERSION,
        ),
        Address::Tcp {
            host,
            certificates: None,
        } => Docker::connect_with_http(
            &format!("tcp://{host}"),
            LONGEST_REQUEST,
            API_DEFAULT_VERSION,
        ),
        Address::Tcp {
            host,
            certificates: Some(files),
        } => {
            // Fails if somebody else was first, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Docker::connect_with_ssl(
                &format!("tcp://{host}"),
                &files.key,
                &files.certificate,
                &files.authority,
                LONGEST_REQUEST,
                API_DEFAULT_VERSION,
            )
        }
    }
}

/// The library encodes credentials with the standard alphabet, the daemon reads the URL-safe one and takes anything
/// else for "no credentials". The two differ in two letters.
fn url_safe_credentials(mut request: BollardRequest) -> BollardRequest {
    if let Some(value) = request.headers_mut().get_mut("x-registry-auth")
        && let Ok(text) = value.to_str()
        && let Ok(mut safe) = HeaderValue::from_str(&text.replace('+', "-").replace('/', "_"))
    {
        safe.set_sensitive(true);
        *value = safe;
    }
    request
}

fn read(info: bollard::models::SystemInfo) -> Info {
    let containerd = info
        .driver_status
        .unwrap_or_default()
        .iter()
        .any(|row| matches!(row.as_slice(), [key, value] if key == "driver-type" && value.starts_with("io.containerd.snapshotter")));
    let registries = info.registry_config.unwrap_or_default();
    let indexes = registries.index_configs.unwrap_or_default();
    let ranges = registries.insecure_registry_cidrs.unwrap_or_default();
    let text = format!(
        "{}/{}",
        info.os_type.as_deref().unwrap_or("linux"),
        info.architecture.as_deref().unwrap_or_default()
    );
    Info {
        version: info
            .server_version
            .unwrap_or_else(|| "(unknown version)".to_owned()),
        id: info.id.unwrap_or_default(),
        store: if containerd {
            Store::Containerd
        } else {
            Store::GraphDriver
        },
        platform: text.parse().unwrap_or_else(|_| Platform::host()),
        insecure: indexes
            .into_iter()
            .filter(|(_, index)| index.secure == Some(false))
            .map(|(name, _)| name)
            .collect(),
        insecure_ranges: ranges.iter().filter_map(|text| range(text)).collect(),
    }
}

fn range(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, bits) = text.split_once('/')?;
    Some((ip.parse().ok()?, bits.parse().ok()?))
}

fn within(ip: IpAddr, (net, bits): (IpAddr, u8)) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let shift = width.saturating_sub(u32::from(bits));
        shift >= width || a >> shift == b >> shift
    };
    match (ip, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

/// The innermost cause: the outer ones only say that a request failed.
fn reason(error: &Error) -> String {
    if let Error::SocketNotFoundError(_) = error {
        return "there is no such socket".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_daemon_says_of_registries_and_its_store_is_understood() {
        let info: bollard::models::SystemInfo = serde_json::from_str(
            r#"{"ServerVersion":"29.0","ID":"x","OSType":"linux","Architecture":"x86_64",
               "DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],
               "RegistryConfig":{"InsecureRegistryCIDRs":["127.0.0.0/8","10.1.0.0/16","::1/128"],
               "IndexConfigs":{"docker.io":{"Secure":true},"reg.example:5000":{"Secure":false}}}}"#,
        )
        .unwrap();
        let info = read(info);
        assert_eq!(
            (info.store, info.platform.to_string().as_str()),
            (Store::Containerd, "linux/amd64")
        );
        for (registry, insecure) in [
            ("127.0.0.1:5000", true),
            ("localhost:5000", true),
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("[::1]:5000", true),
            ("reg.example:5000", true),
            ("reg.example", false),
            ("docker.io", false),
        ] {
            assert_eq!(info.allows_insecure(registry), insecure, "{registry}");
        }
    }

    #[tokio::test]
    async fn a_daemon_that_is_not_there_is_named_with_what_to_do() {
        let address = Address::parse("unix:///nonexistent/docker.sock", None).unwrap();
        let error = Client::connect(address).await.unwrap_err();
        let diagnostic = error.diagnostic();
        assert!(
            diagnostic
                .message
                .contains("unix:///nonexistent/docker.sock"),
            "{error}"
        );
        assert_eq!(diagnostic.hints.len(), 2);
    }
}
