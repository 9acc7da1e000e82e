//! `bld check`: mistakes in build files, without an engine.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    cli::{
        args::{BuildArgs, CheckArgs},
        env_vars::Environment,
        exit::Exit,
        printer::{self, Streams},
        settings,
    },
    diag::{Diagnostic, Severity, render, words},
    interp::{self, CheckRequest},
};

/// Checks files and everything local that they refer to.
pub fn check(
    args: &CheckArgs,
    build: &BuildArgs,
    environment: &Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    let mut paths = args.paths.clone();
    if let Some(file) = &build.file {
        paths = vec![file.clone()];
    }
    let cwd = std::env::current_dir().map_err(|e| {
        Box::new(Diagnostic::error(
            "usage",
            format!("cannot find the working directory: {e}"),
        ))
    })?;
    let checked = interp::check(&CheckRequest {
        cwd,
        paths,
        features: settings::features(&build.version_flag_overrides)?,
        home: environment.get("HOME").map(PathBuf::from),
    });
    let errors = checked
        .problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .count();
    let exit = if errors == 0 {
        Exit::Success
    } else {
        Exit::Failure
    };
    if args.json {
        let problems: Vec<_> = checked.problems.iter().map(render::json).collect();
        let report = json!({"files": checked.files, "problems": problems});
        printer::data(&format!("{report:#}\n"))?;
        return Ok(exit);
    }
    printer::diagnostics(&checked.problems, streams);
    let files = words::count(checked.files.len(), "file");
    let summary = match errors {
        0 => format!("{files} checked, no errors\n"),
        n => format!("\n{files} checked, {}\n", words::count(n, "error")),
    };
    printer::message(&summary);
    Ok(exit)
}
