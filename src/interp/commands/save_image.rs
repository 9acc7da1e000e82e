//! `SAVE IMAGE` (language specification, 4.5).

use std::sync::Arc;

use crate::{
    diag::Diagnostic,
    graph::ledger::{ImageOutput, OutputKind},
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
        state::SavedImage,
        value::UNDECIDED,
    },
    oci::ImageRef,
    syntax::ast::{Command, Keyword},
};

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let push = command.is_on("push");
    if push && command.args.is_empty() {
        return Err(error::push_without_name());
    }
    let cache_hint = command.is_on("cache-hint");
    let fs = exec.fs("SAVE IMAGE")?;
    exec.refuse_locally(Keyword::SaveImage)?;
    let mut names = Vec::new();
    for word in &command.args {
        let name = exec.expand_text(word, How::default()).await?;
        // What is not output may be called anything: a variable that only a release sets.
        if name.is_empty() {
            continue;
        }
        if exec.chain && exec.session.request.images && !name.contains(UNDECIDED) {
            let place = exec.place(word);
            ImageRef::parse(&name).map_err(|why| error::bad_image(&name, &why).at(&place))?;
        }
        names.push(name);
    }
    let mut cache_from = Vec::new();
    for flag in command.flags_named("cache-from") {
        if let Some(word) = &flag.value {
            cache_from.push(exec.expand_text(word, How::default()).await?);
        }
    }
    if command.args.is_empty() && command.flags.is_empty() {
        exec.warn(Diagnostic::note(
            "save-image-nothing",
            "SAVE IMAGE without a name does nothing and can be removed",
        ));
        return Ok(());
    }
    if !command.is_on("without-earthly-labels") {
        add_labels(exec);
    }
    let config = Arc::new(exec.state.config.clone());
    let state = exec.caches_now(exec.state.pushed.unwrap_or(fs)).await?;
    exec.state.last_image = Some(SavedImage {
        fs: state,
        config: Arc::clone(&config),
    });
    exec.state.image_names.extend_from_slice(&names);
    if push && !exec.pushes_in_place() {
        exec.state.after_push = true;
    }
    if exec.state.push_left_out {
        for name in &names {
            exec.warn(error::image_after_push(name, push));
        }
        return Ok(());
    }
    if names.is_empty() && !cache_hint && cache_from.is_empty() {
        return Ok(());
    }
    // Before `wait-block` what is pushed is made after everything else, and only then.
    if exec.state.pushed.is_none() {
        exec.ready.push(state);
    }
    exec.output(OutputKind::Image(ImageOutput {
        names,
        state,
        config,
        platform: exec.state.current.platform.clone(),
        platform_chosen: exec.state.current.chosen,
        push,
        cache_hint,
        cache_from,
        insecure: command.is_on("insecure"),
        no_manifest_list: command.is_on("no-manifest-list"),
    }));
    Ok(())
}

fn add_labels(exec: &mut Exec) {
    let sha = exec.session.request.build_sha.clone();
    let labels = &mut exec.state.config.config.labels;
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    labels.insert("dev.bld.version".to_owned(), version);
    labels.insert("dev.bld.git-sha".to_owned(), sha);
    labels.insert("dev.bld.built-by".to_owned(), "bld".to_owned());
}
