//! One request: the scheme, the login, and what its answer means. Nothing here is tried again but what a challenge or
//! a missing TLS asks for.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
};
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

use super::{
    client::Repository,
    error::{RegistryError, words},
    login::{challenge, sensitive},
    token::Access,
};
use crate::{base::Secret, oci::auth::Credential};

/// A registry that says nothing for this long is gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The slowest upload that is not given up on, in bytes a second.
const SLOWEST: u64 = 50_000;
/// Error bodies and token answers are short.
pub(super) const SHORT: usize = 64 << 10;

/// Told how many bytes have gone out.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// What goes out; made anew for every attempt.
#[derive(Clone)]
pub(super) enum Body {
    None,
    Bytes(Bytes),
    File {
        path: PathBuf,
        length: u64,
        progress: Progress,
    },
}

impl Body {
    fn length(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    async fn open(&self) -> Result<reqwest::Body, RegistryError> {
        match self {
            Self::None => Ok(reqwest::Body::from("")),
            Self::Bytes(bytes) => Ok(reqwest::Body::from(bytes.clone())),
            Self::File { path, progress, .. } => {
                let file = tokio::fs::File::open(path)
                    .await
                    .map_err(|e| RegistryError::Local {
                        reason: format!("cannot read `{}`: {e}", path.display()),
                    })?;
                let progress = Arc::clone(progress);
                let mut sent = 0;
                let chunks = ReaderStream::with_capacity(file, 256 << 10).inspect(move |chunk| {
                    if let Ok(chunk) = chunk {
                        sent += chunk.len() as u64;
                        progress(sent);
                    }
                });
                Ok(reqwest::Body::wrap_stream(chunks))
            }
        }
    }
}

/// Where a request goes.
pub(super) enum Target {
    /// Below the repository: `manifests/latest`.
    Path(String),
    /// Where the registry said.
    Url(Url),
}

/// One request.
pub(super) struct Request {
    pub method: Method,
    pub target: Target,
    pub access: Access,
    /// Another repository that is read, too.
    pub also_pull: Option<String>,
    pub accept: &'static [&'static str],
    pub content_type: Option<String>,
    pub body: Body,
    /// For messages: `image a/b:c`.
    pub what: String,
}

impl Request {
    pub(super) fn new(method: Method, path: String, access: Access, what: String) -> Self {
        Self {
            method,
            target: Target::Path(path),
            access,
            also_pull: None,
            accept: &[],
            content_type: None,
            body: Body::None,
            what,
        }
    }
}

impl Repository {
    /// The answer, if it is one of success.
    pub(super) async fn once(&self, request: &Request) -> Result<Response, RegistryError> {
        let mut scopes = vec![request.access.scope(&self.endpoint.repository)];
        scopes.extend(
            request
                .also_pull
                .iter()
                .map(|other| Access::Pull.scope(other)),
        );
        let key = scopes.join(" ");
        let tokens = &self.registries.tokens;
        let known = tokens.get(&self.endpoint.host, &key);
        let answer = self.send(request, known.as_ref()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return self.judge(answer, request, known.is_some()).await;
        }
        tokens.forget(&self.endpoint.host, &key);
        let Some(challenge) = challenge(answer.headers()) else {
            return self.judge(answer, request, false).await;
        };
        drop(answer);
        let credential = self
            .registries
            .credentials
            .credential(&self.endpoint.registry)
            .await;
        let logged_in = credential != Credential::None;
        let authorized = self
            .authorize(&challenge, &credential, &scopes, request)
            .await?;
        let answer = self
            .send(request, authorized.as_ref().map(|(header, _)| header))
            .await?;
        if let Some((header, lifetime)) = authorized
            && answer.status() != StatusCode::UNAUTHORIZED
        {
            tokens.put(&self.endpoint.host, &key, header, lifetime);
        }
        self.judge(answer, request, logged_in).await
    }

    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Response, RegistryError> {
        let http = self
            .registries
            .connections
            .of(&self.endpoint)
            .map_err(|e| self.network(e))?;
        let schemes = self.registries.schemes(&self.endpoint);
        let mut failed = None;
        for scheme in schemes {
            let url = self.url(request, scheme)?;
            // A storage server that the registry points to is not told who we are.
            let ours = url.host_str().map(str::to_ascii_lowercase) == host_of(&self.endpoint.host);
            let mut builder = http.request(request.method.clone(), url);
            for media_type in request.accept {
                builder = builder.header("accept", *media_type);
            }
            if let Some(content_type) = &request.content_type {
                builder = builder.header(CONTENT_TYPE, content_type);
            }
            if let Some(secret) = authorization.filter(|_| ours) {
                builder = builder.header(AUTHORIZATION, sensitive(secret)?);
            }
            if !matches!(request.body, Body::None) || request.method == Method::POST {
                builder = builder
                    .header(CONTENT_LENGTH, request.body.length())
                    .body(request.body.open().await?);
            }
            let limit = PATIENCE + Duration::from_secs(request.body.length() / SLOWEST);
            let error = match timeout(limit, builder.send()).await {
                Ok(Ok(answer)) => {
                    self.registries.remember_scheme(&self.endpoint, scheme);
                    return Ok(answer);
                }
                Ok(Err(error)) if error.is_connect() => RegistryError::Unreachable {
                    registry: self.endpoint.registry.clone(),
                    reason: chain(&error),
                },
                Ok(Err(error)) => return Err(self.network(chain(&error))),
                Err(_) => {
                    return Err(self.network(format!("no answer in {} seconds", limit.as_secs())));
                }
            };
            // Without TLS the first error is of no interest, without anything listening both are the same.
            failed = Some(error);
        }
        Err(failed.unwrap_or_else(|| self.network("no way to connect")))
    }

    fn url(&self, request: &Request, scheme: &str) -> Result<Url, RegistryError> {
        match &request.target {
            Target::Url(url) => Ok(url.clone()),
            Target::Path(path) => {
                let Self { endpoint, .. } = self;
                let text = format!(
                    "{scheme}://{}/v2/{}/{path}",
                    endpoint.host, endpoint.repository
                );
                Url::parse(&text).map_err(|e| self.protocol(format!("`{text}`: {e}")))
            }
        }
    }

    /// Sorts an answer by its status.
    pub(super) async fn judge(
        &self,
        answer: Response,
        request: &Request,
        logged_in: bool,
    ) -> Result<Response, RegistryError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let registry = self.endpoint.registry.clone();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let reason = self
            .read(answer, SHORT)
            .await
            .map(|body| words(&body))
            .unwrap_or_default();
        Err(match status {
            StatusCode::NOT_FOUND => RegistryError::NotFound {
                registry,
                what: request.what.clone(),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.denied(request, logged_in, reason)
            }
            StatusCode::TOO_MANY_REQUESTS => RegistryError::RateLimited {
                registry,
                retry_after,
                reason,
            },
            status if status.is_server_error() && retry_after.is_some() => {
                RegistryError::RateLimited {
                    registry,
                    retry_after,
                    reason: format!("{status} {reason}").trim_end().to_owned(),
                }
            }
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                self.network(format!("it answers {status} {reason}").trim_end())
            }
            status => self.protocol(
                format!("{status} for {}: {reason}", request.what).trim_end_matches([':', ' ']),
            ),
        })
    }

    /// A body that is not longer than what is expected, whatever the registry says or sends.
    pub(super) async fn read(
        &self,
        answer: Response,
        limit: usize,
    ) -> Result<Bytes, RegistryError> {
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        loop {
            let chunk = match timeout(PATIENCE, chunks.next()).await {
                Ok(None) => return Ok(Bytes::from(body)),
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => return Err(self.network(chain(&error))),
                Err(_) => return Err(self.network("the answer stops in the middle")),
            };
            if body.len() + chunk.len() > limit {
                return Err(self.protocol(format!("an answer of more than {limit} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
    }

    pub(super) fn denied(
        &self,
        request: &Request,
        logged_in: bool,
        reason: String,
    ) -> RegistryError {
        RegistryError::Denied {
            registry: self.endpoint.registry.clone(),
            what: request.what.clone(),
            logged_in,
            reason,
        }
    }

    pub(super) fn network(&self, reason: impl Into<String>) -> RegistryError {
        RegistryError::Network {
            registry: self.endpoint.registry.clone(),
            reason: reason.into(),
        }
    }
}

fn host_of(host_and_port: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{host_and_port}/")).ok()?;
    url.host_str().map(str::to_ascii_lowercase)
}

/// The innermost causes of an error; the outer ones repeat the address, which may carry a signature.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !text.starts_with("client error") && causes.last() != Some(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    if causes.is_empty() {
        return if error.is_timeout() {
            "timed out"
        } else {
            "the request failed"
        }
        .to_owned();
    }
    let inner = causes.len().saturating_sub(2);
    causes[inner..].join(": ")
}
