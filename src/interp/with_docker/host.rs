//! `WITH DOCKER` under `LOCALLY`: the Docker of this machine (language specification, 4.15).

use futures_util::future::try_join_all;

use super::{WithDocker, load::Load};
use crate::{
    diag::Diagnostic,
    interp::{
        commands::locally,
        error::{self, Result},
        exec::Exec,
        probe::HostImage,
    },
    oci::ImageRef,
    syntax::ast::Command,
};

/// What is about a daemon that is started, and this machine's is not.
const WITHOUT_EFFECT: [&str; 4] = ["pull", "compose", "service", "cache-id"];

/// Says which flags have no effect.
pub(super) fn remark_on(exec: &Exec, opener: &Command) {
    for name in WITHOUT_EFFECT {
        let Some(flag) = opener.flag(name) else {
            continue;
        };
        let message = format!("`--{name}` of WITH DOCKER has no effect with LOCALLY");
        let hint = match name {
            "cache-id" => "the Docker of this machine keeps its data anyway",
            "pull" => "the Docker of this machine fetches what it is asked to run",
            _ => "start services in the RUN: `docker compose up -d`",
        };
        let at = exec.frame().file.at(flag.span);
        let warning = Diagnostic::warning("locally-without-effect", message);
        exec.session.remark(warning.hint(hint).at(at));
    }
}

/// Loads the images into the Docker of this machine, and runs the command there.
pub(super) async fn run(exec: &mut Exec, docker: &WithDocker, command: &Command) -> Result<()> {
    if exec.switch(command, "push").await? {
        return Err(error::docker_run_flag("push"));
    }
    let images = try_join_all(docker.loads.iter().map(Load::image)).await?;
    let mut wanted = Vec::new();
    for (image, load) in images.into_iter().zip(&docker.loads) {
        let Some(name) = image.name else { continue };
        let name = ImageRef {
            digest: None,
            ..name
        };
        // Of two images with one name the later one counts.
        wanted.retain(|other: &HostImage| other.name != name);
        wanted.push(HostImage {
            name,
            target: load.target.clone(),
            state: image.fs,
            config: image.config,
            at: load.at().clone(),
        });
    }
    // Which way a condition goes is not known, so nothing behind it may be done.
    if exec.undecided_by.is_none() && !wanted.is_empty() {
        exec.session.probe.load(wanted).await?;
    }
    locally::run_command(exec, command).await
}
