//! The library's outputs and its registry client, against a real daemon and real registries.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use bld::{
    base::{Digest, Platform, Secret},
    diag::{Location, SourceFile, Span},
    docker::{Address, Client},
    events::{Event, EventSink, OutputEvent},
    oci::{
        Anonymous, Credential, Credentials, ImageRef, Registries, RegistrySettings, ResolvedBase,
        Resolver, cache::ContentCache, settings::RegistryEntry,
    },
    output::{ImageRequest, Pushed, Pusher, load::LoadPlan},
};

use crate::harness::{Registry, Services, services};

#[derive(Default)]
struct Seen(Mutex<Vec<Event>>);

impl EventSink for Seen {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

struct Login(&'static str);

#[async_trait::async_trait]
impl Credentials for Login {
    async fn credential(&self, _: &str) -> Credential {
        Credential::Basic {
            user: "bld".to_owned(),
            password: Secret::new(self.0),
        }
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(work)
}

fn mirror(of_hub: &str) -> RegistrySettings {
    let entry = RegistryEntry {
        mirrors: vec![format!("http://{of_hub}")],
        insecure: false,
    };
    RegistrySettings::new([("docker.io".to_owned(), entry)])
}

fn platform(text: &str) -> Platform {
    text.parse().expect("a platform")
}

async fn busybox(services: &Services, cache: ContentCache, on: &str) -> Arc<ResolvedBase> {
    let registries = Registries::new(mirror(&services.registry), Arc::new(Anonymous));
    let image = ImageRef::parse("busybox:1.36").expect("a name");
    Resolver::new(registries, cache)
        .resolve(&image, &platform(on))
        .await
        .expect("busybox is in the mirror")
}

/// A daemon, a place for what is remembered, and what was seen.
struct Site {
    docker: Arc<Client>,
    cache: tempfile::TempDir,
    seen: Arc<Seen>,
    credentials: Arc<dyn Credentials>,
    /// Unique among concurrent runs.
    tag: String,
}

impl Site {
    async fn new(services: &Services, credentials: Arc<dyn Credentials>) -> Self {
        let address = Address::parse(&services.docker, None).expect("an address");
        Self {
            docker: Arc::new(Client::connect(address).await.expect("the daemon answers")),
            cache: tempfile::tempdir().expect("a temporary directory"),
            seen: Arc::default(),
            credentials,
            tag: format!("t{}", std::process::id()),
        }
    }

    /// Busybox for a platform in the daemon; gives its id.
    async fn image(&self, services: &Services, on: &str) -> Digest {
        let base = busybox(services, ContentCache::none(), on).await;
        let (repository, _) = base.reference.split_once('@').expect("a digest");
        let name = ImageRef::parse(&format!("{repository}@{}", base.manifest)).expect("a name");
        self.docker
            .pull(&name, &Credential::None, None, &|_| {})
            .await
            .expect("the daemon pulls");
        self.docker
            .image(&name.to_string())
            .await
            .expect("it answers")
            .expect("it is there")
            .id
    }

    fn pusher(&self) -> Pusher {
        Pusher {
            docker: Arc::clone(&self.docker),
            registries: Registries::new(RegistrySettings::default(), Arc::clone(&self.credentials)),
            credentials: Arc::clone(&self.credentials),
            cache_dir: self.cache.path().to_owned(),
            events: Arc::clone(&self.seen) as Arc<dyn EventSink>,
        }
    }

    fn name(&self, registry: &str, repository: &str) -> ImageRef {
        ImageRef::parse(&format!(
            "{registry}/{}:{}",
            self.repository(repository),
            self.tag
        ))
        .expect("a name")
    }

    /// New in every run, so that nothing is there yet.
    fn repository(&self, name: &str) -> String {
        format!("test/{}/{name}", self.tag)
    }

    /// Pushes without names in the daemon.
    async fn push(
        &self,
        requests: &[ImageRequest],
        ids: &[&Digest],
    ) -> Result<Vec<Pushed>, String> {
        let ids: Vec<_> = ids.iter().map(|id| Some((*id).clone())).collect();
        let pushed = self
            .pusher()
            .push(requests, &ids, &LoadPlan::default())
            .await;
        pushed.map_err(|e| format!("{} {:?}", e.message, e.hints))
    }

    fn transfers(&self) -> usize {
        let mut seen = self.seen.0.lock().unwrap();
        let count = seen
            .iter()
            .filter(|e| matches!(e, Event::Transfer { .. }))
            .count();
        seen.clear();
        count
    }
}

fn request(name: &ImageRef, on: &str, in_index: bool) -> ImageRequest {
    let file = Arc::new(SourceFile::new("Buildfile", "SAVE IMAGE"));
    ImageRequest {
        target: "+image".to_owned(),
        names: vec![name.clone()],
        platform: platform(on),
        platform_chosen: true,
        load: false,
        push: true,
        insecure: false,
        no_manifest_list: !in_index,
        at: Location::new(&file, Span::default()),
    }
}

#[test]
fn a_base_is_found_through_the_mirror_for_every_platform() {
    let Some(services) = services("a_base_is_found_through_the_mirror") else {
        return;
    };
    run(async {
        let amd = busybox(&services, ContentCache::none(), "linux/amd64").await;
        let arm = busybox(&services, ContentCache::none(), "linux/arm64").await;
        assert_eq!(amd.config.architecture, "amd64");
        assert_eq!(arm.config.architecture, "arm64");
        assert_eq!((&amd.top, amd.single), (&arm.top, false));
        assert_ne!(amd.manifest, arm.manifest);
        let reference = format!("{}/library/busybox@{}", services.registry, amd.top);
        assert_eq!(amd.reference, reference);
    });
}

#[test]
fn what_a_digest_names_comes_from_the_cache_without_any_registry() {
    let Some(services) = services("what_a_digest_names_comes_from_the_cache") else {
        return;
    };
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let first = busybox(&services, ContentCache::in_dir(dir.path()), "linux/arm64").await;
        let nowhere = Registries::new(mirror("127.0.0.1:1"), Arc::new(Anonymous));
        let resolver = Resolver::new(nowhere, ContentCache::in_dir(dir.path()));
        let pinned = ImageRef::parse(&format!("busybox@{}", first.top)).unwrap();
        let again = resolver
            .resolve(&pinned, &platform("linux/arm64"))
            .await
            .unwrap();
        assert_eq!(
            (&again.manifest, &again.config),
            (&first.manifest, &first.config)
        );
    });
}

#[test]
fn a_missing_image_and_a_missing_platform_are_told_apart() {
    let Some(services) = services("a_missing_image_and_a_missing_platform") else {
        return;
    };
    run(async {
        let registries = Registries::new(RegistrySettings::default(), Arc::new(Anonymous));
        let resolver = Resolver::new(registries, ContentCache::none());
        for (name, on, words) in [
            (
                "library/absent:1",
                "linux/amd64",
                "has no image `library/absent:1`",
            ),
            (
                "library/busybox:1.36",
                "linux/s390x",
                "is not there for linux/s390x",
            ),
        ] {
            let image = ImageRef::parse(&format!("{}/{name}", services.registry)).unwrap();
            let error = resolver.resolve(&image, &platform(on)).await.unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    });
}

#[test]
fn an_image_with_a_name_is_pushed_by_the_daemon_and_comes_back_by_its_digest() {
    let Some(services) = services("an_image_with_a_name_is_pushed_by_the_daemon") else {
        return;
    };
    run(async {
        let site = Site::new(&services, Arc::new(Anonymous)).await;
        let id = site.image(&services, "linux/amd64").await;
        let name = site.name(&services.registry, "by-daemon");
        let requests = [ImageRequest {
            load: true,
            ..request(&name, "linux/amd64", false)
        }];
        let plan = LoadPlan::new(&requests, &platform("linux/amd64"));
        let before = plan.look(&site.docker).await.unwrap();
        site.docker.tag(id.as_str(), &name).await.unwrap();
        let ids = [Some(id.clone())];
        let events = Arc::clone(&site.seen) as Arc<dyn EventSink>;
        plan.verify(&site.docker, &requests, &ids, &before, &events)
            .await
            .unwrap();
        let pushed = site.pusher().push(&requests, &ids, &plan).await.unwrap();
        site.docker.remove(&name.to_string()).await.unwrap();

        let back = name.pinned(pushed[0].digest.clone());
        site.docker
            .pull(&back, &Credential::None, None, &|_| {})
            .await
            .unwrap();
        let text = format!("{}/{}@{}", back.registry, back.repository, pushed[0].digest);
        assert_eq!(site.docker.image(&text).await.unwrap().unwrap().id, id);
        let seen = site.seen.0.lock().unwrap();
        let loaded = seen.iter().any(|e| {
            matches!(
                e,
                Event::Output(OutputEvent::Loaded {
                    unchanged: false,
                    ..
                })
            )
        });
        assert!(loaded, "{seen:?}");
    });
}

#[test]
fn two_platforms_make_an_index_and_a_second_push_sends_nothing() {
    let Some(services) = services("two_platforms_make_an_index") else {
        return;
    };
    run(async {
        let site = Site::new(&services, Arc::new(Anonymous)).await;
        let amd = site.image(&services, "linux/amd64").await;
        let arm = site.image(&services, "linux/arm64").await;
        let name = site.name(&services.registry, "index");
        let requests = [
            request(&name, "linux/arm64", true),
            request(&name, "linux/amd64", true),
        ];
        let first = site.push(&requests, &[&arm, &amd]).await.unwrap();
        assert!(site.transfers() > 0);

        let registry = Registry::at(&services.registry);
        let index = registry
            .manifest(&site.repository("index"), &site.tag)
            .expect("the index is there");
        assert_eq!(
            index.media_type,
            "application/vnd.docker.distribution.manifest.list.v2+json"
        );
        assert_eq!(index.digest, first[0].digest.as_str());
        for (entry, arch) in index.json["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .zip(["amd64", "arm64"])
        {
            assert_eq!(entry["platform"]["architecture"], arch);
            let digest = entry["digest"].as_str().unwrap();
            let manifest = registry
                .manifest(&site.repository("index"), digest)
                .expect("the manifest is there");
            assert_eq!(
                manifest.media_type,
                "application/vnd.docker.distribution.manifest.v2+json"
            );
            assert_eq!(
                registry.config(&site.repository("index"), &manifest)["architecture"],
                arch
            );
        }
        for on in ["linux/amd64", "linux/arm64"] {
            site.docker
                .pull(&name, &Credential::None, Some(&platform(on)), &|_| {})
                .await
                .unwrap();
        }
        site.docker.remove(&name.to_string()).await.unwrap();

        // Again, and beside it another repository of the same registry: blobs are there, or are mounted.
        let other = site.name(&services.registry, "index-other");
        let mut both = requests.clone();
        both.iter_mut().for_each(|r| r.names.push(other.clone()));
        let again = site.push(&both, &[&arm, &amd]).await.unwrap();
        assert_eq!(
            again.iter().map(|p| &p.digest).collect::<Vec<_>>(),
            [&first[0].digest, &first[0].digest]
        );
        assert_eq!(site.transfers(), 0);
    });
}

#[test]
fn what_a_registry_says_of_the_layers_of_a_base_is_not_remembered() {
    let Some(services) = services("what_a_registry_says_of_the_layers") else {
        return;
    };
    run(async {
        let site = Site::new(&services, Arc::new(Anonymous)).await;
        let id = site.image(&services, "linux/amd64").await;
        let registries = Registries::new(mirror(&services.registry), Arc::new(Anonymous));
        let resolver = Resolver::new(registries, ContentCache::none());
        let base = ImageRef::parse("busybox:1.36").unwrap();
        resolver
            .resolve(&base, &platform("linux/amd64"))
            .await
            .unwrap();

        assert!(!site.cache.path().join("layers").exists());

        let name = site.name(&services.registry, "unseen");
        site.push(&[request(&name, "linux/amd64", true)], &[&id])
            .await
            .unwrap();
        assert!(
            site.transfers() > 0,
            "what is pushed is what the daemon has"
        );
        site.docker
            .pull(&name, &Credential::None, None, &|_| {})
            .await
            .unwrap();
        assert_eq!(
            site.docker
                .image(&name.to_string())
                .await
                .unwrap()
                .unwrap()
                .id,
            id
        );
        site.docker.remove(&name.to_string()).await.unwrap();
    });
}

#[test]
fn no_manifest_list_gives_a_plain_manifest_for_its_platform() {
    let Some(services) = services("no_manifest_list_gives_a_plain_manifest") else {
        return;
    };
    run(async {
        let site = Site::new(&services, Arc::new(Anonymous)).await;
        let arm = site.image(&services, "linux/arm64").await;
        let name = site.name(&services.registry, "plain");
        site.push(&[request(&name, "linux/arm64", false)], &[&arm])
            .await
            .unwrap();
        let registry = Registry::at(&services.registry);
        let manifest = registry
            .manifest(&site.repository("plain"), &site.tag)
            .unwrap();
        assert!(!manifest.is_index());
        assert_eq!(
            registry.config(&site.repository("plain"), &manifest)["architecture"],
            "arm64"
        );
    });
}

#[test]
fn a_protected_registry_takes_the_right_password_only() {
    let Some(services) = services("a_protected_registry") else {
        return;
    };
    run(async {
        for (credentials, allowed, hint) in [
            (
                Arc::new(Login("secret-password")) as Arc<dyn Credentials>,
                true,
                "",
            ),
            (Arc::new(Login("wrong?>~\u{fc}")), false, "replaces them"),
            (
                Arc::new(Anonymous),
                false,
                "run `docker login 127.0.0.1:5001`",
            ),
        ] {
            let site = Site::new(&services, credentials).await;
            let id = site.image(&services, "linux/amd64").await;
            let name = site.name(&services.registry_auth, "protected");
            let ours = request(&name, "linux/amd64", true);
            let loaded = ImageRequest {
                load: true,
                ..request(&name, "linux/amd64", false)
            };
            site.docker.tag(id.as_str(), &name).await.unwrap();
            for request in [ours, loaded] {
                let plan = LoadPlan::new(std::slice::from_ref(&request), &platform("linux/amd64"));
                let pushed = site
                    .pusher()
                    .push(&[request], &[Some(id.clone())], &plan)
                    .await;
                match pushed {
                    Ok(_) => assert!(allowed),
                    Err(error) => {
                        assert!(!allowed, "{error:?}");
                        assert!(error.message.contains("denies access"), "{error}");
                        assert!(error.hints[0].contains(hint), "{error:?}");
                        let text = format!("{error:?}");
                        assert!(
                            !text.contains("wrong?>") && !text.contains("secret-password"),
                            "{text}"
                        );
                    }
                }
            }
            site.docker.remove(&name.to_string()).await.unwrap();
            assert!(
                !Path::new(&site.cache.path().join("spool"))
                    .read_dir()
                    .is_ok_and(|mut d| d.next().is_some())
            );
        }
    });
}

#[test]
fn an_archive_goes_out_and_in_and_a_broken_one_is_an_error() {
    let Some(services) = services("an_archive_goes_out_and_in") else {
        return;
    };
    run(async {
        let site = Site::new(&services, Arc::new(Anonymous)).await;
        let id = site.image(&services, "linux/amd64").await;
        let lines = site
            .docker
            .load(site.docker.save(id.as_str()))
            .await
            .unwrap();
        assert!(
            lines.iter().any(|line| line.contains(id.hex())),
            "{lines:?}"
        );
        let junk = vec![Ok::<_, std::io::Error>(bytes::Bytes::from_static(
            &[7; 2000],
        ))];
        let error = site.docker.load(futures_util::stream::iter(junk)).await;
        assert!(error.is_err(), "{error:?}");
        assert!(
            site.docker
                .image("bld-test/never-there")
                .await
                .unwrap()
                .is_none()
        );
    });
}

/// The registry under an address that is not loopback, so that a daemon wants TLS there; none without such an address.
async fn outside_address(registry: &str) -> Option<String> {
    // Connecting a datagram socket sends nothing; it only chooses the local address towards Docker's bridge.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("172.17.0.2:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    let listener = tokio::net::TcpListener::bind((ip, 0)).await.ok()?;
    let address = listener.local_addr().ok()?;
    let registry = registry.to_owned();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let registry = registry.clone();
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(registry).await?;
                tokio::io::copy_bidirectional(&mut from, &mut to).await
            });
        }
    });
    (!ip.is_loopback()).then(|| address.to_string())
}

#[test]
fn a_registry_that_the_daemon_distrusts_is_pushed_to_by_us_if_the_user_trusts_it() {
    let Some(services) = services("a_registry_that_the_daemon_distrusts") else {
        return;
    };
    run(async {
        let Some(address) = outside_address(&services.registry).await else {
            return;
        };
        let site = Site::new(&services, Arc::new(Anonymous)).await;
        let id = site.image(&services, "linux/amd64").await;
        let name = site.name(&address, "distrusted");
        site.docker.tag(id.as_str(), &name).await.unwrap();
        for insecure in [false, true] {
            let request = ImageRequest {
                load: true,
                insecure,
                ..request(&name, "linux/amd64", false)
            };
            let plan = LoadPlan::new(std::slice::from_ref(&request), &platform("linux/amd64"));
            let pushed = site
                .pusher()
                .push(&[request], &[Some(id.clone())], &plan)
                .await;
            match pushed {
                Ok(_) => assert!(insecure),
                Err(error) => {
                    assert!(!insecure, "{error:?}");
                    assert!(error.hints[0].contains("insecure: true"), "{error:?}");
                }
            }
        }
        site.docker.remove(&name.to_string()).await.unwrap();
    });
}
