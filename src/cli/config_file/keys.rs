//! Every key of the config file: its type, what it does, and whether bld does it (language specification, 8.4 and 7.5).
//! Reading the file, checking it and `bld config` all go by this table.

use serde_yaml::Value;

use crate::diag::words;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether it has an effect.
    pub effect: Effect,
    /// What it is for, in one sentence.
    pub help: &'static str,
}

/// What a key may hold.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any scalar.
    Text,
    /// An integer from this one on.
    Number(i64),
    /// `true` or `false`.
    Bool,
    /// A list of scalars.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// These keys.
    Section(&'static [Key]),
    /// Entries of any name, each with these keys.
    Named(&'static [Key]),
    /// Anything at all.
    Any,
}

/// Whether a key has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It has.
    Works,
    /// It has none, for this reason.
    None(&'static str),
    /// It means nothing in the reference, either, any more.
    Obsolete,
}

const NO_ENGINE: Effect = Effect::None("bld starts no engine of its own");
const OF_THE_DAEMON: Effect = Effect::None(
    "Docker limits its cache itself: see `builder.gc` in its `daemon.json`, and `bld prune`",
);
const NO_REGISTRY: Effect = Effect::None("images get to the daemon without a registry in between");

const fn key(name: &'static str, kind: Kind, effect: Effect, help: &'static str) -> Key {
    Key {
        name,
        kind,
        effect,
        help,
    }
}

use Effect::{Obsolete, Works};
use Kind::{Any, Bool, Choice, List, Named, Number, Section, Text};

/// The whole file.
pub const FILE: Kind = Section(&[
    key("global", Section(GLOBAL), Works, "settings of the tool"),
    key(
        "git",
        Named(GIT),
        Works,
        "git hosts, each by its name, which is quoted where it has a dot: `git.\"example.com\"`",
    ),
    key(
        "registries",
        Named(REGISTRIES),
        Works,
        "registries, each by its name in image references",
    ),
    key(
        "satellite",
        Any,
        Obsolete,
        "of a service that no longer exists",
    ),
]);

const GLOBAL: &[Key] = &[
    key("engine", Text, Works, "where to build, as `--engine`"),
    key(
        "buildkit_host",
        Text,
        Works,
        "a BuildKit of its own to build in, as `--buildkit-host`",
    ),
    key(
        "conversion_parallelism",
        Number(1),
        Works,
        "how many steps are prepared and run at once (10)",
    ),
    key(
        "secret_provider",
        Text,
        Works,
        "a command that is asked for secrets that were not given",
    ),
    key(
        "cache_size_mb",
        Number(0),
        OF_THE_DAEMON,
        "how large the cache may get, in megabytes",
    ),
    key(
        "cache_size_pct",
        Number(0),
        OF_THE_DAEMON,
        "how large the cache may get, in percent of the disk",
    ),
    key(
        "buildkit_cache_keep_duration_s",
        Number(0),
        OF_THE_DAEMON,
        "how long the cache is kept, in seconds",
    ),
    key(
        "buildkit_max_parallelism",
        Number(0),
        NO_ENGINE,
        "how many commands the engine runs at once",
    ),
    key("buildkit_image", Text, NO_ENGINE, "the image of the engine"),
    key(
        "buildkit_additional_args",
        List,
        NO_ENGINE,
        "arguments for the start of the engine",
    ),
    key(
        "buildkit_additional_config",
        Text,
        NO_ENGINE,
        "configuration of the engine",
    ),
    key(
        "buildkit_restart_timeout_s",
        Number(0),
        NO_ENGINE,
        "how long to wait for the engine, in seconds",
    ),
    key(
        "cni_mtu",
        Number(0),
        NO_ENGINE,
        "packet size of the engine's network",
    ),
    key(
        "ip_tables",
        Text,
        NO_ENGINE,
        "which `iptables` the engine uses",
    ),
    key(
        "container_frontend",
        Choice(&["auto", "docker", "docker-shell", "podman", "podman-shell"]),
        Effect::None("bld builds with Docker; name another engine with `engine`"),
        "the program that holds containers and images",
    ),
    key(
        "local_registry_host",
        Text,
        NO_REGISTRY,
        "the registry through which images are loaded",
    ),
    key(
        "darwin_proxy_image",
        Text,
        NO_REGISTRY,
        "the image of a helper on macOS",
    ),
    key(
        "darwin_proxy_wait",
        Text,
        NO_REGISTRY,
        "how long to wait for the helper on macOS",
    ),
    key(
        "tls_enabled",
        Bool,
        Works,
        "whether TLS is spoken to a BuildKit at a `tcp://` address (where there are certificates)",
    ),
    key(
        "tlsca",
        Text,
        Works,
        "certificate of the authority (`certs/ca_cert.pem`)",
    ),
    key(
        "tlsca_key",
        Text,
        Works,
        "key of the authority (`certs/ca_key.pem`)",
    ),
    key(
        "tlscert",
        Text,
        Works,
        "certificate of this machine (`certs/bld_cert.pem`)",
    ),
    key(
        "tlskey",
        Text,
        Works,
        "key of this machine (`certs/bld_key.pem`)",
    ),
    key(
        "buildkitd_tlscert",
        Text,
        Works,
        "certificate of the engine, made by `bld bootstrap` (`certs/buildkit_cert.pem`)",
    ),
    key(
        "buildkitd_tlskey",
        Text,
        Works,
        "key of the engine, made by `bld bootstrap` (`certs/buildkit_key.pem`)",
    ),
    key(
        "git_image",
        Text,
        Effect::None("bld runs the `git` of this machine"),
        "the image with git",
    ),
    key("cache_path", Any, Obsolete, "where the cache was kept"),
    key(
        "buildkit_transport",
        Any,
        Obsolete,
        "how the engine was reached",
    ),
    key(
        "disable_analytics",
        Any,
        Obsolete,
        "bld sends no statistics to anyone",
    ),
    key(
        "disable_log_sharing",
        Any,
        Obsolete,
        "bld shares no logs with anyone",
    ),
    key("org", Any, Obsolete, "of a service that no longer exists"),
];

const GIT: &[Key] = &[
    key(
        "pattern",
        Text,
        Works,
        "a regular expression for references to this host (`<site>/[^/]+/[^/]+`)",
    ),
    key(
        "substitute",
        Text,
        Works,
        "the URL to clone; `$1`, `$2` … are the groups of the pattern",
    ),
    key(
        "suffix",
        Text,
        Works,
        "the end of repository names in URLs (`.git`)",
    ),
    key(
        "auth",
        Choice(&["auto", "ssh", "https", "http"]),
        Works,
        "how to log in (`auto`)",
    ),
    key("user", Text, Works, "the name to log in with"),
    key("port", Number(1), Works, "the port of the host"),
    key("prefix", Text, Works, "a path in front of the repository"),
    key("password", Text, Works, "the password for HTTPS"),
    key(
        "serverkey",
        Text,
        Works,
        "the host's SSH key, as in `known_hosts`",
    ),
    key(
        "strict_host_key_checking",
        Bool,
        Works,
        "whether an unknown SSH host is refused (`true`)",
    ),
    key(
        "ssh_command",
        Text,
        Works,
        "the command for SSH, as `core.sshCommand` of git",
    ),
];

const REGISTRIES: &[Key] = &[
    key(
        "mirrors",
        List,
        Works,
        "hosts that are asked before the registry itself",
    ),
    key(
        "insecure",
        Bool,
        Works,
        "plain HTTP and unknown certificates are accepted",
    ),
];

/// Something wrong with the content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which key, as its segments.
    pub path: Vec<String>,
    /// What is wrong.
    pub what: What,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The key does not exist; this one is near.
    Unknown(Option<&'static str>),
    /// The value does not fit; this would.
    Misfit(String),
    /// It has no effect, for this reason.
    WithoutEffect(&'static str),
    /// It means nothing any more.
    Obsolete,
}

impl Kind {
    /// In words, what is expected.
    pub fn text(self) -> String {
        match self {
            Text => "text".to_owned(),
            Number(from) => format!("a number, {from} or more"),
            Bool => "`true` or `false`".to_owned(),
            List => "a list".to_owned(),
            Choice(words) => words::either(words),
            Section(keys) => {
                let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                format!("keys: {}", words::all(&names))
            }
            Named(keys) => {
                let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                format!("names, each with the keys {}", words::all(&names))
            }
            Any => "anything".to_owned(),
        }
    }

    /// Everything that is to be said about a value at this place.
    pub fn check(self, value: &Value, path: &[String], findings: &mut Vec<Finding>) {
        // A key without a value is a key that says nothing.
        if value.is_null() {
            return;
        }
        let scalar = |v: &Value| v.is_string() || v.is_number() || v.is_bool();
        let fits = match self {
            Text => scalar(value),
            Number(from) => value.as_i64().is_some_and(|n| n >= from),
            Bool => value.is_bool(),
            List => value
                .as_sequence()
                .is_some_and(|list| list.iter().all(scalar)),
            Choice(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Section(_) | Named(_) => value.is_mapping(),
            Any => true,
        };
        if !fits {
            findings.push(Finding {
                path: path.to_vec(),
                what: What::Misfit(match self {
                    Section(_) | Named(_) => "keys".to_owned(),
                    _ => self.text(),
                }),
            });
            return;
        }
        for (name, value) in value.as_mapping().into_iter().flatten() {
            let mut path = path.to_vec();
            path.push(as_text(name));
            match self.child(&path[path.len() - 1]) {
                Ok((kind, effect)) => {
                    let what = match effect {
                        Works => None,
                        Effect::None(why) => Some(What::WithoutEffect(why)),
                        Obsolete => Some(What::Obsolete),
                    };
                    findings.extend(what.map(|what| Finding {
                        path: path.clone(),
                        what,
                    }));
                    kind.check(value, &path, findings);
                }
                Err(near) => findings.push(Finding {
                    path,
                    what: What::Unknown(near),
                }),
            }
        }
    }

    /// What a key of this name holds; else the nearest name that there is.
    fn child(self, name: &str) -> Result<(Self, Effect), Option<&'static str>> {
        match self {
            Section(keys) => match keys.iter().find(|key| key.name == name) {
                Some(key) => Ok((key.kind, key.effect)),
                None => Err(words::nearest(name, keys.iter().map(|key| key.name))),
            },
            Named(keys) => Ok((Section(keys), Works)),
            Any => Ok((Any, Works)),
            _ => Err(None),
        }
    }
}

/// The tree as settings are read from it: scalars are texts where text is expected, and keys that say nothing are gone.
pub fn settled(tree: Value, kind: Kind) -> Value {
    match (kind, tree) {
        (Text, value) if !value.is_null() && !value.is_mapping() => Value::String(as_text(&value)),
        (_, Value::Mapping(mapping)) => Value::Mapping(
            mapping
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| {
                    let kind = kind.child(&as_text(&name)).map_or(Any, |(kind, _)| kind);
                    (name, settled(value, kind))
                })
                .collect(),
        ),
        (List, Value::Sequence(items)) => {
            Value::Sequence(items.into_iter().map(|item| settled(item, Text)).collect())
        }
        (_, value) => value,
    }
}

/// A key found by its path.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// What it holds.
    pub kind: Kind,
    /// Whether it has an effect.
    pub effect: Effect,
    /// What it is for.
    pub help: &'static str,
}

/// Looks a key up; an unknown segment is told by its number, with the nearest name.
pub fn find(path: &[String]) -> Result<Found, (usize, Option<&'static str>)> {
    let mut found = Found {
        kind: FILE,
        effect: Works,
        help: "",
    };
    for (at, segment) in path.iter().enumerate() {
        found = match found.kind {
            Section(keys) => match keys.iter().find(|key| key.name == segment) {
                Some(key) => Found {
                    kind: key.kind,
                    effect: key.effect,
                    help: key.help,
                },
                None => return Err((at, words::nearest(segment, keys.iter().map(|k| k.name)))),
            },
            Named(keys) => Found {
                kind: Section(keys),
                effect: Works,
                help: "one entry of its section",
            },
            Any => found,
            _ => return Err((at, None)),
        };
    }
    Ok(found)
}

fn as_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        _ => String::new(),
    }
}
