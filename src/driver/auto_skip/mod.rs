//! Auto-skip: a target that has succeeded before is left out if nothing that goes into it has changed (language
//! specification, 6.5).

mod database;
mod fingerprint;

use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use crate::{
    base::Digest,
    diag::Diagnostic,
    events::{Event, EventSink, OutputEvent},
    interp::{RootFile, probe::Work},
};

use self::{database::Database, fingerprint::fingerprint};
use super::{
    failure::Failure,
    request::{BuildRequest, Goal},
};

/// What is left out in a run, and what is to be written down when it has succeeded.
pub struct Skips {
    request: BuildRequest,
    events: Arc<dyn EventSink>,
    /// None where there is no place for it, or no way to open it: then nothing is skipped.
    database: OnceCell<Option<Database>>,
    /// What has been started and not been skipped.
    open: Mutex<Vec<Started>>,
}

/// A target that was not skipped.
struct Started {
    request: BuildRequest,
    /// Of everything that went into it when it was started.
    digest: Digest,
}

impl Skips {
    /// For one run. Nothing is opened before it is needed.
    pub fn new(request: &BuildRequest, events: &Arc<dyn EventSink>) -> Self {
        Self {
            request: request.clone(),
            events: Arc::clone(events),
            database: OnceCell::new(),
            open: Mutex::default(),
        }
    }

    /// Whether the whole run can be left out (`--auto-skip`).
    pub async fn whole_run(&self) -> Result<bool, Failure> {
        if !self.request.auto_skip {
            return Ok(false);
        }
        self.done_before(&self.request).await
    }

    /// Whether a target can be left out (`BUILD --auto-skip`).
    pub async fn target(&self, work: Work) -> Result<bool, Failure> {
        if self.request.no_auto_skip || self.request.no_cache {
            return Ok(false);
        }
        let request = BuildRequest {
            goal: Goal::Target(work.target),
            file: work.file.map(RootFile::At),
            args: work.args,
            platform: work.platform,
            ..self.request.clone()
        };
        self.done_before(&request).await
    }

    async fn done_before(&self, request: &BuildRequest) -> Result<bool, Failure> {
        let Some(database) = self.database().await else {
            return Ok(false);
        };
        // Boxed: what is skipped is interpreted from within an interpretation.
        let (digest, target) = Box::pin(fingerprint(request)).await?;
        match database.contains(&digest) {
            Ok(true) => {
                let skipped = OutputEvent::Skipped {
                    target,
                    digest: digest.clone(),
                };
                self.events.emit(Event::Output(skipped));
                return Ok(true);
            }
            Ok(false) => {}
            Err(e) => self.warn(&e.to_string()),
        }
        let mut open = self.open.lock().expect("no holder of this lock panics");
        open.push(Started {
            request: request.clone(),
            digest,
        });
        Ok(false)
    }

    /// The run has succeeded, outputs and all. What was changed while it ran may have gone into it or not, so that is not
    /// written down.
    pub async fn succeeded(&self) {
        let open = std::mem::take(&mut *self.open.lock().expect("no holder of this lock panics"));
        let Some(database) = self.database().await.filter(|_| !open.is_empty()) else {
            return;
        };
        let mut done = Vec::with_capacity(open.len());
        for started in open {
            let now = Box::pin(fingerprint(&started.request)).await;
            done.extend(now.ok().filter(|(digest, _)| *digest == started.digest));
        }
        if let Err(e) = database.add(&done) {
            self.warn(&e.to_string());
        }
    }

    async fn database(&self) -> Option<&Database> {
        let open = || async {
            let Some(path) = &self.request.auto_skip_db else {
                self.warn("there is no home directory; name a file with `--auto-skip-db-path`");
                return None;
            };
            match Database::open(path) {
                Ok(database) => Some(database),
                Err(e) => {
                    self.warn(&format!("cannot use `{}`: {e}", path.display()));
                    None
                }
            }
        };
        self.database.get_or_init(open).await.as_ref()
    }

    fn warn(&self, why: &str) {
        let message = format!("nothing is skipped: {why}");
        let warning = Diagnostic::warning("auto-skip-database", message);
        self.events.emit(Event::Remark(warning));
    }
}
