//! The client against a registry that misbehaves on purpose: a few answers, in order.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{BlobSource, Registries, RegistryError, RetryPolicy};
use crate::{
    base::{Digest, Secret},
    oci::{
        Anonymous, Credential, Credentials, ImageRef, RegistrySettings, Resolver,
        cache::ContentCache, manifest::media,
    },
};

/// A server that gives these answers, one to a request, and writes down the requests' heads.
struct Script {
    host: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Script {
    async fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let own_host = host.clone();
        tokio::spawn(async move {
            for answer in answers {
                let head = loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let Some(head) = read_request(&mut stream).await else {
                        // The client tries TLS first.
                        continue;
                    };
                    if answer == "RESET" {
                        break head;
                    }
                    let answer = answer.replace("HOST", &own_host);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    stream.shutdown().await.unwrap();
                    break head;
                };
                seen.lock().unwrap().push(head);
            }
        });
        Self { host, heads }
    }

    fn repository(&self, credentials: Arc<dyn Credentials>) -> super::Repository {
        let retry = RetryPolicy {
            first_pause: Duration::from_millis(1),
            ..RetryPolicy::default()
        };
        let registries = Registries::with_retry(RegistrySettings::default(), credentials, retry);
        let name = ImageRef::parse(&format!("{}/a/b", self.host)).unwrap();
        registries.origin(&name, false)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.ok()? == 0 || bytes.first() == Some(&0x16) {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|l| {
        l.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    let mut missing = length.unwrap_or(0_usize).saturating_sub(body.len());
    while missing > 0 {
        let mut rest = vec![0; missing];
        missing -= stream.read(&mut rest).await.ok()?;
    }
    Some(head.to_owned())
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn unavailable() -> String {
    answer("503 Service Unavailable", "", "")
}

#[tokio::test]
async fn what_passes_is_tried_again_and_succeeds() {
    let digest = Digest::of(b"x");
    let script = Script::new(vec![
        unavailable(),
        "RESET".to_owned(),
        answer("429 Too Many Requests", "Retry-After: 0\r\n", ""),
        answer(
            "200 OK",
            &format!("Docker-Content-Digest: {digest}\r\n"),
            "",
        ),
    ])
    .await;
    let found = script
        .repository(Arc::new(Anonymous))
        .digest_of("latest")
        .await;
    assert_eq!(found, Ok(digest));
    assert_eq!(script.heads().len(), 4);
}

#[tokio::test]
async fn what_is_decided_is_asked_once() {
    for (status, kind) in [
        ("404 Not Found", "has no image"),
        ("403 Forbidden", "denies access"),
    ] {
        let script = Script::new(vec![answer(status, "", ""), unavailable()]).await;
        let error = script
            .repository(Arc::new(Anonymous))
            .manifest("latest")
            .await
            .unwrap_err();
        assert!(error.to_string().contains(kind), "{error}");
        assert_eq!(script.heads().len(), 1);
    }
}

#[tokio::test]
async fn a_registry_that_stays_down_is_named() {
    let script = Script::new((0..7).map(|_| unavailable()).collect()).await;
    let error = script
        .repository(Arc::new(Anonymous))
        .manifest("latest")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(&script.host) && error.to_string().contains("503"),
        "{error}"
    );
    assert_eq!(script.heads().len(), 7);
}

struct Known;

#[async_trait::async_trait]
impl Credentials for Known {
    async fn credential(&self, _: &str) -> Credential {
        Credential::Basic {
            user: "u".to_owned(),
            password: Secret::new("p"),
        }
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_for_all_requests() {
    let challenge = "WWW-Authenticate: Bearer realm=\"http://HOST/token\",service=\"s\"\r\n";
    let script = Script::new(vec![
        answer("401 Unauthorized", challenge, ""),
        answer("200 OK", "", r#"{"token":"T","expires_in":300}"#),
        answer("200 OK", "", "x"),
        answer("200 OK", "", "x"),
    ])
    .await;
    let repository = script.repository(Arc::new(Known));
    for _ in 0..2 {
        assert_eq!(repository.blob(&Digest::of(b"x"), 10).await.unwrap(), "x");
    }
    let heads = script.heads();
    assert!(
        heads[1].starts_with("GET /token?service=s&scope=repository%3Aa%2Fb%3Apull "),
        "{}",
        heads[1]
    );
    assert!(
        heads[1].contains("authorization: Basic dTpw"),
        "{}",
        heads[1]
    );
    assert!(
        heads[2].contains("authorization: Bearer T")
            && heads[3].contains("authorization: Bearer T")
    );
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_refused() {
    let wanted = Digest::of(b"x");
    let script = Script::new(vec![
        answer("200 OK", "", "y"),
        answer("200 OK", "", "xxxxxxxxxxx"),
    ])
    .await;
    let repository = script.repository(Arc::new(Anonymous));
    for words in ["has the digest", "more than 10 bytes"] {
        let error = repository.blob(&wanted, 10).await.unwrap_err();
        assert!(matches!(&error, RegistryError::Protocol { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_upload_that_breaks_is_begun_anew() {
    let located = answer(
        "202 Accepted",
        "Location: /v2/a/b/blobs/uploads/1?s=t\r\n",
        "",
    );
    let script = Script::new(vec![
        answer("404 Not Found", "", ""),
        located.clone(),
        "RESET".to_owned(),
        located,
        answer("201 Created", "", ""),
    ])
    .await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("blob");
    std::fs::write(&file, b"x").unwrap();
    let digest = Digest::of(b"x");
    let repository = script.repository(Arc::new(Anonymous));
    let sent = repository
        .put_blob(&digest, &BlobSource::File(file, 1), None, Arc::new(|_| {}))
        .await;
    assert_eq!(sent, Ok(super::Arrival::Sent));
    let put = &script.heads()[4];
    let hex = digest.hex();
    assert!(
        put.starts_with(&format!(
            "PUT /v2/a/b/blobs/uploads/1?s=t&digest=sha256%3A{hex} "
        )),
        "{put}"
    );
}

#[tokio::test]
async fn a_name_for_one_image_leads_to_its_configuration() {
    let diff = Digest::of(b"a layer that others have, too");
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff}"]}}}}"#
    );
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[{{"mediaType":"{}","digest":"{}","size":4}}]}}"#,
        media::OCI_MANIFEST,
        media::OCI_CONFIG,
        Digest::of(config.as_bytes()),
        config.len(),
        media::OCI_LAYER_GZIP,
        Digest::of(b"evil"),
    );
    let digest = Digest::of(manifest.as_bytes());
    let head = format!(
        "Docker-Content-Digest: {digest}\r\nContent-Type: {}\r\n",
        media::OCI_MANIFEST
    );
    let script = Script::new(vec![
        answer("200 OK", &head, ""),
        answer("200 OK", &head, &manifest),
        answer("200 OK", "", &config),
    ])
    .await;
    let registries = Registries::new(RegistrySettings::default(), Arc::new(Anonymous));
    let resolver = Resolver::new(registries, ContentCache::none());
    let image = ImageRef::parse(&format!("{}/a/b", script.host)).unwrap();
    let found = resolver
        .resolve(&image, &"linux/amd64".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(found.manifest, digest);
}
