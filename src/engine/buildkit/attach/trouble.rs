//! Errors of this side that a daemon only hears of.

use std::sync::{Arc, Mutex};

/// Keeps the first error: what follows is its consequence. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    /// Notes an error.
    pub fn note(&self, text: &str) {
        let mut first = self.0.lock().expect("no holder of this lock panics");
        first.get_or_insert_with(|| text.to_owned());
    }

    /// Hands it out.
    pub fn take(&self) -> Option<String> {
        self.0.lock().expect("no holder of this lock panics").take()
    }
}
