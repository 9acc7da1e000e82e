//! The state of a recipe: what its statements change and its followers inherit.

use std::{collections::BTreeSet, sync::Arc};

use super::{commands::cache::Cache, scope::Env};
use crate::{
    base::Platform,
    graph::plan::StepId,
    oci::{ImageConfig, config::DEFAULT_PATH},
};

/// The platform in force, and whether somebody asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Current {
    /// The platform.
    pub platform: Platform,
    /// Whether the command line, `BUILD` or `FROM` chose it.
    pub chosen: bool,
}

/// What was there at the last `SAVE IMAGE`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SavedImage {
    /// The file system.
    pub fs: StepId,
    /// The configuration.
    pub config: Arc<ImageConfig>,
}

/// `LOCALLY` is in force.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Locally {
    /// The platform for everything that does not run on this machine.
    pub outside: Current,
}

/// The state of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    /// The file system; none before the first `FROM`. Under `LOCALLY` it is empty, and the last step on the host.
    pub fs: Option<StepId>,
    /// Whether commands run on this machine; then the working directory is one of its own.
    pub locally: Option<Locally>,
    /// The configuration of the image as it would be saved now. Its `Env` may lack what a parent set after its last
    /// `SAVE IMAGE`: that is how the language has it.
    pub config: ImageConfig,
    /// The environment of commands and of expansion.
    pub env: Env,
    /// The step by which more of the environment will be known; only in plans that run nothing.
    pub env_unknown: Option<StepId>,
    /// The working directory of commands, absolute.
    pub cwd: String,
    /// The user of commands; empty is root.
    pub user: String,
    /// The platform in force.
    pub current: Current,
    /// What `SAVE ARTIFACT` collected; none if it collected nothing.
    pub artifacts: Option<StepId>,
    /// Exact places in the artifacts that were written.
    pub saved_paths: BTreeSet<String>,
    /// Whether `CMD` ran since the last `FROM`.
    pub cmd_set: bool,
    /// Caches that commands have.
    pub caches: Vec<Cache>,
    /// What reads the commands in shell form: `/bin/sh -c`, unless `SHELL` says otherwise.
    pub shell: Vec<String>,
    /// `HOST` lines.
    pub hosts: Vec<(String, String)>,
    /// The names of all images that were saved.
    pub image_names: Vec<String>,
    /// The last `SAVE IMAGE`.
    pub last_image: Option<SavedImage>,
    /// Before `wait-block`: the file system after the last `RUN --push`, which is not part of the build.
    pub pushed: Option<StepId>,
    /// An interactive command was the last one: only saves may follow.
    pub ended_interactive: bool,
    /// Before `wait-block`: only push commands and saves may follow.
    pub after_push: bool,
    /// Whether a `RUN --push` was left out: before `wait-block` no image that stands behind it can be made.
    pub push_left_out: bool,
}

impl State {
    /// Nothing yet.
    pub fn empty(current: Current) -> Self {
        let config = ImageConfig::scratch(&current.platform);
        Self {
            fs: None,
            locally: None,
            env: Env::from_lines(&[format!("PATH={DEFAULT_PATH}")]),
            env_unknown: None,
            config,
            cwd: "/".to_owned(),
            user: String::new(),
            current,
            artifacts: None,
            saved_paths: BTreeSet::new(),
            cmd_set: false,
            caches: Vec::new(),
            shell: default_shell(),
            hosts: Vec::new(),
            image_names: Vec::new(),
            last_image: None,
            pushed: None,
            ended_interactive: false,
            after_push: false,
            push_left_out: false,
        }
    }

    /// Replaces file system and configuration by those of an image.
    pub fn become_image(&mut self, fs: StepId, mut config: ImageConfig) {
        config.rootfs = None;
        config.created = None;
        self.fs = Some(fs);
        self.env = Env::from_lines(&config.config.env);
        self.env_unknown = None;
        self.cwd = if config.config.working_dir.is_empty() {
            "/".to_owned()
        } else {
            absolute("/", &config.config.working_dir)
        };
        self.user.clone_from(&config.config.user);
        self.config = config;
        self.shell = default_shell();
        self.cmd_set = false;
        self.caches.clear();
        self.locally = None;
    }

    /// Replaces file system and configuration by this machine, seen from a directory; `fs` is empty.
    pub fn become_host(&mut self, fs: StepId, dir: &str, user: Platform) {
        let outside = self.outside().clone();
        let config = ImageConfig::scratch(&outside.platform);
        self.become_image(fs, config);
        // The machine has an environment of its own.
        self.env = Env::default();
        dir.clone_into(&mut self.cwd);
        self.current.platform = user;
        self.locally = Some(Locally { outside });
    }

    /// The platform of what does not run on this machine.
    pub fn outside(&self) -> &Current {
        match &self.locally {
            Some(locally) => &locally.outside,
            None => &self.current,
        }
    }

    /// Takes the shell over that the image was made with.
    pub fn shell_of_image(&mut self) {
        let shell = self.config.config.extra.get("Shell").cloned();
        let shell = shell.and_then(|shell| serde_json::from_value::<Vec<String>>(shell).ok());
        if let Some(shell) = shell.filter(|shell| !shell.is_empty()) {
            self.shell = shell;
        }
    }

    /// Replaces file system and configuration by the final ones of a target.
    pub fn become_target(&mut self, other: &Self) {
        self.fs = other.fs;
        self.config = other
            .last_image
            .as_ref()
            .map_or_else(|| other.config.clone(), |image| (*image.config).clone());
        self.env = other.env.clone();
        self.env_unknown = other.env_unknown;
        self.cwd.clone_from(&other.cwd);
        self.user.clone_from(&other.user);
        self.current = other.outside().clone();
        self.hosts.clone_from(&other.hosts);
        self.shell.clone_from(&other.shell);
        self.cmd_set = false;
        self.caches.clear();
        self.locally = None;
        if other.locally.is_some() {
            // What it leaves is an image like `scratch`: its directory and its environment are this machine's.
            let mut env = Env::from_lines(&[format!("PATH={DEFAULT_PATH}")]);
            for (name, value) in other.env.iter() {
                env.set(name, value.clone());
            }
            self.env = env;
            "/".clone_into(&mut self.cwd);
        }
    }

    /// A path of the image, made absolute and clean; a trailing slash stays.
    pub fn path(&self, path: &str) -> String {
        absolute(&self.cwd, path)
    }
}

/// The shell of every file system, unless something else is said.
pub(crate) fn default_shell() -> Vec<String> {
    vec!["/bin/sh".to_owned(), "-c".to_owned()]
}

/// `path` seen from `cwd`, clean, with its trailing slash.
pub(crate) fn absolute(cwd: &str, path: &str) -> String {
    let joined = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{cwd}/{path}")
    };
    let slash = path.ends_with('/') || path.ends_with("/.") || path == ".";
    let mut clean = crate::graph::reference::clean(&format!("/{joined}"));
    if slash && path != "." && clean != "/" {
        clean.push('/');
    }
    clean
}
