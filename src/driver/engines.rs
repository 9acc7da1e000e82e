//! Choosing an engine, and opening builds on it.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::{
    base::Certificates,
    diag::Diagnostic,
    docker::{self, DockerError, address::Surroundings},
    engine::{
        Build, CacheSources, Credentials, Engine, EngineError, SecretSource, Sockets,
        buildkit::{Address, BuildKit, dial::Peer},
    },
    events::EventSink,
};

use super::failure::{Failure, FailureKind};

/// The engine that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineChoice {
    /// A Docker daemon: the one at this address, or without one the daemon that Docker's own command would talk to.
    Docker(Option<String>),
    /// A BuildKit of its own, and what is needed to speak TLS to it at a `tcp://` address.
    BuildKit(String, Option<Certificates>),
}

impl EngineChoice {
    /// Reads `--engine`: `auto`, `docker`, or an address. The socket of a standalone BuildKit is known by its name,
    /// `buildkitd.sock`; a BuildKit elsewhere is named with `--buildkit-host`.
    pub fn parse(text: &str) -> Self {
        match text {
            "" | "auto" | "docker" => Self::Docker(None),
            address if address.ends_with("/buildkitd.sock") => {
                Self::BuildKit(with_scheme(address), None)
            }
            // Docker itself is never inside of a container that has to be entered.
            address if address.contains("-container://") => {
                Self::BuildKit(address.to_owned(), None)
            }
            address => Self::Docker(Some(with_scheme(address))),
        }
    }

    /// The same with what a BuildKit elsewhere wants to see; Docker has its own variables for that.
    #[must_use]
    pub fn with_certificates(self, certificates: Option<Certificates>) -> Self {
        match self {
            Self::BuildKit(text, _) => Self::BuildKit(text, certificates),
            docker @ Self::Docker(_) => docker,
        }
    }

    /// Where it is.
    pub fn address(&self) -> Result<Address, Failure> {
        let failed = |problem| Failure::new(FailureKind::EngineUnreachable, problem);
        self.find().map_err(|error| failed(error.diagnostic()))?.map_err(|reason| {
            failed(Diagnostic::error("engine-address", reason).hint(
                "for an engine elsewhere forward its socket: \
                 ssh -L /tmp/engine.sock:/run/buildkit/buildkitd.sock HOST, and --buildkit-host unix:///tmp/engine.sock",
            ))
        })
    }

    /// The outer error is about Docker's own ways to name a daemon, the inner one about an address that was given to bld.
    fn find(&self) -> Result<Result<Address, String>, DockerError> {
        let around = Surroundings::of_this_process();
        let (peer, text, certificates) = match self {
            Self::BuildKit(text, certificates) => {
                (Peer::BuildKit, text.clone(), certificates.clone())
            }
            Self::Docker(Some(text)) => (Peer::Docker, text.clone(), around.certificates()),
            Self::Docker(None) => {
                let found = docker::Address::find(&around)?;
                let text = found.to_string();
                let docker::Address::Tcp { certificates, .. } = found else {
                    return Ok(Address::parse(Peer::Docker, &text, None));
                };
                (Peer::Docker, text, certificates)
            }
        };
        let parsed = Address::parse(peer, &text, certificates);
        Ok(match peer {
            Peer::BuildKit => parsed,
            Peer::Docker => Ok(parsed.map_err(|reason| DockerError::Address { text, reason })?),
        })
    }
}

fn with_scheme(address: &str) -> String {
    if address.starts_with('/') {
        format!("unix://{address}")
    } else {
        address.to_owned()
    }
}

/// What a build is opened with, and the engine once it is reached.
pub struct Connection {
    address: Address,
    /// An engine that cannot be reached is tried once.
    engine: OnceCell<Result<Arc<dyn Engine>, EngineError>>,
    credentials: Arc<dyn Credentials>,
    events: Arc<dyn EventSink>,
    no_cache: bool,
    allow_privileged: bool,
    secrets: Arc<dyn SecretSource>,
    sockets: Arc<Sockets>,
    cache_from: Arc<CacheSources>,
}

/// What the command line says about builds, and what their steps may have of this machine.
pub struct Terms {
    /// Nothing is reused.
    pub no_cache: bool,
    /// Steps may have all privileges where the engine gives them.
    pub allow_privileged: bool,
    /// Secrets that steps may have.
    pub secrets: Arc<dyn SecretSource>,
    /// Sockets that steps may have.
    pub sockets: Arc<Sockets>,
}

impl Connection {
    /// A connection that is not opened yet.
    pub fn new(
        address: Address,
        credentials: Arc<dyn Credentials>,
        events: Arc<dyn EventSink>,
        terms: Terms,
    ) -> Self {
        Self {
            address,
            engine: OnceCell::new(),
            credentials,
            events,
            no_cache: terms.no_cache,
            allow_privileged: terms.allow_privileged,
            secrets: terms.secrets,
            sockets: terms.sockets,
            cache_from: Arc::default(),
        }
    }

    /// Where the engine is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whose cache records are used.
    pub fn caches(&self) -> &Arc<CacheSources> {
        &self.cache_from
    }

    /// The engine.
    pub async fn engine(&self) -> Result<&Arc<dyn Engine>, EngineError> {
        let connect = || async {
            let engine = BuildKit::connect(self.address.clone()).await?;
            Ok(Arc::new(engine) as Arc<dyn Engine>)
        };
        self.engine
            .get_or_init(connect)
            .await
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Opens a build.
    pub async fn open(&self, cancel: CancellationToken) -> Result<Arc<dyn Build>, EngineError> {
        let engine = self.engine().await?;
        let privileged = self.allow_privileged && engine.allows_privileged().await?;
        let request = crate::engine::BuildRequest {
            credentials: Arc::clone(&self.credentials),
            events: Arc::clone(&self.events),
            cancel,
            no_cache: self.no_cache,
            cache_from: Arc::clone(&self.cache_from),
            secrets: Arc::clone(&self.secrets),
            sockets: Arc::clone(&self.sockets),
            privileged,
        };
        Ok(Arc::from(engine.open(request).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_a_docker_daemon_unless_its_socket_says_otherwise() {
        let docker = |address: &str| EngineChoice::Docker(Some(address.to_owned()));
        assert_eq!(EngineChoice::parse("auto"), EngineChoice::Docker(None));
        assert_eq!(
            EngineChoice::parse("/run/x.sock"),
            docker("unix:///run/x.sock")
        );
        let agent = "unix:///var/lib/buildkite-agent/docker.sock";
        assert_eq!(EngineChoice::parse(agent), docker(agent));
        let own = "unix:///run/buildkit/buildkitd.sock";
        assert_eq!(
            EngineChoice::parse(own),
            EngineChoice::BuildKit(own.to_owned(), None)
        );
        let inside = "docker-container://builder";
        assert_eq!(
            EngineChoice::parse(inside),
            EngineChoice::BuildKit(inside.to_owned(), None)
        );
    }

    #[test]
    fn an_address_that_cannot_be_used_is_not_taken_for_one_of_docker() {
        let choice = EngineChoice::BuildKit("kube-pod://x".to_owned(), None);
        let failure = choice.address().unwrap_err();
        let message = &failure.diagnostics[0].message;
        assert!(message.contains("docker-container://") && !message.contains("Docker daemon"));
    }
}
