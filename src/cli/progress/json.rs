//! Progress for machines: one JSON object a line, on standard error. The keys are documented in `docs/reference/json.md`.

use serde_json::{Value, json};

use crate::{
    cli::printer,
    diag::{Diagnostic, render},
    events::{Event, EventSink, Label, OutputEvent, StepState},
};

use super::{Outcome, Progress};

/// The JSON display.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl EventSink for Json {
    fn emit(&self, event: Event) {
        printer::message(&format!("{}\n", object(event)));
    }
}

impl Progress for Json {
    fn pause(&self, _: bool) {}

    fn end(&self, outcome: Outcome, problems: &[Diagnostic]) {
        let outcome = match outcome {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Canceled => "canceled",
        };
        let problems: Vec<Value> = problems.iter().map(render::json).collect();
        let object = json!({"event": "end", "outcome": outcome, "problems": problems});
        printer::message(&format!("{object}\n"));
    }
}

fn object(event: Event) -> Value {
    match event {
        Event::Phase(name) => json!({"event": "phase", "name": name}),
        Event::Step { id, label, state } => {
            let mut object = with_label("step", &label);
            object["id"] = json!(id.as_str());
            object["state"] = json!(match &state {
                StepState::Started => "started",
                StepState::Cached => "cached",
                StepState::Done { .. } => "done",
                StepState::Failed { .. } => "failed",
                StepState::Canceled => "canceled",
            });
            match state {
                StepState::Done { took } => object["seconds"] = json!(took.as_secs_f64()),
                StepState::Failed { reason } => object["reason"] = json!(reason),
                _ => {}
            }
            object
        }
        Event::Log {
            id,
            label,
            stderr,
            data,
        } => {
            let mut object = with_label("log", &label);
            object["id"] = json!(id.as_str());
            object["stream"] = json!(if stderr { "stderr" } else { "stdout" });
            object["data"] = json!(String::from_utf8_lossy(&data));
            object
        }
        Event::Transfer {
            id,
            label,
            part,
            current,
            total,
        } => {
            let mut object = with_label("transfer", &label);
            object["id"] = json!(id.as_str());
            object["part"] = json!(part);
            object["current"] = json!(current);
            object["total"] = json!(total);
            object
        }
        Event::Remark(diagnostic) => {
            let mut object = render::json(&diagnostic);
            object["event"] = json!("remark");
            object
        }
        Event::Output(output) => output_object(output),
    }
}

fn with_label(event: &str, label: &Label) -> Value {
    let mut object = json!({"event": event, "target": label.target, "text": label.text});
    if let Some(platform) = &label.platform {
        object["platform"] = json!(platform);
    }
    if let Some(at) = &label.at {
        object["at"] = json!(at.to_string());
    }
    object
}

fn output_object(output: OutputEvent) -> Value {
    match output {
        OutputEvent::Loaded {
            target,
            name,
            unchanged,
        } => {
            json!({"event": "loaded", "target": target, "name": name, "unchanged": unchanged})
        }
        OutputEvent::Pushed {
            target,
            name,
            digest,
        } => {
            json!({"event": "pushed", "target": target, "name": name, "digest": digest.as_str()})
        }
        OutputEvent::NotPushed { name } => json!({"event": "not-pushed", "name": name}),
        OutputEvent::CacheWritten { name } => json!({"event": "cache-written", "name": name}),
        OutputEvent::Artifact {
            artifact,
            path,
            unchanged,
        } => {
            json!({"event": "artifact", "artifact": artifact, "path": path, "unchanged": unchanged})
        }
        OutputEvent::Skipped { target, digest } => {
            json!({"event": "skipped", "target": target, "digest": digest.as_str()})
        }
        OutputEvent::NotRun { target, text } => {
            json!({"event": "not-run", "target": target, "text": text})
        }
    }
}
