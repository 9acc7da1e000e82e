//! The `VERSION` statement (language specification, 1.12 and 2.1).

use super::{
    ast::{Block, Command, Keyword, Node, Statement},
    dialect::{FEATURES, Feature, FeatureSet, Version, VersionNumber},
    problem,
    problems::Problems,
};
use crate::diag::Span;

/// Finds and reads the version of a file: the first statement of the base recipe.
pub(super) fn read(base: &Block, problems: &mut Problems) -> Option<Version> {
    let first = base
        .nodes
        .iter()
        .find(|n| !matches!(n, Node::Comment(_) | Node::Blank(_)));
    match first {
        Some(Node::Statement(Statement::Command(command)))
            if command.keyword == Keyword::Version =>
        {
            statement(command, problems)
        }
        // The line may have been meant to be it; it has been reported.
        Some(Node::Error(_)) => None,
        _ => {
            problems.missing_version();
            None
        }
    }
}

fn statement(command: &Command, problems: &mut Problems) -> Option<Version> {
    let mut asked = Vec::new();
    let mut numbers = Vec::new();
    for word in &command.args {
        let text = word.text.as_str();
        if text.starts_with('\\') {
            problems.push(word.span, problem::text_after_continuation());
            return None;
        }
        match text.strip_prefix("--") {
            None => numbers.push(word),
            Some(_) if !numbers.is_empty() => {
                problems.push(word.span, problem::version_flag_last(text));
            }
            Some(flag) => {
                let name = flag.split('=').next().unwrap_or(flag);
                match Feature::from_name(name) {
                    _ if flag.contains('=') => {
                        problems.push(word.span, problem::version_flag_value(name));
                    }
                    Some(feature) => asked.push((feature, word.span)),
                    None => {
                        let near = problem::nearest(name, FEATURES.iter().map(|row| row.name));
                        problems.push(word.span, problem::unknown_version_flag(name, near));
                    }
                }
            }
        }
    }
    let [number] = numbers.as_slice() else {
        let at = numbers.get(1).map_or(command.span, |w| w.span);
        problems.push(at, problem::malformed_version());
        return None;
    };
    let Some(parsed) = parse_number(&number.text) else {
        let problem = if is_major_minor(&number.text) {
            problem::unsupported_version(&number.text)
        } else {
            problem::malformed_version()
        };
        problems.push(number.span, problem);
        return None;
    };
    Some(Version {
        number: parsed,
        features: turn_on(parsed, &asked, &number.text, problems),
        span: command.span,
    })
}

fn turn_on(
    number: VersionNumber,
    asked: &[(Feature, Span)],
    written: &str,
    problems: &mut Problems,
) -> FeatureSet {
    let implied = FeatureSet::of_version(number);
    let mut on = implied;
    for (feature, span) in asked {
        if implied.has(*feature) {
            problems.push(*span, problem::implied_flag(feature.name(), written));
        } else if *feature == Feature::RunWithAwsOidc {
            problems.push(*span, problem::cloud_flag(feature.name()));
        }
        on.insert(*feature);
    }
    on
}

fn parse_number(text: &str) -> Option<VersionNumber> {
    match text {
        "0.0" => Some(VersionNumber::V0_0),
        "0.6" => Some(VersionNumber::V0_6),
        "0.7" => Some(VersionNumber::V0_7),
        "0.8" => Some(VersionNumber::V0_8),
        _ => None,
    }
}

fn is_major_minor(text: &str) -> bool {
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.')
        .is_some_and(|(major, minor)| number(major) && number(minor))
}
