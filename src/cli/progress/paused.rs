//! A display that can be told to wait.

use std::sync::{Arc, Mutex};

use super::{Outcome, Progress};
use crate::{
    diag::Diagnostic,
    events::{Event, EventSink},
};

/// Keeps events back while somebody else has the terminal.
pub struct Paused {
    shown: Arc<dyn Progress>,
    held: Mutex<Option<Vec<Event>>>,
}

impl Paused {
    /// A display that does not wait yet.
    pub fn new(shown: Arc<dyn Progress>) -> Self {
        Self {
            shown,
            held: Mutex::default(),
        }
    }
}

impl EventSink for Paused {
    fn emit(&self, event: Event) {
        let mut held = self.held.lock().expect("no holder of this lock panics");
        match held.as_mut() {
            Some(held) => held.push(event),
            None => self.shown.emit(event),
        }
    }
}

impl Progress for Paused {
    fn end(&self, outcome: Outcome, problems: &[Diagnostic]) {
        self.pause(false);
        self.shown.end(outcome, problems);
    }

    fn pause(&self, on: bool) {
        let mut held = self.held.lock().expect("no holder of this lock panics");
        if on {
            held.get_or_insert_default();
            self.shown.pause(true);
        } else if let Some(events) = held.take() {
            self.shown.pause(false);
            for event in events {
                self.shown.emit(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<&'static str>>);

    impl EventSink for Seen {
        fn emit(&self, event: Event) {
            if let Event::Phase(name) = event {
                self.0.lock().unwrap().push(name);
            }
        }
    }

    impl Progress for Seen {
        fn end(&self, _: Outcome, _: &[Diagnostic]) {}
        fn pause(&self, _: bool) {}
    }

    #[test]
    fn what_happens_meanwhile_is_shown_afterwards_and_in_order() {
        let seen = Arc::new(Seen::default());
        let paused = Paused::new(Arc::clone(&seen) as Arc<_>);
        paused.emit(Event::Phase("one"));
        paused.pause(true);
        paused.emit(Event::Phase("two"));
        paused.emit(Event::Phase("three"));
        assert_eq!(*seen.0.lock().unwrap(), ["one"]);
        paused.pause(false);
        assert_eq!(*seen.0.lock().unwrap(), ["one", "two", "three"]);
    }
}
