//! The `registries` part of bld's config file, and what it means for one image name: the endpoints to try, in order.
//!
//! Docker's own rules hold where the file says nothing: a registry on the loopback interface may speak plain HTTP.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::reference::{DOCKER_HUB, ImageRef};

/// The host that serves Docker Hub's registry API.
pub const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// Registries by their names in references: `docker.io`, `ghcr.io`, `127.0.0.1:5000`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistrySettings(BTreeMap<String, RegistryEntry>);

/// What is known of one registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryEntry {
    /// Asked in this order before the registry itself; `http://host`, `https://host`, `host`, each with a path or not.
    pub mirrors: Vec<String>,
    /// Plain HTTP and certificates that nobody vouches for are accepted.
    pub insecure: bool,
}

/// How to talk to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TLS with a certificate that the system trusts.
    Verified,
    /// TLS with any certificate, and plain HTTP where there is no TLS.
    Unverified,
    /// Plain HTTP only.
    Plain,
}

/// One place that may serve a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The registry's name in references and in credentials: `docker.io`, or a mirror's host.
    pub registry: String,
    /// Where to connect to, `registry-1.docker.io`.
    pub host: String,
    /// How.
    pub transport: Transport,
    /// The repository's path there.
    pub repository: String,
    /// Whether it stands in for another registry.
    pub mirror: bool,
}

impl Endpoint {
    /// The repository as a daemon has to be asked for it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

impl RegistrySettings {
    /// Builds settings by hand; names are those of references.
    pub fn new(entries: impl IntoIterator<Item = (String, RegistryEntry)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Reads every mirror, so that a bad one is an error of the config file and not of some later build.
    pub fn check(&self) -> Result<(), String> {
        for (registry, entry) in &self.0 {
            for mirror in &entry.mirrors {
                Mirror::parse(mirror).map_err(|e| format!("registries.{registry}.mirrors: {e}"))?;
            }
        }
        Ok(())
    }

    /// Whether a registry may be talked to without a trusted certificate.
    pub fn is_insecure(&self, registry: &str) -> bool {
        self.entry(registry).is_some_and(|e| e.insecure) || is_loopback(registry)
    }

    /// Whether the config file itself says so; a daemon knows of loopback, but not of this.
    pub fn is_marked_insecure(&self, registry: &str) -> bool {
        self.entry(registry).is_some_and(|e| e.insecure)
    }

    /// Where to fetch an image from: mirrors first, the registry itself last.
    pub fn endpoints(&self, image: &ImageRef) -> Vec<Endpoint> {
        let mirrors = self.entry(&image.registry).map(|e| e.mirrors.as_slice());
        let mut endpoints: Vec<Endpoint> = mirrors
            .unwrap_or_default()
            .iter()
            .filter_map(|text| Mirror::parse(text).ok())
            .map(|mirror| Endpoint {
                transport: mirror.transport(self.is_insecure(&mirror.host)),
                registry: mirror.host.clone(),
                host: mirror.host,
                repository: mirror.prefix + &image.repository,
                mirror: true,
            })
            .collect();
        endpoints.push(self.origin(image, false));
        endpoints
    }

    /// The registry itself, which is where pushes go. `insecure` is said by a build file for one image.
    pub fn origin(&self, image: &ImageRef, insecure: bool) -> Endpoint {
        let host = if image.registry == DOCKER_HUB {
            DOCKER_HUB_HOST
        } else {
            &image.registry
        };
        let transport = if insecure || self.is_insecure(&image.registry) {
            Transport::Unverified
        } else {
            Transport::Verified
        };
        Endpoint {
            registry: image.registry.clone(),
            host: host.to_owned(),
            transport,
            repository: image.repository.clone(),
            mirror: false,
        }
    }

    fn entry(&self, registry: &str) -> Option<&RegistryEntry> {
        let other_names: &[&str] = if registry == DOCKER_HUB {
            &["index.docker.io", DOCKER_HUB_HOST]
        } else {
            &[]
        };
        self.0
            .get(registry)
            .or_else(|| other_names.iter().find_map(|name| self.0.get(*name)))
    }
}

/// A mirror as the config file writes it.
struct Mirror {
    scheme: Option<Transport>,
    host: String,
    /// Empty, or a path that ends with a slash.
    prefix: String,
}

impl Mirror {
    fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(Transport::Plain), rest),
            Some(("https", rest)) => (Some(Transport::Verified), rest),
            Some((other, _)) => return Err(format!("`{text}`: unknown scheme `{other}`")),
            None => (None, text),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // The API's own path is not part of repository names.
        let path = path.trim_matches('/');
        let path = if path == "v2" { "" } else { path };
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        // The reference grammar knows what a host is; the repository is only there to make the name whole.
        match ImageRef::parse(&format!("{host}/{prefix}x")) {
            Ok(image) if image.registry == host => Ok(Self {
                scheme,
                host: host.to_owned(),
                prefix,
            }),
            Ok(_) => Err(format!("`{text}` names no host")),
            Err(reason) => Err(format!("`{text}`: {reason}")),
        }
    }

    fn transport(&self, insecure: bool) -> Transport {
        match self.scheme {
            Some(Transport::Plain) => Transport::Plain,
            _ if insecure => Transport::Unverified,
            _ => Transport::Verified,
        }
    }
}

/// Whether a `host[:port]` is on this machine: `localhost`, `127.0.0.0/8`, `[::1]`.
pub fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => registry.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(yaml: &str) -> RegistrySettings {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn image(name: &str) -> ImageRef {
        ImageRef::parse(name).unwrap()
    }

    #[test]
    fn mirrors_come_first_and_keep_docker_hubs_repository_path() {
        let settings =
            settings("docker.io: { mirrors: ['http://127.0.0.1:5000', 'mirror.example/hub/'] }\n");
        let endpoints = settings.endpoints(&image("busybox:1.36"));
        let seen: Vec<_> = endpoints
            .iter()
            .map(|e| {
                (
                    e.host.as_str(),
                    e.repository.as_str(),
                    e.transport,
                    e.mirror,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("127.0.0.1:5000", "library/busybox", Transport::Plain, true),
                (
                    "mirror.example",
                    "hub/library/busybox",
                    Transport::Verified,
                    true
                ),
                (
                    DOCKER_HUB_HOST,
                    "library/busybox",
                    Transport::Verified,
                    false
                ),
            ]
        );
    }

    #[test]
    fn loopback_is_insecure_unasked_and_others_only_when_marked() {
        let settings = settings("reg.example:5000: { insecure: true }\n");
        for (name, transport) in [
            ("127.0.0.1:5000/x", Transport::Unverified),
            ("127.3.2.1/x", Transport::Unverified),
            ("localhost:1/x", Transport::Unverified),
            ("[::1]:5000/x", Transport::Unverified),
            ("reg.example:5000/x", Transport::Unverified),
            ("reg.example/x", Transport::Verified),
            ("ghcr.io/o/x", Transport::Verified),
        ] {
            assert_eq!(
                settings.origin(&image(name), false).transport,
                transport,
                "{name}"
            );
        }
        assert_eq!(
            settings.origin(&image("ghcr.io/o/x"), true).transport,
            Transport::Unverified
        );
    }

    #[test]
    fn a_mirror_that_is_no_host_is_an_error_of_the_file() {
        for text in ["ftp://a.example", "no-host", "http://", "a b.example"] {
            let yaml = format!("docker.io: {{ mirrors: ['{text}'] }}");
            assert!(settings(&yaml).check().is_err(), "{text}");
        }
        assert!(
            settings("docker.io: { mirrors: ['https://a.example/v2/'] }")
                .check()
                .is_ok()
        );
    }
}
