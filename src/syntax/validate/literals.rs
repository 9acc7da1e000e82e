//! Values that are written out and have a form of their own: ports, addresses, durations, modes.
//!
//! A value with a `$` in it is known at build time only, and is left alone.

use std::net::IpAddr;

use super::blocks::is_dynamic;
use crate::syntax::{
    ast::{Command, Word},
    problem,
    problems::Problems,
};

/// A word that is exactly what it says: nothing in it is expanded, quoted or escaped.
fn is_literal(word: &Word) -> bool {
    !is_dynamic(word) && !word.text.contains(['"', '\'', '\\'])
}

fn literal_flag<'a>(command: &'a Command, name: &str) -> Option<&'a Word> {
    let value = command.flag(name)?.value.as_ref()?;
    is_literal(value).then_some(value)
}

pub(super) fn network(command: &Command, problems: &mut Problems) {
    let value = command.flag("network").and_then(|f| f.value.as_ref());
    if let Some(value) = value.filter(|v| v.text != "none") {
        problems.push(value.span, problem::network(&value.text));
    }
}

pub(super) fn ports(command: &Command, problems: &mut Problems) {
    for word in command.args.iter().filter(|w| is_literal(w)) {
        if !is_port(&word.text) {
            problems.push(word.span, problem::port(&word.text));
        }
    }
}

/// `[[ip:]host:]container[/protocol]`, where both may be ranges.
fn is_port(text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let container = ports.rsplit(':').next().unwrap_or(ports);
    let mut ends = container.split('-').map(str::parse::<u16>);
    let first = ends.next();
    let range = match (first, ends.next(), ends.next()) {
        (Some(Ok(_)), None, None) => true,
        (Some(Ok(first)), Some(Ok(last)), None) => first <= last,
        _ => false,
    };
    range && ["tcp", "udp", "sctp"].contains(&protocol.to_ascii_lowercase().as_str())
}

pub(super) fn host(command: &Command, problems: &mut Problems) {
    if let Some(ip) = command.args.get(1).filter(|w| is_literal(w))
        && ip.text.parse::<IpAddr>().is_err()
    {
        problems.push(ip.span, problem::host_ip(&ip.text));
    }
}

pub(super) fn cache(command: &Command, problems: &mut Problems) {
    if let Some(value) = literal_flag(command, "sharing")
        && !["locked", "shared", "private"].contains(&value.text.as_str())
    {
        problems.push(value.span, problem::sharing(&value.text));
    }
    if let Some(value) = literal_flag(command, "chmod") {
        let octal = value.text.len() <= 5
            && value.text.starts_with('0')
            && value.text.bytes().all(|b| matches!(b, b'0'..=b'7'));
        if !octal {
            problems.push(value.span, problem::mode(&value.text));
        }
    }
}

pub(super) fn project(command: &Command, problems: &mut Problems) {
    let Some(word) = command.args.first() else {
        return;
    };
    let parts: Vec<&str> = word.text.split('/').collect();
    if parts.len() != 2 || parts.iter().any(|p| p.is_empty()) {
        problems.push(word.span, problem::project_format(&word.text));
    }
}

pub(super) fn healthcheck(command: &Command, problems: &mut Problems) {
    for name in ["interval", "timeout", "start-period", "start-interval"] {
        if let Some(value) = literal_flag(command, name)
            && !is_duration(&value.text)
        {
            problems.push(value.span, problem::duration(name, &value.text));
        }
    }
    if let Some(value) = literal_flag(command, "retries")
        && value.text.parse::<i32>().is_err()
    {
        problems.push(value.span, problem::retries(&value.text));
    }
}

/// `1h2m3.5s`, `500ms`, `0`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let number = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
        if rest[..number].parse::<f64>().is_err() {
            return false;
        }
        rest = &rest[number..];
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h"]
            .into_iter()
            .filter(|u| rest.starts_with(u))
            .max_by_key(|u| u.len());
        match unit {
            Some(unit) => rest = &rest[unit.len()..],
            None => return false,
        }
        parts += 1;
    }
    parts > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbers_ranges_and_mappings() {
        for port in [
            "80",
            "80/udp",
            "8000-8002",
            "127.0.0.1:80:81/tcp",
            "1-2:3-4",
        ] {
            assert!(is_port(port), "{port}");
        }
        for port in ["", "http", "80/x", "70000", "9-8", "1-2-3"] {
            assert!(!is_port(port), "{port}");
        }
    }

    #[test]
    fn durations_are_numbers_with_units() {
        for time in ["30s", "1m30s", "500ms", "0", "1.5h", "5µs"] {
            assert!(is_duration(time), "{time}");
        }
        for time in ["", "30", "s", "1x", "1.2.3s"] {
            assert!(!is_duration(time), "{time}");
        }
    }
}
