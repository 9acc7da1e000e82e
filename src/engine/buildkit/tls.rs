//! TLS to an engine on another machine, with certificates of both sides.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::base::Certificates;

/// What is spoken inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// HTTP/1.1, up to an upgrade.
    Http1,
    /// HTTP/2, as gRPC wants it. Servers of gRPC insist that it is named.
    Http2,
}

/// Greets the server at `host:port`.
///
/// Errors: a file that cannot be read or is not what it should be, by its name; a server that nobody vouches for.
pub(super) async fn greet(
    stream: TcpStream,
    host: &str,
    files: &Certificates,
    inside: Inside,
) -> io::Result<TlsStream<TcpStream>> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned())
        .map_err(|_| io::Error::other(format!("`{name}` is not the name of a host")))?;
    let mut config = config(files)?;
    config.alpn_protocols = match inside {
        Inside::Http1 => vec![b"http/1.1".to_vec()],
        Inside::Http2 => vec![b"h2".to_vec()],
    };
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

fn config(files: &Certificates) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.authority)? {
        let added = roots.add(certificate);
        added.map_err(|e| bad(&files.authority, &e))?;
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| bad(&files.key, &e))?;
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&files.certificate)?, key)
        .map_err(|e| bad(&files.certificate, &e))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(|certificates| certificates.collect());
    match all {
        Ok(none) if none.is_empty() => Err(bad(path, &"there is no certificate in it")),
        Ok(all) => Ok(all),
        Err(error) => Err(bad(path, &error)),
    }
}

fn bad(path: &Path, why: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("`{}`: {why}", path.display()))
}
