//! A session: a connection inside the connection, on which the daemon is the client.
//!
//! `Control.Session` carries bytes both ways; behind a pipe stands an ordinary gRPC server ([`super::attach`]).

use std::{convert::Infallible, sync::Arc, time::Duration};

use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio_util::{io::ReaderStream, sync::CancellationToken};
use tonic::{Request, transport::Server};

use super::{attach::Attached, client::Client, hearth::Hearth};
use crate::{base::Digest, engine::EngineError, llb::Nonce};

/// What the pipe holds before one side has to wait.
const PIPE: usize = 4 << 20;
/// What goes into one message.
const CHUNK: usize = 32 << 10;
/// Every request for a file is a small frame, and h2 counts unread small frames against half of this window; the
/// connection breaks when it runs out.
const CONNECTION_WINDOW: u32 = 64 << 20;
const STREAM_WINDOW: u32 = 16 << 20;

/// A session while it lives. Dropping it ends it.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub id: String,
    /// Cancelled when the session ended, whoever ended it.
    pub ended: CancellationToken,
    _stop: tokio_util::sync::DropGuard,
}

impl Session {
    /// Starts one, without waiting for the daemon to take it: whoever needs it there waits.
    pub fn start(hearth: &Hearth, client: &Client, attached: Arc<Attached>) -> Self {
        let id = Nonce::random().as_str().to_owned();
        let stop = CancellationToken::new();
        let ended = CancellationToken::new();
        let run = run(client.clone(), id.clone(), attached);
        let (stopped, over) = (stop.clone(), ended.clone());
        hearth.spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                result = run => {
                    let _: Result<(), EngineError> = result;
                }
            }
            over.cancel();
        });
        Self {
            id,
            ended,
            _stop: stop.drop_guard(),
        }
    }
}

async fn run(mut client: Client, id: String, attached: Arc<Attached>) -> Result<(), EngineError> {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let incoming = stream::iter([Ok::<DuplexStream, Infallible>(theirs)]).chain(stream::pending());
    let server = Server::builder()
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .serve_with_incoming((*attached).clone(), incoming);

    let (from_server, mut to_server) = tokio::io::split(ours);
    let outgoing = ReaderStream::with_capacity(from_server, CHUNK)
        .filter_map(async |chunk| chunk.ok())
        .map(|data| BytesMessage { data: data.into() });
    let mut request = Request::new(outgoing);
    let metadata = request.metadata_mut();
    let text = |text: &str| text.parse().expect("plain text is a header value");
    metadata.insert("x-docker-expose-session-uuid", text(&id));
    metadata.insert("x-docker-expose-session-name", text("bld"));
    metadata.insert("x-docker-expose-session-sharedkey", text(&shared_key()));
    for method in Attached::METHODS {
        metadata.append("x-docker-expose-session-grpc-method", text(method));
    }

    let bridge = async {
        let mut inbound = client.control.session(request).await?.into_inner();
        while let Some(message) = inbound.message().await? {
            if to_server.write_all(&message.data).await.is_err() {
                break;
            }
        }
        Ok::<(), tonic::Status>(())
    };
    tokio::select! {
        _ = server => {}
        _ = bridge => {}
    }
    // What the daemon still waits for it learns from the end of the stream.
    tokio::time::sleep(Duration::ZERO).await;
    Ok(())
}

/// Names the trees of files that the daemon keeps for this machine and user from one build to the next.
fn shared_key() -> String {
    let machine = std::fs::read_to_string("/etc/machine-id")
        .or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"))
        .unwrap_or_default();
    let user = std::env::var("USER").unwrap_or_default();
    Digest::of(format!("{machine}\0{user}").as_bytes()).hex()[..16].to_owned()
}
