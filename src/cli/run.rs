//! The program as a whole: arguments, settings, one command, an exit code. A fatal problem is drawn here and nowhere
//! deeper.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{
    diag::{Diagnostic, words},
    engine::relay,
};

use super::{
    args::{self, Command},
    commands, completion,
    env_vars::{self, Environment},
    exit::Exit,
    printer::{self, Streams},
    split::{Split, split},
};

/// Runs bld with the process's arguments and environment.
pub fn run() -> ExitCode {
    let argv = || std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    // In a step, where nothing of the environment is for bld.
    if let Some(ended) = relay::inside::asked(argv()) {
        return ended;
    }
    let environment = Environment::of_process();
    if let Some(candidates) = completion::asked(&environment) {
        let _ = printer::data(&candidates);
        return ExitCode::SUCCESS;
    }
    let streams = Streams::detect(|name| environment.get(name).map(str::to_owned));
    match main(argv(), environment) {
        Ok(exit) => exit.into(),
        Err(problem) => {
            printer::diagnostics(&[*problem], streams);
            Exit::Failure.into()
        }
    }
}

fn main(
    argv: impl Iterator<Item = String>,
    mut environment: Environment,
) -> Result<Exit, Box<Diagnostic>> {
    let Split {
        typed,
        mut front,
        target,
        command,
    } = split(argv);
    let remarks = commands::settings_file(&front, &mut environment)?;
    // The settings file may say how things are to look.
    let streams = Streams::detect(|name| environment.get(name).map(str::to_owned));
    let options = env_vars::options(&environment, &typed)?;
    let nothing_typed = target.is_empty() && front.len() == 1;
    front.splice(1..1, options);
    let hidden = environment
        .setting("SHOW_HIDDEN")
        .and_then(env_vars::env_bool)
        .unwrap_or(false);
    let cli = match args::parse(&front, hidden) {
        Ok(cli) => cli,
        Err(error) => return help_or_problem(&error, command),
    };
    printer::diagnostics(&remarks, streams);
    match cli.command {
        None if nothing_typed => {
            help();
            Err(Box::new(
                Diagnostic::error("usage", "no target was given").hint("name one: `bld +target`"),
            ))
        }
        None => commands::build(&cli.build, &target, environment, streams),
        Some(Command::Check(args)) => commands::check(&args, &cli.build, &environment, streams),
        Some(Command::Plan(args)) => {
            commands::plan(&args, &cli.build, &target, environment, streams)
        }
        Some(Command::Ls(args)) => commands::ls(&args, &cli.build, &environment, streams),
        Some(Command::Doc(args)) => commands::doc(&args, &cli.build, &environment, streams),
        Some(Command::Config(args)) => commands::config(&args, &cli.build, &environment, streams),
        Some(Command::Init(args)) => commands::init(&args),
        Some(Command::Prune(args)) => commands::prune(&args, &cli.build, &environment, streams),
        Some(Command::Bootstrap(args)) => {
            commands::bootstrap(&args, &cli.build, &environment, streams)
        }
        Some(Command::DockerBuild(args)) => {
            commands::docker_build(&args, &cli.build, &target, &environment, streams)
        }
        Some(Command::Docker2bld(args)) => commands::docker2bld(&args, streams),
        Some(Command::Debug(args)) => commands::debug(&args, streams),
    }
}

fn help() {
    printer::message(&args::table().clone().render_help().to_string());
}

/// `--help` and `--version` are data; everything else is a mistake, told in the house's form.
fn help_or_problem(error: &clap::Error, command: Option<&str>) -> Result<Exit, Box<Diagnostic>> {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        printer::data(&error.render().to_string())?;
        return Ok(Exit::Success);
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(list)) => list.first().cloned(),
        _ => None,
    };
    let arg = text(ContextKind::InvalidArg).unwrap_or_default();
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::UnknownArgument if !arg.starts_with('-') => {
            format!("`{arg}` is a word too many")
        }
        ErrorKind::UnknownArgument => format!("unknown flag `{arg}`"),
        ErrorKind::InvalidValue if value.is_empty() => format!("`{arg}` needs a value"),
        ErrorKind::InvalidValue => format!("`{value}` is no value for `{arg}`"),
        ErrorKind::ArgumentConflict => {
            let other = text(ContextKind::PriorArg).unwrap_or_default();
            format!("`{arg}` and `{other}` cannot be given together")
        }
        _ => error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .replace("error: ", ""),
    };
    let mut problem = Diagnostic::error("usage", message);
    let near = match error.kind() {
        ErrorKind::UnknownArgument => near(&arg, command),
        _ => None,
    };
    if let Some(near) = near.or_else(|| text(ContextKind::SuggestedArg)) {
        problem = problem.hint(format!("did you mean `{near}`?"));
    }
    if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) {
        problem = problem.hint(format!("it can be {}", words::either(valid)));
    }
    let help = match command {
        Some(command) => format!("`bld {command} --help` tells more"),
        None => "`bld --help` lists every option".to_owned(),
    };
    Err(Box::new(problem.hint(help)))
}

/// The option that an unknown one is a slip of: one of the command's own, else one of the build, which may stand on either
/// side of the command.
fn near(written: &str, command: Option<&str>) -> Option<String> {
    let written = written.trim_start_matches('-');
    let written = written.split('=').next().unwrap_or(written);
    let root = args::table();
    let own = command.and_then(|name| root.find_subcommand(name));
    [own, Some(root)].into_iter().flatten().find_map(|table| {
        let names = table.get_arguments().filter_map(clap::Arg::get_long);
        Some(format!("--{}", words::nearest(written, names)?))
    })
}
