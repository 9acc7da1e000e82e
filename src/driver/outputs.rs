//! Outputs in their order: everything is executed, then files are written, then images loaded, then pushed.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    diag::Diagnostic,
    engine::{Export, Special},
    events::{Event, EventSink, Label, OutputEvent, Told},
    graph::{
        Ledger,
        ledger::{
            ArtifactOutput, ImageOutput, Output, OutputKind, OutputMode, Reason, Settled, Verdict,
            Visit,
        },
        plan::StepId,
    },
    interp::probe::HostImage,
    llb::{CopyFile, Edge, FileOp, State},
    output::{FileRequest, ImageRequest, Staging, duplicates, files, image},
};

use super::{
    engines::Connection,
    executor::Executor,
    failure::{Failure, FailureKind},
    handover::Image,
    images::{Daemon, Outside},
};

/// States that are exported at once.
const AT_ONCE: usize = 8;

/// What is needed to hand outputs over.
pub struct Delivery {
    /// Executes and exports.
    pub executor: Arc<Executor>,
    /// The daemon's REST side.
    pub docker: Arc<Daemon>,
    /// Where pushes go.
    pub outside: Outside,
    /// Where results are told.
    pub events: Arc<dyn EventSink>,
    /// The engine, for its platform.
    pub connection: Arc<Connection>,
    /// The working directory.
    pub cwd: PathBuf,
    /// What is remembered from run to run.
    pub cache_dir: PathBuf,
    /// Cache records go into images that are marked for pushing.
    pub save_inline_cache: bool,
    /// What the visits are called.
    pub ledger: Arc<Ledger>,
}

impl Delivery {
    /// Hands over everything that counts, and tells what does not for want of `--push`.
    /// With `check_duplicates` a name may be given once only.
    pub async fn deliver(
        &self,
        settled: &[Settled],
        check_duplicates: bool,
    ) -> Result<(), Failure> {
        let visits = self.ledger.visits();
        let images = images(settled, &visits)?;
        let requests: Vec<ImageRequest> = images.iter().map(|i| i.request.clone()).collect();
        if check_duplicates {
            let problems = duplicates::check(&requests);
            if !problems.is_empty() {
                return Err(Failure {
                    kind: FailureKind::BuildFile,
                    diagnostics: problems,
                });
            }
        }
        let artifacts: Vec<(&Settled, &ArtifactOutput)> = settled
            .iter()
            .filter(|s| s.local == Verdict::Counts)
            .filter_map(|s| match &s.output.kind {
                OutputKind::Artifact(artifact) => Some((s, artifact)),
                _ => None,
            })
            .collect();
        let steps = images.iter().map(|i| i.output.state);
        self.execute(
            steps
                .chain(artifacts.iter().map(|(_, a)| a.state))
                .collect(),
        )
        .await?;
        if !artifacts.is_empty() || !images.is_empty() {
            self.events.emit(Event::Phase("output"));
        }
        self.remark_on_same_places(&artifacts);
        if !artifacts.is_empty() {
            self.write_files(&artifacts).await?;
        }
        if !images.is_empty() {
            self.hand_over_images(&images, &requests, "SAVE IMAGE")
                .await?;
        }
        self.tell_what_was_not_pushed(settled, &visits);
        Ok(())
    }

    /// Writes what is to be saved of a build that fails, as far as it would count if it succeeded: each by itself, so that one that cannot be written does not keep
    /// the others back. What goes wrong is told; the build has an error of its own.
    pub async fn rescue(&self, saved: Vec<Output>, mode: OutputMode) {
        for settled in self.ledger.settle_apart(saved, mode) {
            let (Verdict::Counts, OutputKind::Artifact(artifact)) =
                (&settled.local, &settled.output.kind)
            else {
                continue;
            };
            let written = async {
                self.execute(vec![artifact.state]).await?;
                self.write_files(&[(&settled, artifact)]).await
            };
            if let Err(failure) = written.await {
                for problem in failure.diagnostics {
                    self.events.emit(Event::Remark(problem));
                }
            }
        }
    }

    /// Puts images into the daemon's store at once: a command of this machine is about to use them.
    pub async fn load(&self, images: Vec<HostImage>) -> Result<(), Failure> {
        let output = |image: &HostImage| ImageOutput {
            names: vec![image.name.to_string()],
            state: image.state,
            config: Arc::clone(&image.config),
            platform: image.config.platform(),
            platform_chosen: false,
            push: false,
            cache_hint: false,
            cache_from: Vec::new(),
            insecure: false,
            no_manifest_list: false,
        };
        let outputs: Vec<ImageOutput> = images.iter().map(output).collect();
        self.execute(outputs.iter().map(|output| output.state).collect())
            .await?;
        let requests: Vec<ImageRequest> = images
            .into_iter()
            .map(|image| ImageRequest {
                target: image.target,
                platform: image.config.platform(),
                names: vec![image.name],
                platform_chosen: false,
                load: true,
                push: false,
                insecure: false,
                no_manifest_list: false,
                at: image.at,
            })
            .collect();
        let images: Vec<Image<'_>> = outputs
            .iter()
            .zip(&requests)
            .map(|(output, request)| Image {
                output,
                request: request.clone(),
            })
            .collect();
        self.hand_over_images(&images, &requests, "WITH DOCKER --load")
            .await
    }

    /// Everything is executed before anything is output.
    async fn execute(&self, steps: Vec<StepId>) -> Result<(), Failure> {
        let solve = |step| async move {
            let state = self.executor.state(step).await?;
            self.executor.solve(&state).await.map(|_| ())
        };
        stream::iter(steps)
            .map(solve)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
            .map_err(Failure::from_engine)
    }

    /// Two targets that run at the same time and write the same file: which one wins is nobody's choice.
    fn remark_on_same_places(&self, artifacts: &[(&Settled, &ArtifactOutput)]) {
        let mut first: BTreeMap<&str, &Settled> = BTreeMap::new();
        for (settled, artifact) in artifacts.iter().filter(|(_, a)| !a.dest.ends_with('/')) {
            let Some(other) = first.insert(&artifact.dest, settled) else {
                continue;
            };
            let place = self.seen_from_here(&artifact.dest);
            let message = format!("`{place}` is written twice by this build");
            let remark = Diagnostic::warning("same-place", message)
                .at(settled.output.at.clone())
                .related(other.output.at.clone(), "also here")
                .hint("give each a name of its own, or put one of them into a `WAIT` block");
            self.events.emit(Event::Remark(remark));
        }
    }

    async fn write_files(&self, artifacts: &[(&Settled, &ArtifactOutput)]) -> Result<(), Failure> {
        let no_room = |e: io::Error| {
            let message = format!("cannot make a temporary directory for artifacts: {e}");
            Failure::new(
                FailureKind::Environment,
                Diagnostic::error("staging", message),
            )
        };
        let staging = Staging::new(&self.cwd).map_err(no_room)?;
        let top = staging.directory().map_err(no_room)?;
        let mut states = Vec::with_capacity(artifacts.len());
        for (_, artifact) in artifacts {
            let state = self.executor.state(artifact.state).await;
            states.push(state.map_err(Failure::from_engine)?);
        }
        if let Some(all) = side_by_side(&states) {
            let build = self.executor.build().await.map_err(Failure::from_engine)?;
            let export = Export::Files {
                dest: top.clone(),
                special: Special::Refused,
            };
            build
                .export(&Some(all), export)
                .await
                .map_err(Failure::from_engine)?;
        }
        let mut requests = Vec::with_capacity(artifacts.len());
        for (number, (settled, artifact)) in artifacts.iter().enumerate() {
            let source = top.join(number.to_string());
            // An artifact that may be missing and is has left no directory.
            std::fs::create_dir_all(&source).map_err(no_room)?;
            requests.push(FileRequest {
                artifact: artifact.artifact.clone(),
                source,
                dest: artifact.dest.clone(),
                dest_written: self.seen_from_here(&artifact.dest),
                within: PathBuf::from(&artifact.within),
                glob: artifact.glob,
                force: artifact.force,
                if_exists: artifact.if_exists,
                at: settled.output.at.clone(),
            });
        }
        files::write(requests, Arc::clone(&self.events), staging)
            .await
            .map_err(|problem| Failure::new(FailureKind::Environment, *problem))
    }

    /// A path of this machine as it is shown: from the working directory where it lies below it.
    fn seen_from_here(&self, path: &str) -> String {
        let here = format!("{}/", self.cwd.display());
        match path.strip_prefix(&here) {
            Some("") => "./".to_owned(),
            Some(below) => below.to_owned(),
            None => path.to_owned(),
        }
    }

    fn tell_what_was_not_pushed(&self, settled: &[Settled], visits: &[Visit]) {
        let not_given = Verdict::No(Reason::PushNotGiven);
        for settled in settled {
            if settled.push.as_ref() != Some(&not_given) {
                continue;
            }
            let target = visits[settled.output.owner.0 as usize].target.clone();
            match &settled.output.kind {
                OutputKind::Image(image) => {
                    for name in &image.names {
                        let event = OutputEvent::NotPushed { name: name.clone() };
                        self.events.emit(Event::Output(event));
                    }
                }
                OutputKind::Push(push) => {
                    let event = OutputEvent::NotRun {
                        target,
                        text: push.text.clone(),
                    };
                    self.events.emit(Event::Output(event));
                }
                OutputKind::Artifact(_) => {}
            }
        }
    }
}

/// What is loaded or pushed.
fn images<'a>(settled: &'a [Settled], visits: &[Visit]) -> Result<Vec<Image<'a>>, Failure> {
    let mut images = Vec::new();
    for settled in settled {
        let OutputKind::Image(output) = &settled.output.kind else {
            continue;
        };
        let load = settled.local == Verdict::Counts;
        let push = settled.push == Some(Verdict::Counts);
        if !load && !push {
            continue;
        }
        let at = &settled.output.at;
        let names = output
            .names
            .iter()
            .map(|name| image::parse_name(name, at))
            .collect::<Result<_, _>>()
            .map_err(|problem| Failure::new(FailureKind::BuildFile, *problem))?;
        images.push(Image {
            output,
            request: ImageRequest {
                target: visits[settled.output.owner.0 as usize].target.clone(),
                names,
                platform: output.platform.clone(),
                platform_chosen: output.platform_chosen,
                load,
                push,
                insecure: output.insecure,
                no_manifest_list: output.no_manifest_list,
                at: at.clone(),
            },
        });
    }
    Ok(images)
}

/// All artifacts in one file system, each below its number, so that one export brings them all.
fn side_by_side(states: &[State]) -> Option<Edge> {
    let label = Arc::new(Label {
        target: String::new(),
        text: "artifacts".to_owned(),
        platform: None,
        at: None,
        read_by: None,
        raw_output: false,
        told: Told::Everything,
    });
    let mut file = FileOp::on(&None);
    for (number, state) in states
        .iter()
        .enumerate()
        .filter(|(_, state)| state.is_some())
    {
        let whole = CopyFile {
            contents: true,
            make_dest: true,
            ..CopyFile::default()
        };
        file = file.copy(state, "/", &format!("/{number}/"), whole);
    }
    (!file.is_empty()).then(|| file.build(label))
}

/// What the work for one artifact of the command line is called.
pub fn artifact_label(reference: &str) -> Arc<Label> {
    Arc::new(Label {
        target: String::new(),
        text: format!("--artifact {reference}"),
        platform: None,
        at: None,
        read_by: None,
        raw_output: false,
        told: Told::Everything,
    })
}
