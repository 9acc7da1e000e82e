//! The `git` part of bld's config file: how repositories of a site are reached (language specification, 7.5).

use std::fmt;

use regex::Regex;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use crate::{base::Secret, diag::Diagnostic};

/// Sites in the order of the file; the first whose pattern matches a reference decides.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The entries.
    pub sites: Vec<Site>,
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its key in the file, mostly a host.
    pub(crate) name: String,
    /// Matches the part of a reference that is the repository, from its beginning to a slash or its end.
    pub(crate) pattern: Regex,
    /// The URL, with `$1` for what the pattern captured.
    pub(crate) substitute: Option<String>,
    pub(crate) suffix: String,
    pub(crate) auth: Auth,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) port: Option<u16>,
    pub(crate) prefix: String,
    /// Lines as in a `known_hosts` file.
    pub(crate) server_key: Option<String>,
    pub(crate) strict_host_key_checking: bool,
    pub(crate) ssh_command: Option<String>,
}

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    /// SSH where an agent can log in, else HTTPS.
    #[default]
    Auto,
    Ssh,
    Https,
    Http,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Raw {
    pattern: Option<String>,
    substitute: Option<String>,
    suffix: Option<String>,
    auth: Option<Auth>,
    user: Option<String>,
    port: Option<u16>,
    prefix: Option<String>,
    password: Option<String>,
    serverkey: Option<String>,
    strict_host_key_checking: Option<bool>,
    ssh_command: Option<String>,
}

impl Site {
    fn new(name: &str, raw: Raw) -> Result<Self, String> {
        let given = |text: Option<String>| text.filter(|t| !t.is_empty());
        let auth = raw.auth.unwrap_or_default();
        let substitute = given(raw.substitute);
        let prefix = given(raw.prefix);
        let port = raw.port.filter(|p| *p != 0);
        let password = given(raw.password);
        if substitute.is_some() && (port.is_some() || prefix.is_some()) {
            return Err(
                "`substitute` gives the whole URL and cannot stand together with `port` or `prefix`"
                    .to_owned(),
            );
        }
        if auth == Auth::Http && password.is_some() {
            return Err(
                "a `password` must not be sent over plain `http`; use `auth: https`".to_owned(),
            );
        }
        let pattern = match given(raw.pattern) {
            Some(pattern) => pattern,
            None => {
                let dot = if name.contains('.') { "" } else { ".com" };
                format!("{}/[^/]+/[^/]+", regex::escape(&format!("{name}{dot}")))
            }
        };
        let pattern = whole(&pattern).map_err(|e| format!("`pattern` cannot be read: {e}"))?;
        Ok(Self {
            name: name.to_owned(),
            pattern,
            substitute,
            suffix: given(raw.suffix).unwrap_or_else(|| ".git".to_owned()),
            auth,
            user: given(raw.user),
            password: password.map(Secret::new),
            port,
            prefix: prefix.unwrap_or_default(),
            server_key: given(raw.serverkey),
            strict_host_key_checking: raw.strict_host_key_checking.unwrap_or(true),
            ssh_command: given(raw.ssh_command),
        })
    }

    /// What holds for sites that no entry speaks of.
    pub(crate) fn built_in() -> Self {
        let raw = Raw {
            pattern: Some("[^/]+/[^/]+/[^/]+".to_owned()),
            ..Raw::default()
        };
        Self::new("", raw).expect("the built-in pattern is one")
    }
}

/// Text that has to match from its beginning to a slash or its end.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    // By itself first: an error then shows what the user wrote, and nothing closes our group.
    Regex::new(pattern)?;
    Regex::new(&format!("^(?:{pattern})(?:/|$)"))
}

impl Settings {
    /// Sets user and password of every site, as the deprecated options of the command line do; they are for HTTPS.
    pub fn use_login(&mut self, user: Option<&str>, password: Option<&Secret>) {
        for name in ["github.com", "gitlab.com"] {
            if !self.sites.iter().any(|site| site.name == name) {
                let site = Site::new(name, Raw::default()).expect("nothing in it can be wrong");
                self.sites.push(site);
            }
        }
        for site in &mut self.sites {
            site.auth = Auth::Https;
            if let Some(user) = user {
                site.user = Some(user.to_owned());
            }
            if let Some(password) = password {
                site.password = Some(password.clone());
            }
        }
    }

    /// What is worth a word about the section and stops nothing.
    pub fn remarks(&self, file: &str) -> Vec<Diagnostic> {
        let hosts = [("github", "com"), ("gitlab", "com"), ("bitbucket", "org")];
        let bare = hosts
            .iter()
            .filter(|(name, _)| self.sites.iter().any(|site| site.name == *name));
        bare.map(|(name, end)| {
            let message = format!("config file `{file}`: `git.{name}` is not the name of a host");
            let hint = format!("did you mean `git.\"{name}.{end}\"`?");
            Diagnostic::warning("config-git-site", message).hint(hint)
        })
        .collect()
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sites;

        impl<'de> Visitor<'de> for Sites {
            type Value = Settings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sites with their settings")
            }

            fn visit_unit<E>(self) -> Result<Settings, E> {
                Ok(Settings::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
                let mut settings = Settings::default();
                while let Some((name, raw)) = map.next_entry::<String, Option<Raw>>()? {
                    let raw = raw.unwrap_or_default();
                    let site = Site::new(&name, raw)
                        .map_err(|why| de::Error::custom(format!("git.{name}: {why}")))?;
                    settings.sites.push(site);
                }
                Ok(settings)
            }
        }

        deserializer.deserialize_any(Sites)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(yaml: &str) -> Result<Settings, String> {
        serde_yaml::from_str(yaml).map_err(|e| e.to_string())
    }

    #[test]
    fn entries_keep_the_order_of_the_file_and_have_their_defaults() {
        let settings = settings("z.io: {}\na:\n  auth: ssh\n  port: 22\nm.io:\n").unwrap();
        let names: Vec<&str> = settings.sites.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["z.io", "a", "m.io"]);
        let site = &settings.sites[1];
        assert!(site.pattern.is_match("a.com/o/r/dir"));
        assert!(!site.pattern.is_match("xa.com/o/r"));
        assert_eq!((site.suffix.as_str(), site.auth), (".git", Auth::Ssh));
        assert!(settings.sites[0].strict_host_key_checking);
    }

    #[test]
    fn contradictions_are_errors_that_name_the_entry() {
        for (yaml, words) in [
            ("h.io: {substitute: 'x', port: 3}", "cannot stand together"),
            (
                "h.io: {substitute: 'x', prefix: p}",
                "cannot stand together",
            ),
            ("h.io: {auth: http, password: hunter2}", "plain `http`"),
            ("h.io: {pattern: '('}", "`pattern` cannot be read"),
            ("h.io: {pattern: 'a)(b'}", "`pattern` cannot be read"),
            ("h.io: {auth: telnet}", "telnet"),
        ] {
            let error = settings(yaml).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_bare_name_of_a_big_host_is_remarked() {
        let remarks = settings("github: {}\nh.io: {}\n")
            .unwrap()
            .remarks("config.yml");
        assert_eq!(remarks.len(), 1);
        assert_eq!(remarks[0].hints, ["did you mean `git.\"github.com\"`?"]);
    }
}
