//! A registry, asked over plain HTTP from outside of bld.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::Value;

/// A registry without TLS.
pub struct Registry {
    host: String,
}

/// A manifest as it is stored.
pub struct Manifest {
    /// The answer's content type.
    pub media_type: String,
    /// The answer's `Docker-Content-Digest`.
    pub digest: String,
    /// Its content.
    pub json: Value,
}

impl Manifest {
    /// Whether it lists other manifests.
    pub fn is_index(&self) -> bool {
        self.media_type.contains("index") || self.media_type.contains("list")
    }

    /// The platforms that an index lists, sorted.
    pub fn platforms(&self) -> Vec<String> {
        let entries = self.json["manifests"].as_array();
        let mut platforms: Vec<String> = entries
            .into_iter()
            .flatten()
            .map(|entry| {
                let part = |key: &str| entry["platform"][key].as_str().unwrap_or_default();
                let platform = format!(
                    "{}/{}/{}",
                    part("os"),
                    part("architecture"),
                    part("variant")
                );
                platform.trim_end_matches('/').to_owned()
            })
            .collect();
        platforms.sort();
        platforms
    }
}

impl Registry {
    /// At `127.0.0.1:5000`.
    pub fn at(host: &str) -> Self {
        Self {
            host: host.to_owned(),
        }
    }

    /// A manifest by tag or digest; none if it is not there.
    #[track_caller]
    pub fn manifest(&self, repository: &str, version: &str) -> Option<Manifest> {
        let accept = "application/vnd.oci.image.index.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.v2+json";
        let (status, head, body) =
            self.get(&format!("/v2/{repository}/manifests/{version}"), accept);
        if status != 200 {
            return None;
        }
        let header = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        Some(Manifest {
            media_type: header("content-type"),
            digest: header("docker-content-digest"),
            json: serde_json::from_slice(&body).expect("a manifest is JSON"),
        })
    }

    /// The image configuration of a manifest.
    #[track_caller]
    pub fn config(&self, repository: &str, manifest: &Manifest) -> Value {
        let digest = manifest.json["config"]["digest"]
            .as_str()
            .expect("a configuration");
        let (status, _, body) = self.get(&format!("/v2/{repository}/blobs/{digest}"), "*/*");
        assert_eq!(status, 200, "blob {digest}");
        serde_json::from_slice(&body).expect("a configuration is JSON")
    }

    /// A blob.
    #[track_caller]
    pub fn blob(&self, repository: &str, digest: &str) -> Vec<u8> {
        let (status, _, body) = self.get(&format!("/v2/{repository}/blobs/{digest}"), "*/*");
        assert_eq!(status, 200, "blob {digest}");
        body
    }

    fn get(&self, path: &str, accept: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.host).expect("the registry listens");
        let request = format!(
            "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: {accept}\r\n\r\n",
            self.host
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .expect("a head");
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .expect("a status");
        (status, head, answer[end + 4..].to_vec())
    }
}
