//! Small projects in a temporary directory, interpreted against a scripted probe.

mod args;
mod attempts;
mod blocks;
mod caches;
mod copying;
mod dockerfile;
mod extended;
mod functions;
mod interactive;
mod locally;
mod options;
mod outputs;
mod targets;
mod undecided;
mod wildcards;
mod with_docker;

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use tempfile::TempDir;

use super::{
    Interpreted, Request,
    probe::{Answer, BaseImage, Captured, FromDockerfile, Probe},
    run,
};
use crate::{
    base::Platform,
    diag::{Diagnostic, Location, Span},
    events::{Event, EventSink},
    graph::{
        Ledger, Plan, StepId, TargetRef, dump,
        ledger::{Output, OutputKind, OutputMode, Verdict, WaitId},
        plan::{DockerfileText, Keep, StepOp},
    },
    oci::{ImageConfig, ImageRef},
};

/// A project, and what its commands give.
pub(super) struct Case {
    pub dir: TempDir,
    pub request: Request,
    commands: HashMap<String, (i32, String)>,
    images: HashMap<String, Vec<String>>,
    undecided: bool,
}

/// What came of it.
pub(super) struct Ran {
    pub plan: Arc<Plan>,
    pub ledger: Arc<Ledger>,
    pub result: Result<Interpreted, Vec<Diagnostic>>,
    pub remarks: Vec<String>,
    pub ready: Vec<StepId>,
    pub asked: Vec<String>,
    pub push: bool,
    pub dir: std::path::PathBuf,
    _files: TempDir,
}

impl Case {
    /// A project with one build file.
    pub fn new(buildfile: &str) -> Self {
        Self::with(&[("Buildfile", buildfile)])
    }

    /// A project of several files. A name that ends in a slash is a directory.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = TargetRef::parse("+t").expect("a reference");
        let mut request = Request::new(root, dir.path());
        request.native = "linux/amd64".parse().expect("a platform");
        request.user = "linux/amd64".parse().expect("a platform");
        let case = Self {
            request,
            dir,
            commands: HashMap::new(),
            images: HashMap::new(),
            undecided: false,
        };
        files
            .iter()
            .fold(case, |case, (name, text)| case.file(name, text))
    }

    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(&path).expect("made");
            return self;
        }
        fs::create_dir_all(path.parent().expect("has one")).expect("made");
        fs::write(path, text).expect("written");
        self
    }

    /// What a condition exits with.
    pub fn exit(mut self, script: &str, status: i32) -> Self {
        self.commands
            .insert(script.to_owned(), (status, String::new()));
        self
    }

    /// What a shell-out prints.
    pub fn prints(mut self, script: &str, output: &str) -> Self {
        self.commands
            .insert(script.to_owned(), (0, output.to_owned()));
        self
    }

    /// The environment of an image.
    pub fn image(mut self, name: &str, env: &[&str]) -> Self {
        let env = env.iter().map(|e| (*e).to_owned()).collect();
        self.images.insert(name.to_owned(), env);
        self
    }

    /// Nothing is run.
    pub fn undecided(mut self) -> Self {
        self.undecided = true;
        self
    }

    pub fn push(mut self) -> Self {
        self.request.push = true;
        self
    }

    pub fn arg(mut self, name: &str, value: &str) -> Self {
        self.request.args.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Interprets a target.
    pub async fn run(mut self, target: &str) -> Ran {
        self.request.root = TargetRef::parse(target).expect("a reference");
        let (plan, ledger) = (Arc::new(Plan::default()), Arc::new(Ledger::default()));
        let script = Arc::new(Script {
            plan: Arc::clone(&plan),
            ledger: Arc::clone(&ledger),
            commands: self.commands,
            images: self.images,
            undecided: self.undecided,
            ready: Mutex::default(),
            asked: Mutex::default(),
        });
        let remarks = Arc::new(Remarks::default());
        let push = self.request.push;
        let work = run(
            self.request,
            Arc::clone(&plan),
            Arc::clone(&ledger),
            Arc::clone(&script) as Arc<dyn Probe>,
            Arc::clone(&remarks) as Arc<dyn EventSink>,
        );
        let result = tokio::time::timeout(std::time::Duration::from_secs(60), work)
            .await
            .expect("interpretation never hangs");
        Ran {
            plan,
            ledger,
            result,
            remarks: std::mem::take(&mut remarks.0.lock().expect("whole")),
            ready: script.ready.lock().expect("whole").clone(),
            asked: script.asked.lock().expect("whole").clone(),
            push,
            dir: self.dir.path().to_path_buf(),
            _files: self.dir,
        }
    }
}

impl Ran {
    #[track_caller]
    pub fn ok(self) -> Self {
        if let Err(errors) = &self.result {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("{}", all.join("\n"));
        }
        self
    }

    /// The plan as text.
    #[track_caller]
    pub fn plan(self) -> String {
        dump::plan(&self.ok().plan)
    }

    /// The outputs as text.
    #[track_caller]
    pub fn outputs(self) -> String {
        let mode = OutputMode {
            push: self.push,
            ..OutputMode::default()
        };
        let ran = self.ok();
        dump::ledger(&ran.ledger, &ran.plan, mode)
    }

    /// The scripts of all commands, one a line, sorted: what ran, whatever the order.
    #[track_caller]
    pub fn commands(self) -> Vec<String> {
        let mut scripts: Vec<String> = self
            .ok()
            .plan
            .snapshot()
            .iter()
            .filter_map(|(_, step)| match &step.op {
                StepOp::Run(run) => run.args.last().cloned(),
                _ => None,
            })
            .collect();
        scripts.sort();
        scripts
    }

    /// The environment of the command whose script is this, without `PATH`.
    #[track_caller]
    pub fn env(self, script: &str) -> String {
        let steps = self.ok().plan.snapshot();
        let run = steps.iter().find_map(|(_, step)| match &step.op {
            StepOp::Run(run) if run.args.last().is_some_and(|s| s == script) => Some(run.clone()),
            _ => None,
        });
        let env = run.expect("the command is in the plan").env;
        let lines: Vec<String> = env
            .iter()
            .filter(|(name, _)| name != "PATH")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        lines.join(" ")
    }

    /// The errors, with hints and stacks.
    #[track_caller]
    pub fn errors(self) -> String {
        let errors = self.result.expect_err("it must fail");
        let mut lines = Vec::new();
        for error in errors {
            lines.push(error.to_string());
            lines.extend(error.notes.iter().map(|n| format!("  note: {n}")));
            for frame in &error.frames {
                let from = frame.at.as_ref();
                let from = from.map_or(String::new(), |at| format!(", called from {at}"));
                lines.push(format!("  in {}{from}", frame.what));
            }
            lines.extend(error.hints.iter().map(|h| format!("  hint: {h}")));
        }
        lines.join("\n")
    }

    /// The first line of the first error.
    #[track_caller]
    pub fn error(self) -> String {
        let errors = self.result.expect_err("it must fail");
        errors[0].to_string()
    }
}

#[derive(Default)]
struct Remarks(Mutex<Vec<String>>);

impl EventSink for Remarks {
    fn emit(&self, event: Event) {
        if let Event::Remark(remark) = event {
            self.0.lock().expect("whole").push(remark.to_string());
        }
    }
}

/// Answers from a table; a question that is not in it is an error, so that no command runs unnoticed.
struct Script {
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    commands: HashMap<String, (i32, String)>,
    images: HashMap<String, Vec<String>>,
    undecided: bool,
    ready: Mutex<Vec<StepId>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn answer(&self, step: StepId) -> Result<Answer<(i32, String)>, Box<Diagnostic>> {
        let step = self.plan.step(step);
        let StepOp::Run(run) = &step.op else {
            panic!("only commands are asked for");
        };
        let script = run.args.last().expect("a command has words");
        self.asked.lock().expect("whole").push(script.clone());
        match self.commands.get(script) {
            Some(answer) => Ok(Answer::Known(answer.clone())),
            None if self.undecided => Ok(Answer::Undecided),
            None => Err(Box::new(Diagnostic::error(
                "unscripted",
                format!("nobody expected `{script}` to run"),
            ))),
        }
    }
}

#[async_trait]
impl Probe for Script {
    async fn exit_status(&self, step: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        tokio::task::yield_now().await;
        Ok(match self.answer(step)? {
            Answer::Known((status, _)) => Answer::Known(status),
            Answer::Undecided => Answer::Undecided,
        })
    }

    async fn output(&self, step: StepId) -> Result<Answer<Captured>, Box<Diagnostic>> {
        tokio::task::yield_now().await;
        Ok(match self.answer(step)? {
            Answer::Known((status, stdout)) => Answer::Known(Captured {
                status,
                stdout: stdout.into_bytes(),
            }),
            Answer::Undecided => Answer::Undecided,
        })
    }

    async fn rescue(&self, step: StepId, saved: Vec<Output>) -> Box<Diagnostic> {
        let label = Arc::clone(&self.plan.step(step).label);
        for output in saved {
            if let OutputKind::Artifact(artifact) = &output.kind {
                let optional = if artifact.if_exists {
                    " if it exists"
                } else {
                    ""
                };
                let place = artifact.dest.rsplit('/').next().unwrap_or_default();
                let said = format!("rescued {} as {place}{optional}", artifact.artifact);
                self.asked.lock().expect("whole").push(said);
            }
        }
        let failed = Diagnostic::error("failed", format!("`{}` failed", label.text));
        Box::new(failed.at(label.at.clone().expect("a statement")))
    }

    async fn at_terminal(&self, step: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        let planned = self.plan.step(step);
        let StepOp::Run(run) = &planned.op else {
            panic!("only commands have a terminal");
        };
        let script = run.args.last().cloned().unwrap_or_default();
        self.asked
            .lock()
            .expect("whole")
            .push(format!("terminal: {script}"));
        let scripted = self.commands.get(&script).map_or(0, |(status, _)| *status);
        Ok(Answer::Known(scripted))
    }

    async fn kept_at_terminal(&self, step: StepId) -> Result<(), Box<Diagnostic>> {
        match self.at_terminal(step).await? {
            Answer::Known(0) => Ok(()),
            _ => Err(self.rescue(step, Vec::new()).await),
        }
    }

    async fn on_host(&self, step: StepId) -> Result<Answer<Captured>, Box<Diagnostic>> {
        tokio::task::yield_now().await;
        let planned = self.plan.step(step);
        let (what, keep) = match &planned.op {
            StepOp::HostRun(run) => (run.args.last().cloned().unwrap_or_default(), run.keep),
            StepOp::HostCopy(copy) => (format!("copy to {}", copy.dest_written), Keep::FileSystem),
            _ => panic!("not for this machine"),
        };
        self.asked
            .lock()
            .expect("whole")
            .push(format!("host: {what}"));
        Ok(match self.commands.get(&what) {
            Some((status, stdout)) => Answer::Known(Captured {
                status: *status,
                stdout: stdout.clone().into_bytes(),
            }),
            None if self.undecided => Answer::Undecided,
            None if keep == Keep::FileSystem => Answer::Known(Captured::default()),
            None => panic!("nobody expected `{what}` to run"),
        })
    }

    async fn executed(&self, step: StepId) -> Result<(), Box<Diagnostic>> {
        let text = self.plan.step(step).label.text.clone();
        self.asked
            .lock()
            .expect("whole")
            .push(format!("done: {text}"));
        Ok(())
    }

    async fn base_image(
        &self,
        image: &ImageRef,
        platform: &Platform,
    ) -> Result<Answer<BaseImage>, Box<Diagnostic>> {
        tokio::task::yield_now().await;
        let mut config = ImageConfig::scratch(platform);
        if let Some(env) = self.images.get(&image.familiar()) {
            config.config.env.extend(env.iter().cloned());
        }
        Ok(Answer::Known(BaseImage {
            reference: image.familiar(),
            config,
        }))
    }

    async fn dockerfile(&self, step: StepId) -> Result<Answer<FromDockerfile>, Box<Diagnostic>> {
        tokio::task::yield_now().await;
        let step = self.plan.step(step);
        let StepOp::Dockerfile(dockerfile) = &step.op else {
            panic!("only Dockerfiles are asked for");
        };
        if self.undecided {
            return Ok(Answer::Undecided);
        }
        let mut config = ImageConfig::scratch(&step.platform);
        if let Some(env) = self.images.get(dockerfile.file.name()) {
            config.config.env.extend(env.iter().cloned());
        }
        // The engine's front end is the one who knows; here it is enough that the words stand there.
        let privileged = match &dockerfile.file {
            DockerfileText::Host(source) => source
                .text
                .find("RUN --security=insecure")
                .map(|at| Location::new(source, Span::new(at, at + 3))),
            DockerfileText::In { .. } => None,
        };
        Ok(Answer::Known(FromDockerfile { config, privileged }))
    }

    fn ready(&self, step: StepId) {
        self.ready.lock().expect("whole").push(step);
    }

    async fn end_of_wait(&self, block: WaitId) -> Result<(), Box<Diagnostic>> {
        let mut done = Vec::new();
        for settled in self.ledger.settle_block(block, OutputMode::default()) {
            if settled.local == Verdict::Counts {
                done.push(settled.output.at.text().to_owned());
            }
        }
        let asked = format!("end {}: {}", block.0, done.join(", "));
        self.asked.lock().expect("whole").push(asked);
        Ok(())
    }
}
