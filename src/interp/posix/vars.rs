//! Which variables are what the environment says: a shell sets some by itself, and an engine sets some, too.

use super::Lookup;

/// What a variable is when the shell starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Variable {
    /// It has a value.
    Set(String),
    /// Nothing of ours sets it.
    Unset,
    /// Nobody knows before something has run.
    Unknown,
}

/// Variables that one shell or another sets itself, whatever the environment says.
const OF_THE_SHELL: &[&str] = &[
    "_",
    "COLUMNS",
    "DIRSTACK",
    "EGID",
    "ENV",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "ERRNO",
    "EUID",
    "FUNCNAME",
    "GID",
    "GROUPS",
    "HISTCMD",
    "HOSTTYPE",
    "IFS",
    "LINENO",
    "LINES",
    "MACHTYPE",
    "MAILCHECK",
    "OLDPWD",
    "OPTARG",
    "OPTERR",
    "OPTIND",
    "OSTYPE",
    "PATHSEP",
    "PGRP",
    "PIPESTATUS",
    "POSIXLY_CORRECT",
    "PPID",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PWD",
    "RANDOM",
    "REPLY",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "TMOUT",
    "UID",
    "USER_ID",
];

const OF_THE_SHELL_FROM: &[&str] = &["BASH", "COMP_", "KSH", "YASH"];

/// Variables that an engine or a shell may add where nothing sets them.
const OF_THE_ENGINE: &[&str] = &[
    "CONTAINER",
    "HOME",
    "HOST",
    "HOSTNAME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SOURCE_DATE_EPOCH",
    "SSH_AUTH_SOCK",
    "TERM",
    "TZ",
    "USER",
    "USERNAME",
    "container",
];

const OF_THE_ENGINE_FROM: &[&str] = &["AWS_", "BUILDKIT_", "DOCKER_", "LC_", "NVIDIA_"];

/// What the shell has for `$name`.
pub(super) fn look_up(name: &str, lookup: &Lookup<'_>) -> Variable {
    let begins = |list: &[&str]| list.iter().any(|start| name.starts_with(start));
    if OF_THE_SHELL.contains(&name) || begins(OF_THE_SHELL_FROM) {
        return Variable::Unknown;
    }
    match lookup(name) {
        Variable::Unset => {
            let proxy = name.to_ascii_lowercase().ends_with("_proxy");
            if proxy || OF_THE_ENGINE.contains(&name) || begins(OF_THE_ENGINE_FROM) {
                Variable::Unknown
            } else {
                Variable::Unset
            }
        }
        known => known,
    }
}

/// Whether a variable of this name makes a shell read scripts in another way, or brings functions along.
pub(crate) fn changes_the_shell(name: &str) -> bool {
    matches!(
        name,
        "SHELLOPTS" | "BASHOPTS" | "POSIXLY_CORRECT" | "BASH_COMPAT" | "BASH_ENV"
    ) || name.starts_with("BASH_FUNC_")
}
