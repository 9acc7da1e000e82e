//! `WITH DOCKER`: a command beside a Docker daemon of its own (language specification, 4.15).
//!
//! The opener reads its flags and starts the targets of `--load`. The one `RUN` that the body comes to waits for them and
//! becomes a privileged step (`step`) in which `with-docker.sh` starts the daemon. Images reach it as file systems that
//! are mounted into the step, with their configurations beside them: no byte leaves the engine, and the step's cache key
//! is made of what it loads.

mod compose;
mod host;
mod images;
mod load;
mod step;

use std::sync::Arc;

use self::{images::Pull, load::Load};
use super::{
    error::{self, Result},
    exec::Exec,
    expand::How,
};
use crate::{
    diag::Location,
    syntax::ast::{Command, Nested},
};

/// The `RUN` that the body comes to.
pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let docker = exec.docker.clone().expect("called inside of a WITH DOCKER");
    // The opener may stand in code that may do more than the function which holds this command.
    exec.permitted("the RUN of a WITH DOCKER")?;
    exec.docker_runs += 1;
    if exec.docker_runs > 1 {
        return Err(error::docker_second_run());
    }
    if exec.state.locally.is_some() {
        host::run(exec, &docker, command).await
    } else {
        step::run(exec, &docker, command).await
    }
}

/// The flags of a `WITH DOCKER`, read; what it loads has been started.
#[derive(Default)]
pub(crate) struct WithDocker {
    loads: Vec<Load>,
    pulls: Vec<Pull>,
    /// Compose files, as paths in the file system of the target.
    compose: Vec<(String, Location)>,
    /// The services to start; none are all.
    services: Vec<(String, Location)>,
    /// Under which name the daemon's data are kept.
    cache_id: Option<String>,
}

/// Executes a `WITH DOCKER`.
pub(crate) async fn statement(exec: &mut Exec, statement: &Nested) -> Result<()> {
    if exec.docker.is_some() {
        return Err(error::docker_in_docker());
    }
    exec.fs("WITH DOCKER")?;
    if exec.state.locally.is_some() {
        exec.permitted("WITH DOCKER")?;
        host::remark_on(exec, &statement.opener);
    } else {
        exec.require_privileges("WITH DOCKER").await?;
        native(exec)?;
    }
    let docker = read(exec, &statement.opener).await?;
    exec.docker = Some(Arc::new(docker));
    exec.docker_runs = 0;
    let result = exec.block(&statement.body).await;
    exec.docker = None;
    result?;
    if exec.docker_runs == 0 {
        return Err(error::docker_without_run());
    }
    Ok(())
}

/// A daemon under emulation does not work.
fn native(exec: &Exec) -> Result<()> {
    let current = &exec.state.current.platform;
    let native = &exec.session.request.native;
    if current == native {
        Ok(())
    } else {
        Err(error::docker_platform(current, native))
    }
}

async fn read(exec: &mut Exec, opener: &Command) -> Result<WithDocker> {
    let current = exec.platform_flag(opener).await?;
    let mut loads = Vec::new();
    for flag in opener.flags_named("load") {
        let Some(word) = &flag.value else { continue };
        loads.extend(load::start(exec, opener, word, &current).await?);
    }
    if exec.state.locally.is_some() {
        return Ok(WithDocker {
            loads,
            ..WithDocker::default()
        });
    }
    let mut pulls = Vec::new();
    for flag in opener.flags_named("pull") {
        let Some(word) = &flag.value else { continue };
        pulls.extend(images::pull(exec, word, &current.platform).await?);
    }
    Ok(WithDocker {
        loads,
        pulls,
        compose: texts(exec, opener, "compose").await?,
        services: texts(exec, opener, "service").await?,
        // Two builds have to mean the same data by it, so it is taken as it is written.
        cache_id: opener
            .flag("cache-id")
            .and_then(|flag| flag.value.as_ref())
            .map(|word| word.text.clone()),
    })
}

async fn texts(
    exec: &mut Exec,
    opener: &Command,
    flag: &'static str,
) -> Result<Vec<(String, Location)>> {
    let mut texts = Vec::new();
    for flag in opener.flags_named(flag) {
        if let Some(word) = &flag.value {
            let text = exec.expand_text(word, How::default()).await?;
            texts.push((text, exec.place(word)));
        }
    }
    Ok(texts)
}
