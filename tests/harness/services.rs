//! The daemons and registries that `dev/services` starts. A test that needs them says loudly that it is skipped where
//! they are not there; with `BLD_TEST_REQUIRE=1`, as in CI, that is a failure.

use std::{
    env,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
};

use bollard::{
    API_DEFAULT_VERSION, Docker as Client,
    query_parameters::{
        CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    },
};
use tokio::runtime::Runtime;

use super::skip::skip;

/// Addresses of what runs.
#[derive(Debug, Clone)]
pub struct Services {
    /// The Docker daemon, `unix:///…`.
    pub docker: String,
    /// A second, empty daemon.
    pub docker_second: String,
    /// A newer daemon, whose images are kept by containerd; empty where it does not run.
    pub docker_third: String,
    /// The registry, `127.0.0.1:5000`.
    pub registry: String,
    /// The registry that wants a login.
    pub registry_auth: String,
    /// bld's config file with the mirror for Docker Hub.
    pub config: String,
}

/// The services, or the word that a test is skipped.
pub fn services(test: &str) -> Option<Services> {
    let get = |name: &str| env::var(name).unwrap_or_default();
    if get("BLD_TEST_SERVICES") != "1" {
        skip(test, "`eval \"$(dev/services env)\"`");
        return None;
    }
    Some(Services {
        docker: get("BLD_TEST_DOCKER"),
        docker_second: get("BLD_TEST_DOCKER_SECOND"),
        docker_third: get("BLD_TEST_DOCKER_THIRD"),
        registry: get("BLD_TEST_REGISTRY"),
        registry_auth: get("BLD_TEST_REGISTRY_AUTH"),
        config: get("BLD_CONFIG"),
    })
}

/// The services where the newer daemon runs, too, or the word that a test is skipped.
pub fn services_with_third(test: &str) -> Option<Services> {
    let services = services(test)?;
    let socket = services.docker_third.trim_start_matches("unix://");
    if UnixStream::connect(socket).is_ok() {
        return Some(services);
    }
    skip(test, "`dev/services start-third`");
    None
}

/// A daemon, asked from outside of bld.
pub struct Docker {
    socket: String,
    runtime: Runtime,
    client: Client,
}

impl Docker {
    /// Connects to `unix:///…`.
    pub fn at(address: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let client = {
            let _inside = runtime.enter();
            Client::connect_with_unix(address, 60, API_DEFAULT_VERSION).expect("a daemon")
        };
        let client = runtime
            .block_on(client.negotiate_version())
            .expect("a version in common");
        let socket = address.trim_start_matches("unix://").to_owned();
        Self {
            socket,
            runtime,
            client,
        }
    }

    /// What the daemon says of an image; none if it is not there.
    pub fn image(&self, name: &str) -> Option<bollard::models::ImageInspect> {
        self.runtime.block_on(self.client.inspect_image(name)).ok()
    }

    /// The image's id.
    #[track_caller]
    pub fn image_id(&self, name: &str) -> String {
        self.image(name)
            .and_then(|i| i.id)
            .unwrap_or_else(|| panic!("no image `{name}`"))
    }

    /// What an image holds at these paths, in their order: the text of a file, or none.
    #[track_caller]
    pub fn files(&self, image: &str, paths: &[&str]) -> Vec<Option<String>> {
        use futures_util::TryStreamExt as _;
        if paths.is_empty() {
            return Vec::new();
        }
        let body = bollard::models::ContainerCreateBody {
            image: Some(image.to_owned()),
            // It never runs; without any command the daemon would refuse it.
            cmd: Some(vec!["none".to_owned()]),
            ..Default::default()
        };
        self.runtime.block_on(async {
            let created = self.client.create_container(None, body).await;
            let id = created.expect("a container").id;
            let mut found = Vec::new();
            for path in paths {
                let options =
                    bollard::query_parameters::DownloadFromContainerOptionsBuilder::default()
                        .path(path)
                        .build();
                let archive = self.client.download_from_container(&id, Some(options));
                let archive = archive.try_collect::<Vec<_>>().await.ok();
                found.push(archive.map(|pieces| first_text(&pieces.concat())));
            }
            let force = RemoveContainerOptionsBuilder::default().force(true).build();
            let _ = self.client.remove_container(&id, Some(force)).await;
            found
        })
    }

    /// An image as `docker save` writes it.
    #[track_caller]
    pub fn save(&self, image: &str) -> Vec<u8> {
        use futures_util::TryStreamExt as _;
        let saved = self.client.export_image(image).try_collect::<Vec<_>>();
        let pieces = self.runtime.block_on(saved);
        pieces
            .unwrap_or_else(|e| panic!("save {image}: {e}"))
            .concat()
    }

    /// Removes an image if it is there.
    pub fn remove_image(&self, name: &str) {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let _ = self
            .runtime
            .block_on(self.client.remove_image(name, Some(options), None));
    }

    /// Empties the build cache, so that the daemon is one that has never built anything. A single command cannot be
    /// forgotten: what was copied out of its result is still known, by the name of the command alone.
    #[track_caller]
    pub fn forget_all(&self) {
        // What is built on something else has to go first.
        for _ in 0..20 {
            self.ask("POST", "/build/prune?all=1");
            let usage = self.ask("GET", "/system/df?type=build-cache");
            if usage["BuildCache"].as_array().is_none_or(Vec::is_empty) {
                return;
            }
        }
        panic!("the daemon keeps some of its build cache");
    }

    /// An answer that the client's library has no words for in every version of the API.
    fn ask(&self, method: &str, path: &str) -> serde_json::Value {
        let mut stream = UnixStream::connect(&self.socket).expect("a daemon");
        let request =
            format!("{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(" 200 "), "{path}: {answer}");
        serde_json::from_str(body).expect("the answer is JSON")
    }

    /// Pulls an image.
    #[track_caller]
    pub fn pull(&self, name: &str) {
        use futures_util::TryStreamExt as _;
        let options = bollard::query_parameters::CreateImageOptionsBuilder::default()
            .from_image(name)
            .build();
        let pulled = self.runtime.block_on(
            self.client
                .create_image(Some(options), None, None)
                .try_collect::<Vec<_>>(),
        );
        pulled.unwrap_or_else(|e| panic!("pull {name}: {e}"));
    }

    /// Runs a container of an image while `work` talks to it at its address.
    #[track_caller]
    pub fn with_container<T>(&self, image: &str, work: impl FnOnce(&str) -> T) -> T {
        let name = format!("bld-test-{}-{}", std::process::id(), image.len());
        let body = bollard::models::ContainerCreateBody {
            image: Some(image.to_owned()),
            ..Default::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let address = self.runtime.block_on(async {
            self.client
                .create_container(Some(options), body)
                .await
                .expect("a container");
            self.client
                .start_container(&name, None)
                .await
                .expect("a running container");
            let inspected = self
                .client
                .inspect_container(&name, None)
                .await
                .expect("it is there");
            let networks = inspected
                .network_settings
                .and_then(|n| n.networks)
                .unwrap_or_default();
            networks
                .into_values()
                .filter_map(|n| n.ip_address)
                .find(|ip| !ip.is_empty())
        });
        let result = work(&address.expect("the container has an address"));
        let force = RemoveContainerOptionsBuilder::default().force(true).build();
        let _ = self
            .runtime
            .block_on(self.client.remove_container(&name, Some(force)));
        result
    }
}

/// The content of the first entry of an archive.
fn first_text(archive: &[u8]) -> String {
    let mut archive = tar::Archive::new(archive);
    let mut entry = archive
        .entries()
        .expect("an archive")
        .next()
        .expect("an entry")
        .expect("that is whole");
    std::io::read_to_string(&mut entry).expect("text")
}
