//! The options of a build.

use std::path::PathBuf;

use clap::{ArgAction, ValueEnum};

use super::ignored::IgnoredArgs;

/// Options of everything that reads a target.
#[derive(Debug, Clone, clap::Args)]
pub struct BuildArgs {
    /// Push what is marked for pushing: `SAVE IMAGE --push` and `RUN --push`
    #[arg(long, help_heading = "Outputs")]
    pub push: bool,

    /// Write one artifact: `bld --artifact +target/path [dest]`
    #[arg(long, short = 'a', help_heading = "Outputs", conflicts_with = "image")]
    pub artifact: bool,

    /// Output only the images of the target itself, not of what it builds
    #[arg(long, help_heading = "Outputs")]
    pub image: bool,

    /// Write no image and no file to this machine; with `--push`, push all the same
    #[arg(long, help_heading = "Outputs")]
    pub no_output: bool,

    /// Output even under `--ci`
    #[arg(long, help_heading = "Outputs", overrides_with = "no_output")]
    pub output: bool,

    /// For pipelines: `--no-output` and `--strict`, plain progress
    #[arg(long, help_heading = "Outputs")]
    pub ci: bool,

    /// Refuse what cannot be repeated elsewhere: `LOCALLY`, interactive steps
    #[arg(long, help_heading = "Build")]
    pub strict: bool,

    /// Read this build file instead of the `Buildfile` or `Earthfile` of the directory
    #[arg(long, short = 'f', value_name = "FILE", help_heading = "Build")]
    pub file: Option<PathBuf>,

    /// After a failed `RUN`, open a shell where it failed
    #[arg(long, short = 'i', help_heading = "Build")]
    pub interactive: bool,

    /// Where to build: `auto`, `docker`, `unix:///path`, `tcp://host:port`
    #[arg(long, value_name = "ENGINE", help_heading = "Engine")]
    pub engine: Option<String>,

    /// Use this BuildKit or Docker address (same as `--engine ADDRESS`)
    #[arg(long, value_name = "URL", hide = true)]
    pub buildkit_host: Option<String>,

    /// Build for this platform, `linux/arm64`
    #[arg(long, value_name = "PLATFORM", help_heading = "Build", action = ArgAction::Append)]
    pub platform: Vec<String>,

    /// Reuse nothing (cache mounts stay)
    #[arg(long, help_heading = "Cache")]
    pub no_cache: bool,

    /// Look base images up again, even those that the engine has
    #[arg(long, help_heading = "Cache")]
    pub pull: bool,

    /// Use cache records inside the images that are marked for pushing, and of `--cache-from`
    #[arg(long, help_heading = "Cache")]
    pub use_inline_cache: bool,

    /// Put cache records into pushed images
    #[arg(long, help_heading = "Cache")]
    pub save_inline_cache: bool,

    /// Also use the cache records of this image
    #[arg(long, value_name = "IMAGE", help_heading = "Cache", action = ArgAction::Append)]
    pub cache_from: Vec<String>,

    /// A cache in a registry: read always, written with `--push`
    #[arg(long, value_name = "IMAGE[,KEY=VALUE]", help_heading = "Cache")]
    pub remote_cache: Option<String>,

    /// Put every layer of the build into the remote cache, not only those of the target
    #[arg(long, help_heading = "Cache")]
    pub max_remote_cache: bool,

    /// Do nothing if the target has succeeded before with all its inputs unchanged
    #[arg(long, help_heading = "Cache")]
    pub auto_skip: bool,

    /// Never skip, not even where `BUILD --auto-skip` says so
    #[arg(long, help_heading = "Cache")]
    pub no_auto_skip: bool,

    /// What has succeeded before, instead of the file in bld's directory
    #[arg(long, value_name = "FILE", help_heading = "Cache")]
    pub auto_skip_db_path: Option<PathBuf>,

    /// Allow privileged steps
    #[arg(long, short = 'P', help_heading = "Build")]
    pub allow_privileged: bool,

    /// Give an argument a value (older spelling of `+target --KEY=VALUE`)
    #[arg(long, value_name = "KEY[=VALUE]", hide = true, action = ArgAction::Append)]
    pub build_arg: Vec<String>,

    /// A secret: `KEY=VALUE`, or `KEY` for the value of the environment variable
    #[arg(long, short = 's', value_name = "KEY[=VALUE]", help_heading = "Secrets", action = ArgAction::Append)]
    pub secret: Vec<String>,

    /// A secret from a file
    #[arg(long, value_name = "KEY=FILE", help_heading = "Secrets", action = ArgAction::Append)]
    pub secret_file: Vec<String>,

    /// The SSH agent for `RUN --ssh` and for git, instead of `$SSH_AUTH_SOCK`
    #[arg(long, value_name = "SOCKET", help_heading = "Secrets")]
    pub ssh_auth_sock: Option<PathBuf>,

    /// Name for git over HTTPS (deprecated: put it into the config file, or into `~/.netrc`)
    #[arg(long, value_name = "NAME", hide = true)]
    pub git_username: Option<String>,

    /// Password for git over HTTPS (deprecated, as `--git-username`)
    #[arg(long, value_name = "PASSWORD", hide = true)]
    pub git_password: Option<String>,

    /// Settings of bld, instead of `.env`
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub env_file_path: Option<PathBuf>,

    /// Arguments, instead of `.arg`
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub arg_file_path: Option<PathBuf>,

    /// Secrets, instead of `.secret`
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub secret_file_path: Option<PathBuf>,

    /// The config file, instead of `~/.bld/config.yml`
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub config: Option<PathBuf>,

    /// How progress looks
    #[arg(long, value_name = "STYLE", value_enum, default_value_t = ProgressStyle::Auto, help_heading = "Display")]
    pub progress: ProgressStyle,

    /// Also show what bld does on its own behalf
    #[arg(long, short = 'V', help_heading = "Display")]
    pub verbose: bool,

    /// Show even more: for whoever works on bld
    #[arg(long, short = 'D', hide = true)]
    pub debug: bool,

    /// Fold the log and mark errors in files, as GitHub Actions shows them
    #[arg(long, help_heading = "Display")]
    pub github_annotations: bool,

    /// Without effect: the BuildKit of Docker tells nobody how much processor time and memory a command took;
    /// `--progress=json` tells for how long it ran
    #[arg(long, hide = true)]
    pub exec_stats: bool,

    /// Without effect, as `--exec-stats`: no file is written
    #[arg(long, value_name = "FILE", hide = true)]
    pub exec_stats_summary: Option<PathBuf>,

    /// Take this for the git branch
    #[arg(long, value_name = "BRANCH", hide = true)]
    pub git_branch: Option<String>,

    /// Turn language features on in every file of the build
    #[arg(long, value_name = "FLAGS", hide = true, value_delimiter = ',')]
    pub version_flag_overrides: Vec<String>,

    /// Files to fetch with `git lfs pull --include` from remote repositories
    #[arg(long, value_name = "PATTERNS", hide = true)]
    pub git_lfs_pull_include: Option<String>,

    /// Name of bld's directory in the home directory, without the dot
    #[arg(long, value_name = "NAME", hide = true)]
    pub installation_name: Option<String>,

    /// Options without an effect.
    #[command(flatten)]
    pub ignored: IgnoredArgs,
}

/// How progress looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressStyle {
    /// Live on a terminal, plain elsewhere
    Auto,
    /// One line for each thing that happens, each naming its target
    Plain,
    /// Running steps are redrawn in place
    Tty,
    /// One JSON object a line, on standard error
    Json,
}
