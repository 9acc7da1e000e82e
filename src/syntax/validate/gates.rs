//! Commands and flags whose feature is off, and those that work in no version.

use super::View;
use crate::syntax::{
    ast::{Command, Keyword},
    dialect::{FEATURES, Feature, Since, VersionNumber},
    flags::{self, FlagRow, Status},
    problem,
    problems::Problems,
};

pub(super) fn check(view: &View<'_>, command: &Command, problems: &mut Problems) {
    let row = flags::of(command.keyword);
    let word = command.keyword.text();
    if let Some(feature) = row.feature.filter(|f| !view.has(*f)) {
        report(
            view,
            command.keyword_span,
            format!("`{word}`"),
            feature,
            problems,
        );
    }
    let extended = matches!(
        command.keyword,
        Keyword::Add | Keyword::Shell | Keyword::Stopsignal
    );
    if command.keyword == Keyword::Onbuild || extended && !view.has(Feature::Extended) {
        let problem = problem::unsupported_command(command.keyword);
        problems.push(command.keyword_span, problem);
    }
    if command.flags.is_empty() {
        return;
    }
    for flag in &command.flags {
        let rows = row.flags.unwrap_or_default();
        let Some(FlagRow {
            feature, status, ..
        }) = rows.iter().find(|r| r.name == flag.name)
        else {
            continue;
        };
        if let Status::Refused(instead) = status {
            let problem = problem::refused_flag(command.keyword, flag.name, instead);
            problems.push(flag.span, problem);
        }
        if let Some(feature) = feature.filter(|f| !view.has(*f)) {
            let what = format!("`{word} --{}`", flag.name);
            report(view, flag.span, what, feature, problems);
        }
    }
}

fn report(
    view: &View<'_>,
    span: crate::diag::Span,
    what: String,
    feature: Feature,
    problems: &mut Problems,
) {
    let row = FEATURES.iter().find(|row| row.feature == feature);
    let since = match row.map(|row| row.since) {
        Some(Since::V06) => Some("0.6"),
        Some(Since::V07) => Some("0.7"),
        Some(Since::V08) => Some("0.8"),
        _ => None,
    };
    let version = match view.number {
        Some(VersionNumber::V0_0) => "0.0",
        Some(VersionNumber::V0_6) => "0.6",
        Some(VersionNumber::V0_7) => "0.7",
        Some(VersionNumber::V0_8) | None => "0.8",
    };
    problems.push(
        span,
        problem::feature_off(&what, feature.name(), since, version),
    );
}
