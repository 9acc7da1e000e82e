//! What a case expects of an image in the daemon.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::harness::Docker;

/// What may be said of an image; what is not said is not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedImage {
    /// `NAME=value`s that it must have.
    #[serde(default)]
    env: Vec<String>,
    /// Names of variables that it must not have.
    #[serde(default)]
    no_env: Vec<String>,
    /// Labels that it must have.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    stop_signal: Option<String>,
    /// What reads commands in shell form.
    shell: Option<Vec<String>>,
    user: Option<String>,
    workdir: Option<String>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    /// Exactly these, sorted: `80/tcp`.
    ports: Option<Vec<String>>,
    /// Exactly these, sorted.
    volumes: Option<Vec<String>>,
    /// The words of the check.
    healthcheck: Option<Vec<String>>,
    /// Seconds, in the order interval, timeout, start period; and the number of retries.
    healthcheck_times: Option<[i64; 4]>,
    /// `os/arch`.
    platform: Option<String>,
    /// Files in it: their content, or null for none.
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
    /// Another name of the very same image.
    same_as: Option<String>,
}

impl WantedImage {
    /// Compares; the errors are sentences.
    pub fn compare(&self, docker: &Docker, name: &str) -> Result<(), String> {
        let Some(image) = docker.image(name) else {
            return Err(format!("there is no image `{name}`"));
        };
        let config = image.config.clone().unwrap_or_default();
        let env = config.env.unwrap_or_default();
        for wanted in &self.env {
            if !env.contains(wanted) {
                return Err(format!("`{name}` has no `{wanted}` in {env:?}"));
            }
        }
        for key in &self.no_env {
            if env.iter().any(|entry| entry.split('=').next() == Some(key)) {
                return Err(format!("`{name}` has `{key}` in {env:?}"));
            }
        }
        let labels = config.labels.unwrap_or_default();
        for (key, wanted) in &self.labels {
            if labels.get(key) != Some(wanted) {
                return Err(format!("`{name}`: label `{key}` is {:?}", labels.get(key)));
            }
        }
        let same = |what: &str, wanted: &Option<Vec<String>>, found: Vec<String>| match wanted {
            Some(wanted) if *wanted != found => Err(format!("`{name}`: {what} is {found:?}")),
            _ => Ok(()),
        };
        let one = |text: &Option<String>| text.clone().map(|text| vec![text]);
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list
        };
        same(
            "user",
            &one(&self.user),
            vec![config.user.unwrap_or_default()],
        )?;
        same(
            "workdir",
            &one(&self.workdir),
            vec![config.working_dir.unwrap_or_default()],
        )?;
        same(
            "stop signal",
            &one(&self.stop_signal),
            vec![config.stop_signal.unwrap_or_default()],
        )?;
        same("shell", &self.shell, config.shell.unwrap_or_default())?;
        same("cmd", &self.cmd, config.cmd.unwrap_or_default())?;
        same(
            "entrypoint",
            &self.entrypoint,
            config.entrypoint.unwrap_or_default(),
        )?;
        same(
            "ports",
            &self.ports,
            sorted(config.exposed_ports.unwrap_or_default()),
        )?;
        same(
            "volumes",
            &self.volumes,
            sorted(config.volumes.unwrap_or_default()),
        )?;
        let platform = format!(
            "{}/{}",
            image.os.clone().unwrap_or_default(),
            image.architecture.clone().unwrap_or_default()
        );
        same("platform", &one(&self.platform), vec![platform])?;
        let health = config.healthcheck.unwrap_or_default();
        same(
            "healthcheck",
            &self.healthcheck,
            health.test.clone().unwrap_or_default(),
        )?;
        if let Some(wanted) = self.healthcheck_times {
            let seconds =
                |nanoseconds: Option<i64>| nanoseconds.unwrap_or_default() / 1_000_000_000;
            let found = [
                seconds(health.interval),
                seconds(health.timeout),
                seconds(health.start_period),
                health.retries.unwrap_or_default(),
            ];
            if wanted != found {
                return Err(format!("`{name}`: times of the health check are {found:?}"));
            }
        }
        if let Some(other) = &self.same_as {
            let other_id = docker.image(other).and_then(|image| image.id);
            if other_id != image.id {
                return Err(format!("`{name}` and `{other}` are not the same image"));
            }
        }
        let paths: Vec<&str> = self.files.keys().map(String::as_str).collect();
        for ((path, wanted), found) in self.files.iter().zip(docker.files(name, &paths)) {
            if *wanted != found {
                return Err(format!("`{name}`: {path} is {found:?}, wanted {wanted:?}"));
            }
        }
        Ok(())
    }
}
