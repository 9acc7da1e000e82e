//! A runtime of the engine's own.
//!
//! A daemon asks a session for its health and drops it when one answer is late (Docker 20.10 on the first one). So
//! neither the connection nor what is served on it may wait for whatever else the program does.

use std::future::Future;

use tokio::{runtime::Runtime, task::JoinHandle};

/// Two threads that belong to one engine.
#[derive(Debug)]
pub struct Hearth(Option<Runtime>);

impl Hearth {
    /// Starts them.
    pub fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("bld-engine")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs something there.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0
            .as_ref()
            .expect("it is there until it is dropped")
            .spawn(future)
    }
}

impl Drop for Hearth {
    fn drop(&mut self) {
        // An ordinary drop waits, and panics where waiting is not allowed.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
