//! Images of a daemon: looked at, named, loaded, saved, pushed, pulled, removed.

use bollard::{
    auth::DockerCredentials,
    errors::Error,
    models::{CreateImageInfo, PushImageInfo},
    query_parameters::{
        CreateImageOptionsBuilder, ImportImageOptionsBuilder, PushImageOptionsBuilder,
        RemoveImageOptionsBuilder, TagImageOptionsBuilder,
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use super::{client::Client, error::DockerError};
use crate::{
    base::{Digest, Platform},
    oci::{Credential, ImageRef, reference::DOCKER_HUB},
};

/// What a daemon says of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: Digest,
    /// Its names, in the short form.
    pub tags: Vec<String>,
    /// Names with the digests of manifests, of what was pulled or pushed.
    pub digests: Vec<String>,
    /// Digests of its uncompressed layers, from the lowest up.
    pub layers: Vec<Digest>,
    /// What it is for.
    pub platform: Option<Platform>,
}

/// A line of progress of a push or pull; the daemon's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// `Pushing`, `Layer already exists`, …
    pub status: String,
    /// Bytes so far.
    pub current: u64,
    /// Bytes in all; 0 where it does not say.
    pub total: u64,
}

impl Client {
    /// The image of a name or an id.
    pub async fn image(&self, name: &str) -> Result<Option<Image>, DockerError> {
        let doing = format!("look at image `{name}`");
        let found = match self.docker.inspect_image(name).await {
            Ok(found) => found,
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => return Ok(None),
            Err(error) => return Err(self.error(&doing, &error)),
        };
        let id = found.id.as_deref().and_then(Digest::parse);
        let id = id.ok_or_else(|| DockerError::Failed {
            doing,
            message: "it tells no id".to_owned(),
        })?;
        let layers = found.root_fs.and_then(|fs| fs.layers).unwrap_or_default();
        let variant = found.variant.filter(|v| !v.is_empty());
        let platform = [found.os, found.architecture, variant];
        let platform: Vec<String> = platform.into_iter().flatten().collect();
        Ok(Some(Image {
            id,
            tags: found.repo_tags.unwrap_or_default(),
            digests: found.repo_digests.unwrap_or_default(),
            layers: layers
                .iter()
                .filter_map(|text| Digest::parse(text))
                .collect(),
            platform: platform.join("/").parse().ok(),
        }))
    }

    /// Gives an image one more name; another image loses it.
    pub async fn tag(&self, image: &str, name: &ImageRef) -> Result<(), DockerError> {
        let options = TagImageOptionsBuilder::default()
            .repo(&repository(name))
            .tag(name.tag.as_deref().unwrap_or("latest"))
            .build();
        let tagged = self.docker.tag_image(image, Some(options)).await;
        tagged.map_err(|e| self.error(&format!("name image `{image}` `{}`", name.familiar()), &e))
    }

    /// Takes a name away; the image goes with its last name. That it is not there is as good.
    pub async fn remove(&self, name: &str) -> Result<(), DockerError> {
        let options = RemoveImageOptionsBuilder::default().build();
        match self.docker.remove_image(name, Some(options), None).await {
            Ok(_)
            | Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(()),
            Err(error) => Err(self.error(&format!("remove image `{name}`"), &error)),
        }
    }

    /// Loads an archive as `docker save` writes it; gives the daemon's lines. The status of the answer is 200 whatever
    /// happens: failures stand in the lines, on some containerd stores as an ordinary one.
    pub async fn load<S, E>(&self, archive: S) -> Result<Vec<String>, DockerError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let doing = "load an image";
        let options = ImportImageOptionsBuilder::default().quiet(true).build();
        let answers = self.docker.import_image_stream(options, archive, None);
        let mut answers = std::pin::pin!(answers);
        let mut lines = Vec::new();
        while let Some(answer) = answers.next().await {
            let answer = answer.map_err(|e| self.error(doing, &e))?;
            if let Some(detail) = answer.error_detail {
                return Err(DockerError::Failed {
                    doing: doing.to_owned(),
                    message: detail.message.unwrap_or_default(),
                });
            }
            let line = answer.stream.unwrap_or_default().trim().to_owned();
            if line.starts_with("Error unpacking") {
                return Err(DockerError::Failed {
                    doing: doing.to_owned(),
                    message: line,
                });
            }
            if !line.is_empty() {
                lines.push(line);
            }
        }
        Ok(lines)
    }

    /// The archive of one image, as `docker save` writes it.
    pub fn save(
        &self,
        image: &str,
    ) -> impl Stream<Item = Result<Bytes, DockerError>> + Send + use<> {
        let client = self.clone();
        let doing = format!("save image `{image}`");
        let stream = self.docker.export_image(image);
        stream.map(move |chunk| chunk.map_err(|e| client.error(&doing, &e)))
    }

    /// Lets the daemon push a name; gives the digest that the registry has now. The daemon keeps compressed forms of
    /// layers that it has pulled or pushed, so it sends only what is new.
    pub async fn push(
        &self,
        name: &ImageRef,
        credential: &Credential,
        progress: &(dyn Fn(Line) + Send + Sync),
    ) -> Result<Digest, DockerError> {
        let doing = format!("push `{}`", name.familiar());
        let tag = name.tag.as_deref().unwrap_or("latest");
        let options = PushImageOptionsBuilder::default().tag(tag).build();
        let credentials = Some(for_daemon(credential, &name.registry));
        let answers = self
            .docker
            .push_image(&repository(name), Some(options), credentials);
        let mut answers = std::pin::pin!(answers);
        let mut digest = None;
        while let Some(answer) = answers.next().await {
            let PushImageInfo {
                status,
                progress_detail,
                error_detail,
            } = answer.map_err(|e| self.error(&doing, &e))?;
            if let Some(message) = error_detail.and_then(|detail| detail.message) {
                return Err(DockerError::Failed { doing, message });
            }
            let status = status.unwrap_or_default();
            digest = digest_in(&status).or(digest);
            progress(line(status, progress_detail));
        }
        digest.ok_or_else(|| DockerError::Failed {
            doing,
            message: "it does not say which digest the registry has".to_owned(),
        })
    }

    /// Lets the daemon pull a name or a digest.
    pub async fn pull(
        &self,
        name: &ImageRef,
        credential: &Credential,
        platform: Option<&Platform>,
        progress: &(dyn Fn(Line) + Send + Sync),
    ) -> Result<(), DockerError> {
        let doing = format!("pull `{}`", name.familiar());
        let options = CreateImageOptionsBuilder::default()
            .from_image(&repository(name))
            .tag(name.version())
            .platform(&platform.map(ToString::to_string).unwrap_or_default())
            .build();
        let credentials = Some(for_daemon(credential, &name.registry));
        let answers = self.docker.create_image(Some(options), None, credentials);
        let mut answers = std::pin::pin!(answers);
        while let Some(answer) = answers.next().await {
            let CreateImageInfo {
                status,
                progress_detail,
                error_detail,
                ..
            } = answer.map_err(|e| self.error(&doing, &e))?;
            if let Some(message) = error_detail.and_then(|detail| detail.message) {
                return Err(DockerError::Failed { doing, message });
            }
            progress(line(status.unwrap_or_default(), progress_detail));
        }
        Ok(())
    }
}

/// Without tag and digest.
fn repository(name: &ImageRef) -> String {
    format!("{}/{}", name.registry, name.repository)
}

fn line(status: String, detail: Option<bollard::models::ProgressDetail>) -> Line {
    let bytes = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let detail = detail.unwrap_or_default();
    Line {
        status,
        current: bytes(detail.current),
        total: bytes(detail.total),
    }
}

/// The last line of a push: `latest: digest: sha256:… size: 528`.
fn digest_in(status: &str) -> Option<Digest> {
    let (_, rest) = status.split_once("digest: ")?;
    Digest::parse(rest.split_whitespace().next()?)
}

fn for_daemon(credential: &Credential, registry: &str) -> DockerCredentials {
    let server = if registry == DOCKER_HUB {
        "https://index.docker.io/v1/"
    } else {
        registry
    };
    let empty = DockerCredentials {
        serveraddress: Some(server.to_owned()),
        ..DockerCredentials::default()
    };
    match credential {
        Credential::None => DockerCredentials::default(),
        Credential::Basic { user, password } => DockerCredentials {
            username: Some(user.clone()),
            password: Some(password.reveal().to_owned()),
            ..empty
        },
        Credential::Token(token) => DockerCredentials {
            identitytoken: Some(token.reveal().to_owned()),
            ..empty
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_push_is_found_in_its_last_line() {
        let digest = Digest::of(b"x");
        let status = format!("latest: digest: {digest} size: 528");
        assert_eq!(digest_in(&status), Some(digest));
        for status in ["Pushed", "digest: ", "digest: sha256:12 size: 1"] {
            assert_eq!(digest_in(status), None, "{status}");
        }
    }
}
