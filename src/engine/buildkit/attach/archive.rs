//! An exported archive on its way from the daemon: bytes, passed on as they come.
//!
//! It comes by the same call as exported files (`moby.filesync.v1.FileSend/DiffCopy`), with other messages in it; which
//! of the two it is only this side knows ([`super::receive::Exports`]).

use std::{pin::Pin, sync::Arc};

use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use futures_util::future::BoxFuture;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming, body::Body, server::Grpc};
use tonic_prost::ProstCodec;

use super::{MESSAGE, receive::Exports};

type Answers = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

/// The service.
#[derive(Debug, Clone)]
pub struct Archives {
    /// What waits for an archive.
    pub exports: Arc<Exports>,
}

impl Archives {
    /// Answers the call.
    pub async fn serve(self, request: http::Request<Body>) -> http::Response<Body> {
        Grpc::new(ProstCodec::default())
            .max_decoding_message_size(MESSAGE)
            .streaming(self, request)
            .await
    }
}

impl tonic::server::StreamingService<BytesMessage> for Archives {
    type Response = BytesMessage;
    type ResponseStream = Answers;
    type Future = BoxFuture<'static, Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Streaming<BytesMessage>>) -> Self::Future {
        let into = self.exports.take_archive();
        Box::pin(async move {
            let into =
                into.ok_or_else(|| Status::failed_precondition("nothing is to be exported"))?;
            let mut inbound = request.into_inner();
            while let Some(message) = inbound.message().await? {
                if into.send(message.data.into()).await.is_err() {
                    return Err(Status::aborted("nobody takes the archive any more"));
                }
            }
            // The daemon waits for the end of the answers; there is nothing to say.
            let nothing: Answers = Box::pin(tokio_stream::empty());
            Ok(Response::new(nothing))
        })
    }
}
