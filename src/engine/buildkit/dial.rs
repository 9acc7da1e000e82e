//! How a daemon is reached: from an address to a stream that speaks HTTP/2.
//!
//! A Docker daemon has BuildKit behind `POST /grpc` with an upgrade; when that path is gone (Docker 29 announces it),
//! gRPC is spoken on the socket itself. A daemon of BuildKit's own speaks nothing else.

use std::{fmt, future::poll_fn, io, path::PathBuf, pin::Pin};

use http::{Request, StatusCode, header};
use hyper::{body::Body as _, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

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
    /// `host:port`.
    Tcp(String),
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
    /// Reads `unix:///path` or `tcp://host:port`.
    pub fn parse(peer: Peer, text: &str) -> Result<Self, String> {
        let place = if let Some(path) = text.strip_prefix("unix://") {
            Place::Unix(path.into())
        } else if let Some(host) = text.strip_prefix("tcp://") {
            Place::Tcp(host.trim_end_matches('/').to_owned())
        } else {
            return Err(format!(
                "`{text}` is not an address that bld can reach: expected `unix://` or `tcp://`"
            ));
        };
        Ok(Self { peer, place })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(f, "unix://{}", path.display()),
            Place::Tcp(host) => write!(f, "tcp://{host}"),
        }
    }
}

/// A stream as hyper wants it.
pub trait Io: hyper::rt::Read + hyper::rt::Write + Send + Unpin {}

impl<T: hyper::rt::Read + hyper::rt::Write + Send + Unpin> Io for T {}

/// A stream as hyper wants it, whatever it is made of.
pub type BoxIo = Box<dyn Io>;

async fn open(place: &Place) -> io::Result<BoxIo> {
    Ok(match place {
        Place::Unix(path) => Box::new(TokioIo::new(UnixStream::connect(path).await?)),
        Place::Tcp(host) => {
            let stream = TcpStream::connect(host).await?;
            stream.set_nodelay(true)?;
            Box::new(TokioIo::new(stream))
        }
    })
}

/// A stream on which the daemon expects the preface of HTTP/2.
pub async fn grpc(address: &Address) -> io::Result<BoxIo> {
    if address.peer == Peer::BuildKit {
        return open(&address.place).await;
    }
    let request = Request::post("/grpc")
        .header(header::HOST, "docker")
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "h2c")
        .header(header::CONTENT_LENGTH, "0")
        .body(String::new())
        .expect("constant request");
    let (mut sender, connection) = http1::handshake(open(&address.place).await?)
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
        StatusCode::NOT_FOUND | StatusCode::GONE => open(&address.place).await,
        status => Err(io::Error::other(format!(
            "the daemon answered {status} to the request for BuildKit"
        ))),
    }
}

/// The version of a Docker daemon; none where it does not say.
pub async fn docker_version(address: &Address) -> Option<String> {
    let (mut sender, connection) = http1::handshake(open(&address.place).await.ok()?)
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
