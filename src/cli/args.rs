//! The command line as typed.
//!
//! `bld [options] +target [--arg=value…]`: options stand in front of the reference, everything behind it belongs to the
//! target. So the line is split first ([`split`]), and only the front goes to clap. Doc comments are the help text.

use std::path::PathBuf;

use clap::{ArgAction, CommandFactory as _, Parser, Subcommand, ValueEnum};

/// Builds container images and files from a `Buildfile` (or an `Earthfile`).
///
///   bld +docker-image                 build a target, and load its images into Docker
///   bld --push +release               build, load, then push what is marked with `SAVE IMAGE --push`
///   bld +test --version=3             give the target's `ARG version` a value
///   bld --artifact +build/app ./out   write one artifact of a target to this machine
///   bld plan +release                 show what would be built and output, without running a step
///   bld check                         look for mistakes in the build file, without an engine
///
/// Options stand in front of the target; everything behind the target is an argument of the target.
#[derive(Debug, Parser)]
#[command(
    name = "bld",
    version,
    about,
    verbatim_doc_comment,
    override_usage = "bld [OPTIONS] <TARGET> [--ARG=VALUE]...\n       bld [OPTIONS] --image <TARGET> [--ARG=VALUE]...\n       bld [OPTIONS] --artifact <TARGET/PATH> [DEST] [--ARG=VALUE]...\n       bld <COMMAND>",
    disable_help_subcommand = true,
    disable_version_flag = true,
    args_override_self = true
)]
pub struct Cli {
    /// What to do with the build.
    #[command(flatten)]
    pub build: BuildArgs,

    /// Something other than building.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    pub version: (),
}

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

    /// Take this for the git branch
    #[arg(long, value_name = "BRANCH", hide = true)]
    pub git_branch: Option<String>,

    /// Turn language features on in every file of the build
    #[arg(long, value_name = "FLAGS", hide = true, value_delimiter = ',')]
    pub version_flag_overrides: Vec<String>,

    /// Accepted for compatibility, without effect
    #[arg(long, hide = true)]
    pub no_fake_dep: bool,

    /// Accepted for compatibility, without effect
    #[arg(long, hide = true)]
    pub global_wait_end: bool,

    /// Accepted for compatibility, without effect
    #[arg(long, hide = true)]
    pub disable_remote_registry_proxy: bool,

    /// Accepted for compatibility, without effect
    #[arg(long, hide = true)]
    pub no_buildkit_update: bool,
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

/// Everything that is not a build.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look for mistakes in build files and everything local that they refer to
    Check(CheckArgs),
    /// Show the steps and outputs of a target, without running a step
    Plan(PlanArgs),
    /// Insights into how bld reads a file
    #[command(hide = true)]
    Debug(DebugArgs),
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

/// A command line, cut in two.
#[derive(Debug, PartialEq, Eq)]
pub struct Split {
    /// The options as they were typed, without their values.
    pub typed: Vec<String>,
    /// For clap: the program's name, options, and the command if there is one with all that follows.
    pub front: Vec<String>,
    /// The reference and what follows; empty where a command of bld was given that takes none.
    pub target: Vec<String>,
}

/// Cuts the line in front of the reference. Options are accepted with one or two dashes. A command of bld takes options of
/// the build on either side of its name; they are put in front of it.
pub fn split(argv: impl IntoIterator<Item = String>) -> Split {
    let mut words = argv.into_iter();
    let mut front: Vec<String> = words.next().into_iter().collect();
    let root = Cli::command();
    let mut command: Option<&clap::Command> = None;
    let mut own: Vec<String> = Vec::new();
    let mut typed: Vec<String> = Vec::new();
    let mut rest = words.peekable();
    while let Some(word) = rest.next_if(|word| command.is_none() || word.starts_with('-')) {
        if word == "--" {
            break;
        }
        if !word.starts_with('-') || word == "-" {
            match root.find_subcommand(&word) {
                Some(found) => {
                    command = Some(found);
                    own.push(word);
                    // What stands behind `debug` is a command line of its own.
                    if found.has_subcommands() {
                        own.extend(rest.by_ref());
                    }
                    continue;
                }
                None => {
                    let target = std::iter::once(word).chain(rest).collect();
                    return Split {
                        typed,
                        front,
                        target,
                    };
                }
            }
        }
        typed.push(word.clone());
        let of_command = command.filter(|command| knows(command, &word));
        let (option, takes_value) = spell(of_command.unwrap_or(&root), &word);
        let side = if of_command.is_some() {
            &mut own
        } else {
            &mut front
        };
        // `--push=false` is the same as nothing, once the environment has been told that it was typed.
        if !option.is_empty() {
            side.push(option);
        }
        if takes_value && let Some(value) = rest.next() {
            side.push(value);
        }
    }
    front.extend(own);
    match command.map(clap::Command::get_name) {
        // The other commands know their own words.
        Some(name) if name != "plan" => {
            front.extend(rest);
            Split {
                typed,
                front,
                target: Vec::new(),
            }
        }
        _ => Split {
            typed,
            front,
            target: rest.collect(),
        },
    }
}

/// Whether an option belongs to this command of bld and not to the build.
fn knows(command: &clap::Command, word: &str) -> bool {
    let bare = word.trim_start_matches('-');
    let name = bare.split('=').next().unwrap_or(bare);
    matches!(name, "help" | "h") || command.get_arguments().any(|a| a.get_long() == Some(name))
}

/// The option as clap knows it, and whether the next word is its value.
fn spell(command: &clap::Command, word: &str) -> (String, bool) {
    let bare = word.trim_start_matches('-');
    let dashes = word.len() - bare.len();
    let (name, value) = bare
        .split_once('=')
        .map_or((bare, None), |(n, v)| (n, Some(v)));
    let long = command.get_arguments().find(|a| a.get_long() == Some(name));
    if let Some(arg) = long
        && (dashes == 2 || name.len() > 1)
    {
        let takes_value = arg.get_action().takes_values();
        return match value {
            // `--push=false` is a way to take an environment variable back.
            Some(v) if !takes_value => match env_bool(v) {
                Some(true) => (format!("--{name}"), false),
                Some(false) => (String::new(), false),
                None => (word.to_owned(), false),
            },
            Some(v) => (format!("--{name}={v}"), false),
            None => (format!("--{name}"), takes_value),
        };
    }
    let short = bare.chars().next().filter(|_| dashes == 1);
    let takes_value = short
        .and_then(|c| command.get_arguments().find(|a| a.get_short() == Some(c)))
        .is_some_and(|a| a.get_action().takes_values() && bare.len() == 1);
    (word.to_owned(), takes_value)
}

/// `true`, `1`, … as the reference reads them.
pub fn env_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Some(true),
        "0" | "f" | "false" | "" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> (String, String) {
        let split = split(line.split_whitespace().map(str::to_owned));
        (split.front.join(" "), split.target.join(" "))
    }

    #[test]
    fn the_help_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn everything_behind_the_reference_belongs_to_the_target() {
        assert_eq!(
            cut("bld --push +t --push --x=1"),
            ("bld --push".into(), "+t --push --x=1".into())
        );
        assert_eq!(
            cut("bld -f dir/Buildfile +t"),
            ("bld -f dir/Buildfile".into(), "+t".into())
        );
        assert_eq!(cut("bld"), ("bld".into(), String::new()));
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        assert_eq!(
            cut("bld -push -platform linux/arm64 +t").0,
            "bld --push --platform linux/arm64"
        );
        assert_eq!(
            cut("bld -P -a +t/x out"),
            ("bld -P -a".into(), "+t/x out".into())
        );
    }

    #[test]
    fn a_command_takes_the_rest_of_the_line() {
        assert_eq!(
            cut("bld check --json a b"),
            ("bld check --json a b".into(), String::new())
        );
        assert_eq!(
            cut("bld plan --json +t --x=1"),
            ("bld plan --json".into(), "+t --x=1".into())
        );
        assert_eq!(
            cut("bld --push plan +t"),
            ("bld --push plan".into(), "+t".into())
        );
        assert_eq!(
            cut("bld plan -f x --json --platform linux/arm64 +t"),
            (
                "bld -f x --platform linux/arm64 plan --json".into(),
                "+t".into()
            )
        );
        assert_eq!(
            cut("bld debug ast --source-map x"),
            ("bld debug ast --source-map x".into(), String::new())
        );
    }
}
