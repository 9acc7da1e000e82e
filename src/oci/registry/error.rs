//! What can go wrong with a registry, by what a user can do about it.

use std::{fmt, time::Duration};

use serde::Deserialize;

use crate::diag::Diagnostic;

/// A request to a registry that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryError {
    /// The registry answers, and has no such thing.
    NotFound {
        /// Whom was asked.
        registry: String,
        /// What for.
        what: String,
    },
    /// The registry does not let this user do it.
    Denied {
        /// Who says so.
        registry: String,
        /// What for.
        what: String,
        /// Whether credentials were known; else logging in may be all that is needed.
        logged_in: bool,
        /// The registry's words; may be empty.
        reason: String,
    },
    /// Too many requests.
    RateLimited {
        /// Who says so.
        registry: String,
        /// When to come back, if the registry says.
        retry_after: Option<Duration>,
        /// The registry's words; may be empty.
        reason: String,
    },
    /// No connection: nobody listens there, or not by this name, or not with a certificate that can be trusted.
    Unreachable {
        /// Whom was asked.
        registry: String,
        /// Why.
        reason: String,
    },
    /// No answer, or one that says "not now".
    Network {
        /// Whom was asked.
        registry: String,
        /// Why.
        reason: String,
    },
    /// An answer that the protocol does not have, or content that is not what its digest says.
    Protocol {
        /// Who gave it.
        registry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of this machine, on its way to or from a registry.
    Local {
        /// What went wrong.
        reason: String,
    },
}

impl RegistryError {
    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::Network { .. } | Self::Unreachable { .. }
        )
    }

    /// How long the registry wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// For people.
    pub fn diagnostic(&self) -> Diagnostic {
        let error = Diagnostic::error("registry", self.to_string());
        match self {
            Self::Denied {
                registry,
                logged_in: false,
                ..
            } => error.hint(format!("run `docker login {registry}`")),
            Self::Denied { registry, .. } => error.hint(format!(
                "the credentials in Docker's config file do not allow it; `docker login {registry}` replaces them"
            )),
            Self::RateLimited { registry, .. } => error.hint(format!(
                "log in to {registry}, or put a mirror for it into bld's config file: `registries: {{ {registry}: {{ mirrors: [...] }} }}`"
            )),
            Self::Unreachable { registry, reason }
            | Self::Network { registry, reason }
            | Self::Protocol { registry, reason }
                if is_about_tls(reason) =>
            {
                error.hint(format!(
                    "if {registry} has no certificate that this machine trusts: `registries: {{ {registry}: {{ insecure: true }} }}` in bld's config file"
                ))
            }
            _ => error,
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |reason: &str| match reason {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        match self {
            Self::NotFound { registry, what } => write!(f, "{registry} has no {what}"),
            Self::Denied {
                registry,
                what,
                reason,
                ..
            } => write!(f, "{registry} denies access to {what}{}", because(reason)),
            Self::RateLimited {
                registry, reason, ..
            } => write!(
                f,
                "{registry} is refusing more requests for now{}",
                because(reason)
            ),
            Self::Unreachable { registry, reason } | Self::Network { registry, reason } => {
                write!(f, "cannot reach {registry}: {reason}")
            }
            Self::Protocol { registry, reason } => {
                write!(f, "{registry} gave an answer that cannot be used: {reason}")
            }
            Self::Local { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for RegistryError {}

/// In our words, or in those of a daemon.
fn is_about_tls(reason: &str) -> bool {
    [
        "certificate",
        "x509",
        "HTTP response to HTTPS client",
        "first record does not look like",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

/// The registry's own words in an error's body, cut to one short line.
pub(super) fn words(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let text = match serde_json::from_slice::<Body>(body) {
        Ok(body) => body
            .errors
            .into_iter()
            .map(|e| {
                if e.message.is_empty() {
                    e.code
                } else {
                    e.message
                }
            })
            .collect::<Vec<_>>()
            .join("; "),
        // HTML and the like helps nobody.
        Err(_) if body.starts_with(b"<") || body.starts_with(b"{") => String::new(),
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.chars().take(300).collect()
}
