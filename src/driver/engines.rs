//! Choosing an engine, and opening builds on it.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::{
    docker::{self, DockerError, address::Surroundings},
    engine::{
        Build, Credentials, Engine, EngineError,
        buildkit::{Address, BuildKit, dial::Peer},
    },
    events::EventSink,
};

/// The address that `--engine`, `BLD_ENGINE` or the config file ask for; `auto` and `docker` are the daemon that Docker's
/// own command would talk to.
pub fn address(asked: Option<&str>) -> Result<String, DockerError> {
    match asked {
        None | Some("" | "auto" | "docker") => {
            Ok(docker::Address::find(&Surroundings::of_this_process())?.to_string())
        }
        Some(path) if path.starts_with('/') => Ok(format!("unix://{path}")),
        Some(address) => Ok(address.to_owned()),
    }
}

/// What speaks at an address. A standalone BuildKit has its name in the address (`unix:///run/buildkit/buildkitd.sock`,
/// `tcp://buildkit:1234`); everything else is taken for a Docker daemon.
fn peer(address: &str) -> Peer {
    if address.contains("buildkit") {
        Peer::BuildKit
    } else {
        Peer::Docker
    }
}

async fn connect(address: &str) -> Result<Arc<dyn Engine>, EngineError> {
    let parsed =
        Address::parse(peer(address), address).map_err(|reason| EngineError::Unreachable {
            address: address.to_owned(),
            reason,
        })?;
    Ok(Arc::new(BuildKit::connect(parsed).await?))
}

/// What a build is opened with, and the engine once it is reached.
pub struct Connection {
    address: String,
    engine: OnceCell<Arc<dyn Engine>>,
    credentials: Arc<dyn Credentials>,
    events: Arc<dyn EventSink>,
    no_cache: bool,
    cache_from: Vec<String>,
}

impl Connection {
    /// A connection that is not opened yet.
    pub fn new(
        address: String,
        credentials: Arc<dyn Credentials>,
        events: Arc<dyn EventSink>,
        no_cache: bool,
        cache_from: Vec<String>,
    ) -> Self {
        Self {
            address,
            engine: OnceCell::new(),
            credentials,
            events,
            no_cache,
            cache_from,
        }
    }

    /// Connects, and gives the reason if that fails. While the engine can be reached it never ends: it stands beside
    /// other work in a `select!`, so that nothing is looked up in registries for an engine that is not there.
    pub async fn failure(&self) -> EngineError {
        match self.engine().await {
            Err(error) => error,
            Ok(_) => std::future::pending().await,
        }
    }

    /// The engine.
    pub async fn engine(&self) -> Result<&Arc<dyn Engine>, EngineError> {
        self.engine.get_or_try_init(|| connect(&self.address)).await
    }

    /// Opens a build.
    pub async fn open(&self, cancel: CancellationToken) -> Result<Arc<dyn Build>, EngineError> {
        let request = crate::engine::BuildRequest {
            credentials: Arc::clone(&self.credentials),
            events: Arc::clone(&self.events),
            cancel,
            no_cache: self.no_cache,
            cache_from: self.cache_from.clone(),
        };
        Ok(Arc::from(self.engine().await?.open(request).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_address_of_its_socket() {
        let of = |asked| address(Some(asked)).map_err(|_| ());
        assert_eq!(of("/run/x.sock"), Ok("unix:///run/x.sock".to_owned()));
        assert_eq!(of("tcp://b:2"), Ok("tcp://b:2".to_owned()));
    }
}
