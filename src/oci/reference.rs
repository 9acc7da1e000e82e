//! Image names: `[registry/]repository[:tag][@digest]`.
//!
//! Source: the grammar of the `distribution/reference` package, and Docker's rules for short names.

use std::fmt;

use crate::base::Digest;

/// A complete image name: registry and repository are always there; without a digest there is a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef {
    /// `docker.io`, `ghcr.io`, `localhost:5000`.
    pub registry: String,
    /// `library/busybox`.
    pub repository: String,
    /// `latest` where neither tag nor digest is written.
    pub tag: Option<String>,
    /// The pinned content.
    pub digest: Option<Digest>,
}

/// Docker Hub's name in references.
pub const DOCKER_HUB: &str = "docker.io";

impl ImageRef {
    /// Reads a name as Docker does; the error says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = Digest::parse(digest)
                    .ok_or_else(|| format!("`{digest}` is not a sha256 digest"))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            // A colon before the last slash belongs to a port.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        if let Some(tag) = &tag {
            let first = tag
                .bytes()
                .next()
                .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
            let rest = tag
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            if !first || !rest || tag.len() > 128 {
                return Err(format!("`{tag}` is not a valid tag"));
            }
        }
        let (registry, repository) = match name.split_once('/') {
            Some((host, path))
                if host.contains(['.', ':'])
                    || host == "localhost"
                    || host != host.to_lowercase() =>
            {
                (host.to_owned(), path.to_owned())
            }
            Some(_) => (DOCKER_HUB.to_owned(), name.to_owned()),
            None => (DOCKER_HUB.to_owned(), format!("library/{name}")),
        };
        let registry = match registry.as_str() {
            "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
            _ => registry,
        };
        check_registry(&registry)?;
        check_repository(&repository)?;
        let tag = if tag.is_none() && digest.is_none() {
            Some("latest".to_owned())
        } else {
            tag
        };
        Ok(Self {
            registry,
            repository,
            tag,
            digest,
        })
    }

    /// As people write it: without `docker.io/library/`.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let hub = full.strip_prefix("docker.io/").unwrap_or(&full);
        hub.strip_prefix("library/")
            .filter(|n| !n.contains('/'))
            .unwrap_or(hub)
            .to_owned()
    }

    /// The part after the repository that names one content: the digest, else the tag.
    pub fn version(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        }
    }

    /// The same name pinned to a content.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }
}

fn check_registry(registry: &str) -> Result<(), String> {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => (host, Some(port)),
        _ => (registry, None),
    };
    let host_ok = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-[]:_".contains(&b));
    let port_ok = port.is_none_or(|p| p.parse::<u16>().is_ok());
    if host_ok && port_ok {
        Ok(())
    } else {
        Err(format!("`{registry}` is not a registry host"))
    }
}

fn check_repository(repository: &str) -> Result<(), String> {
    let component = |c: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        edge(c.bytes().next())
            && edge(c.bytes().last())
            && c.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
    };
    if repository.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!("repository `{repository}` must be lower case"));
    }
    if repository.len() > 255 || !repository.split('/').all(component) {
        return Err(format!("`{repository}` is not a valid repository name"));
    }
    Ok(())
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_get_docker_hub_and_latest() {
        for (text, full, familiar) in [
            (
                "busybox",
                "docker.io/library/busybox:latest",
                "busybox:latest",
            ),
            ("a/b:1", "docker.io/a/b:1", "a/b:1"),
            ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
            (
                "127.0.0.1:5000/x/y:v",
                "127.0.0.1:5000/x/y:v",
                "127.0.0.1:5000/x/y:v",
            ),
            ("ghcr.io/o/r", "ghcr.io/o/r:latest", "ghcr.io/o/r:latest"),
        ] {
            let parsed = ImageRef::parse(text).unwrap();
            assert_eq!(
                (parsed.to_string().as_str(), parsed.familiar().as_str()),
                (full, familiar)
            );
        }
    }

    #[test]
    fn names_that_registries_refuse_are_errors() {
        for text in [
            "",
            "UPPER",
            "a//b",
            "a:",
            "a:-x",
            "a@sha256:12",
            "-a",
            "a b",
            "ho st.io/a",
        ] {
            assert!(ImageRef::parse(text).is_err(), "{text}");
        }
    }
}
