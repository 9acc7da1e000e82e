//! How a daemon is reached: from an address to a stream that speaks HTTP/2.
//!
//! A Docker daemon has BuildKit behind `POST /grpc` with an upgrade; when that path is gone (Docker 29 announces it),
//! gRPC is spoken on the socket itself. A daemon of BuildKit's own speaks nothing else.

use std::{fmt, future::poll_fn, io, path::PathBuf, pin::Pin, process::Stdio};

use http::{Request, StatusCode, header};
use hyper::{body::Body as _, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, UnixStream},
    process::Command,
};

use super::tls::{self, Inside};
use crate::base::Certificates;

/// What speaks at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A Docker daemon.
    Docker,
    /// BuildKit alone.
    BuildKit,
}

/// Where something listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A socket file.
    Unix(PathBuf),
    /// `host:port`, and what is needed where TLS is spoken there.
    Tcp(String, Option<Certificates>),
    /// A container in which BuildKit runs: a command that enters it, and its name.
    Container(&'static str, String),
}

/// The address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What speaks there.
    pub peer: Peer,
    /// Where.
    pub place: Place,
}

impl Address {
    /// Reads `unix:///path` or `tcp://host:port`, where the certificates count, and for a BuildKit
    /// `docker-container://name` or `podman-container://name`.
    pub fn parse(
        peer: Peer,
        text: &str,
        certificates: Option<Certificates>,
    ) -> Result<Self, String> {
        let place = if let Some(path) = text.strip_prefix("unix://") {
            Place::Unix(path.into())
        } else if let Some(host) = text.strip_prefix("tcp://") {
            Place::Tcp(host.trim_end_matches('/').to_owned(), certificates)
        } else if let Some(container) = (peer == Peer::BuildKit).then(|| container(text)).flatten()
        {
            container
        } else {
            let known = match peer {
                Peer::Docker => "`unix://` or `tcp://`",
                Peer::BuildKit => {
                    "`unix://`, `tcp://`, `docker-container://` or `podman-container://`"
                }
            };
            return Err(format!(
                "`{text}` is not an address that bld can reach: expected {known}"
            ));
        };
        Ok(Self { peer, place })
    }
}

/// The name of a container is not taken for an option of the command.
fn container(text: &str) -> Option<Place> {
    let (scheme, name) = text.split_once("://")?;
    let command = match scheme {
        "docker-container" => "docker",
        "podman-container" => "podman",
        _ => return None,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (starts && name.chars().all(plain)).then(|| Place::Container(command, name.to_owned()))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(f, "unix://{}", path.display()),
            Place::Tcp(host, _) => write!(f, "tcp://{host}"),
            Place::Container(command, name) => write!(f, "{command}-container://{name}"),
        }
    }
}

/// A stream as hyper wants it.
pub trait Io: hyper::rt::Read + hyper::rt::Write + Send + Unpin {}

impl<T: hyper::rt::Read + hyper::rt::Write + Send + Unpin> Io for T {}

/// A stream as hyper wants it, whatever it is made of.
pub type BoxIo = Box<dyn Io>;

/// The input and output of `buildctl dial-stdio` inside of a container, which passes everything on to the daemon there.
fn enter(command: &str, container: &str) -> io::Result<BoxIo> {
    let child = Command::new(command)
        .args(["exec", "-i", container, "buildctl", "dial-stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What it says when it cannot is for the user.
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn();
    let mut child =
        child.map_err(|e| io::Error::new(e.kind(), format!("cannot run `{command}`: {e}")))?;
    let input = child.stdin.take().expect("it is piped");
    let output = child.stdout.take().expect("it is piped");
    // The command lives as long as the connection.
    tokio::spawn(async move { child.wait().await });
    Ok(Box::new(TokioIo::new(tokio::io::join(output, input))))
}

async fn open(place: &Place, inside: Inside) -> io::Result<BoxIo> {
    Ok(match place {
        Place::Unix(path) => Box::new(TokioIo::new(UnixStream::connect(path).await?)),
        Place::Tcp(host, certificates) => {
            let stream = TcpStream::connect(host).await?;
            stream.set_nodelay(true)?;
            match certificates {
                Some(files) => {
                    Box::new(TokioIo::new(tls::greet(stream, host, files, inside).await?))
                }
                None => Box::new(TokioIo::new(stream)),
            }
        }
        Place::Container(command, name) => enter(command, name)?,
    })
}

/// A stream on which the daemon expects the preface of HTTP/2.
pub async fn grpc(address: &Address) -> io::Result<BoxIo> {
    if address.peer == Peer::BuildKit {
        return open(&address.place, Inside::Http2).await;
    }
    let request = Request::post("/grpc")
        .header(header::HOST, "docker")
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "h2c")
        .header(header::CONTENT_LENGTH, "0")
        .body(String::new())
        .expect("constant request");
    let (mut sender, connection) = http1::handshake(open(&address.place, Inside::Http1).await?)
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection.with_upgrades());
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    match response.status() {
        // What the daemon sent right behind the answer is in front of the stream that hyper gives back.
        StatusCode::SWITCHING_PROTOCOLS => Ok(Box::new(
            hyper::upgrade::on(response)
                .await
                .map_err(io::Error::other)?,
        )),
        StatusCode::NOT_FOUND | StatusCode::GONE => open(&address.place, Inside::Http2).await,
        status => Err(io::Error::other(format!(
            "the daemon answered {status} to the request for BuildKit"
        ))),
    }
}

/// The version of a Docker daemon; none where it does not say.
pub async fn docker_version(address: &Address) -> Option<String> {
    let (mut sender, connection) =
        http1::handshake(open(&address.place, Inside::Http1).await.ok()?)
            .await
            .ok()?;
    tokio::spawn(connection);
    let request = Request::get("/version")
        .header(header::HOST, "docker")
        .body(String::new())
        .expect("constant request");
    let mut body = sender.send_request(request).await.ok()?.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    let answer: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    Some(answer["Version"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_in_the_same_words() {
        for text in [
            "unix:///run/buildkit/buildkitd.sock",
            "tcp://builder:1234",
            "docker-container://buildx_buildkit_x0",
            "podman-container://b",
        ] {
            let address = Address::parse(Peer::BuildKit, text, None).unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_reached_is_refused_with_the_ways_that_there_are() {
        for (peer, text, known) in [
            (Peer::BuildKit, "docker-container://-v", "podman-container"),
            (Peer::BuildKit, "docker-container://", "podman-container"),
            (Peer::BuildKit, "kube-pod://x", "podman-container"),
            (Peer::Docker, "docker-container://x", "`tcp://`"),
        ] {
            let why = Address::parse(peer, text, None).unwrap_err();
            assert!(why.contains(known) && why.contains(text), "{why}");
        }
    }
}
