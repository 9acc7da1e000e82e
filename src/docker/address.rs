//! Where the Docker daemon is, by the same rules as Docker's own command: `DOCKER_HOST`, then the context that is
//! chosen, then the usual sockets.
//!
//! Source: Docker CLI reference, "Environment variables" and "Docker contexts" (`contexts/meta/<sha256 of name>`).

use std::{
    env, fmt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::error::DockerError;
use crate::base::{Certificates, Digest};

/// A daemon's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket.
    Unix(PathBuf),
    /// A host and port.
    Tcp {
        /// `host:port`.
        host: String,
        /// Where the daemon wants TLS.
        certificates: Option<Certificates>,
    },
}

/// The socket of a daemon that root has started.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What the choice depends on; a value, so that it can be tested.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_TLS_VERIFY` is set.
    pub tls: bool,
    /// `DOCKER_CERT_PATH`.
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`, else `~/.docker`.
    pub config_dir: Option<PathBuf>,
    /// Sockets in the order in which they are looked for.
    pub sockets: Vec<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        let var = |name: &str| env::var(name).ok().filter(|v| !v.is_empty());
        let home = var("HOME").map(PathBuf::from);
        let config_dir = var("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| Some(home.clone()?.join(".docker")));
        let mut sockets = vec![PathBuf::from(DEFAULT_SOCKET)];
        // Rootless daemons, and Docker Desktop without its link in /var/run.
        sockets.extend(var("XDG_RUNTIME_DIR").map(|dir| Path::new(&dir).join("docker.sock")));
        sockets.extend(home.map(|home| home.join(".docker/run/docker.sock")));
        Self {
            docker_host: var("DOCKER_HOST"),
            docker_context: var("DOCKER_CONTEXT"),
            tls: var("DOCKER_TLS_VERIFY").is_some(),
            cert_path: var("DOCKER_CERT_PATH").map(PathBuf::from),
            config_dir,
            sockets,
        }
    }
}

impl Surroundings {
    /// What `DOCKER_TLS_VERIFY` asks for.
    pub fn certificates(&self) -> Option<Certificates> {
        let dir = self.cert_path.as_deref().or(self.config_dir.as_deref());
        self.tls
            .then(|| Certificates::of_docker(dir.unwrap_or(Path::new(""))))
    }
}

impl Address {
    /// The daemon that Docker's own command would talk to.
    pub fn find(around: &Surroundings) -> Result<Self, DockerError> {
        if let Some(host) = &around.docker_host {
            return Self::parse(host, around.certificates());
        }
        let config_dir = around.config_dir.as_deref();
        let context = around
            .docker_context
            .clone()
            .or_else(|| current_context(config_dir?))
            .filter(|name| name != "default");
        if let Some(name) = context {
            return Self::of_context(&name, config_dir);
        }
        let found = around.sockets.iter().find(|socket| socket.exists());
        let socket = found
            .cloned()
            .unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET));
        Ok(Self::Unix(socket))
    }

    /// `unix:///path`, `tcp://host:port`, `http://…`, `https://…`.
    pub fn parse(text: &str, certificates: Option<Certificates>) -> Result<Self, DockerError> {
        let bad = |reason: &str| DockerError::Address {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| bad("it has no scheme"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(bad("the socket's path has to be absolute")),
            "tcp" | "http" | "https" => {
                let host = rest.trim_end_matches('/');
                if host.is_empty() || host.contains('/') {
                    return Err(bad("expected a host and a port"));
                }
                let default_port = if certificates.is_some() { 2376 } else { 2375 };
                let has_port = host
                    .rsplit_once(':')
                    .is_some_and(|(_, p)| p.parse::<u16>().is_ok());
                let host = if has_port {
                    host.to_owned()
                } else {
                    format!("{host}:{default_port}")
                };
                Ok(Self::Tcp { host, certificates })
            }
            "ssh" => Err(bad(
                "bld does not open SSH connections to a daemon; forward its socket: \
                 ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, and DOCKER_HOST=unix:///tmp/docker.sock",
            )),
            _ => Err(bad("expected unix:// or tcp://")),
        }
    }

    fn of_context(name: &str, config_dir: Option<&Path>) -> Result<Self, DockerError> {
        let bad = |reason: String| DockerError::Address {
            text: format!("Docker context {name}"),
            reason,
        };
        let contexts = config_dir
            .ok_or_else(|| bad("there is no home directory".to_owned()))?
            .join("contexts");
        let id = Digest::of(name.as_bytes());
        let meta = contexts.join("meta").join(id.hex()).join("meta.json");
        let text = std::fs::read(&meta).map_err(|e| bad(format!("`{}`: {e}", meta.display())))?;
        let meta: Value = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
        let host = meta
            .pointer("/Endpoints/docker/Host")
            .and_then(Value::as_str)
            .ok_or_else(|| bad("it has no Docker endpoint".to_owned()))?;
        let certificates = contexts.join("tls").join(id.hex()).join("docker");
        let certificates = certificates
            .is_dir()
            .then(|| Certificates::of_docker(&certificates));
        Self::parse(host, certificates)
    }
}

fn current_context(config_dir: &Path) -> Option<String> {
    let text = std::fs::read(config_dir.join("config.json")).ok()?;
    let config: Value = serde_json::from_slice(&text).ok()?;
    config.get("currentContext")?.as_str().map(str::to_owned)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, .. } => write!(f, "tcp://{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_the_context_and_that_before_sockets() {
        let dir = tempfile::tempdir().unwrap();
        let id = Digest::of(b"colima");
        let meta = dir.path().join("contexts/meta").join(id.hex());
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///c.sock"}}}"#,
        )
        .unwrap();
        let socket = dir.path().join("s.sock");
        std::fs::write(&socket, "").unwrap();
        let mut around = Surroundings {
            config_dir: Some(dir.path().to_owned()),
            sockets: vec![dir.path().join("absent"), socket.clone()],
            ..Surroundings::default()
        };
        assert_eq!(Address::find(&around).unwrap(), Address::Unix(socket));
        std::fs::write(
            dir.path().join("config.json"),
            r#"{"currentContext":"colima"}"#,
        )
        .unwrap();
        assert_eq!(
            Address::find(&around).unwrap().to_string(),
            "unix:///c.sock"
        );
        around.docker_context = Some("gone".to_owned());
        assert!(
            Address::find(&around)
                .unwrap_err()
                .to_string()
                .contains("gone")
        );
        around.docker_host = Some("tcp://h".to_owned());
        assert_eq!(Address::find(&around).unwrap().to_string(), "tcp://h:2375");
        around.tls = true;
        assert_eq!(Address::find(&around).unwrap().to_string(), "tcp://h:2376");
    }

    #[test]
    fn what_is_no_address_is_an_error_that_says_why() {
        for text in [
            "",
            "/var/run/docker.sock",
            "unix://x",
            "tcp://",
            "ssh://h",
            "ftp://h",
            "tcp://h/x",
        ] {
            assert!(Address::parse(text, None).is_err(), "{text}");
        }
    }
}
