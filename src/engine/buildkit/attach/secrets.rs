//! Secrets, by name.

use std::sync::Arc;

use bollard_buildkit_proto::moby::buildkit::secrets::v1::{
    GetSecretRequest, GetSecretResponse, secrets_server::Secrets,
};
use tonic::{Request, Response, Status, async_trait};

use crate::engine::lent::SecretSource;

/// Daemons take no more.
const LIMIT: usize = 500_000;

/// Hands secrets out.
#[derive(Clone)]
pub struct Vault {
    /// Where they come from.
    pub source: Arc<dyn SecretSource>,
}

#[async_trait]
impl Secrets for Vault {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        match self.source.secret(&id).await {
            None => Err(Status::not_found(format!("no secret is called {id}"))),
            Some(data) if data.len() > LIMIT => Err(Status::invalid_argument(format!(
                "the secret {id} is longer than {LIMIT} bytes"
            ))),
            Some(data) => Ok(Response::new(GetSecretResponse { data })),
        }
    }
}
