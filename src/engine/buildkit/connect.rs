//! The engine: a daemon that is connected, and what it can do.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, DiskUsageRequest, InfoRequest, ListWorkersRequest, PruneRequest as Prune,
    SolveRequest,
    frontend::{PingRequest, PongResponse, Result as BridgeResult, ReturnRequest},
    types::WorkerRecord,
};
use tokio::{
    sync::{Mutex, OnceCell},
    time::timeout,
};
use tonic::Status;

use super::{
    attach::Attached,
    build::{GatewayBuild, INSECURE, Site},
    client::{Client, of_build},
    dial::{self, Address, Peer},
    error,
    hearth::Hearth,
    progress::Progress,
    session::Session,
};
use crate::{
    base::Platform,
    engine::{
        Build, BuildRequest, Capability, Description, DiskUsage, Engine, EngineError, PruneRequest,
    },
    llb::Nonce,
};

/// Says that images are kept by containerd, and not by Docker's own store.
const SNAPSHOTTER: &str = "org.mobyproject.buildkit.worker.snapshotter";

/// How long a daemon may take for its first answers. One that is being started by its socket takes seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connected daemon.
#[derive(Debug)]
pub struct BuildKit {
    hearth: Arc<Hearth>,
    client: Client,
    description: Description,
    image_exporter: Option<&'static str>,
    privileged: OnceCell<bool>,
}

impl BuildKit {
    /// Connects and asks what the daemon can do.
    pub async fn connect(address: Address) -> Result<Self, EngineError> {
        let hearth = Hearth::new().map_err(|e| EngineError::Unreachable {
            address: address.to_string(),
            reason: format!("cannot start a thread: {e}"),
        })?;
        let asked = hearth.spawn(ask(address.clone())).await;
        let (client, worker, pong, version) = asked.map_err(|e| EngineError::Unreachable {
            address: address.to_string(),
            reason: e.to_string(),
        })??;
        let containerd = worker.labels.contains_key(SNAPSHOTTER);
        let platforms = platforms(&worker);
        let product = match (address.peer, version) {
            (Peer::Docker, Some(version)) => format!("Docker {version}"),
            (Peer::Docker, None) => "Docker".to_owned(),
            (Peer::BuildKit, Some(version)) => format!("BuildKit {version}"),
            (Peer::BuildKit, None) => "BuildKit".to_owned(),
        };
        let description = Description {
            name: format!("{product} at {address}"),
            native: platforms.first().cloned().unwrap_or_else(Platform::host),
            platforms,
            capabilities: capabilities(address.peer, containerd, &pong),
        };
        let docker = address.peer == Peer::Docker;
        Ok(Self {
            hearth: Arc::new(hearth),
            client,
            description,
            image_exporter: docker.then_some("moby"),
            privileged: OnceCell::new(),
        })
    }

    /// Opens a build; [`Engine::open`] in its own type. Nothing is waited for.
    pub fn open_build(&self, request: BuildRequest) -> GatewayBuild {
        let attached = Attached::new(request.credentials, request.secrets, request.sockets);
        let attached = Arc::new(attached);
        GatewayBuild::new(Site {
            session: Session::start(&self.hearth, &self.client, Arc::clone(&attached)),
            hearth: Arc::clone(&self.hearth),
            client: self.client.clone(),
            attached,
            progress: Arc::new(Progress::new(request.events)),
            no_cache: request.no_cache,
            cache_from: request.cache_from,
            privileged: request.privileged,
            stop: request.cancel.child_token(),
            receiving: Mutex::new(()),
            image_exporter: self.image_exporter,
            engine: self.description.name.clone(),
        })
    }

    fn other(&self, status: &Status) -> EngineError {
        if error::is_gone(status) {
            return EngineError::Gone {
                address: self.client.address.to_string(),
                reason: status.message().to_owned(),
            };
        }
        EngineError::Other(error::read(status).message)
    }
}

async fn ask(
    address: Address,
) -> Result<(Client, WorkerRecord, PongResponse, Option<String>), EngineError> {
    let version = async {
        match address.peer {
            Peer::Docker => dial::docker_version(&address).await,
            // Asked for below, on the connection that is there then.
            Peer::BuildKit => None,
        }
    };
    let grpc = async {
        let client = Client::connect(&address).await?;
        let unreachable = |status: Status| EngineError::Unreachable {
            address: address.to_string(),
            reason: error::read(&status).message,
        };
        let mut control = client.control.clone();
        let mut of_version = client.control.clone();
        let (workers, pong, info) = tokio::join!(
            control.list_workers(ListWorkersRequest::default()),
            ping(&client, Vec::new()),
            of_version.info(InfoRequest::default()),
        );
        // The BuildKit inside of a Docker daemon often does not know its own.
        let version = info
            .ok()
            .and_then(|info| info.into_inner().buildkit_version);
        let version = version.map(|version| version.version);
        let workers = workers.map_err(unreachable)?.into_inner().record;
        let worker = workers.into_iter().next().unwrap_or_default();
        // What it can do is a matter of choice; a daemon that does not say can do less.
        Ok::<_, EngineError>((client, worker, pong.unwrap_or_default(), version))
    };
    let both = async { tokio::join!(grpc, version) };
    let unreachable = |reason: String| EngineError::Unreachable {
        address: address.to_string(),
        reason,
    };
    match timeout(PATIENCE, both).await {
        Err(_) => Err(unreachable(format!(
            "no answer within {} seconds",
            PATIENCE.as_secs()
        ))),
        Ok((Ok((client, worker, pong, own)), version)) => {
            let version = if address.peer == Peer::Docker {
                version
            } else {
                own
            };
            Ok((client, worker, pong, version))
        }
        // Podman has Docker's interface and no BuildKit in it.
        Ok((Err(EngineError::Unreachable { reason, .. }), Some(version))) => Err(unreachable(
            format!("the daemon, version {version}, does not offer BuildKit ({reason})"),
        )),
        Ok((Err(error), _)) => Err(error),
    }
}

/// Only inside of a build a daemon tells what it knows and allows; this one is empty.
async fn ping(client: &Client, entitlements: Vec<String>) -> Result<PongResponse, Status> {
    let id = Nonce::random().as_str().to_owned();
    let request = SolveRequest {
        r#ref: id.clone(),
        cache: Some(CacheOptions::default()),
        internal: true,
        entitlements,
        ..SolveRequest::default()
    };
    let mut control = client.control.clone();
    let mut bridge = client.bridge();
    let ask = async {
        let pong = bridge.ping(of_build(&id, PingRequest {})).await?;
        let nothing = ReturnRequest {
            result: Some(BridgeResult::default()),
            error: None,
        };
        bridge.r#return(of_build(&id, nothing)).await?;
        Ok::<_, Status>(pong.into_inner())
    };
    tokio::select! {
        pong = ask => pong,
        Err(refused) = control.solve(request) => Err(refused),
    }
}

fn platforms(worker: &WorkerRecord) -> Vec<Platform> {
    let mut platforms: Vec<Platform> = Vec::new();
    for p in &worker.platforms {
        let text = if p.variant.is_empty() {
            format!("{}/{}", p.os, p.architecture)
        } else {
            format!("{}/{}/{}", p.os, p.architecture, p.variant)
        };
        // Read as text, so that there is one spelling for each.
        match text.parse() {
            Ok(platform) if !platforms.contains(&platform) => platforms.push(platform),
            _ => {}
        }
    }
    platforms
}

fn capabilities(peer: Peer, containerd: bool, pong: &PongResponse) -> BTreeSet<Capability> {
    let known = |id: &str| pong.llb_caps.iter().any(|cap| cap.id == id && cap.enabled);
    let own_store = peer == Peer::Docker;
    let registry = peer == Peer::BuildKit || containerd;
    [
        (Capability::SecretEnv, known("exec.secretenv")),
        (Capability::ImageStore, own_store),
        (Capability::Archives, registry),
        (Capability::MultiPlatformStore, own_store && containerd),
        (Capability::Push, registry),
        (Capability::InlineCache, true),
        (Capability::RegistryCache, registry),
        (Capability::Merge, known("mergeop") && known("diffop")),
    ]
    .into_iter()
    .filter_map(|(capability, there)| there.then_some(capability))
    .collect()
}

#[async_trait]
impl Engine for BuildKit {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn allows_privileged(&self) -> Result<bool, EngineError> {
        let ask = async || {
            let client = self.client.clone();
            let asked = async move { ping(&client, vec![INSECURE.to_owned()]).await };
            match self.hearth.spawn(asked).await {
                Ok(Ok(_)) => Ok(true),
                Ok(Err(status)) if error::is_gone(&status) => Err(self.other(&status)),
                // Whatever else it says, it does not allow it.
                Ok(Err(_)) => Ok(false),
                Err(e) => Err(EngineError::Other(e.to_string())),
            }
        };
        self.privileged.get_or_try_init(ask).await.copied()
    }

    async fn open(&self, request: BuildRequest) -> Result<Box<dyn Build>, EngineError> {
        Ok(Box::new(self.open_build(request)))
    }

    async fn disk_usage(&self) -> Result<DiskUsage, EngineError> {
        let mut control = self.client.control.clone();
        let answer = control.disk_usage(DiskUsageRequest::default()).await;
        let records = answer.map_err(|s| self.other(&s))?.into_inner().record;
        let mut usage = DiskUsage::default();
        for record in records {
            let size = u64::try_from(record.size).unwrap_or(0);
            usage.total += size;
            if !record.in_use && !record.shared {
                usage.reclaimable += size;
            }
        }
        Ok(usage)
    }

    async fn prune(&self, request: PruneRequest) -> Result<u64, EngineError> {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let seconds = request.older_than_seconds.unwrap_or(0);
        let prune = Prune {
            all: request.all,
            keep_duration: signed(seconds.saturating_mul(1_000_000_000)),
            reserved_space: signed(request.keep_bytes.unwrap_or(0)),
            ..Prune::default()
        };
        let mut control = self.client.control.clone();
        let answer = control.prune(prune).await;
        let mut removed = answer.map_err(|s| self.other(&s))?.into_inner();
        let mut freed = 0;
        while let Some(record) = removed.message().await.map_err(|s| self.other(&s))? {
            freed += u64::try_from(record.size).unwrap_or(0);
        }
        Ok(freed)
    }
}
