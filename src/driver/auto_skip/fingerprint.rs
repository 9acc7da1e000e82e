//! One digest of everything that goes into a target: its plan, found without running anything, and the contents of every
//! file of the host that the plan uses (language specification, 6.5).

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io,
    ops::ControlFlow,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use crate::{
    base::{Digest, Platform},
    diag::{Diagnostic, words},
    engine::context::{self, Entry},
    events::{EventSink, NoEvents},
    graph::{
        Ledger, Plan, dump,
        ledger::OutputKind,
        plan::{Context, DockerfileText, StepOp},
    },
    llb::Local,
    syntax::ast::Keyword,
};

use crate::driver::{
    build::{CacheDir, interpret, output_mode},
    failure::{Failure, FailureKind},
    probe::Planning,
    request::{BuildRequest, Goal},
};

/// Changes whenever the same inputs are to give another digest.
const FORMAT: &str = "1";

/// What a run of this request would do, as one digest; and the name of the target.
pub async fn fingerprint(request: &BuildRequest) -> Result<(Digest, String), Failure> {
    let plan = Arc::new(Plan::default());
    let ledger = Arc::new(Ledger::default());
    let probe = Arc::new(Planning { images: None });
    let quiet: Arc<dyn EventSink> = Arc::new(NoEvents);
    let native = Platform::host();
    let mut pinned = request.clone();
    pinned.remotes.pinned = true;
    let cache_dir = CacheDir::of(request)?;
    let remotes = cache_dir.remotes(&pinned, &quiet);
    let interpreted = interpret(&pinned, native, &plan, &ledger, probe, &remotes, &quiet).await?;
    let target = ledger.visit_of(interpreted.root).target;
    undecided(&plan)?;

    let mode = output_mode(request, false);
    let mut text = Text::default();
    text.fact("format", FORMAT);
    text.fact("version", env!("CARGO_PKG_VERSION"));
    // The same plan in another directory writes other files.
    text.fact("from", &request.cwd.display().to_string());
    text.fact("directory", &interpreted.dir.display().to_string());
    text.fact("target", &target);
    text.fact("asked", &asked(&request.goal));
    text.fact("ci", &request.ci.to_string());
    text.fact("push", &request.push.to_string());
    text.fact("no-output", &request.no_output.to_string());
    text.fact("platform", &format!("{:?}", request.platform));
    text.fact("plan", &dump::plan(&plan));
    text.fact("outputs", &dump::ledger(&ledger, &plan, mode));
    for settled in ledger.settle(mode) {
        if let OutputKind::Image(image) = &settled.output.kind {
            let mut config = (*image.config).clone();
            // The commit and the version of bld are no work.
            let labels = &mut config.config.labels;
            labels.retain(|key, _| !key.starts_with("dev.bld."));
            let config = serde_json::to_string(&config).unwrap_or_default();
            text.fact("image", &config);
        }
    }
    let steps = plan.snapshot();
    let mut dockerfiles = BTreeSet::new();
    for (_, step) in &steps {
        if let StepOp::Dockerfile(dockerfile) = &step.op
            && let DockerfileText::Host(file) = &dockerfile.file
        {
            dockerfiles.insert(&file.text);
        }
    }
    for file in dockerfiles {
        text.fact("dockerfile", file);
    }
    let steps = steps.clone();
    let files = tokio::task::spawn_blocking(move || {
        let mut hashes = Hashes::default();
        let contexts = steps.iter().filter_map(|(_, step)| match &step.op {
            StepOp::Context(context) => Some((context, &step.label)),
            _ => None,
        });
        let mut facts = BTreeSet::new();
        for (context, label) in contexts {
            let files = hashes.of_context(context).map_err(|why| {
                let what = words::all(&[&label.text]);
                let mut problem = Diagnostic::error("auto-skip", format!("{what}: {why}"));
                problem.at.clone_from(&label.at);
                cannot(problem)
            })?;
            // The text tells two trees of one target apart: `GIT CLONE a /a` and `GIT CLONE b /b`.
            facts.insert(format!("{} {} {files}", label.target, label.text));
        }
        for (_, step) in steps.iter() {
            let StepOp::Files(files) = &step.op else {
                continue;
            };
            let (target, text) = (&step.label.target, &step.label.text);
            for file in files.iter() {
                let digest = Digest::of(&file.data);
                facts.insert(format!(
                    "{target} {text} {} {:o} {digest}",
                    file.path, file.mode
                ));
            }
        }
        Ok(facts)
    });
    let facts = files.await.unwrap_or_else(|_| Err(Failure::canceled()))?;
    for fact in &facts {
        text.fact("files", fact);
    }
    Ok((text.digest(), target))
}

/// What only a run could tell, and what may hide more work behind it.
fn undecided(plan: &Plan) -> Result<(), Failure> {
    for (_, step) in plan.snapshot() {
        let StepOp::Undecided { why, .. } = &step.op else {
            continue;
        };
        // The name of what is saved depends on nothing that is not in the plan.
        if step.label.text.starts_with(Keyword::SaveArtifact.text()) {
            continue;
        }
        let mut problem = Diagnostic::error(
            "auto-skip",
            format!(
                "auto-skip cannot tell what `{}` needs without running something: {why}",
                step.label.text
            ),
        );
        problem.at.clone_from(&step.label.at);
        return Err(cannot(problem));
    }
    Ok(())
}

fn cannot(problem: Diagnostic) -> Failure {
    let hint = "a dynamic target or `COPY` source cannot be skipped; leave `--auto-skip` away, or write the name out";
    Failure::new(FailureKind::BuildFile, problem.hint(hint))
}

fn asked(goal: &Goal) -> String {
    match goal {
        Goal::Target(_) => "everything".to_owned(),
        Goal::Image(_) => "its images".to_owned(),
        Goal::Artifact { artifact, dest } => format!("{} into {dest}", artifact.path),
    }
}

/// Facts in a row, each with its length in front, so that no two rows read the same.
#[derive(Default)]
struct Text(Sha256);

impl Text {
    fn fact(&mut self, name: &str, value: &str) {
        self.0.update(format!("{name} {}\n", value.len()));
        self.0.update(value);
        self.0.update("\n");
    }

    fn digest(self) -> Digest {
        Digest::from_hash(&self.0.finalize())
    }
}

/// Contents of files, each read once.
#[derive(Default)]
struct Hashes(HashMap<PathBuf, String>);

impl Hashes {
    /// Names, modes and contents of everything that a context selects.
    fn of_context(&mut self, context: &Context) -> Result<String, String> {
        let local = Local {
            dir: context.dir.clone(),
            include: context.include.clone(),
            exclude: context.exclude.clone(),
        };
        let mut text = Text::default();
        let mut failed = None;
        let walked = context::walk(
            &local,
            &mut |entry| match self.of_entry(&context.dir, &entry) {
                Ok(content) => {
                    let mode = entry.metadata.permissions().mode();
                    text.fact(&entry.path, &format!("{mode:o} {content}"));
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(format!("cannot read `{}`: {error}", entry.path));
                    ControlFlow::Break(())
                }
            },
        );
        walked.map_err(|e| e.to_string())?;
        match failed {
            Some(error) => Err(error),
            None => Ok(text.digest().to_string()),
        }
    }

    fn of_entry(&mut self, dir: &Path, entry: &Entry) -> io::Result<String> {
        if let Some(link) = &entry.link {
            return Ok(format!("-> {link}"));
        }
        // Pipes and devices have no content of their own.
        if !entry.metadata.is_file() {
            return Ok(String::new());
        }
        let path = dir.join(&entry.path);
        if let Some(known) = self.0.get(&path) {
            return Ok(known.clone());
        }
        let mut hash = Sha256::new();
        io::copy(&mut File::open(&path)?, &mut hash)?;
        let content = Digest::from_hash(&hash.finalize()).to_string();
        self.0.insert(path, content.clone());
        Ok(content)
    }
}
