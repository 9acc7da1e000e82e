//! The words of progress, shared by the plain and the live display.

use std::time::Duration;

use super::Outcome;
use crate::events::{Label, OutputEvent, StepState};

/// How wide the column of target names is at least, so that short names stand under each other.
const PADDING: usize = 14;

/// Whether a step is bld's own work, of which people only want to know when it fails.
pub fn is_internal(label: &Label, state: &StepState) -> bool {
    label.target.is_empty() && !matches!(state, StepState::Failed { .. })
}

/// `+target | `, the platform in front where it is a foreign one.
pub fn prefix(label: &Label) -> String {
    let target = if label.target.is_empty() {
        "bld"
    } else {
        &label.target
    };
    let name = match &label.platform {
        Some(platform) => format!("{platform} {target}"),
        None => target.to_owned(),
    };
    format!("{name:>PADDING$} | ")
}

/// A line that a step wrote, as people see it: with its target in front, unless the step asked to be left alone, as
/// programs do that speak to whoever reads the log.
pub fn written(label: &Label, line: &str) -> String {
    if label.raw_output {
        line.to_owned()
    } else {
        format!("{}{line}", prefix(label))
    }
}

/// `--> RUN make`, in one line.
pub fn command(label: &Label) -> String {
    format!("--> {}", one_line(&label.text))
}

/// A text without line breaks and without runs of blanks.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `340ms`, `2.4s`, `3m12s`.
pub fn duration(took: Duration) -> String {
    let millis = took.as_millis();
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => format!("{:.1}s", took.as_secs_f64()),
        _ => format!("{}m{:02}s", took.as_secs() / 60, took.as_secs() % 60),
    }
}

/// One line of the summary.
pub fn output(event: &OutputEvent) -> String {
    match event {
        OutputEvent::Loaded {
            target,
            name,
            unchanged,
        } => {
            format!(
                "Image {target} output as {name}{}",
                unchanged_note(*unchanged)
            )
        }
        OutputEvent::Pushed {
            target,
            name,
            digest,
        } => {
            format!("Pushed image {target} as {name} ({digest})")
        }
        OutputEvent::NotPushed { name } => {
            format!("Did not push image {name} (give --push to push it)")
        }
        OutputEvent::Artifact {
            artifact,
            path,
            unchanged,
        } => {
            format!(
                "Artifact {artifact} output as {path}{}",
                unchanged_note(*unchanged)
            )
        }
        OutputEvent::Skipped { target, digest } => {
            let short = &digest.hex()[..12];
            format!("Target {target} ({short}) has already been run. Skipping.")
        }
        OutputEvent::NotRun { target, text } => {
            format!(
                "Did not execute push command {} of {target} (give --push to run it)",
                one_line(text)
            )
        }
    }
}

fn unchanged_note(unchanged: bool) -> &'static str {
    if unchanged { " (unchanged)" } else { "" }
}

/// The last line of a run.
pub fn banner(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "=== Success ===\n",
        Outcome::Failure => "=== Failure ===\n",
        Outcome::Canceled => "=== Canceled ===\n",
    }
}

/// The heading of a phase.
pub fn phase(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    format!("=== {}{} ===", first.unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_output_stands_alone() {
        let label = |raw_output| Label {
            target: "+t".to_owned(),
            text: "RUN x".to_owned(),
            platform: None,
            at: None,
            raw_output,
        };
        assert_eq!(
            written(&label(false), "::group::a"),
            "            +t | ::group::a"
        );
        assert_eq!(written(&label(true), "::group::a"), "::group::a");
    }
}
