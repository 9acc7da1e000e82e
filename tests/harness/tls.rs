//! A daemon on another machine: TLS with certificates of both sides, in front of a socket of this one.

use std::{path::Path, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{io::copy_bidirectional, net::TcpListener, net::UnixStream, runtime::Runtime};
use tokio_rustls::TlsAcceptor;

/// Accepts who shows a certificate of the authority, and passes everything on.
pub struct TlsProxy {
    port: u16,
    _runtime: Runtime,
}

impl TlsProxy {
    /// In front of `unix:///…`, with the certificates that `bld bootstrap` has made in `certs`.
    pub fn before(daemon: &str, certs: &Path) -> Self {
        let read = |name: &str| {
            let certificate = CertificateDer::from_pem_file(certs.join(name));
            certificate.expect("a certificate")
        };
        let mut roots = RootCertStore::empty();
        roots.add(read("ca_cert.pem")).expect("an authority");
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .expect("a verifier");
        let key = PrivateKeyDer::from_pem_file(certs.join("buildkit_key.pem")).expect("a key");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![read("buildkit_cert.pem")], key)
            .expect("a server");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let socket = daemon.trim_start_matches("unix://").to_owned();
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, socket) = (acceptor.clone(), socket.clone());
                tokio::spawn(async move {
                    // A client that shows nothing is sent away.
                    let Ok(mut client) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut server = UnixStream::connect(socket).await.expect("the daemon");
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self {
            port,
            _runtime: runtime,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }
}
