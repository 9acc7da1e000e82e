//! The commands of bld beside the build, and their arguments.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand, ValueEnum};

/// Everything that is not a build.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look for mistakes in build files and everything local that they refer to
    Check(CheckArgs),
    /// Show the steps and outputs of a target, without running a step
    Plan(PlanArgs),
    /// List the targets of a build file
    Ls(LsArgs),
    /// Show the documentation of targets and functions: the comments above them
    Doc(DocArgs),
    /// Show or change a key of the config file
    Config(ConfigArgs),
    /// Write a first build file for the project in this directory
    Init(InitArgs),
    /// Free what earlier builds left in the cache
    Prune(PruneArgs),
    /// Prepare this machine: bld's directory, a look at the engine, completion in the shell
    Bootstrap(BootstrapArgs),
    /// Build a Dockerfile: `bld docker-build -t app:1 . [--ARG=VALUE]...`
    DockerBuild(DockerBuildArgs),
    /// Rewrite a Dockerfile as a build file
    #[command(name = "docker2bld", alias = "docker2earthly")]
    Docker2bld(Docker2bldArgs),
    /// Insights into how bld reads a file
    #[command(hide = true)]
    Debug(DebugArgs),
}

/// Arguments of `bld docker-build`. The context, and arguments of the Dockerfile, stand behind the options.
///
///   bld docker-build -t app:1 .                                       build, and load into Docker
///   bld --push docker-build -t registry/app:1 --platform linux/amd64,linux/arm64 .
///   bld docker-build -f other.Dockerfile --target test . --VERSION=3  with a value for `ARG VERSION`
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    override_usage = "bld [OPTIONS] docker-build [-f FILE] [-t NAME]... [--target STAGE] [--platform P]... <CONTEXT> [--ARG=VALUE]..."
)]
pub struct DockerBuildArgs {
    /// The Dockerfile, instead of the one in the context
    #[arg(long, short = 'f', value_name = "FILE")]
    pub dockerfile: Option<PathBuf>,

    /// A name for the image
    #[arg(long, short = 't', value_name = "NAME", action = ArgAction::Append)]
    pub tag: Vec<String>,

    /// The stage to build, instead of the last one
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,

    /// Build for these platforms: several flags, or one with commas
    #[arg(long = "platform", id = "docker_platform", value_name = "PLATFORM", action = ArgAction::Append)]
    pub platform: Vec<String>,
}

/// Arguments of `bld docker2bld`.
#[derive(Debug, clap::Args)]
pub struct Docker2bldArgs {
    /// The Dockerfile; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "Dockerfile")]
    pub dockerfile: PathBuf,

    /// The build file to write; `-` is standard output
    #[arg(
        long,
        value_name = "FILE",
        default_value = "Buildfile",
        alias = "earthfile"
    )]
    pub buildfile: PathBuf,

    /// A name for the image
    #[arg(long, value_name = "NAME")]
    pub tag: Option<String>,
}

/// Arguments of `bld check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Build files, or directories with one
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,

    /// One JSON object with all problems, on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `bld plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// One JSON object, on standard output
    #[arg(long)]
    pub json: bool,

    /// Ask no registry: what needs one stays undecided
    #[arg(long)]
    pub offline: bool,
}

/// Arguments of `bld ls`.
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// A directory with a build file, or the build file itself; also one of a repository: `github.com/owner/repo/dir`
    pub path: Option<String>,

    /// Also list the arguments of each target
    #[arg(long, short = 'a')]
    pub args: bool,

    /// Put the path in front of each target, as it has to be typed
    #[arg(long, short = 'l')]
    pub long: bool,
}

/// Arguments of `bld doc`.
#[derive(Debug, clap::Args)]
pub struct DocArgs {
    /// A directory, or one target or function: `+target`, `./dir+target`, `github.com/owner/repo+target`
    pub reference: Option<String>,

    /// Show arguments, artifacts and images of every target, too
    #[arg(long, short = 'l')]
    pub long: bool,
}

/// Arguments of `bld config`.
///
///   bld config global.engine tcp://builder:2375       set a key
///   bld config 'git."example.com".auth' ssh           a name with dots is quoted
///   bld config git '{example.com: {auth: ssh}}'       values are YAML
///   bld config global.engine --delete                 take a key away
///   bld config global.engine --help                   what a key is for
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, disable_help_flag = true)]
pub struct ConfigArgs {
    /// The key: its sections and its name, with dots in between
    pub key: Option<String>,

    /// The new value, as YAML
    #[arg(allow_hyphen_values = true)]
    pub value: Option<String>,

    /// Take the key away
    #[arg(long, conflicts_with = "value")]
    pub delete: bool,

    /// Print the file as it would be, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// What the key is for; without a key, this help
    #[arg(long, short = 'h')]
    pub help: bool,
}

/// Arguments of `bld init`.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Which kind of project, where there are several: `go`, `rust`, `node`, `python`
    pub kind: Option<String>,
}

/// Arguments of `bld prune`.
#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// Remove everything that is not in use, internal records, too
    #[arg(long, short = 'a')]
    pub all: bool,

    /// Wipe the whole cache, and what bld itself keeps on this machine
    #[arg(long)]
    pub reset: bool,

    /// Only what has not been used for this long: `30m`, `24h`, `7d`
    #[arg(long, value_name = "AGE")]
    pub age: Option<String>,

    /// Keep this much, the newest: `10GB`
    #[arg(long, value_name = "SIZE")]
    pub size: Option<String>,
}

/// Arguments of `bld bootstrap`.
#[derive(Debug, clap::Args)]
pub struct BootstrapArgs {
    /// Do not look at the engine
    #[arg(long)]
    pub no_buildkit: bool,

    /// Install completion for bash and zsh
    #[arg(long)]
    pub with_autocomplete: bool,

    /// Print the completion script of a shell, and do nothing else
    #[arg(long, value_name = "SHELL")]
    pub source: Option<Shell>,

    /// Make certificates for TLS to an engine, also in place of those that are there
    #[arg(long)]
    pub force_certificate_generation: bool,

    /// Make certificates, where there are none, for an engine on this machine (`localhost`)
    #[arg(long, value_name = "HOST")]
    pub certs_hostname: Option<String>,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Bash.
    Bash,
    /// Zsh.
    Zsh,
}

/// Arguments of `bld debug`.
#[derive(Debug, clap::Args)]
pub struct DebugArgs {
    /// What to look at.
    #[command(subcommand)]
    pub what: DebugCommand,
}

/// What `bld debug` can show.
#[derive(Debug, Subcommand)]
pub enum DebugCommand {
    /// Print the syntax tree as JSON
    Ast {
        /// The file, or a directory with one
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Add positions
        #[arg(long)]
        source_map: bool,
    },
}
