//! `HEALTHCHECK` (language specification, 4.10).

use crate::{
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
    },
    oci::config::Healthcheck,
    syntax::ast::{Command, Keyword},
};

const USAGE: &str = "[flags] CMD <command>";

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    exec.fs("HEALTHCHECK")?;
    let words: Vec<&str> = command.args.iter().map(|w| w.text.as_str()).collect();
    let test = match words.as_slice() {
        ["NONE"] => vec!["NONE".to_owned()],
        ["CMD", _, ..] => {
            let mut script = Vec::new();
            for word in &command.args[1..] {
                script.push(exec.expand_text(word, How::default()).await?);
            }
            vec!["CMD-SHELL".to_owned(), script.join(" ")]
        }
        [first, ..] if first.starts_with('[') => return Err(error::bad_healthcheck()),
        _ => return Err(error::arguments(Keyword::Healthcheck, USAGE)),
    };
    let mut check = Healthcheck {
        test,
        ..Healthcheck::default()
    };
    if check.test[0] != "NONE" {
        let second = 1_000_000_000;
        check.interval = duration(exec, command, "interval", 30 * second).await?;
        check.timeout = duration(exec, command, "timeout", 30 * second).await?;
        check.start_period = duration(exec, command, "start-period", 0).await?;
        check.start_interval = duration(exec, command, "start-interval", 5 * second).await?;
        check.retries = retries(exec, command).await?;
    }
    exec.state.config.config.healthcheck = Some(check);
    Ok(())
}

async fn duration(exec: &mut Exec, command: &Command, flag: &str, otherwise: i64) -> Result<i64> {
    let Some(word) = command.flag(flag).and_then(|f| f.value.clone()) else {
        return Ok(otherwise);
    };
    let text = exec.expand_text(&word, How::default()).await?;
    nanoseconds(&text).ok_or_else(|| error::bad_duration(flag, &text).at(&exec.place(&word)))
}

async fn retries(exec: &mut Exec, command: &Command) -> Result<i64> {
    let Some(word) = command.flag("retries").and_then(|f| f.value.clone()) else {
        return Ok(3);
    };
    let text = exec.expand_text(&word, How::default()).await?;
    text.parse()
        .map_err(|_| error::bad_count("retries", &text).at(&exec.place(&word)))
}

/// A duration as Go writes it: `1h2m3.5s`, `300ms`, `0`.
fn nanoseconds(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
    let whole = (!text.is_empty() && total < 9e18).then_some(total.round() as i64);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(nanoseconds("1m30s"), Some(90_000_000_000));
        assert_eq!(nanoseconds("1.5ms"), Some(1_500_000));
        for bad in ["", "5", "s", "1x", "-1s"] {
            assert_eq!(nanoseconds(bad), None, "{bad}");
        }
    }
}
