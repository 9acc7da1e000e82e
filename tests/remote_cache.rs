//! A cache of its own in a registry: written by an engine that can, and then used where nothing has been built before.

use std::{
    io::Read as _,
    sync::{Mutex, MutexGuard},
};

use crate::harness::{Bld, Docker, Registry, Services, services, services_with_third};

/// The daemon forgets everything in these tests, so each has it for itself.
static ALONE: Mutex<()> = Mutex::new(());

/// A project, and a daemon that can write caches.
struct Site {
    _alone: MutexGuard<'static, ()>,
    services: Services,
    daemon: Docker,
    /// Names the repository of the cache.
    id: String,
    bld: Bld,
}

/// Every command writes something else whenever it runs.
const PROJECT: &str = "\
VERSION 0.8
FROM busybox:1.36

root:
    BUILD +hinted
    BUILD +between
    RUN cat /proc/sys/kernel/random/uuid > /stamp
    SAVE ARTIFACT /stamp AS LOCAL out/root

hinted:
    RUN cat /proc/sys/kernel/random/uuid > /stamp && : hinted
    SAVE ARTIFACT /stamp AS LOCAL out/hinted
    SAVE IMAGE --cache-hint

between:
    RUN cat /proc/sys/kernel/random/uuid > /stamp && : between
    SAVE ARTIFACT /stamp AS LOCAL out/between
";

impl Site {
    fn new(test: &str, buildfile: &str) -> Option<Self> {
        let services = services_with_third(test)?;
        let id = format!("bld-remote-{test}-{}", std::process::id());
        let alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
        let daemon = Docker::at(&services.docker_third);
        daemon.forget_all();
        Some(Self {
            _alone: alone,
            bld: Bld::with(&buildfile.replace("@ID@", &id))
                .on(&services)
                .env("BLD_ENGINE", &services.docker_third),
            daemon,
            services,
            id,
        })
    }

    /// The cache's name, and its repository in the registry.
    fn cache(&self) -> (String, String) {
        let repository = format!("bld-test/{}", self.id);
        (
            format!("{}/{repository}:cache", self.services.registry),
            repository,
        )
    }

    /// What the commands wrote.
    fn stamps(&self) -> [String; 3] {
        ["out/root", "out/hinted", "out/between"].map(|path| self.bld.read(path))
    }

    /// The same commands on a daemon that has never seen them.
    fn elsewhere(&self, args: &[&str]) -> [String; 3] {
        self.daemon.forget_all();
        self.bld.ok(args);
        self.stamps()
    }
}

#[test]
fn what_a_cache_has_runs_nowhere_else_again_the_root_and_what_is_marked() {
    let Some(site) = Site::new("marked", PROJECT) else {
        return;
    };
    let (cache, _) = site.cache();
    let ran = site
        .bld
        .ok(&["--push", &format!("--remote-cache={cache}"), "+root"]);
    ran.says(&format!("Cache written to {cache}"))
        .never_says("warning");
    let [root, hinted, between] = site.stamps();
    let found = site.elsewhere(&[&format!("--remote-cache={cache}"), "+root"]);
    assert_eq!(found[..2], [root.clone(), hinted]);
    assert_ne!(found[2], between, "nobody asked for this one to be kept");
    // Without the cache it would all have run again.
    assert_ne!(site.elsewhere(&["+root"])[0], root);
}

#[test]
fn a_cache_of_everything_has_what_stands_between_too() {
    let Some(site) = Site::new("everything", PROJECT) else {
        return;
    };
    let (cache, repository) = site.cache();
    let with_attributes = format!("--remote-cache={cache},compression=zstd,image-manifest=true");
    site.bld
        .ok(&["--push", "--max-remote-cache", &with_attributes, "+root"]);
    let written = site.stamps();
    let read = format!("--remote-cache={cache}");
    assert_eq!(site.elsewhere(&[&read, "+root"]), written);
    // The attributes are the exporter's.
    let manifest = Registry::at(&site.services.registry)
        .manifest(&repository, "cache")
        .expect("the cache");
    assert!(!manifest.is_index(), "{}", manifest.media_type);
    assert!(manifest.json.to_string().contains("tar+zstd"));
}

#[test]
fn without_push_a_cache_is_only_read_and_one_that_is_not_there_is_no_error() {
    let Some(site) = Site::new("missing", PROJECT) else {
        return;
    };
    let (cache, repository) = site.cache();
    let cache = format!("--remote-cache={cache}");
    let ran = site.bld.ok(&[&cache, "+root"]);
    ran.never_says("Cache written").never_says("warning");
    let registry = Registry::at(&site.services.registry);
    assert!(registry.manifest(&repository, "cache").is_none());
    let old = site.bld.env("BLD_ENGINE", &site.services.docker);
    old.ok(&[&cache, "+root"]).never_says("warning");
}

#[test]
fn a_pushed_image_is_in_the_cache_although_the_root_is_not_built_on_it() {
    let file = "\
VERSION 0.8
FROM busybox:1.36
root:
    BUILD +app
app:
    RUN cat /proc/sys/kernel/random/uuid > /stamp
    SAVE ARTIFACT /stamp AS LOCAL out/app
    SAVE IMAGE --push @REGISTRY@/bld-test/@ID@:app
";
    let Some(services) = services("pushed") else {
        return;
    };
    let file = file.replace("@REGISTRY@", &services.registry);
    let Some(site) = Site::new("pushed", &file) else {
        return;
    };
    let cache = format!("--remote-cache={}", site.cache().0);
    site.bld.ok(&["--push", "--no-output", &cache, "+root"]);
    site.bld.ok(&[&cache, "+root"]);
    let written = site.bld.read("out/app");
    site.daemon.forget_all();
    site.bld.ok(&[&cache, "+root"]);
    assert_eq!(site.bld.read("out/app"), written);
}

#[test]
fn a_cache_that_the_build_file_names_is_read_without_an_option() {
    let file = "\
VERSION 0.8
FROM busybox:1.36
root:
    RUN cat /proc/sys/kernel/random/uuid > /stamp
    SAVE ARTIFACT /stamp AS LOCAL out/stamp
    SAVE IMAGE --cache-from @REGISTRY@/bld-test/@ID@:missing --cache-from @REGISTRY@/bld-test/@ID@:cache
";
    let Some(services) = services("named") else {
        return;
    };
    let file = file.replace("@REGISTRY@", &services.registry);
    let Some(site) = Site::new("named", &file) else {
        return;
    };
    let cache = format!("--remote-cache={}", site.cache().0);
    site.bld.ok(&["--push", &cache, "+root"]);
    let written = site.bld.read("out/stamp");
    site.daemon.forget_all();
    site.bld.ok(&["+root"]).never_says("warning");
    assert_eq!(site.bld.read("out/stamp"), written);
}

#[test]
fn no_secret_gets_into_a_cache() {
    let file = "\
VERSION 0.8
FROM busybox:1.36
root:
    RUN --secret TOKEN test ${#TOKEN} = 21 && env > /dev/null
    RUN --mount=type=secret,id=TOKEN,target=/token test -s /token && echo done > /done
    IF --secret TOKEN [ -n \"$TOKEN\" ]
        RUN echo yes > /yes
    END
";
    let Some(site) = Site::new("secret", file) else {
        return;
    };
    let (cache, repository) = site.cache();
    let secret = "unmistakable-secret-1";
    let ran = site.bld.env("TOKEN", secret).ok(&[
        "--push",
        "--max-remote-cache",
        "--secret=TOKEN",
        &format!("--remote-cache={cache},image-manifest=true"),
        "+root",
    ]);
    ran.never_says(secret);
    let registry = Registry::at(&site.services.registry);
    let manifest = registry.manifest(&repository, "cache").expect("the cache");
    let layers = manifest.json["layers"].as_array().expect("layers");
    let parts = layers.iter().chain([&manifest.json["config"]]);
    let mut seen = String::new();
    for part in parts {
        let blob = registry.blob(&repository, part["digest"].as_str().expect("a digest"));
        let mut content = Vec::new();
        if blob.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = flate2::read::GzDecoder::new(blob.as_slice());
            unpacked.read_to_end(&mut content).expect("gzip");
        } else {
            content = blob;
        }
        seen.push_str(&String::from_utf8_lossy(&content));
    }
    assert!(seen.contains("done\n"), "the layers were looked into");
    assert!(!seen.contains(secret));
}

#[test]
fn an_engine_that_cannot_write_a_cache_says_who_can_before_anything_runs() {
    let Some(services) = services("cannot write") else {
        return;
    };
    let bld = Bld::with(PROJECT).on(&services);
    let cache = format!("--remote-cache={}/bld-test/never:1", services.registry);
    let ran = bld.fails(1, &["--push", &cache, "+root"]);
    ran.says("has no cache in a registry, which `--remote-cache` with `--push` needs")
        .says("containerd-snapshotter")
        .never_says("-->");
}
