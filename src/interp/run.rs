//! The entry: interprets one target and everything it needs.

use std::{path::PathBuf, sync::Arc};

use super::{
    error::{self, Failure},
    exec::{LinkTo, Start},
    privileges,
    probe::Probe,
    project::{BASE, Loaded},
    scope::Vars,
    session::Session,
    state::Current,
    value::Value,
};
use crate::{
    base::Platform,
    diag::{Diagnostic, words::nearest},
    events::EventSink,
    git::Remotes,
    graph::{
        Ledger, Plan, StepId, TargetRef,
        ledger::{LinkKind, VisitId, WaitId},
        reference::Place,
    },
    oci::ImageConfig,
    syntax::{
        builtins::is_reserved,
        dialect::{Feature, FeatureSet},
    },
};

/// The build file of the root, where it is not the one of its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootFile {
    /// A file; relative to the working directory.
    At(PathBuf),
    /// A text that no disk holds, as if it stood in the working directory.
    Text {
        /// What messages call it.
        name: &'static str,
        /// All of it.
        text: String,
    },
}

/// What is to be interpreted, and what the command line says about it.
#[derive(Debug, Clone)]
pub struct Request {
    /// The target; for an artifact, the target of it.
    pub root: TargetRef,
    /// The working directory; references and messages are relative to it.
    pub cwd: PathBuf,
    /// The build file of the root, where it is not found by its name.
    pub file: Option<RootFile>,
    /// Build arguments, the lowest first: `.arg`, `--build-arg`, behind the target. A later one of a name wins.
    pub args: Vec<(String, String)>,
    /// `--push`.
    pub push: bool,
    /// Whether images are output, so that their names have to be good ones.
    pub images: bool,
    /// `--allow-privileged`.
    pub allow_privileged: bool,
    /// `--ci`, for the builtin argument.
    pub ci: bool,
    /// `--strict`: what cannot be repeated elsewhere is refused.
    pub strict: bool,
    /// `--interactive`: where a `RUN` fails, a shell is opened.
    pub interactive: bool,
    /// `--platform`.
    pub platform: Option<Platform>,
    /// The engine's platform.
    pub native: Platform,
    /// This machine's platform, its operating system included.
    pub user: Platform,
    /// `--git-branch`.
    pub git_branch: Option<String>,
    /// `--version-flag-overrides`.
    pub features: Vec<Feature>,
    /// What `~` in references means.
    pub home: Option<PathBuf>,
    /// The caller's own options with their dashes: an argument of such a name that nothing declares was meant for the caller.
    pub options: Vec<String>,
    /// Repositories of other places; none where there is no place to keep them.
    pub remotes: Option<Arc<Remotes>>,
    /// The commit that bld was built from, for `BLD_BUILD_SHA`.
    pub build_sha: String,
}

impl Request {
    /// The target with nothing said about it, on this machine's platform.
    pub fn new(root: TargetRef, cwd: impl Into<PathBuf>) -> Self {
        Self {
            root,
            cwd: cwd.into(),
            file: None,
            args: Vec::new(),
            push: false,
            images: true,
            allow_privileged: false,
            ci: false,
            strict: false,
            interactive: false,
            platform: None,
            native: Platform::host(),
            user: Platform::host(),
            git_branch: None,
            features: Vec::new(),
            home: std::env::var_os("HOME").map(PathBuf::from),
            options: Vec::new(),
            remotes: None,
            build_sha: String::new(),
        }
    }
}

/// A target that was interpreted to its end.
#[derive(Debug, Clone)]
pub struct Interpreted {
    /// The root in the ledger.
    pub root: VisitId,
    /// Its final file system; none if it has none.
    pub state: Option<StepId>,
    /// The configuration of its last `SAVE IMAGE`, or the final one.
    pub config: Arc<ImageConfig>,
    /// Its final platform.
    pub platform: Platform,
    /// What it saved with `SAVE ARTIFACT`: a file system of its own; none if it saved nothing.
    pub artifacts: Option<StepId>,
    /// What the root's file turns on: rules that the root decides for the whole build.
    pub features: FeatureSet,
    /// The directory of the root's build file, canonical.
    pub dir: PathBuf,
}

/// Interprets a target. Steps go to the plan, outputs to the ledger, questions to the probe.
pub async fn run(
    request: Request,
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    probe: Arc<dyn Probe>,
    remarks: Arc<dyn EventSink>,
) -> Result<Interpreted, Vec<Diagnostic>> {
    let session = Arc::new(Session::new(request, plan, ledger, probe, remarks));
    let stop = StopOnDrop(Arc::clone(&session));
    let result = interpret(&session).await;
    drop(stop);
    result.map_err(Failure::into_diagnostics)
}

/// Ends the tasks of all targets when the run ends, or when its caller gives it up.
struct StopOnDrop(Arc<Session>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.visits.abort();
    }
}

async fn interpret(session: &Arc<Session>) -> Result<Interpreted, Failure> {
    let request = &session.request;
    let file = root_file(session).await?;
    let name = request.root.name.clone();
    if name != BASE {
        file.recipe(&name)?;
    }
    let mut args = Vars::new();
    for (key, value) in &request.args {
        if is_reserved(key, file.reserves_bld_names()) {
            return Err(error::builtin_on_command_line(key));
        }
        args.insert(key.clone(), Value::from(value.clone()));
    }
    let current = match &request.platform {
        Some(platform) => Current {
            platform: platform.clone(),
            chosen: true,
        },
        None => Current {
            platform: request.native.clone(),
            chosen: false,
        },
    };
    let start = Start {
        args,
        file: Arc::clone(&file),
        target: name.clone(),
        current,
        chain: true,
        permitted: true,
    };
    privileges::check(session, &file, &name).await?;
    let entry = start.start(session, None);
    let link = LinkTo {
        kind: LinkKind::Root,
        at: None,
        undecided_by: None,
    };
    let link = link.between(None, entry.id);
    session.ledger.link(link, WaitId::default());
    let finished = entry.outcome().await?;
    warn_undeclared(session);
    let state = &finished.state;
    let config = state.last_image.as_ref().map_or_else(
        || Arc::new(state.config.clone()),
        |image| Arc::clone(&image.config),
    );
    Ok(Interpreted {
        root: entry.id,
        state: state.fs,
        config,
        platform: state.current.platform.clone(),
        artifacts: state.artifacts,
        features: file.features,
        dir: file.host_dir(session.project.cwd()).to_path_buf(),
    })
}

async fn root_file(session: &Session) -> Result<Arc<Loaded>, Failure> {
    let request = &session.request;
    let cwd = session.project.cwd();
    if let Some(file) = &request.file {
        if request.root.place != Place::Here {
            return Err(error::file_and_directory(&request.root.to_string()));
        }
        return match file {
            RootFile::At(path) => session.project.load_file(&cwd.join(path)),
            RootFile::Text { name, text } => session.project.load_text(name, text),
        };
    }
    let dir = match &request.root.place {
        Place::Here => cwd.to_path_buf(),
        Place::Local(dir) => match dir.strip_prefix('~') {
            Some(rest) => {
                let home = request.home.as_ref().ok_or_else(error::no_home)?;
                home.join(rest.trim_start_matches('/'))
            }
            None => cwd.join(dir),
        },
        Place::Remote(remote) => {
            let (repository, dir) = session.repository(remote).await?;
            let reference = request.root.to_string();
            return session.project.load_from(&repository, &dir, &reference);
        }
        Place::Alias(_) => return Err(error::alias_outside(&request.root.to_string())),
    };
    session.project.load_dir(&dir, &request.root.to_string())
}

/// Arguments of the command line that no `ARG` of any file declares had no effect.
fn warn_undeclared(session: &Session) {
    let files = session.project.loaded();
    for (name, _) in &session.request.args {
        if files.iter().any(|f| f.statics.arg_names.contains(name)) {
            continue;
        }
        let known = files
            .iter()
            .flat_map(|f| f.statics.arg_names.iter().map(String::as_str));
        let mut warning = Diagnostic::warning(
            "undeclared-arg",
            format!("argument `--{name}` is declared by no ARG of the build and has no effect"),
        );
        let options = &session.request.options;
        let option = ["--", "-"].map(|dashes| format!("{dashes}{name}"));
        if let Some(option) = option.iter().find(|option| options.contains(option)) {
            let hint = format!("options of bld go in front of the target: `bld {option} …`");
            warning = warning.hint(hint);
        } else if let Some(near) = nearest(name, known) {
            warning = warning.hint(format!("did you mean `--{near}`?"));
        }
        session.remark(warning);
    }
}
