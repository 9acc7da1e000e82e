//! Sockets of this machine in steps: `moby.sshforward.v1`, which carries any bytes, not only those of SSH agents.

use std::{pin::Pin, sync::Arc};

use bollard_buildkit_proto::moby::sshforward::v1::{
    BytesMessage, CheckAgentRequest, CheckAgentResponse, ssh_server::Ssh,
};
use futures_util::{Stream, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::engine::lent::{Socket, Sockets};

/// The metadata that says which socket a connection is for.
const ID: &str = "buildkit.ssh.id";
/// What an empty name means.
const DEFAULT: &str = "default";
/// What goes into one message.
const CHUNK: usize = 32 << 10;

/// Connects steps with sockets of this machine.
#[derive(Clone)]
pub struct Forwarder {
    /// What is offered.
    pub sockets: Arc<Sockets>,
}

impl Forwarder {
    fn find(&self, id: &str) -> Result<Arc<dyn Socket>, Status> {
        let id = if id.is_empty() { DEFAULT } else { id };
        let found = self.sockets.find(id);
        found.ok_or_else(|| Status::not_found(format!("no socket is called {id}")))
    }
}

#[async_trait]
impl Ssh for Forwarder {
    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.find(&request.into_inner().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    type ForwardAgentStream = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get(ID).and_then(|id| id.to_str().ok());
        let socket = self.find(id.unwrap_or_default())?;
        let broken = |e: std::io::Error| Status::unavailable(e.to_string());
        let (from_socket, mut to_socket) =
            tokio::io::split(socket.connect().await.map_err(broken)?);
        let mut inbound = request.into_inner();
        // Each direction ends by itself: a process may close its end and still wait for the answer.
        tokio::spawn(async move {
            while let Ok(Some(message)) = inbound.message().await {
                if to_socket.write_all(&message.data).await.is_err() {
                    return;
                }
            }
            let _ = to_socket.shutdown().await;
        });
        let outbound = ReaderStream::with_capacity(from_socket, CHUNK).map(move |chunk| {
            let data = chunk.map_err(broken)?.to_vec();
            Ok(BytesMessage { data })
        });
        Ok(Response::new(Box::pin(outbound)))
    }
}
