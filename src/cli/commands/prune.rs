//! `bld prune`: frees what earlier builds left in the cache.

use crate::{
    cli::{
        args::{BuildArgs, PruneArgs},
        config_file,
        env_vars::{Environment, env_bool},
        exit::Exit,
        printer::{self, Streams},
        settings,
    },
    diag::Diagnostic,
    driver,
    engine::PruneRequest,
};

use super::usage;

/// Asks the engine to forget, and says how much that was.
pub fn prune(
    args: &PruneArgs,
    build: &BuildArgs,
    environment: &Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    let on = |name: &str| environment.setting(name).and_then(env_bool) == Some(true);
    let (all, reset) = (args.all || on("PRUNE_ALL"), args.reset || on("PRUNE_RESET"));
    if reset && (args.age.is_some() || args.size.is_some()) {
        let message = "`--reset` removes everything and cannot be used with `--age` or `--size`";
        return Err(usage(message).into());
    }
    let request = PruneRequest {
        all: all || reset,
        older_than_seconds: args.age.as_deref().map(seconds).transpose()?,
        keep_bytes: args.size.as_deref().map(bytes).transpose()?,
    };
    let (config, remarks) = config_file::load(build, environment)?;
    printer::diagnostics(&remarks, streams);
    let engine = settings::engine(build, &config);
    let freed = super::runtime()?.block_on(driver::prune(&engine, request));
    let own = || match settings::cache_dir(environment) {
        Some(dir) if reset => driver::forget(&dir),
        _ => Ok(0),
    };
    match freed.and_then(|freed| Ok(freed + own()?)) {
        Ok(freed) => {
            printer::message(&format!("Freed {}\n", human(freed)));
            Ok(Exit::Success)
        }
        Err(failure) => {
            printer::diagnostics(&failure.diagnostics, streams);
            Ok(super::build::exit(&failure))
        }
    }
}

/// `30m`, `24h`, `7d`.
fn seconds(text: &str) -> Result<u64, Diagnostic> {
    let unit = |c: char| match c {
        'm' => Some(60),
        'h' => Some(60 * 60),
        'd' => Some(24 * 60 * 60),
        _ => None,
    };
    let read = || {
        let last = text.chars().last()?;
        let number: u64 = text.strip_suffix(last)?.parse().ok()?;
        number.checked_mul(unit(last)?)
    };
    read().ok_or_else(|| {
        usage(format!("`{text}` is no age"))
            .hint("a number with `m`, `h` or `d`: `30m`, `24h`, `7d`")
    })
}

/// `10GB`, `512MiB`, `1.5 TB`, a number of bytes.
fn bytes(text: &str) -> Result<u64, Diagnostic> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        "ti" | "tib" => 1 << 40,
        _ => 0,
    };
    let number: Option<f64> = number.parse().ok().filter(|_| factor > 0);
    // What does not fit is as much as can be.
    number
        .map(|number| (number * factor as f64) as u64)
        .ok_or_else(|| usage(format!("`{text}` is no size")).hint("for example `10GB` or `512MiB`"))
}

/// `0 B`, `1.2 GB`.
fn human(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 1000.0 {
            return match unit {
                "B" => format!("{bytes} B"),
                _ => format!("{size:.1} {unit}"),
            };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        assert_eq!(seconds("30m").unwrap(), 1800);
        assert_eq!(seconds("2d").unwrap(), 172_800);
        for wrong in [
            "",
            "d",
            "3",
            "3s",
            "-1h",
            "1.5h",
            "18446744073709551615d",
            "3ü",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        assert_eq!(bytes("10GB").unwrap(), 10_000_000_000);
        assert_eq!(bytes("1.5 kib").unwrap(), 1536);
        assert_eq!(bytes("7").unwrap(), 7);
        for wrong in ["", "GB", "1XB", "1.2.3MB", "-1GB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_freed_is_said_with_one_digit_behind_the_point() {
        assert_eq!(human(0), "0 B");
        assert_eq!(human(1_240_000_000), "1.2 GB");
        assert_eq!(human(5_000_000_000_000), "5.0 TB");
    }
}
