//! The words of progress, shared by the plain and the live display.

use std::time::Duration;

use super::Outcome;
use crate::cli::printer::Names;
use crate::events::{Label, OutputEvent, StepState, Told};

/// Whether a step is bld's own work, or part of what another one stands for: people only want to know when it fails.
pub fn is_internal(label: &Label, state: &StepState) -> bool {
    let own = label.target.is_empty() || label.told == Told::Nothing;
    own && !matches!(state, StepState::Failed { .. })
}

/// `+target | `, the platform in front where it is a foreign one.
pub fn prefix(label: &Label, names: Names) -> String {
    let target = if label.target.is_empty() {
        "bld"
    } else {
        &label.target
    };
    let name = match &label.platform {
        Some(platform) => format!("{platform} {target}"),
        None => target.to_owned(),
    };
    let name = match names.longest {
        Some(longest) => shortened(&name, longest),
        None => name,
    };
    let padding = names.padding;
    format!("{name:>padding$} | ")
}

/// A name that is too long, with its directories shortened from the left and commits to their first digits:
/// `github.com/a/b:0123…+t` is `g/a/b:0123456+t`. The target itself stays whole.
fn shortened(name: &str, longest: usize) -> String {
    let over = |text: &str| text.chars().count() > longest;
    let Some((place, target)) = name.split_once('+').filter(|_| over(name)) else {
        return name.to_owned();
    };
    let (path, tag) = match place.split_once(':') {
        Some((path, tag)) => (path, format!(":{}", short_commit(tag))),
        None => (place, String::new()),
    };
    let mut parts: Vec<&str> = path.split('/').collect();
    let joined = |parts: &[&str]| format!("{}{tag}+{target}", parts.join("/"));
    for at in 0..parts.len().saturating_sub(1) {
        if !over(&joined(&parts)) {
            break;
        }
        let part = parts[at];
        if part != ".." {
            parts[at] = part.char_indices().nth(1).map_or(part, |(n, _)| &part[..n]);
        }
    }
    joined(&parts)
}

fn short_commit(tag: &str) -> &str {
    let commit = tag.len() == 40 && tag.chars().all(|c| c.is_ascii_hexdigit());
    if commit { &tag[..7] } else { tag }
}

/// A line that a step wrote, as people see it: with its target in front, unless the step asked to be left alone, as
/// programs do that speak to whoever reads the log.
pub fn written(label: &Label, line: &str, names: Names) -> String {
    if label.raw_output {
        line.to_owned()
    } else {
        format!("{}{line}", prefix(label, names))
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
        OutputEvent::CacheWritten { name } => format!("Cache written to {name}"),
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
            read_by: None,
            raw_output,
            told: Told::Everything,
        };
        assert_eq!(
            written(&label(false), "::group::a", Names::default()),
            "            +t | ::group::a"
        );
        assert_eq!(
            written(&label(true), "::group::a", Names::default()),
            "::group::a"
        );
    }

    #[test]
    fn only_names_that_are_too_long_are_shortened_and_the_target_never_is() {
        let commit = "80524f0d82a353b3444e83f056207e15f4d5447c";
        let long = format!("github.com/some/repo:{commit}+hello-world");
        assert_eq!(shortened(&long, 32), "g/some/repo:80524f0+hello-world");
        assert_eq!(
            shortened("./a/very/long/path/lib+build", 20),
            "./a/v/l/p/lib+build"
        );
        assert_eq!(shortened("../../lib+t", 4), "../../lib+t");
        assert_eq!(
            shortened("+a-target-with-a-long-name", 5),
            "+a-target-with-a-long-name"
        );
        assert_eq!(shortened("./a/b+t", 40), "./a/b+t");
    }
}
