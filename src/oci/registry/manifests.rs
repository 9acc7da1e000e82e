//! Manifests by tag or digest: asked for, fetched, put.

use bytes::Bytes;
use reqwest::{Method, header::CONTENT_TYPE};

use super::{
    client::Repository,
    error::RegistryError,
    request::{Body, Request},
    token::Access,
};
use crate::{
    base::Digest,
    oci::manifest::{Document, MAX_MANIFEST, media},
};

/// A manifest or an index as the registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    /// Exactly these bytes have the digest.
    pub bytes: Bytes,
    /// What the registry says it is; empty from a cache.
    pub media_type: String,
    /// Of the bytes, computed here.
    pub digest: Digest,
}

impl Repository {
    /// What a tag stands for now. One `HEAD` where the registry tells digests, as nearly all do.
    pub async fn digest_of(&self, version: &str) -> Result<Digest, RegistryError> {
        let request = self.manifest_request(Method::HEAD, version, Access::Pull);
        let answer = self.registries.retry.run(|| self.once(&request)).await?;
        let header = answer.headers().get("docker-content-digest");
        match header.and_then(|value| Digest::parse(value.to_str().ok()?)) {
            Some(digest) => Ok(digest),
            None => Ok(self.manifest(version).await?.digest),
        }
    }

    /// The manifest or index itself. Asked for by digest, it has that digest or there is an error.
    pub async fn manifest(&self, version: &str) -> Result<RawManifest, RegistryError> {
        let request = self.manifest_request(Method::GET, version, Access::Pull);
        let fetch = || async {
            let answer = self.once(&request).await?;
            let header = answer.headers().get(CONTENT_TYPE);
            let media_type = header
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
                .to_owned();
            let bytes = self.read(answer, MAX_MANIFEST).await?;
            Ok(RawManifest {
                digest: Digest::of(&bytes),
                bytes,
                media_type,
            })
        };
        let raw = self.registries.retry.run(fetch).await?;
        match Digest::parse(version) {
            Some(wanted) if wanted != raw.digest => Err(self.protocol(format!(
                "the manifest {wanted} has the digest {}",
                raw.digest
            ))),
            _ => Ok(raw),
        }
    }

    /// Puts a manifest under a tag or its digest. A registry that understood other bytes than these is an error.
    pub async fn put_manifest(
        &self,
        version: &str,
        media_type: &str,
        bytes: &Bytes,
    ) -> Result<Digest, RegistryError> {
        let mut request = self.manifest_request(Method::PUT, version, Access::Push);
        request.content_type = Some(media_type.to_owned());
        request.body = Body::Bytes(bytes.clone());
        let answer = self.registries.retry.run(|| self.once(&request)).await?;
        let digest = Digest::of(bytes);
        let header = answer.headers().get("docker-content-digest");
        match header.and_then(|value| Digest::parse(value.to_str().ok()?)) {
            Some(theirs) if theirs != digest => {
                Err(self.protocol(format!("the manifest {digest} arrived as {theirs}")))
            }
            _ => Ok(digest),
        }
    }

    /// Reads what was fetched.
    pub fn parse(&self, raw: &[u8]) -> Result<Document, RegistryError> {
        Document::parse(raw).map_err(|e| self.protocol(e))
    }

    fn manifest_request(&self, method: Method, version: &str, access: Access) -> Request {
        let separator = if version.contains(':') { '@' } else { ':' };
        let what = format!("image `{}{separator}{version}`", self.endpoint.repository);
        let mut request = Request::new(method, format!("manifests/{version}"), access, what);
        request.accept = media::ACCEPT;
        request
    }
}
