//! Pushes that a daemon does itself, through its own API.

use std::sync::Arc;

use super::{
    Failure,
    push::{Job, Pushed, Pusher, failed},
};
use crate::{
    base::Digest,
    docker::{DockerError, images::Line},
    events::Event,
    oci::{Credential, ImageRef, RegistryError, registry::RetryPolicy, settings::is_loopback},
};

impl Pusher {
    pub(super) async fn push_by_daemon(&self, job: &Job<'_>) -> Result<Pushed, Failure> {
        let registry = &job.name.registry;
        let credential = self.credentials.credential(registry).await;
        let logged_in = credential != Credential::None;
        let id = Digest::of(job.label.text.as_bytes());
        let progress = |line: Line| {
            if line.total > 0 {
                self.events.emit(Event::Transfer {
                    id: id.clone(),
                    label: Arc::clone(&job.label),
                    part: line.status,
                    current: line.current,
                    total: line.total,
                });
            }
        };
        let push = || async {
            let pushed = self.docker.push(job.name, &credential, &progress).await;
            pushed.map_err(|error| match error {
                DockerError::Failed { message, .. } => classify(&message, job.name, logged_in),
                error => RegistryError::Local {
                    reason: error.to_string(),
                },
            })
        };
        let policy = RetryPolicy {
            // The daemon has tried each layer five times by then.
            attempts: 3,
            ..RetryPolicy::default()
        };
        let digest = policy
            .run(push)
            .await
            .map_err(|e| failed(job, e.diagnostic()))?;
        let found = self.look_again(job).await.unwrap_or_else(|| digest.clone());
        self.done(job, found, digest)
    }

    /// What the registry has now, as far as we can see: it may be in reach of the daemon only.
    async fn look_again(&self, job: &Job<'_>) -> Option<Digest> {
        let theirs = is_loopback(&job.name.registry) && !self.docker.is_local();
        if theirs {
            return None;
        }
        self.repository(job)
            .digest_of(job.name.version())
            .await
            .ok()
    }
}

/// What the words of a daemon or an engine about a failed push mean; it gives nothing else.
pub(super) fn classify(message: &str, name: &ImageRef, logged_in: bool) -> RegistryError {
    let registry = name.registry.clone();
    let reason = message.to_owned();
    let words = message.to_lowercase();
    let says = |any: &[&str]| any.iter().any(|word| words.contains(word));
    if says(&[
        "unauthorized",
        "denied",
        "no basic auth",
        "authentication required",
        "forbidden",
    ]) {
        RegistryError::Denied {
            registry,
            what: format!("image `{}`", name.familiar()),
            logged_in,
            reason,
        }
    } else if says(&["toomanyrequests", "too many requests"]) {
        RegistryError::RateLimited {
            registry,
            retry_after: None,
            reason,
        }
    } else if says(&[
        "connection refused",
        "connection reset",
        "timeout",
        "eof",
        "no such host",
        "status: 5",
        "broken pipe",
        "unavailable",
    ]) {
        RegistryError::Network { registry, reason }
    } else {
        RegistryError::Protocol { registry, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemons_words_are_sorted_by_what_can_be_done() {
        let name = ImageRef::parse("r.example/a:1").unwrap();
        for (message, transient, denied) in [
            (
                "denied: requested access to the resource is denied",
                false,
                true,
            ),
            ("unauthorized: authentication required", false, true),
            ("no basic auth credentials", false, true),
            ("toomanyrequests: slow down", true, false),
            (
                "received unexpected HTTP status: 503 Service Unavailable",
                true,
                false,
            ),
            ("Put https://r.example/v2/: EOF", true, false),
            (
                "http: server gave HTTP response to HTTPS client",
                false,
                false,
            ),
        ] {
            let error = classify(message, &name, true);
            assert_eq!(error.is_transient(), transient, "{message}");
            assert_eq!(
                matches!(error, RegistryError::Denied { .. }),
                denied,
                "{message}"
            );
        }
    }
}
