//! The `VERSION` statement (language specification, 1.12 and 2.1).

use pest::{Parser, iterators::Pair};

use super::{
    ast::{Block, Command, Keyword, Node, Statement},
    dialect::{FEATURES, Feature, FeatureSet, Version, VersionNumber},
    grammar::{FileGrammar, Rule},
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

/// Whether the first statement of a text is a `VERSION` line with this flag. The line is judged later.
pub(super) fn asks_for(text: &str, feature: Feature) -> bool {
    // Most files have no flag of this name anywhere.
    let flag = format!("--{}", feature.name());
    let first = text
        .find(&flag)
        .map(|_| text.trim_start_matches('\u{FEFF}'));
    let Some(Ok(mut pairs)) = first.map(|text| FileGrammar::parse(Rule::beginning, text)) else {
        return false;
    };
    let statement = pairs.next().and_then(|beginning| {
        beginning
            .into_inner()
            .find(|p| p.as_rule() == Rule::statement)
    });
    let form = statement.and_then(|statement| statement.into_inner().next());
    let mut parts = form.into_iter().flat_map(Pair::into_inner);
    parts
        .next()
        .is_some_and(|keyword| keyword.as_str() == "VERSION")
        && parts.any(|word| word.as_str() == flag)
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
