//! What all requests share: settings, credentials, connections, tokens, and what is known of a host.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use super::{
    connections::Connections, error::RegistryError, retry::RetryPolicy, token::TokenCache,
};
use crate::oci::{
    auth::Credentials,
    reference::ImageRef,
    settings::{Endpoint, RegistrySettings, Transport},
};

/// The way into all registries. One for a run of bld: connections and tokens are shared.
pub struct Registries {
    /// From the config file.
    pub settings: RegistrySettings,
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) retry: RetryPolicy,
    pub(super) tokens: TokenCache,
    pub(super) connections: Connections,
    /// Hosts that speak plain HTTP, or do not, where both are allowed.
    schemes: Mutex<HashMap<String, &'static str>>,
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registries")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Registries {
    /// With the usual patience.
    pub fn new(settings: RegistrySettings, credentials: Arc<dyn Credentials>) -> Arc<Self> {
        Self::with_retry(settings, credentials, RetryPolicy::default())
    }

    /// With a patience of the caller's.
    pub fn with_retry(
        settings: RegistrySettings,
        credentials: Arc<dyn Credentials>,
        retry: RetryPolicy,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings,
            credentials,
            retry,
            tokens: TokenCache::default(),
            connections: Connections::default(),
            schemes: Mutex::default(),
        })
    }

    /// One repository behind one endpoint.
    pub fn at(self: &Arc<Self>, endpoint: Endpoint) -> Repository {
        Repository {
            registries: Arc::clone(self),
            endpoint,
        }
    }

    /// The repository that an image name is pushed to; never a mirror.
    pub fn origin(self: &Arc<Self>, image: &ImageRef, insecure: bool) -> Repository {
        self.at(self.settings.origin(image, insecure))
    }

    /// The schemes to try on a host, most wanted first.
    pub(super) fn schemes(&self, endpoint: &Endpoint) -> &'static [&'static str] {
        let known = || {
            let schemes = self.schemes.lock().expect("no holder of this lock panics");
            schemes.get(&endpoint.host).copied()
        };
        match (endpoint.transport, known) {
            (Transport::Verified, _) => &["https"],
            (Transport::Plain, _) => &["http"],
            (Transport::Unverified, known) => match known() {
                Some("http") => &["http"],
                Some(_) => &["https"],
                None => &["https", "http"],
            },
        }
    }

    pub(super) fn remember_scheme(&self, endpoint: &Endpoint, scheme: &'static str) {
        if endpoint.transport == Transport::Unverified {
            let mut schemes = self.schemes.lock().expect("no holder of this lock panics");
            schemes.insert(endpoint.host.clone(), scheme);
        }
    }
}

/// A repository of one registry, or of a mirror of it.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) registries: Arc<Registries>,
    pub(super) endpoint: Endpoint,
}

impl Repository {
    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn protocol(&self, reason: impl Into<String>) -> RegistryError {
        RegistryError::Protocol {
            registry: self.endpoint.registry.clone(),
            reason: reason.into(),
        }
    }
}
