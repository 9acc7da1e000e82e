//! `bld +target`: the build itself.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{
    cli::{
        args::{BuildArgs, ProgressStyle},
        config_file, console,
        env_vars::Environment,
        exit::Exit,
        printer::{self, Streams},
        progress::{self, Outcome},
        settings,
    },
    diag::Diagnostic,
    driver::{self, BuildRequest, Failure, FailureKind},
    events::EventSink,
};

/// Builds, outputs, and shows how it goes.
pub fn build(
    args: &BuildArgs,
    target: &[String],
    environment: Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    let (config, mut remarks) = config_file::load(args, &environment)?;
    let (request, more) = settings::resolve(args, target, &environment, config)?;
    remarks.extend(more);
    execute(request, &remarks, args, streams)
}

/// Runs a request, and shows how it goes.
pub fn execute(
    mut request: BuildRequest,
    remarks: &[Diagnostic],
    args: &BuildArgs,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    if request.interactive && !streams.interactive {
        let message = "`--interactive` needs a terminal, and there is none";
        return Err(Box::new(Diagnostic::error("usage", message)));
    }
    printer::diagnostics(remarks, streams);
    let display = progress::for_style(
        args.progress,
        streams,
        request.ci,
        args.verbose || args.debug,
    );
    // JSON is for programs, and says all of this already.
    let display = match args.github_annotations && args.progress != ProgressStyle::Json {
        true => progress::annotated(display),
        false => display,
    };
    if streams.interactive {
        request.console = Some(Arc::new(console::Tty {
            display: Arc::clone(&display),
        }));
    }
    let events: Arc<dyn EventSink> = Arc::clone(&display) as Arc<dyn EventSink>;
    let outcome = super::runtime()?.block_on(async {
        let cancel = CancellationToken::new();
        let watch = tokio::spawn(cancel_on_signal(cancel.clone()));
        let outcome = driver::build(request, events, cancel).await;
        watch.abort();
        outcome
    });
    Ok(match outcome {
        Ok(()) => {
            display.end(Outcome::Success, &[]);
            Exit::Success
        }
        Err(failure) => {
            let outcome = match failure.kind {
                FailureKind::Canceled => Outcome::Canceled,
                _ => Outcome::Failure,
            };
            display.end(outcome, &failure.diagnostics);
            exit(&failure)
        }
    })
}

/// The exit code of a failure.
pub fn exit(failure: &Failure) -> Exit {
    match failure.kind {
        FailureKind::BuildFile | FailureKind::Step | FailureKind::Environment => Exit::Failure,
        FailureKind::Canceled => Exit::Canceled,
        FailureKind::EngineUnreachable => Exit::EngineUnreachable,
        FailureKind::EngineGone => Exit::EngineGone,
        FailureKind::NotAllowed => Exit::NotAllowed,
        FailureKind::ForeignBinary => Exit::ForeignBinary,
    }
}

/// The first Ctrl-C or SIGTERM cancels the build, on the engine, too; the second one ends the program where it stands.
async fn cancel_on_signal(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    for round in 0.. {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if round > 0 {
            console::restore();
            std::process::exit(Exit::NotAllowed as i32);
        }
        printer::message("canceling; once more to leave at once\n");
        cancel.cancel();
    }
}
