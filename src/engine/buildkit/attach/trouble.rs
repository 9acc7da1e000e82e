//! Errors of this side that a daemon reports badly or not at all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// Keeps the first error of each subject: what follows is its consequence. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Trouble(Arc<Mutex<HashMap<String, String>>>);

/// The subject of exports to directories.
pub const EXPORT: &str = "export";

impl Trouble {
    /// Notes an error with a subject: the name of a context, or [`EXPORT`].
    pub fn note(&self, subject: &str, text: &str) {
        let mut first = self.0.lock().expect("no holder of this lock panics");
        let text = || text.to_owned();
        first.entry(subject.to_owned()).or_insert_with(text);
    }

    /// What was noted.
    pub fn with(&self, subject: &str) -> Option<String> {
        let first = self.0.lock().expect("no holder of this lock panics");
        first.get(subject).cloned()
    }

    /// What was noted, which is forgotten with that.
    pub fn take(&self, subject: &str) -> Option<String> {
        let mut first = self.0.lock().expect("no holder of this lock panics");
        first.remove(subject)
    }
}
