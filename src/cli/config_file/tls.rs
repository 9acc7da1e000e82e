//! The part of the config file that is about TLS to engines at `tcp://` addresses (language specification, 8.4).

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::Certificates;

/// The keys of `global:` about certificates. Paths are relative to bld's directory, or to the reference's where that one's
/// file counts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Tls {
    tls_enabled: Option<bool>,
    tlsca: Option<PathBuf>,
    tlsca_key: Option<PathBuf>,
    tlscert: Option<PathBuf>,
    tlskey: Option<PathBuf>,
    buildkitd_tlscert: Option<PathBuf>,
    buildkitd_tlskey: Option<PathBuf>,
    /// That directory.
    #[serde(skip)]
    pub dir: PathBuf,
}

/// All files: what a client needs, what its engine needs, and the authority's key, with which both are signed.
#[derive(Debug, Clone)]
pub struct Files {
    /// What bld shows to an engine.
    pub client: Certificates,
    /// What an engine shows to bld.
    pub server: Certificates,
    /// The key of the authority.
    pub authority_key: PathBuf,
}

impl Tls {
    /// What engines at `tcp://` addresses want to see. Without a word about it TLS is spoken where certificates are there.
    pub fn client(&self) -> Option<Certificates> {
        let client = self.files().client;
        let enabled = self.tls_enabled.unwrap_or(client.authority.is_file());
        enabled.then_some(client)
    }

    /// Whether the file asks for TLS in so many words.
    pub fn is_asked_for(&self) -> bool {
        self.tls_enabled == Some(true)
    }

    /// Where everything is, or would be.
    pub fn files(&self) -> Files {
        // A directory of the reference has its own name for bld's part.
        let own = if self.dir.ends_with(".earthly") {
            "earthly"
        } else {
            "bld"
        };
        let place = |path: &Option<PathBuf>, name: &str| {
            let default = || Path::new("certs").join(format!("{name}.pem"));
            self.dir.join(path.clone().unwrap_or_else(default))
        };
        let authority = place(&self.tlsca, "ca_cert");
        Files {
            client: Certificates {
                authority: authority.clone(),
                certificate: place(&self.tlscert, &format!("{own}_cert")),
                key: place(&self.tlskey, &format!("{own}_key")),
            },
            server: Certificates {
                authority,
                certificate: place(&self.buildkitd_tlscert, "buildkit_cert"),
                key: place(&self.buildkitd_tlskey, "buildkit_key"),
            },
            authority_key: place(&self.tlsca_key, "ca_key"),
        }
    }
}
