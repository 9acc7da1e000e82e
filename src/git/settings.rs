//! The `git` part of bld's config file: how repositories of a site are reached (language specification, 7.5).

use std::{collections::BTreeMap, fmt};

use regex::Regex;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};

use crate::{
    base::Secret,
    diag::{Diagnostic, words},
};

/// Sites in the order of the file; the first whose pattern matches a reference decides.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The entries.
    pub sites: Vec<Site>,
    unknown: Vec<(String, String)>,
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

/// The keys of an entry.
const KEYS: &[&str] = &[
    "pattern",
    "substitute",
    "suffix",
    "auth",
    "user",
    "port",
    "prefix",
    "password",
    "serverkey",
    "strict_host_key_checking",
    "ssh_command",
];

#[derive(Deserialize, Default)]
#[serde(default)]
struct Raw {
    pattern: Option<String>,
    substitute: Option<String>,
    suffix: Option<String>,
    auth: Option<Auth>,
    user: Option<Text>,
    port: Option<u16>,
    prefix: Option<String>,
    password: Option<Text>,
    serverkey: Option<String>,
    strict_host_key_checking: Option<bool>,
    ssh_command: Option<String>,
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

impl Site {
    fn new(name: &str, raw: Raw) -> Result<Self, String> {
        let given = |text: Option<String>| text.filter(|t| !t.is_empty());
        let auth = raw.auth.unwrap_or_default();
        let substitute = given(raw.substitute);
        let prefix = given(raw.prefix);
        let port = raw.port.filter(|p| *p != 0);
        let password = raw.password.map(|t| t.0).filter(|t| !t.is_empty());
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
            user: raw.user.map(|t| t.0).filter(|t| !t.is_empty()),
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
        let warning = |code, message| Diagnostic::warning(code, message);
        let known = ["github", "gitlab", "bitbucket"];
        let bare = self
            .sites
            .iter()
            .filter(|site| known.contains(&site.name.as_str()));
        let mut remarks: Vec<Diagnostic> = bare
            .map(|site| {
                let host = if site.name == "bitbucket" {
                    "org"
                } else {
                    "com"
                };
                let name = &site.name;
                warning(
                    "config-git-site",
                    format!("config file `{file}`: `git.{name}` is no host"),
                )
                .hint(format!("did you mean `git.{name}.{host}`?"))
            })
            .collect();
        for (site, key) in &self.unknown {
            let message = format!("config file `{file}`: unknown key `git.{site}.{key}`");
            let remark = warning("config-unknown-key", message);
            remarks.push(match words::nearest(key, KEYS.iter().copied()) {
                Some(near) => remark.hint(format!("did you mean `{near}`?")),
                None => remark,
            });
        }
        remarks
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
                    let unknown = raw.unknown.keys().map(|key| (name.clone(), key.clone()));
                    settings.unknown.extend(unknown);
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

/// A value that is text even where YAML sees a number. Errors about it never show it.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl Visitor<'_> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
        }

        deserializer.deserialize_any(Any)
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
    fn a_password_of_digits_is_text() {
        let settings = settings("h.io: {user: 7, password: 0123}").unwrap();
        assert_eq!(settings.sites[0].user.as_deref(), Some("7"));
        assert!(settings.sites[0].password.is_some());
        assert!(!format!("{settings:?}").contains("123"));
    }

    #[test]
    fn slips_are_remarked() {
        let remarks = settings("github: {}\nh.io: {pasword: x}\n")
            .unwrap()
            .remarks("config.yml");
        let all: Vec<String> = remarks.iter().flat_map(|r| r.hints.clone()).collect();
        assert_eq!(
            all,
            ["did you mean `git.github.com`?", "did you mean `password`?"]
        );
    }
}
