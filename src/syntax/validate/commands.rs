//! How many words each command takes, and what they have to look like where they are written out.

use super::{blocks::is_dynamic, literals};
use crate::syntax::{
    ast::{Command, Keyword, Word},
    problem,
    problems::Problems,
    words::has_quotes,
};

pub(super) fn check(command: &Command, problems: &mut Problems) {
    let words = command.exec.as_ref().map_or(command.args.len(), Vec::len);
    let count = |fine: bool, problems: &mut Problems| {
        if !fine {
            let problem = problem::wrong_count(command.keyword, words);
            problems.push(command.span, problem);
        }
    };
    match command.keyword {
        Keyword::From => from(command, problems),
        Keyword::Run => {
            count(words > 0 || command.may_be_on("entrypoint"), problems);
            literals::network(command, problems);
        }
        Keyword::If | Keyword::ElseIf => {
            count(words > 0, problems);
        }
        Keyword::Copy => copy(command, problems),
        Keyword::SaveArtifact => save_artifact(command, problems),
        Keyword::SaveImage => {
            let push = command.is_on("push");
            if push && words == 0 {
                problems.push(command.span, problem::push_without_name());
            }
        }
        Keyword::Build | Keyword::Do => {
            count(words > 0, problems);
            reference(command, problems);
        }
        Keyword::FromDockerfile => count(words > 0, problems),
        Keyword::Import => import(command, problems),
        Keyword::GitClone => count(words == 2, problems),
        Keyword::Workdir | Keyword::User => count(words == 1, problems),
        Keyword::Volume => {
            count(words > 0, problems);
        }
        Keyword::Label => labels(command, problems),
        Keyword::Function | Keyword::Command | Keyword::Locally => {
            if let Some(word) = command.args.first() {
                problems.push(word.span, problem::takes_no_arguments(command.keyword));
            }
        }
        Keyword::Add => count(words > 1, problems),
        Keyword::Stopsignal => count(words == 1, problems),
        Keyword::Shell if command.exec.as_ref().is_none_or(Vec::is_empty) => {
            problems.push(command.span, problem::shell_form());
        }
        Keyword::Cmd | Keyword::Entrypoint => quotes(command, problems),
        Keyword::Healthcheck => healthcheck(command, problems),
        Keyword::Expose => {
            count(words > 0, problems);
            literals::ports(command, problems);
        }
        Keyword::Host => {
            count(words == 2, problems);
            literals::host(command, problems);
        }
        Keyword::Cache => {
            count(words == 1, problems);
            literals::cache(command, problems);
        }
        Keyword::Project => {
            count(words == 1, problems);
            literals::project(command, problems);
        }
        _ => {}
    }
}

fn from(command: &Command, problems: &mut Problems) {
    match command.args.as_slice() {
        [] => problems.push(command.span, problem::wrong_count(Keyword::From, 0)),
        [_, word, name] if word.text.eq_ignore_ascii_case("AS") => {
            problems.push(word.span.to(name.span), problem::from_as(&name.text));
        }
        [image, first, ..] if !is_dynamic(image) && !image.text.contains('+') => {
            problems.push(first.span, problem::args_with_image(&image.text));
        }
        _ => {}
    }
    if let ([image], Some(flag)) = (command.args.as_slice(), command.flag("build-arg"))
        && !is_dynamic(image)
        && !image.text.contains('+')
    {
        problems.push(flag.span, problem::args_with_image(&image.text));
    }
}

fn reference(command: &Command, problems: &mut Problems) {
    let Some(word) = command.args.first() else {
        return;
    };
    if !is_dynamic(word) && !has_plus(&word.text) {
        let what = if command.keyword == Keyword::Do {
            "function"
        } else {
            "target"
        };
        problems.push(word.span, problem::not_a_reference(what, &word.text));
    }
}

/// Whether there is a plus without a backslash.
fn has_plus(text: &str) -> bool {
    text.replace("\\+", "").contains('+')
}

fn copy(command: &Command, problems: &mut Problems) {
    let [sources @ .., _] = command.args.as_slice() else {
        problems.push(command.span, problem::wrong_count(Keyword::Copy, 0));
        return;
    };
    if sources.is_empty() {
        problems.push(command.span, problem::wrong_count(Keyword::Copy, 1));
    }
    for source in sources {
        if !is_dynamic(source) && is_target_without_path(&source.text) {
            problems.push(source.span, problem::missing_artifact_path(&source.text));
        }
    }
}

/// `+target`, `./dir+target`: a target where an artifact is meant.
fn is_target_without_path(text: &str) -> bool {
    let Some((path, target)) = text.split_once('+') else {
        return false;
    };
    let path_like = path.is_empty() || path.starts_with(['.', '/', '~']);
    let name = target.starts_with(|c: char| c.is_ascii_lowercase())
        && target
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    path_like && name && !path.ends_with('\\')
}

fn save_artifact(command: &Command, problems: &mut Problems) {
    let words: Vec<&str> = command.args.iter().map(|w| w.text.as_str()).collect();
    let fine = matches!(
        words.as_slice(),
        [_] | [_, _] | [_, "AS", "LOCAL", _] | [_, _, "AS", "LOCAL", _]
    );
    if !fine {
        problems.push(command.span, problem::save_artifact_words());
    }
}

fn import(command: &Command, problems: &mut Problems) {
    let words: Vec<&str> = command.args.iter().map(|w| w.text.as_str()).collect();
    if !matches!(words.as_slice(), [_] | [_, "AS", _]) {
        problems.push(command.span, problem::import_words());
    }
}

fn labels(command: &Command, problems: &mut Problems) {
    if command.assignments.is_empty() {
        problems.push(command.span, problem::wrong_count(Keyword::Label, 0));
    }
    for pair in &command.assignments {
        let key = pair.key.text.trim_matches(['"', '\'']);
        let prefix = ["dev.earthly.", "dev.bld."]
            .into_iter()
            .find(|p| key.starts_with(p));
        if let Some(prefix) = prefix {
            problems.push(pair.key.span, problem::reserved_label(key, prefix));
        }
    }
}

fn quotes(command: &Command, problems: &mut Problems) {
    if command.exec.is_some() {
        return;
    }
    if let Some(word) = command.args.iter().find(|w| has_quotes(&w.text)) {
        problems.push(word.span, problem::quotes_vanish(command.keyword));
    }
}

fn healthcheck(command: &Command, problems: &mut Problems) {
    literals::healthcheck(command, problems);
    let (first, rest) = match command.args.as_slice() {
        [] => {
            let problem = problem::wrong_count(Keyword::Healthcheck, 0);
            problems.push(command.span, problem);
            return;
        }
        [first, rest @ ..] => (first, rest),
    };
    match first.text.as_str() {
        "NONE" if rest.is_empty() => {}
        "CMD" if rest.is_empty() => problems.push(command.span, problem::healthcheck_empty()),
        "CMD" => healthcheck_command(rest, problems),
        text if text.starts_with('[') => {
            problems.push(first.span, problem::healthcheck_exec());
        }
        _ => problems.push(first.span, problem::healthcheck_words()),
    }
}

fn healthcheck_command(words: &[Word], problems: &mut Problems) {
    let shell_out = words
        .iter()
        .find(|w| w.text.replace("\\$", "").contains("$("));
    if let Some(word) = shell_out {
        problems.push(word.span, problem::healthcheck_shell_out());
    }
}
