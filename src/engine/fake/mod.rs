//! An engine for tests. Nothing runs: commands do what a script says, images are what a script says, and files of the
//! host, copies and exports are real enough to be looked at.
//!
//! It is stricter than any daemon: whatever a daemon would accept and misunderstand is a panic here (`check.rs`), so that
//! the test fails where the mistake is.

mod check;
mod files;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use files::{Files, Node};

use super::{
    Build, BuildRequest, Capability, Description, DiskUsage, Dockerfile, Engine, EngineError,
    Export, Exported, FileStat, FromDockerfile, PruneRequest, ResolvedImage, Solved, StepFailure,
};
use crate::{
    base::{Digest, Platform},
    events::{Event, EventSink, StepState},
    llb::{Definition, Edge, ExecOp, MountKind, Op, State, Vertex},
    oci::ImageConfig,
};

/// What a command does.
#[derive(Debug, Clone, Default)]
pub struct Ran {
    /// Its exit code.
    pub exit_code: i32,
    /// What it prints.
    pub stdout: Vec<u8>,
    /// What it writes, by absolute paths.
    pub writes: Vec<(String, Vec<u8>)>,
}

/// What came out of the engine.
#[derive(Debug, Clone)]
pub struct ExportedImage {
    /// Under which names.
    pub names: Vec<String>,
    /// With which configuration.
    pub config: ImageConfig,
    /// With cache records.
    pub inline_cache: bool,
    /// What is in it.
    pub files: Files,
}

/// What happened, in order.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Commands that ran, as `arg arg arg`.
    pub commands: Vec<String>,
    /// Images that were looked up.
    pub resolved: Vec<String>,
    /// Dockerfiles as they were given, with their arguments.
    pub dockerfiles: Vec<(String, Vec<(String, String)>)>,
    /// Images that were exported.
    pub images: Vec<ExportedImage>,
    /// Builds that were opened, and that were finished.
    pub builds: (usize, usize),
}

#[derive(Default)]
struct World {
    images: HashMap<String, (ImageConfig, Files)>,
    commands: Vec<(String, Ran)>,
    dockerfiles: Vec<(String, Result<FromDockerfile, EngineError>)>,
    record: Record,
    /// Results that outlive a build.
    cache: HashMap<(Digest, u32), Files>,
}

/// The engine.
pub struct Fake {
    description: Description,
    world: Arc<Mutex<World>>,
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// One that can do everything, and knows no image.
    pub fn new() -> Self {
        let platform = |text: &str| text.parse::<Platform>().expect("constant");
        Self {
            description: Description {
                name: "fake engine".to_owned(),
                native: platform("linux/amd64"),
                platforms: vec![platform("linux/amd64"), platform("linux/arm64")],
                capabilities: [
                    Capability::SecretEnv,
                    Capability::ImageStore,
                    Capability::InlineCache,
                    Capability::Merge,
                ]
                .into(),
            },
            world: Arc::default(),
        }
    }

    /// Takes a capability away.
    #[must_use]
    pub fn without(mut self, capability: Capability) -> Self {
        self.description.capabilities.remove(&capability);
        self
    }

    /// Adds an image under a complete name.
    #[must_use]
    pub fn image(self, reference: &str, config: ImageConfig, files: &[(&str, &str)]) -> Self {
        let mut tree = Files::default();
        for (path, text) in files {
            tree.write(path, text.as_bytes().to_vec(), 0o644);
        }
        self.world()
            .images
            .insert(reference.to_owned(), (config, tree));
        self
    }

    /// A command whose arguments, with spaces between them, contain a text does this. The first that fits counts; a
    /// command that nobody scripted does nothing, and succeeds.
    #[must_use]
    pub fn command(self, contains: &str, ran: Ran) -> Self {
        self.world().commands.push((contains.to_owned(), ran));
        self
    }

    /// A Dockerfile that contains a text gives this. The first that fits counts.
    #[must_use]
    pub fn dockerfile(self, contains: &str, gives: Result<FromDockerfile, EngineError>) -> Self {
        let entry = (contains.to_owned(), gives);
        self.world().dockerfiles.push(entry);
        self
    }

    /// What happened so far.
    pub fn record(&self) -> Record {
        self.world().record.clone()
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().expect("no holder of this lock panics")
    }
}

#[async_trait]
impl Engine for Fake {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn allows_privileged(&self) -> Result<bool, EngineError> {
        Ok(true)
    }

    async fn open(&self, request: BuildRequest) -> Result<Box<dyn Build>, EngineError> {
        self.world().record.builds.0 += 1;
        Ok(Box::new(FakeBuild {
            world: Arc::clone(&self.world),
            events: request.events,
            cancel: request.cancel,
            no_cache: request.no_cache,
            state: Mutex::default(),
        }))
    }

    async fn disk_usage(&self) -> Result<DiskUsage, EngineError> {
        let total = self.world().cache.len() as u64;
        let reclaimable = total;
        Ok(DiskUsage { total, reclaimable })
    }

    async fn prune(&self, _: PruneRequest) -> Result<u64, EngineError> {
        Ok(self.world().cache.drain().count() as u64)
    }
}

struct FakeBuild {
    world: Arc<Mutex<World>>,
    events: Arc<dyn EventSink>,
    cancel: CancellationToken,
    no_cache: bool,
    state: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    finished: bool,
    results: HashMap<(Digest, u32), Files>,
    solved: BTreeMap<String, Files>,
}

fn other(text: impl Into<String>) -> EngineError {
    EngineError::Other(text.into())
}

impl FakeBuild {
    fn open(&self) -> Result<std::sync::MutexGuard<'_, Open>, EngineError> {
        if self.cancel.is_cancelled() {
            return Err(EngineError::Canceled);
        }
        let open = self.state.lock().expect("no holder of this lock panics");
        assert!(!open.finished, "a finished build is used");
        Ok(open)
    }

    fn files(&self, state: &State) -> Result<Files, EngineError> {
        let Some(edge) = state else {
            return Ok(Files::default());
        };
        let mut open = self.open()?;
        let definition = Definition::of(edge);
        check::definition(&definition);
        let mut world = self.world.lock().expect("no holder of this lock panics");
        for vertex in definition.vertices() {
            if !open.results.contains_key(&(vertex.digest.clone(), 0)) || is_partly(&open, vertex) {
                self.run(vertex, &mut open, &mut world)?;
            }
        }
        let root = definition.root();
        let result = open.results.get(&key(root)).cloned();
        Ok(result.expect("an edge names a result that its vertex has"))
    }

    fn say(&self, vertex: &Vertex, state: StepState) {
        self.events.emit(Event::Step {
            id: vertex.digest.clone(),
            label: Arc::clone(&vertex.label),
            state,
        });
    }

    fn run(&self, vertex: &Vertex, open: &mut Open, world: &mut World) -> Result<(), EngineError> {
        let fail = |exit_code: Option<i32>, tail: &[u8], message: String| {
            self.say(
                vertex,
                StepState::Failed {
                    reason: message.clone(),
                },
            );
            let tail = String::from_utf8_lossy(tail);
            EngineError::Step(Box::new(StepFailure {
                vertex: vertex.digest.clone(),
                label: Arc::clone(&vertex.label),
                exit_code,
                tail: tail.lines().map(str::to_owned).collect(),
                message,
            }))
        };
        let input = |n: Option<usize>| match n {
            None => Files::default(),
            Some(n) => open.results[&key(&vertex.inputs()[n])].clone(),
        };
        let mut results = Vec::new();
        match vertex.op() {
            Op::Image(source) => {
                let image = world.images.get(&source.reference);
                let (_, files) = image.ok_or_else(|| EngineError::Image {
                    image: source.reference.clone(),
                    reason: "not found".to_owned(),
                })?;
                results.push((0, files.clone()));
            }
            Op::Local(local) => {
                let files = Files::of_host(&local.files).map_err(|e| other(e.to_string()))?;
                results.push((0, files));
            }
            Op::Http(file) => {
                return Err(other(format!("this engine cannot fetch {}", file.url)));
            }
            Op::File(ops) => {
                let mut files = input(ops.base);
                for action in &ops.actions {
                    let from = |n| input(n);
                    files
                        .apply(action, from)
                        .map_err(|text| fail(None, b"", text))?;
                }
                results.push((0, files));
            }
            Op::Merge => {
                let mut files = Files::default();
                for n in 0..vertex.inputs().len() {
                    files.put_all(input(Some(n)));
                }
                results.push((0, files));
            }
            Op::Diff { lower, upper } => {
                results.push((0, input(*upper).without(&input(*lower))));
            }
            Op::Foreign(_) => panic!("{vertex:?}: nobody else makes vertices here"),
            Op::Exec(exec) => {
                if let Some(known) = self.cached(vertex, exec, world) {
                    self.say(vertex, StepState::Cached);
                    results = known;
                } else {
                    self.say(vertex, StepState::Started);
                    let text = exec.spec.args.join(" ");
                    let scripted = world.commands.iter().find(|(part, _)| text.contains(part));
                    let ran = scripted.map(|(_, ran)| ran.clone()).unwrap_or_default();
                    world.record.commands.push(text);
                    if !ran.stdout.is_empty() {
                        self.events.emit(Event::Log {
                            id: vertex.digest.clone(),
                            label: Arc::clone(&vertex.label),
                            stderr: false,
                            data: ran.stdout.clone(),
                        });
                    }
                    if ran.exit_code != 0 {
                        let message = format!("exit code: {}", ran.exit_code);
                        return Err(fail(Some(ran.exit_code), &ran.stdout, message));
                    }
                    results = outputs(exec, &ran, input);
                    self.say(
                        vertex,
                        StepState::Done {
                            took: Duration::ZERO,
                        },
                    );
                    for (output, files) in &results {
                        let key = (vertex.digest.clone(), *output);
                        world.cache.insert(key, files.clone());
                    }
                }
            }
        }
        for (output, files) in results {
            open.results.insert((vertex.digest.clone(), output), files);
        }
        Ok(())
    }

    fn cached(&self, vertex: &Vertex, exec: &ExecOp, world: &World) -> Option<Vec<(u32, Files)>> {
        if self.no_cache || vertex.ignore_cache() {
            return None;
        }
        let outputs = exec.mounts.iter().filter_map(|m| m.output);
        outputs
            .map(|n| {
                let files = world.cache.get(&(vertex.digest.clone(), n))?;
                Some((n, files.clone()))
            })
            .collect()
    }
}

/// A vertex without a first result (a read-only root) runs again; that does no harm here.
fn is_partly(open: &Open, vertex: &Vertex) -> bool {
    let known: HashSet<u32> = open
        .results
        .keys()
        .filter(|(digest, _)| *digest == vertex.digest)
        .map(|(_, output)| *output)
        .collect();
    match vertex.op() {
        Op::Exec(exec) => !exec
            .mounts
            .iter()
            .filter_map(|m| m.output)
            .all(|n| known.contains(&n)),
        _ => false,
    }
}

fn key(edge: &Edge) -> (Digest, u32) {
    (edge.vertex.digest.clone(), edge.output)
}

/// The content of all mounts that are kept: what was there, and what was written.
fn outputs(exec: &ExecOp, ran: &Ran, input: impl Fn(Option<usize>) -> Files) -> Vec<(u32, Files)> {
    let mut results = Vec::new();
    for mount in &exec.mounts {
        let Some(output) = mount.output else { continue };
        let mut files = input(mount.input);
        for (path, data) in &ran.writes {
            // The deepest mount above a path has it.
            let owner = exec
                .mounts
                .iter()
                .filter(|m| path.starts_with(m.dest.trim_end_matches('/')))
                .max_by_key(|m| m.dest.len());
            if owner.is_some_and(|o| o.dest == mount.dest) {
                assert!(
                    matches!(mount.kind, MountKind::Writable { .. }),
                    "a script writes to {path}, which cannot be written"
                );
                let inside = &path[mount.dest.trim_end_matches('/').len()..];
                files.write(inside, data.clone(), 0o644);
            }
        }
        results.push((output, files));
    }
    results
}

#[async_trait]
impl Build for FakeBuild {
    async fn resolve_image(
        &self,
        reference: &str,
        platform: &Platform,
        _: bool,
    ) -> Result<ResolvedImage, EngineError> {
        drop(self.open()?);
        check::reference(reference);
        let mut world = self.world.lock().expect("no holder of this lock panics");
        world.record.resolved.push(reference.to_owned());
        let (config, _) = world
            .images
            .get(reference)
            .ok_or_else(|| EngineError::Image {
                image: reference.to_owned(),
                reason: "not found".to_owned(),
            })?;
        let mut config = config.clone();
        config.architecture.clone_from(&platform.arch);
        Ok(ResolvedImage {
            digest: None,
            config,
        })
    }

    async fn dockerfile(&self, wanted: &Dockerfile) -> Result<FromDockerfile, EngineError> {
        // What it could copy from has to be there.
        self.files(&wanted.context)?;
        let mut world = self.world.lock().expect("no holder of this lock panics");
        let read = (wanted.text.clone(), wanted.args.clone());
        world.record.dockerfiles.push(read);
        let known = world
            .dockerfiles
            .iter()
            .find(|(part, _)| wanted.text.contains(part));
        let (_, gives) = known.unwrap_or_else(|| panic!("nobody expected `{}`", wanted.text));
        gives.clone()
    }

    async fn solve(&self, state: &State) -> Result<Solved, EngineError> {
        tokio::task::yield_now().await;
        let files = self.files(state)?;
        let mut open = self.open()?;
        let name = format!("solved-{}", open.solved.len());
        open.solved.insert(name.clone(), files);
        Ok(Solved(name))
    }

    async fn read_file(&self, solved: &Solved, path: &str) -> Result<Vec<u8>, EngineError> {
        let open = self.open()?;
        let files = open.solved.get(&solved.0).expect("a result of this build");
        let missing = || other(format!("open {path}: no such file or directory"));
        files.read(path).map(<[u8]>::to_vec).ok_or_else(missing)
    }

    async fn list(&self, solved: &Solved, path: &str) -> Result<Vec<FileStat>, EngineError> {
        let open = self.open()?;
        let files = open.solved.get(&solved.0).expect("a result of this build");
        let missing = || other(format!("open {path}: no such file or directory"));
        files.list(path).ok_or_else(missing)
    }

    async fn export(&self, state: &State, export: Export) -> Result<Exported, EngineError> {
        let files = self.files(state)?;
        match export {
            Export::Image {
                names,
                config,
                inline_cache,
            } => {
                for name in &names {
                    check::reference(name);
                }
                assert!(!config.os.is_empty() && !config.architecture.is_empty());
                let json = serde_json::to_vec(&config).map_err(|e| other(e.to_string()))?;
                let image_id = Digest::of(&[json, format!("{files:?}").into_bytes()].concat());
                let image = ExportedImage {
                    names,
                    config: *config,
                    inline_cache,
                    files,
                };
                let mut world = self.world.lock().expect("no holder of this lock panics");
                world.record.images.push(image);
                Ok(Exported {
                    image_id: Some(image_id),
                    config: None,
                })
            }
            Export::Archive { .. } => Err(other("it has no archives".to_owned())),
            Export::Files { dest, .. } => {
                let empty = std::fs::read_dir(&dest).map(|mut entries| entries.next().is_none());
                assert!(
                    matches!(empty, Ok(true)),
                    "`{}` is no empty directory",
                    dest.display()
                );
                files.save(&dest).map_err(|e| other(e.to_string()))?;
                Ok(Exported::default())
            }
        }
    }

    async fn finish(&self) -> Result<(), EngineError> {
        let mut open = self.state.lock().expect("no holder of this lock panics");
        if !open.finished {
            open.finished = true;
            let mut world = self.world.lock().expect("no holder of this lock panics");
            world.record.builds.1 += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{Credential, Credentials},
        events::NoEvents,
        llb::{CopyFile, Exec, FileOp, Local, Mount, Nonce, image, tests_support::label},
    };

    struct Nobody;

    #[async_trait]
    impl Credentials for Nobody {
        async fn credential(&self, _: &str) -> Credential {
            Credential::None
        }
    }

    async fn open(fake: &Fake) -> Box<dyn Build> {
        let request = BuildRequest {
            credentials: Arc::new(Nobody),
            events: Arc::new(NoEvents),
            cancel: CancellationToken::new(),
            no_cache: false,
            cache_from: Arc::default(),
            secrets: Arc::new(crate::engine::NoSecrets),
            sockets: Arc::default(),
            privileged: false,
        };
        fake.open(request).await.unwrap()
    }

    fn linux() -> Platform {
        "linux/amd64".parse().unwrap()
    }

    fn fake() -> Fake {
        let config = ImageConfig::scratch(&linux());
        let wrote = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        let probe = Ran {
            writes: vec![wrote("/out/status", "3\n"), wrote("/changed", "")],
            ..Ran::default()
        };
        let fails = Ran {
            exit_code: 7,
            stdout: b"bad\n".to_vec(),
            ..Ran::default()
        };
        Fake::new()
            .image(
                "docker.io/library/busybox:1.36",
                config,
                &[("/etc/passwd", "root\n")],
            )
            .command("probe", probe)
            .command("fail", fails)
    }

    fn base() -> State {
        Some(image(
            "docker.io/library/busybox:1.36",
            &linux(),
            label("FROM"),
        ))
    }

    #[tokio::test]
    async fn scripted_commands_write_where_their_mounts_are_and_run_once() {
        let fake = fake();
        for _ in 0..2 {
            let build = open(&fake).await;
            let probe = Exec::new(&base(), ["probe"])
                .mount(Mount::scratch("/out"))
                .build(&linux(), label("RUN"));
            let out = build.solve(&probe.output("/out")).await.unwrap();
            assert_eq!(build.read_file(&out, "/status").await.unwrap(), b"3\n");
            assert!(build.read_file(&out, "/changed").await.is_err());
            let root = build.solve(&Some(probe.root())).await.unwrap();
            assert!(build.read_file(&root, "/changed").await.is_ok());
            assert!(build.read_file(&root, "/etc/passwd").await.is_ok());
            build.finish().await.unwrap();
        }
        assert_eq!(fake.record().commands, ["probe"]);
        assert_eq!(fake.record().builds, (2, 2));
    }

    #[tokio::test]
    async fn failures_and_missing_images_are_errors_as_on_a_daemon() {
        let fake = fake();
        let build = open(&fake).await;
        let failing = Exec::new(&base(), ["fail"]).build(&linux(), label("RUN fail"));
        let Err(EngineError::Step(failure)) = build.solve(&Some(failing.root())).await else {
            panic!()
        };
        assert_eq!(
            (failure.exit_code, failure.tail),
            (Some(7), vec!["bad".to_owned()])
        );
        let missing = image("docker.io/library/nothing:1", &linux(), label("FROM"));
        let error = build.solve(&Some(missing)).await.unwrap_err();
        assert!(matches!(error, EngineError::Image { .. }));
    }

    #[tokio::test]
    async fn a_dockerfile_gives_a_state_to_go_on_with_or_says_where_it_is_wrong() {
        let gives = FromDockerfile {
            state: base(),
            config: ImageConfig::scratch(&linux()),
        };
        let wrong = EngineError::Dockerfile {
            line: Some(2),
            message: "unknown instruction".to_owned(),
        };
        let fake = fake()
            .dockerfile("RUNN", Err(wrong))
            .dockerfile("FROM", Ok(gives.clone()));
        let build = open(&fake).await;
        let wanted = |text: &str| Dockerfile {
            text: text.to_owned(),
            source: Arc::new(crate::diag::SourceFile::new("Dockerfile", text)),
            pinned: Vec::new(),
            context: base(),
            target: None,
            args: vec![("a".to_owned(), "1".to_owned())],
            platform: linux(),
            label: label("FROM DOCKERFILE"),
        };
        let read = build.dockerfile(&wanted("FROM busybox")).await.unwrap();
        assert_eq!(read, gives);
        let solved = build.solve(&read.state).await.unwrap();
        assert!(build.read_file(&solved, "/etc/passwd").await.is_ok());
        let error = build.dockerfile(&wanted("FROM x\nRUNN")).await.unwrap_err();
        assert!(matches!(
            error,
            EngineError::Dockerfile { line: Some(2), .. }
        ));
        assert_eq!(fake.record().dockerfiles[0].1[0].1, "1");
    }

    #[tokio::test]
    async fn copies_and_exports_can_be_looked_at() {
        let fake = fake();
        let build = open(&fake).await;
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("src")).unwrap();
        for name in ["src/a.c", "src/b.c", "src/c.o"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let local = Local {
            dir: dir.path().to_owned(),
            include: Vec::new(),
            exclude: vec!["**/b.c".to_owned()],
        };
        let context = Some(local.build(&Nonce::fixed("n"), label("context")));
        let spec = CopyFile {
            wildcard: true,
            make_dest: true,
            ..CopyFile::default()
        };
        let copy = FileOp::on(&base()).copy(&context, "/src/*.c", "/app/", spec);
        let state = Some(copy.build(label("COPY")));
        let config = Box::new(ImageConfig::scratch(&linux()));
        let export = Export::Image {
            names: vec!["docker.io/library/out:1".to_owned()],
            config,
            inline_cache: false,
        };
        build.export(&state, export).await.unwrap();
        let image = fake.record().images.remove(0);
        let paths: Vec<_> = image
            .files
            .iter()
            .map(|(path, _)| path.to_owned())
            .collect();
        assert_eq!(paths, ["app", "app/a.c", "etc", "etc/passwd"]);
    }

    #[tokio::test]
    #[should_panic(expected = "not complete")]
    async fn a_short_image_name_is_a_mistake() {
        let fake = fake();
        let state = Some(image("busybox", &linux(), label("FROM")));
        let _ = open(&fake).await.solve(&state).await;
    }
}
