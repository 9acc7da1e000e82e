//! What can go wrong with a Docker daemon.

use std::fmt;

use crate::diag::Diagnostic;

/// A request to a daemon that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerError {
    /// The address makes no sense.
    Address {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there.
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// The daemon has no such image.
    NotFound {
        /// What.
        what: String,
    },
    /// The daemon refuses, or fails.
    Failed {
        /// What it was asked to do.
        doing: String,
        /// Its words.
        message: String,
    },
}

impl DockerError {
    /// For people.
    pub fn diagnostic(&self) -> Diagnostic {
        let error = Diagnostic::error("docker", self.to_string());
        match self {
            Self::Unreachable { reason, .. } if reason.to_lowercase().contains("permission denied") => {
                error.hint("add yourself to the group of the socket (`sudo usermod -aG docker $USER`), and log in again")
            }
            Self::Unreachable { .. } => error
                .hint("start the daemon (`sudo systemctl start docker`, or Docker Desktop)")
                .hint("or point to another one: `DOCKER_HOST=unix:///path/docker.sock` or `DOCKER_HOST=tcp://host:2375`"),
            Self::Address { .. } => {
                error.hint("`DOCKER_HOST` is `unix:///path/docker.sock` or `tcp://host:port`")
            }
            Self::NotFound { .. } | Self::Failed { .. } => error,
        }
    }
}

impl fmt::Display for DockerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { text, reason } => {
                write!(f, "`{text}` is no address of a Docker daemon: {reason}")
            }
            Self::Unreachable { address, reason } => {
                write!(f, "cannot reach the Docker daemon at {address}: {reason}")
            }
            Self::NotFound { what } => write!(f, "the Docker daemon has no {what}"),
            Self::Failed { doing, message } => {
                write!(f, "the Docker daemon cannot {doing}: {message}")
            }
        }
    }
}

impl std::error::Error for DockerError {}
