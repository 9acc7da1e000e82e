//! What the cases build with: an engine, a build, and short ways to say things.

use crate::harness::services;
use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use bld::{
    base::Platform,
    engine::{
        Build, BuildRequest, Credential, Credentials, Engine,
        buildkit::{Address, BuildKit, dial::Peer},
    },
    events::{Event, EventSink, Label, Told},
    llb::{Edge, Exec, Local, Nonce, State, image},
};
use tokio_util::sync::CancellationToken;

/// Everything that was reported.
#[derive(Default)]
pub struct Heard(pub Mutex<Vec<Event>>);

impl EventSink for Heard {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// Knows nothing, and remembers who asked.
#[derive(Default)]
pub struct Asked(pub Mutex<Vec<String>>);

#[async_trait::async_trait]
impl Credentials for Asked {
    async fn credential(&self, registry: &str) -> Credential {
        self.0.lock().unwrap().push(registry.to_owned());
        match std::env::var("BLD_TEST_REGISTRY_AUTH") {
            Ok(host) if host == registry => Credential::Basic {
                user: std::env::var("BLD_TEST_REGISTRY_USER").unwrap_or_default(),
                password: bld::base::Secret::new(
                    std::env::var("BLD_TEST_REGISTRY_PASSWORD").unwrap_or_default(),
                ),
            },
            _ => Credential::None,
        }
    }
}

pub struct Site {
    pub engine: BuildKit,
    pub heard: Arc<Heard>,
    pub asked: Arc<Asked>,
    pub cancel: CancellationToken,
    pub nonce: Nonce,
    pub linux: Platform,
    pub registry: String,
}

/// None where no daemon is to be used.
pub async fn site() -> Option<Site> {
    let services = services("an engine's case")?;
    let address = Address::parse(Peer::Docker, &services.docker, None).unwrap();
    let engine = BuildKit::connect(address).await.unwrap();
    Some(Site {
        linux: engine.describe().native.clone(),
        engine,
        heard: Arc::default(),
        asked: Arc::default(),
        cancel: CancellationToken::new(),
        nonce: Nonce::random(),
        registry: services.registry,
    })
}

pub fn label(text: &str) -> Arc<Label> {
    Arc::new(Label {
        target: "+test".to_owned(),
        text: text.to_owned(),
        platform: None,
        at: None,
        read_by: None,
        raw_output: false,
        told: Told::Everything,
    })
}

impl Site {
    pub fn request(&self) -> BuildRequest {
        BuildRequest {
            credentials: Arc::clone(&self.asked) as Arc<dyn Credentials>,
            events: Arc::clone(&self.heard) as Arc<dyn EventSink>,
            cancel: self.cancel.clone(),
            no_cache: false,
            cache_from: Arc::default(),
            secrets: Arc::new(bld::engine::NoSecrets),
            sockets: Arc::default(),
            privileged: false,
        }
    }

    pub async fn open(&self) -> Box<dyn Build> {
        self.engine.open(self.request()).await.unwrap()
    }

    pub fn busybox(&self) -> State {
        let name = format!("{}/library/busybox:1.36", self.registry);
        Some(image(&name, &self.linux, label("FROM busybox:1.36")))
    }

    /// A command whose file system is kept.
    pub fn sh(&self, on: &State, script: &str) -> State {
        let run = Exec::new(on, ["/bin/sh", "-c", script]);
        Some(
            run.build(&self.linux, label(&format!("RUN {script}")))
                .root(),
        )
    }

    pub fn local(&self, dir: &Path, include: &[&str], exclude: &[&str]) -> Edge {
        let own = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect();
        let files = Local {
            dir: dir.to_owned(),
            include: own(include),
            exclude: own(exclude),
        };
        files.build(&self.nonce, label("context"))
    }

    /// Text that no test used before: nothing of it is in the daemon's cache.
    pub fn unique(&self) -> &str {
        self.nonce.as_str()
    }
}

pub async fn docker() -> bollard::Docker {
    let address = std::env::var("BLD_TEST_DOCKER");
    let address = address.unwrap_or("unix:///var/run/docker.sock".to_owned());
    let docker = bollard::Docker::connect_with_unix(&address, 20, bollard::API_DEFAULT_VERSION);
    docker.unwrap().negotiate_version().await.unwrap()
}

pub async fn remove_image(name: &str) {
    let options = None::<bollard::query_parameters::RemoveImageOptions>;
    docker()
        .await
        .remove_image(name, options, None)
        .await
        .unwrap();
}
