//! Calls to the daemon.

use bollard_buildkit_proto::moby::buildkit::v1::{
    control_client::ControlClient, frontend::llb_bridge_client::LlbBridgeClient,
};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

use super::dial::{self, Address};
use crate::engine::EngineError;

/// What a message may be long: daemons send up to 16 MiB.
const MESSAGE: usize = 16 << 20;
/// What all headers of an answer may take together.
const HEADERS: u32 = 16 << 20;
/// What may be under way before somebody reads it. A session runs inside of one stream of this connection.
const WINDOW: u32 = 64 << 20;

/// Both services of a daemon on one connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where it is.
    pub address: Address,
    /// Builds, their progress, the cache.
    pub control: ControlClient<Channel>,
    bridge: LlbBridgeClient<Channel>,
}

impl Client {
    /// Connects. Has to run where the connection is to live.
    pub async fn connect(address: &Address) -> Result<Self, EngineError> {
        let dial_to = address.clone();
        let connector = tower::service_fn(move |_| {
            let address = dial_to.clone();
            async move { dial::grpc(&address).await }
        });
        // No keep-alive: gRPC servers of Go close connections that ping.
        let channel = Endpoint::from_static("http://localhost")
            .initial_connection_window_size(WINDOW)
            .initial_stream_window_size(WINDOW)
            // An error comes in the trailers, and quotes the command that failed, however long it is.
            .http2_max_header_list_size(HEADERS)
            .connect_with_connector(connector)
            .await
            .map_err(|error| EngineError::Unreachable {
                address: address.to_string(),
                reason: innermost(&error),
            })?;
        Ok(Self {
            address: address.clone(),
            control: ControlClient::new(channel.clone()).max_decoding_message_size(MESSAGE),
            bridge: LlbBridgeClient::new(channel).max_decoding_message_size(MESSAGE),
        })
    }

    /// The calls that belong to an open build.
    pub fn bridge(&self) -> LlbBridgeClient<Channel> {
        self.bridge.clone()
    }
}

/// A call that belongs to the build with this id.
pub fn of_build<T>(id: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let id = id.parse().expect("an id is made of letters and digits");
    request
        .metadata_mut()
        .insert("buildkit-controlapi-buildid", id);
    request
}

/// The last cause, which is the one that says something.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
