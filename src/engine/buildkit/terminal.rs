//! A command at a terminal: a container of the gateway, made of what the command would have run in.

use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::frontend::{
    ExecMessage, FdMessage, InitMessage, NewContainerRequest, ReleaseContainerRequest,
    ResizeMessage, exec_message::Input,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{build::GatewayBuild, client::of_build, gateway::Gateway};
use crate::{
    engine::{
        Build as _, EngineError,
        terminal::{Size, Terminal},
    },
    llb::{ExecOp, Nonce, Vertex, encode},
};

/// The only process of a container.
const PROCESS: &str = "terminal";
/// How long after the end of a process its output is waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Messages that are on their way to the daemon.
const QUEUE: usize = 64;

impl GatewayBuild {
    /// Runs the command of a vertex at a terminal and gives its exit code. What it changes is lost.
    pub(super) async fn command_at_terminal(
        &self,
        vertex: &Vertex,
        exec: &ExecOp,
        mut terminal: Terminal,
    ) -> Result<i32, EngineError> {
        let op = encode::exec_pb(exec);
        let mut mounts = op.mounts;
        for (message, mount) in mounts.iter_mut().zip(&exec.mounts) {
            if let Some(input) = mount.input {
                let from = Some(vertex.inputs()[input].clone());
                message.result_id = self.solve(&from).await?.0;
            }
        }
        let gateway = self.gateway().await;
        let container = Nonce::random().as_str().to_owned();
        let mut meta = op.meta.unwrap_or_default();
        if !meta.env.iter().any(|line| line.starts_with("TERM=")) {
            meta.env.push(format!("TERM={}", terminal.kind));
        }
        let request = NewContainerRequest {
            container_id: container.clone(),
            mounts,
            network: op.network,
            platform: vertex.platform().map(encode::platform_pb),
            extra_hosts: meta.extra_hosts.clone(),
            hostname: meta.hostname.clone(),
            ..NewContainerRequest::default()
        };
        let mut bridge = self.site.client.bridge();
        let made = bridge.new_container(of_build(&gateway.id, request));
        let made = self.site.call(gateway, made).await;
        made.map_err(|refused| self.site.plainly(refused))?;
        let init = InitMessage {
            container_id: container.clone(),
            meta: Some(meta),
            fds: vec![0, 1, 2],
            tty: true,
            security: op.security,
            secretenv: op.secretenv,
        };
        let ended = self.converse(gateway, init, &mut terminal).await;
        // The answer repeats how the process ended.
        let release = ReleaseContainerRequest {
            container_id: container,
        };
        let released = bridge.release_container(of_build(&gateway.id, release));
        let _ = self.site.call(gateway, released).await;
        ended
    }

    /// Carries bytes to and fro until the process has ended.
    async fn converse(
        &self,
        gateway: &Gateway,
        init: InitMessage,
        terminal: &mut Terminal,
    ) -> Result<i32, EngineError> {
        let (sender, messages) = mpsc::channel(QUEUE);
        let send = async |input| {
            let message = ExecMessage {
                process_id: PROCESS.to_owned(),
                input: Some(input),
            };
            // A daemon that does not listen any more says why in its own stream.
            let _ = sender.send(message).await;
        };
        send(Input::Init(init)).await;
        let mut bridge = self.site.client.bridge();
        let answer = bridge.exec_process(of_build(&gateway.id, ReceiverStream::new(messages)));
        let answer = self.site.call(gateway, answer).await;
        let mut answers = answer.map_err(|refused| self.site.plainly(refused))?;
        let mut code = None;
        let mut typing = true;
        loop {
            tokio::select! {
                () = self.site.stop.cancelled() => return Err(EngineError::Canceled),
                answer = answers.message() => {
                    let answer = answer.map_err(|e| EngineError::Other(e.message().to_owned()))?;
                    match answer.and_then(|answer| answer.input) {
                        Some(Input::Started(_)) => {
                            let size = *terminal.size.borrow();
                            send(resize(size)).await;
                        }
                        Some(Input::File(file)) => (terminal.output)(&file.data),
                        Some(Input::Exit(exit)) => {
                            code = Some(i32::try_from(exit.code).unwrap_or(-1));
                            // An old daemon waits for the end of what is typed before it says that all is over.
                            typing = false;
                            send(end_of_input()).await;
                        }
                        Some(Input::Done(_)) | None => break,
                        Some(_) => {}
                    }
                }
                typed = terminal.input.recv(), if typing => match typed {
                    Some(data) => send(Input::File(FdMessage { fd: 0, eof: false, data })).await,
                    None => {
                        typing = false;
                        send(end_of_input()).await;
                    }
                },
                // What the process wrote last may come behind its end, but not much later.
                () = tokio::time::sleep(LAST_WORDS), if code.is_some() => break,
                Ok(()) = terminal.size.changed() => {
                    let size = *terminal.size.borrow_and_update();
                    send(resize(size)).await;
                }
            }
        }
        code.ok_or_else(|| EngineError::Other("the process at the terminal was lost".to_owned()))
    }
}

fn end_of_input() -> Input {
    Input::File(FdMessage {
        fd: 0,
        eof: true,
        data: Vec::new(),
    })
}

fn resize(size: Size) -> Input {
    Input::Resize(ResizeMessage {
        rows: size.rows,
        cols: size.columns,
    })
}
