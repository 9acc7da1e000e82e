//! The command line as typed.
//!
//! `bld [options] +target [--arg=value…]`: options stand in front of the reference, everything behind it belongs to the
//! target. So the line is split first (`cli::split`), and only the front goes to clap. Doc comments are the help text.

mod build;
mod commands;
mod ignored;

pub use self::{build::*, commands::*, ignored::IgnoredArgs};

use std::sync::LazyLock;

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser};

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

/// All options and commands. Built once: it is asked by whoever cuts the line, reads the environment or explains a
/// mistake.
static TABLE: LazyLock<clap::Command> = LazyLock::new(Cli::command);

/// All options and commands.
pub fn table() -> &'static clap::Command {
    &TABLE
}

/// The long names of all options of the build.
pub fn option_names() -> impl Iterator<Item = &'static str> {
    table().get_arguments().filter_map(clap::Arg::get_long)
}

/// The letters of all options of the build that have one.
pub fn short_names() -> impl Iterator<Item = char> {
    table().get_arguments().filter_map(clap::Arg::get_short)
}

/// The table with the hidden options shown, too.
pub fn table_with_hidden() -> clap::Command {
    let shown = |command: clap::Command| command.mut_args(|arg| arg.hide(false)).hide(false);
    shown(table().clone()).mut_subcommands(shown)
}

/// Reads a line that has been cut; `hidden` shows every option in the help.
pub fn parse(front: &[String], hidden: bool) -> Result<Cli, clap::Error> {
    let table = if hidden {
        table_with_hidden()
    } else {
        table().clone()
    };
    Cli::from_arg_matches(&table.try_get_matches_from(front)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_is_well_formed() {
        Cli::command().debug_assert();
    }
}
