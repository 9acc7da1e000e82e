//! What a daemon may ask this side for during a build.
//!
//! Each service is one file. Which call goes to which service is decided here by its path, and what is not listed does
//! not exist.

mod archive;
pub mod auth;
pub mod files;
pub mod gomode;
pub mod health;
pub mod receive;
pub mod secrets;
pub mod ssh;
pub mod tree;
pub mod trouble;

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bollard_buildkit_proto::{
    health::health_server::HealthServer,
    moby::{
        buildkit::secrets::v1::secrets_server::SecretsServer,
        filesync::{
            packet::{file_send_server::FileSendServer, file_sync_server::FileSyncServer},
            v1::auth_server::AuthServer,
        },
        sshforward::v1::ssh_server::SshServer,
    },
};
use futures_util::future::BoxFuture;
use tonic::{Status, body::Body};
use tower::Service;

pub use trouble::Trouble;

use crate::engine::{Credentials, SecretSource, Sockets};

/// Chunks of exported files are as long as the daemon likes, up to this.
const MESSAGE: usize = 16 << 20;

/// All services.
#[derive(Clone)]
pub struct Attached {
    /// The directories that may be read.
    pub contexts: Arc<files::Contexts>,
    /// Where exports go.
    pub exports: Arc<receive::Exports>,
    /// What went wrong on this side; a daemon reports it badly or not at all.
    pub trouble: Trouble,
    health: HealthServer<health::Healthy>,
    sync: FileSyncServer<files::Files>,
    send: FileSendServer<receive::Receiver>,
    auth: AuthServer<auth::Keys>,
    secrets: SecretsServer<secrets::Vault>,
    ssh: SshServer<ssh::Forwarder>,
}

impl Attached {
    /// The calls that a daemon is told of.
    pub const METHODS: [&str; 11] = [
        "/grpc.health.v1.Health/Check",
        "/moby.filesync.v1.FileSync/DiffCopy",
        "/moby.filesync.v1.FileSync/TarStream",
        "/moby.filesync.v1.FileSend/DiffCopy",
        "/moby.filesync.v1.Auth/Credentials",
        "/moby.filesync.v1.Auth/FetchToken",
        "/moby.filesync.v1.Auth/GetTokenAuthority",
        "/moby.filesync.v1.Auth/VerifyTokenAuthority",
        "/moby.buildkit.secrets.v1.Secrets/GetSecret",
        "/moby.sshforward.v1.SSH/CheckAgent",
        "/moby.sshforward.v1.SSH/ForwardAgent",
    ];

    /// Puts them together.
    pub fn new(
        credentials: Arc<dyn Credentials>,
        secrets: Arc<dyn SecretSource>,
        sockets: Arc<Sockets>,
    ) -> Self {
        let trouble = Trouble::default();
        let contexts = Arc::new(files::Contexts::default());
        let exports = Arc::new(receive::Exports::default());
        Self {
            health: HealthServer::new(health::Healthy),
            sync: FileSyncServer::new(files::Files {
                contexts: Arc::clone(&contexts),
                trouble: trouble.clone(),
            })
            .max_decoding_message_size(MESSAGE),
            send: FileSendServer::new(receive::Receiver {
                exports: Arc::clone(&exports),
                trouble: trouble.clone(),
            })
            .max_decoding_message_size(MESSAGE),
            auth: AuthServer::new(auth::Keys { credentials }),
            secrets: SecretsServer::new(secrets::Vault { source: secrets }),
            ssh: SshServer::new(ssh::Forwarder { sockets }),
            contexts,
            exports,
            trouble,
        }
    }
}

impl Service<http::Request<Body>> for Attached {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let service = path.trim_start_matches('/').split('/').next();
        match service.unwrap_or_default() {
            "grpc.health.v1.Health" => self.health.call(request),
            "moby.filesync.v1.FileSync" => self.sync.call(request),
            "moby.filesync.v1.FileSend" if self.exports.is_archive() => {
                let exports = Arc::clone(&self.exports);
                let archives = archive::Archives { exports };
                Box::pin(async move { Ok(archives.serve(request).await) })
            }
            "moby.filesync.v1.FileSend" => self.send.call(request),
            "moby.filesync.v1.Auth" => self.auth.call(request),
            "moby.buildkit.secrets.v1.Secrets" => self.secrets.call(request),
            "moby.sshforward.v1.SSH" => self.ssh.call(request),
            _ => {
                let answer = Status::unimplemented(path.to_owned()).into_http();
                Box::pin(async move { Ok(answer) })
            }
        }
    }
}
