//! Commands at the terminal that somebody sits at: one at a time has it.

use std::{io::ErrorKind, sync::Arc};

use tokio::{io::DuplexStream, sync::mpsc::Receiver};

use super::{
    failure::{broken_terminal, foreign_terminal, no_terminal},
    probe::Running,
};
use crate::{
    base::Platform,
    diag::Diagnostic,
    engine::{
        EngineError,
        relay::outside::{Seat, serve},
        terminal::Console,
    },
    graph::plan::StepId,
};

impl Running {
    /// Runs a command whose changes are thrown away; gives its exit code.
    pub(super) async fn visit(&self, step: StepId) -> Result<i32, Box<Diagnostic>> {
        let console = self.console()?;
        let build = async {
            let state = self.executor.state(step).await?;
            Ok((state, self.executor.build().await?))
        };
        let (state, build) = build.await.map_err(|e| self.failed(e))?;
        let _alone = self.sitting.lock().await;
        let terminal = console.take().map_err(|e| Box::new(broken_terminal(&e)))?;
        let ended = build.at_terminal(&state, terminal).await;
        ended.map_err(|e| self.failed(e))
    }

    /// Executes a step whose command makes a terminal for itself and calls for the user. The call comes when everything
    /// that the step needs is done; until then progress is shown.
    pub(super) async fn sit(&self, step: StepId) -> Result<(), Box<Diagnostic>> {
        let console = self.console()?;
        let platform = &self.plan.step(step).platform;
        if !runs_own_program(platform) {
            return Err(Box::new(foreign_terminal(platform, &Platform::host())));
        }
        let program = std::env::current_exe().map_err(|e| Box::new(broken_terminal(&e)))?;
        let _alone = self.sitting.lock().await;
        let name = self.executor.own_program(program);
        let (seat, mut calls) = Seat::new();
        self.sockets.offer(&name, Arc::new(seat));
        let executed = self.executor.execute(step);
        tokio::pin!(executed);
        let ended = tokio::select! {
            // It may never get as far as to call, and a build that is stopped ends without a last word.
            ended = &mut executed => ended,
            attended = attend(console, &mut calls) => match attended {
                Ok(()) => executed.await,
                Err(e) => Err(e),
            },
        };
        self.sockets.withdraw(&name);
        ended.map(drop).map_err(|e| self.failed(e))
    }

    fn console(&self) -> Result<&Arc<dyn Console>, Box<Diagnostic>> {
        self.console.as_ref().ok_or_else(|| Box::new(no_terminal()))
    }
}

/// Takes the call of a step, and gives it the terminal until it has ended.
async fn attend(
    console: &Arc<dyn Console>,
    calls: &mut Receiver<DuplexStream>,
) -> Result<(), EngineError> {
    let Some(call) = calls.recv().await else {
        return Ok(());
    };
    let terminal = console
        .take()
        .map_err(|e| EngineError::Other(e.to_string()))?;
    match serve(call, terminal).await {
        Err(e) if e.kind() == ErrorKind::InvalidData => Err(EngineError::Other(e.to_string())),
        // Otherwise how the step ended says it all.
        _ => Ok(()),
    }
}

/// Whether bld itself runs on a platform, as it is.
fn runs_own_program(platform: &Platform) -> bool {
    let host = Platform::host();
    let narrow = host.arch == "amd64" && platform.arch == "386";
    platform.os == host.os && (platform.arch == host.arch || narrow)
}
