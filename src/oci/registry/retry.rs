//! How often and when a request is made again: what may pass is tried again with growing, jittered pauses; what the
//! registry has decided is not.

use std::{
    future::Future,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use super::error::RegistryError;

/// Attempts and pauses.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// In all, the first one included.
    pub attempts: u32,
    /// The first pause, doubled each time.
    pub first_pause: Duration,
    /// No pause of our own is longer.
    pub longest_pause: Duration,
    /// A registry that wants to be left alone for longer is an error at once.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 7,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Makes the request until it succeeds, fails for good, or has failed often enough.
    pub async fn run<T, F>(&self, mut request: impl FnMut() -> F) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        let mut attempt = 1;
        loop {
            let error = match request().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(pause) = self.pause(attempt, &error) else {
                return Err(error);
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// How long to wait after the failed attempt with this number, counted from 1; none: give up.
    pub fn pause(&self, attempt: u32, error: &RegistryError) -> Option<Duration> {
        // Nobody listening is seldom a matter of seconds, and mirrors that are switched off must not cost them.
        let attempts = match error {
            RegistryError::Unreachable { .. } => self.attempts.min(3),
            _ => self.attempts,
        };
        if !error.is_transient() || attempt >= attempts {
            return None;
        }
        if let Some(asked) = error.retry_after() {
            return (asked <= self.longest_wait).then_some(asked);
        }
        let doubled = self.first_pause.saturating_mul(1 << (attempt - 1).min(20));
        Some(jitter(doubled.min(self.longest_pause)))
    }
}

/// Between half of it and all of it, so that many clients do not come back in step.
fn jitter(pause: Duration) -> Duration {
    // The standard library seeds every RandomState differently; nothing better is needed here.
    let random = RandomState::new().build_hasher().finish() % 1024;
    pause / 2 + pause.mul_f64(random as f64 / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(seconds: Option<u64>) -> RegistryError {
        RegistryError::RateLimited {
            registry: "r".to_owned(),
            retry_after: seconds.map(Duration::from_secs),
            reason: String::new(),
        }
    }

    #[test]
    fn pauses_grow_and_the_registrys_wish_is_honoured() {
        let policy = RetryPolicy::default();
        for (attempt, low, high) in [(1, 50, 100), (2, 100, 200), (3, 200, 400), (6, 1600, 3200)] {
            let pause = policy.pause(attempt, &limited(None)).unwrap().as_millis();
            assert!((low..=high).contains(&pause), "{attempt}: {pause}");
        }
        assert_eq!(
            policy.pause(1, &limited(Some(7))),
            Some(Duration::from_secs(7))
        );
        assert_eq!(policy.pause(1, &limited(Some(3600))), None);
        assert_eq!(policy.pause(7, &limited(None)), None);
    }

    #[test]
    fn what_the_registry_has_decided_is_not_asked_again() {
        let what = "x".to_owned();
        let error = RegistryError::NotFound {
            registry: "r".to_owned(),
            what,
        };
        assert_eq!(RetryPolicy::default().pause(1, &error), None);
    }
}
