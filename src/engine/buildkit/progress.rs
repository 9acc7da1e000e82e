//! From the daemon's reports to events, and what has to be remembered of them to explain a failure.
//!
//! A daemon reports every vertex as a whole, again and again. A vertex may start again after it was done: a source first
//! finds its key, then its content. Within a report, the records of both may come in either order. A vertex that was
//! cached stays so, even where later records do not say it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bollard_buildkit_proto::{
    google::protobuf::Timestamp,
    moby::buildkit::v1::{StatusResponse, Vertex},
};
use tokio::sync::Notify;

use super::{error, tail::Tail};
use crate::{
    base::Digest,
    diag::Diagnostic,
    events::{Event, EventSink, Label, StepState, Told},
    llb::Definition,
};

/// Everything that was reported in one build.
pub struct Progress {
    events: Arc<dyn EventSink>,
    steps: Mutex<HashMap<String, Step>>,
    /// Something was reported.
    pub news: Notify,
}

struct Step {
    id: Digest,
    label: Arc<Label>,
    /// Part of a definition of ours; the others are work of the daemon itself.
    ours: bool,
    cached: bool,
    started: Option<Moment>,
    completed: Option<Moment>,
    failed: Option<String>,
    said: Said,
    tail: Tail,
    /// When it wrote last, on standard output and on standard error.
    written: [Option<Moment>; 2],
}

type Moment = (i64, i32);

/// The state that listeners know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Said {
    Nothing,
    Started,
    Over,
}

/// A step that failed.
#[derive(Debug, Clone)]
pub struct Failed {
    /// Which.
    pub vertex: Digest,
    /// What it is called.
    pub label: Arc<Label>,
    /// The daemon's words.
    pub error: String,
    /// What it wrote last.
    pub tail: Vec<String>,
}

impl Progress {
    /// Nothing has happened yet.
    pub fn new(events: Arc<dyn EventSink>) -> Self {
        Self {
            events,
            steps: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Learns what the vertices of a definition are called.
    pub fn learn(&self, definition: &Definition) {
        let mut steps = self.steps.lock().expect("no holder of this lock panics");
        for vertex in definition.vertices() {
            if steps.contains_key(vertex.digest.as_str()) {
                continue;
            }
            // A vertex that must not come from the cache may be reported by this digest instead.
            let other = Digest::of(format!("{}-ignorecache", vertex.digest).as_bytes());
            for digest in [vertex.digest.clone(), other] {
                let step = Step::new(vertex.digest.clone(), Arc::clone(&vertex.label), true);
                steps.insert(digest.as_str().to_owned(), step);
            }
        }
    }

    /// Takes one report.
    pub fn take(&self, report: StatusResponse) {
        let mut events = Vec::new();
        let mut steps = self.steps.lock().expect("no holder of this lock panics");
        for log in report.logs {
            let step = known(&mut steps, &log.vertex, "");
            let stderr = log.stream == 2;
            // Every build of one run that needs a step is told again what the step wrote.
            let written = moment(log.timestamp.as_ref());
            let last = &mut step.written[usize::from(stderr)];
            if written.is_some() && written <= *last {
                continue;
            }
            *last = written;
            step.tail.push(stderr, &log.msg);
            step.start(&mut events);
            events.push(Event::Log {
                id: step.id.clone(),
                label: Arc::clone(&step.label),
                stderr,
                data: log.msg,
            });
        }
        for vertex in &report.vertexes {
            known(&mut steps, &vertex.digest, &vertex.name).update(vertex, &mut events);
        }
        for status in report.statuses {
            let step = known(&mut steps, &status.vertex, "");
            let part = if status.name.is_empty() {
                status.id
            } else {
                status.name
            };
            events.push(Event::Transfer {
                id: step.id.clone(),
                label: Arc::clone(&step.label),
                part,
                current: u64::try_from(status.current).unwrap_or(0),
                total: u64::try_from(status.total).unwrap_or(0),
            });
        }
        for warning in report.warnings {
            let text = String::from_utf8_lossy(&warning.short).into_owned();
            events.push(Event::Remark(Diagnostic::warning("engine-warning", text)));
        }
        drop(steps);
        for event in events {
            self.events.emit(event);
        }
        self.news.notify_waiters();
    }

    /// Everything that began and did not end is over: no more reports will come.
    pub fn close(&self) {
        let mut steps = self.steps.lock().expect("no holder of this lock panics");
        let open = steps.values_mut().filter(|s| s.said == Said::Started);
        let events: Vec<Event> = open
            .map(|step| {
                step.said = Said::Over;
                step.event(StepState::Canceled)
            })
            .collect();
        drop(steps);
        for event in events {
            self.events.emit(event);
        }
    }

    /// The last lines that a step has written; those of its last run, where it had to run again.
    pub fn tail(&self, vertex: &Digest) -> Vec<String> {
        let steps = self.steps.lock().expect("no holder of this lock panics");
        let other = Digest::of(format!("{vertex}-ignorecache").as_bytes());
        let lines = [&other, vertex].map(|digest| {
            let step = steps.get(digest.as_str());
            step.map(|step| step.tail.lines()).unwrap_or_default()
        });
        lines
            .into_iter()
            .find(|lines| !lines.is_empty())
            .unwrap_or_default()
    }

    /// The step of a definition that a message is about: the one that is named, else the one whose error is part of the
    /// message, else any that failed.
    pub fn failed(
        &self,
        definition: &Definition,
        named: Option<&str>,
        message: &str,
    ) -> Option<Failed> {
        let steps = self.steps.lock().expect("no holder of this lock panics");
        let of = |digest: &Digest| {
            let other = Digest::of(format!("{digest}-ignorecache").as_bytes());
            let step = |d: &Digest| steps.get(d.as_str()).filter(|s| s.failed.is_some());
            step(digest).or_else(|| step(&other))
        };
        let mut failed: Vec<&Step> = definition
            .vertices()
            .iter()
            .filter_map(|v| of(&v.digest))
            .collect();
        failed.sort_by_key(|step| {
            let error = step.failed.as_deref().unwrap_or_default();
            let is_named = named == Some(step.id.as_str());
            (
                !is_named,
                !message.contains(error),
                usize::MAX - error.len(),
            )
        });
        failed.first().map(|step| Failed {
            vertex: step.id.clone(),
            label: Arc::clone(&step.label),
            error: step.failed.clone().unwrap_or_default(),
            tail: step.tail.lines(),
        })
    }
}

fn known<'a>(steps: &'a mut HashMap<String, Step>, digest: &str, name: &str) -> &'a mut Step {
    steps.entry(digest.to_owned()).or_insert_with(|| {
        let id = Digest::parse(digest).unwrap_or_else(|| Digest::of(digest.as_bytes()));
        let label = Label {
            target: String::new(),
            text: name.to_owned(),
            platform: None,
            at: None,
            read_by: None,
            raw_output: false,
            told: Told::Everything,
        };
        Step::new(id, Arc::new(label), false)
    })
}

fn moment(time: Option<&Timestamp>) -> Option<Moment> {
    time.map(|t| (t.seconds, t.nanos))
}

fn between(start: Option<Moment>, end: Option<Moment>) -> Duration {
    let nanos = |(s, n): Moment| i128::from(s) * 1_000_000_000 + i128::from(n);
    match (start, end) {
        (Some(start), Some(end)) => {
            Duration::from_nanos(u64::try_from(nanos(end) - nanos(start)).unwrap_or(0))
        }
        _ => Duration::ZERO,
    }
}

impl Step {
    fn new(id: Digest, label: Arc<Label>, ours: bool) -> Self {
        Self {
            id,
            label,
            ours,
            cached: false,
            started: None,
            completed: None,
            failed: None,
            said: Said::Nothing,
            tail: Tail::default(),
            written: [None; 2],
        }
    }

    fn event(&self, state: StepState) -> Event {
        Event::Step {
            id: self.id.clone(),
            label: Arc::clone(&self.label),
            state,
        }
    }

    fn start(&mut self, events: &mut Vec<Event>) {
        if self.said != Said::Started {
            self.said = Said::Started;
            events.push(self.event(StepState::Started));
        }
    }

    fn update(&mut self, vertex: &Vertex, events: &mut Vec<Event>) {
        let started = moment(vertex.started.as_ref());
        let completed = moment(vertex.completed.as_ref());
        self.cached |= vertex.cached;
        if self.label.text.is_empty() && !vertex.name.is_empty() {
            let mut label = (*self.label).clone();
            label.text.clone_from(&vertex.name);
            self.label = Arc::new(label);
        }
        let again = started.is_some() && started > self.started;
        if again {
            self.started = started;
            // A cached result that is fetched after all says nothing new.
            if !self.cached && completed.is_none() {
                self.start(events);
            }
        }
        let Some(end) = completed.filter(|end| Some(*end) > self.completed) else {
            return;
        };
        self.completed = Some(end);
        let over = self.said == Said::Over;
        // The record of an earlier run may come behind the beginning of the next one.
        if self.started > Some(end) && vertex.error.is_empty() {
            return;
        }
        self.said = Said::Over;
        if !vertex.error.is_empty() {
            if vertex.error.ends_with("context canceled") {
                if !over {
                    events.push(self.event(StepState::Canceled));
                }
            } else {
                self.failed = Some(vertex.error.clone());
                let reason = error::of_command(&vertex.error);
                events.push(self.event(StepState::Failed { reason }));
            }
        } else if self.cached {
            // The other builds of one run find cached what the first one made.
            if !over && self.label.told != Told::Runs {
                events.push(self.event(StepState::Cached));
            }
        } else if again || !over || !self.ours {
            let took = between(self.started, self.completed);
            events.push(self.event(StepState::Done { took }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<String>>);

    impl EventSink for Seen {
        fn emit(&self, event: Event) {
            if let Event::Step { state, label, .. } = event {
                let state = match state {
                    StepState::Done { took } => format!("done {}", took.as_secs()),
                    StepState::Failed { reason } => format!("failed {reason}"),
                    other => format!("{other:?}").to_lowercase(),
                };
                self.0
                    .lock()
                    .unwrap()
                    .push(format!("{} {state}", label.text));
            }
        }
    }

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos: 0 })
    }

    fn vertex(started: i64, completed: i64) -> Vertex {
        Vertex {
            digest: "v".to_owned(),
            name: "v".to_owned(),
            started: (started > 0).then(|| at(started)).flatten(),
            completed: (completed > 0).then(|| at(completed)).flatten(),
            ..Vertex::default()
        }
    }

    fn run(vertexes: &[Vertex]) -> Vec<String> {
        let seen = Arc::new(Seen::default());
        let progress = Progress::new(Arc::clone(&seen) as Arc<dyn EventSink>);
        for vertex in vertexes {
            progress.take(StatusResponse {
                vertexes: vec![vertex.clone()],
                ..StatusResponse::default()
            });
        }
        progress.close();
        let seen = seen.0.lock().unwrap();
        seen.clone()
    }

    #[test]
    fn a_vertex_that_starts_again_is_done_twice() {
        assert_eq!(
            run(&[
                vertex(0, 0),
                vertex(1, 0),
                vertex(1, 2),
                vertex(3, 0),
                vertex(3, 7)
            ]),
            ["v started", "v done 1", "v started", "v done 4"]
        );
    }

    #[test]
    fn the_end_of_the_first_run_may_come_behind_the_start_of_the_second() {
        assert_eq!(
            run(&[vertex(1, 0), vertex(3, 0), vertex(1, 2), vertex(3, 7)]),
            ["v started", "v done 4"]
        );
    }

    #[test]
    fn what_was_cached_stays_cached() {
        let cached = Vertex {
            cached: true,
            ..vertex(1, 1)
        };
        assert_eq!(run(&[cached, vertex(2, 0), vertex(2, 3)]), ["v cached"]);
    }

    #[test]
    fn what_was_stopped_by_another_failure_did_not_fail() {
        let canceled = Vertex {
            error: "x: context canceled".to_owned(),
            ..vertex(1, 2)
        };
        assert_eq!(run(&[vertex(1, 0), canceled]), ["v started", "v canceled"]);
        assert_eq!(run(&[vertex(1, 0)]), ["v started", "v canceled"]);
    }
}
