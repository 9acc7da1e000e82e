//! Credentials for registries that the daemon talks to.
//!
//! Tokens are fetched by the daemon: `Unavailable` as the answer to the question for a token authority makes it ask for
//! the credentials. Any other error would end the build.

use std::sync::Arc;

use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse,
    GetTokenAuthorityRequest, GetTokenAuthorityResponse, VerifyTokenAuthorityRequest,
    VerifyTokenAuthorityResponse, auth_server::Auth,
};
use tonic::{Request, Response, Status, async_trait};

use crate::{
    engine::{Credential, Credentials},
    oci::reference::DOCKER_HUB,
};

/// Hands credentials out.
#[derive(Clone)]
pub struct Keys {
    /// Where they come from.
    pub credentials: Arc<dyn Credentials>,
}

/// A daemon names Docker Hub by the host that it connects to.
fn registry(host: &str) -> &str {
    match host {
        "registry-1.docker.io" | "index.docker.io" => DOCKER_HUB,
        host => host,
    }
}

#[async_trait]
impl Auth for Keys {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let (username, secret) = match self.credentials.credential(registry(&host)).await {
            Credential::None => (String::new(), String::new()),
            Credential::Basic { user, password } => (user, password.reveal().to_owned()),
            // A token without a user is an identity token.
            Credential::Token(token) => (String::new(), token.reveal().to_owned()),
        };
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the daemon"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the daemon"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the daemon"))
    }
}
