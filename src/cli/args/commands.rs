//! The commands of bld beside the build, and their arguments.

use std::path::PathBuf;

use clap::Subcommand;

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
