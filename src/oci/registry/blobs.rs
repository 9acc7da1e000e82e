//! Blobs by digest: whether they are there, their bytes, and the ways to get one into a repository.

use std::path::PathBuf;

use bytes::Bytes;
use reqwest::{
    Method, StatusCode, Url,
    header::{CONTENT_LENGTH, LOCATION},
};

use super::{
    client::Repository,
    error::RegistryError,
    request::{Body, Progress, Request, Target},
    token::Access,
};
use crate::base::Digest;

/// Where the bytes of an upload are.
#[derive(Debug, Clone)]
pub enum BlobSource {
    /// Here.
    Bytes(Bytes),
    /// In a file of this length, which nobody changes.
    File(PathBuf, u64),
}

/// How a blob came to be in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It was there.
    Existed,
    /// The registry had it in another repository.
    Mounted,
    /// It was sent.
    Sent,
}

impl Repository {
    /// The length of a blob, if the repository has it.
    pub async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        // Asked for before a push, so with the right to push: one token does for all.
        let request = self.blob_request(Method::HEAD, digest, Access::Push);
        match self.registries.retry.run(|| self.once(&request)).await {
            Ok(answer) => {
                let length = answer.headers().get(CONTENT_LENGTH);
                Ok(Some(
                    length
                        .and_then(|v| v.to_str().ok()?.parse().ok())
                        .unwrap_or(0),
                ))
            }
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A small blob, whole and verified.
    pub async fn blob(&self, digest: &Digest, limit: usize) -> Result<Bytes, RegistryError> {
        let request = self.blob_request(Method::GET, digest, Access::Pull);
        let fetch = || async {
            let answer = self.once(&request).await?;
            self.read(answer, limit).await
        };
        let bytes = self.registries.retry.run(fetch).await?;
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(self.protocol(format!("the blob {digest} has the digest {found}")))
        }
    }

    /// Gets a blob into the repository by the cheapest way: it is there, it is mounted from another repository of the
    /// same registry, it is sent.
    pub async fn put_blob(
        &self,
        digest: &Digest,
        source: &BlobSource,
        mount_from: Option<&str>,
        progress: Progress,
    ) -> Result<Arrival, RegistryError> {
        if let Some(arrival) = self.find_blob(digest, mount_from).await? {
            return Ok(arrival);
        }
        let body = match source {
            BlobSource::Bytes(bytes) => Body::Bytes(bytes.clone()),
            BlobSource::File(path, length) => Body::File {
                path: path.clone(),
                length: *length,
                progress,
            },
        };
        // A session that broke in the middle is not continued but begun anew: whether it can be continued differs from
        // registry to registry, and a blob sent twice is harmless.
        let send = || self.send_blob(digest, body.clone());
        self.registries.retry.run(send).await?;
        Ok(Arrival::Sent)
    }

    /// Gets a blob into the repository without its bytes, if that is possible.
    pub async fn find_blob(
        &self,
        digest: &Digest,
        mount_from: Option<&str>,
    ) -> Result<Option<Arrival>, RegistryError> {
        if self.blob_size(digest).await?.is_some() {
            return Ok(Some(Arrival::Existed));
        }
        match mount_from.filter(|other| *other != self.endpoint.repository) {
            Some(other) if self.mount(digest, other).await? => Ok(Some(Arrival::Mounted)),
            _ => Ok(None),
        }
    }

    async fn send_blob(&self, digest: &Digest, body: Body) -> Result<(), RegistryError> {
        let what = format!("an upload to `{}`", self.endpoint.repository);
        let begin = Request::new(
            Method::POST,
            "blobs/uploads/".to_owned(),
            Access::Push,
            what,
        );
        let answer = self.registries.retry.run(|| self.once(&begin)).await?;
        let mut url = self.location(&answer)?;
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let mut put = self.blob_request(Method::PUT, digest, Access::Push);
        put.target = Target::Url(url);
        put.content_type = Some("application/octet-stream".to_owned());
        put.body = body;
        match self.once(&put).await {
            Ok(_) => Ok(()),
            // A session that a restarted registry has forgotten; a new one may do.
            Err(RegistryError::NotFound { registry, what }) => Err(RegistryError::Network {
                registry,
                reason: format!("the upload of {what} was lost"),
            }),
            Err(error) => Err(error),
        }
    }

    /// Whether the registry took the blob over from its other repository. If it did not, it has opened an upload, which
    /// it clears away by itself.
    async fn mount(&self, digest: &Digest, other: &str) -> Result<bool, RegistryError> {
        let path = format!("blobs/uploads/?mount={digest}&from={other}");
        let what = format!("blob {digest} of `{other}`");
        let mut request = Request::new(Method::POST, path, Access::Push, what);
        request.also_pull = Some(other.to_owned());
        match self.registries.retry.run(|| self.once(&request)).await {
            Ok(answer) => Ok(answer.status() == StatusCode::CREATED),
            // Not allowed to read there, or unknown there: then it is sent.
            Err(
                RegistryError::NotFound { .. }
                | RegistryError::Denied { .. }
                | RegistryError::Protocol { .. },
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn location(&self, answer: &reqwest::Response) -> Result<Url, RegistryError> {
        let header = answer.headers().get(LOCATION);
        let text = header
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| self.protocol("an upload without a location"))?;
        let url = answer
            .url()
            .join(text)
            .map_err(|e| self.protocol(format!("the upload's location `{text}`: {e}")))?;
        if answer.url().scheme() == "https" && url.scheme() != "https" {
            return Err(self.protocol("it wants an upload to go on without TLS"));
        }
        Ok(url)
    }

    fn blob_request(&self, method: Method, digest: &Digest, access: Access) -> Request {
        let what = format!("blob {digest} in `{}`", self.endpoint.repository);
        Request::new(method, format!("blobs/{digest}"), access, what)
    }
}
