//! What steps may have of this machine while they run: secrets and sockets, each by a name that stands in the graph.
//!
//! An engine asks for them when a step needs them, and only the side that opened the build answers.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// Where secrets come from.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The bytes of a secret; none if there is no such secret.
    async fn secret(&self, id: &str) -> Option<Vec<u8>>;
}

/// Knows none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn secret(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
}

/// Bytes in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// What stands behind a socket in a step.
#[async_trait]
pub trait Socket: Send + Sync {
    /// Takes one connection that a process of the step makes.
    async fn connect(&self) -> io::Result<Box<dyn ByteStream>>;
}

/// A socket of this machine, such as that of an SSH agent.
#[derive(Debug, Clone)]
pub struct HostSocket(pub PathBuf);

#[async_trait]
impl Socket for HostSocket {
    async fn connect(&self) -> io::Result<Box<dyn ByteStream>> {
        let connected = tokio::net::UnixStream::connect(&self.0).await;
        let named = |e: io::Error| io::Error::new(e.kind(), format!("`{}`: {e}", self.0.display()));
        Ok(Box::new(connected.map_err(named)?))
    }
}

/// The sockets that are offered to the steps of a build. One can be added while the build runs.
#[derive(Default)]
pub struct Sockets(Mutex<HashMap<String, Arc<dyn Socket>>>);

impl Sockets {
    /// Offers a socket under a name; one of that name is replaced.
    pub fn offer(&self, id: &str, socket: Arc<dyn Socket>) {
        self.all().insert(id.to_owned(), socket);
    }

    /// Takes an offer back. Connections that are open stay.
    pub fn withdraw(&self, id: &str) {
        self.all().remove(id);
    }

    /// What is offered under a name.
    pub fn find(&self, id: &str) -> Option<Arc<dyn Socket>> {
        self.all().get(id).cloned()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<dyn Socket>>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}
