//! The files with which two sides of a connection prove to each other who they are.

use std::path::{Path, PathBuf};

/// What a client needs for TLS with certificates of both sides. Each file is PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The certificate of the authority that vouches for the server.
    pub authority: PathBuf,
    /// The client's certificate.
    pub certificate: PathBuf,
    /// The key of that.
    pub key: PathBuf,
}

impl Certificates {
    /// The files by the names that Docker gives them: `ca.pem`, `cert.pem`, `key.pem`.
    pub fn of_docker(dir: &Path) -> Self {
        Self {
            authority: dir.join("ca.pem"),
            certificate: dir.join("cert.pem"),
            key: dir.join("key.pem"),
        }
    }
}
