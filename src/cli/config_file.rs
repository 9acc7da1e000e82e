//! The config file: `~/.bld/config.yml`, else `~/.earthly/config.yml` (language specification, 8.4).

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{
    diag::{Diagnostic, words},
    oci::settings::RegistrySettings,
};

use super::env_vars::Environment;

/// What the config file says. Keys that bld has no use for are read over, unknown ones are remarked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Settings of the tool.
    pub global: Global,
    /// Mirrors, insecure registries.
    pub registries: RegistrySettings,
}

/// The `global:` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Global {
    /// Where to build, as `--engine`.
    pub engine: Option<String>,
    /// The reference's name for the same.
    pub buildkit_host: Option<String>,
    /// Targets that are interpreted at once.
    pub conversion_parallelism: Option<i64>,
}

/// Keys of `global:` that the reference knows; those bld has no use for are accepted without a word.
const GLOBAL_KEYS: &[&str] = &[
    "engine",
    "buildkit_host",
    "conversion_parallelism",
    "cache_size_mb",
    "cache_size_pct",
    "buildkit_cache_keep_duration_s",
    "buildkit_max_parallelism",
    "buildkit_image",
    "buildkit_additional_args",
    "buildkit_additional_config",
    "buildkit_restart_timeout_s",
    "cni_mtu",
    "ip_tables",
    "container_frontend",
    "local_registry_host",
    "darwin_proxy_image",
    "darwin_proxy_wait",
    "tls_enabled",
    "tlsca",
    "tlsca_key",
    "tlscert",
    "tlskey",
    "buildkitd_tlscert",
    "buildkitd_tlskey",
    "secret_provider",
    "git_image",
    "cache_path",
    "buildkit_transport",
    "disable_analytics",
    "disable_log_sharing",
    "org",
];

/// Sections of the file.
const SECTIONS: &[&str] = &["global", "git", "registries", "satellite"];

/// Reads the file that the options or the environment name, else the one in the home directory. No file is no error,
/// unless it was named.
pub fn load(
    named: Option<&Path>,
    environment: &Environment,
) -> Result<(Config, Vec<Diagnostic>), Diagnostic> {
    let found = match named {
        Some(path) => Some(path.to_owned()),
        None => in_home(environment),
    };
    let Some(path) = found else {
        return Ok((Config::default(), Vec::new()));
    };
    let shown = path.display();
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Diagnostic::error(
            "config-unreadable",
            format!("cannot read config file `{shown}`: {e}"),
        )
    })?;
    parse(&text, &shown.to_string())
}

fn in_home(environment: &Environment) -> Option<PathBuf> {
    let home = environment.get("HOME").filter(|h| !h.is_empty())?;
    [".bld", ".earthly"]
        .iter()
        .map(|dir| Path::new(home).join(dir).join("config.yml"))
        .find(|path| path.is_file())
}

fn parse(text: &str, shown: &str) -> Result<(Config, Vec<Diagnostic>), Diagnostic> {
    if text.trim().is_empty() {
        return Ok((Config::default(), Vec::new()));
    }
    let invalid = |e: serde_yaml::Error| {
        // The message names line and column itself.
        Diagnostic::error("config-invalid", format!("config file `{shown}`: {e}"))
    };
    let tree: serde_yaml::Value = serde_yaml::from_str(text).map_err(invalid)?;
    let mut remarks = unknown_keys(&tree, SECTIONS, "", shown);
    if let Some(global) = tree.get("global") {
        remarks.extend(unknown_keys(global, GLOBAL_KEYS, "global.", shown));
    }
    if tree.is_null() {
        return Ok((Config::default(), remarks));
    }
    let config: Config = serde_yaml::from_value(tree).map_err(invalid)?;
    if config.global.conversion_parallelism.is_some_and(|n| n <= 0) {
        return Err(Diagnostic::error(
            "config-invalid",
            format!("config file `{shown}`: `global.conversion_parallelism` must be above 0"),
        ));
    }
    Ok((config, remarks))
}

fn unknown_keys(
    tree: &serde_yaml::Value,
    known: &[&str],
    section: &str,
    shown: &str,
) -> Vec<Diagnostic> {
    let Some(mapping) = tree.as_mapping() else {
        return Vec::new();
    };
    mapping
        .keys()
        .filter_map(|key| key.as_str())
        .filter(|key| !known.contains(key))
        .map(|key| {
            let remark = Diagnostic::warning(
                "config-unknown-key",
                format!("config file `{shown}`: unknown key `{section}{key}`"),
            );
            match words::nearest(key, known.iter().copied()) {
                Some(near) => remark.hint(format!("did you mean `{section}{near}`?")),
                None => remark,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_reference_is_read_and_slips_are_remarked() {
        let text = "global:\n  cache_size_mb: 10\n  buildkit_hots: x\n  buildkit_host: tcp://a:1\n";
        let (config, remarks) = parse(text, "config.yml").unwrap();
        assert_eq!(config.global.buildkit_host.as_deref(), Some("tcp://a:1"));
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].hints[0].contains("global.buildkit_host"));
    }

    #[test]
    fn a_broken_file_is_an_error_with_its_line() {
        let error = parse("global:\n  engine: [", "config.yml").unwrap_err();
        assert!(error.message.contains("line"), "{}", error.message);
    }

    #[test]
    fn an_empty_file_is_a_file_without_settings() {
        assert!(parse("\n", "config.yml").unwrap().1.is_empty());
    }
}
