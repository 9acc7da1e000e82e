//! URLs of repositories: `https://host/path`, `ssh://user@host:port/path`, `user@host:path`, `file:///path`.

use std::fmt;

use crate::base::{Secret, url_login};

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Https,
    Http,
    Ssh,
    File,
}

impl Scheme {
    fn text(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::File => "file",
        }
    }
}

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub user: String,
    pub password: Secret,
}

/// The URL of a repository. What is secret in it stands apart and is never part of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub scheme: Scheme,
    /// The user of an SSH connection.
    pub user: Option<String>,
    /// Without a port; empty for files.
    pub host: String,
    pub port: Option<u16>,
    /// With its leading slash; for SSH one without it is relative to the home directory on the server.
    pub path: String,
    /// What stood in front of the host of an HTTP URL.
    pub login: Option<Login>,
}

/// Why a text is no URL that a repository can be cloned from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoUrl;

impl Url {
    /// Reads a URL, or the short form of SSH.
    pub fn parse(text: &str) -> Result<Self, NoUrl> {
        // Whatever could be taken for an option, or break a line of a protocol, is no URL.
        if text.starts_with('-') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(NoUrl);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::short(text);
        };
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            "ssh" | "git+ssh" => Scheme::Ssh,
            "file" => Scheme::File,
            _ => return Err(NoUrl),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => return Err(NoUrl),
        };
        if scheme == Scheme::File {
            if !authority.is_empty() {
                return Err(NoUrl);
            }
            return Ok(Self {
                scheme,
                user: None,
                host: String::new(),
                port: None,
                path: path.to_owned(),
                login: None,
            });
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (host, port) = host_and_port(host)?;
        let (user, login) = match (scheme, user) {
            (Scheme::Ssh, user) => {
                let user = user.map(|u| u.split(':').next().unwrap_or_default().to_owned());
                (user.filter(|u| !u.is_empty()), None)
            }
            (_, None) => (None, None),
            (_, Some(user)) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                let login = Login {
                    user: decoded(user),
                    password: Secret::new(decoded(password)),
                };
                (None, Some(login))
            }
        };
        if user.as_deref().is_some_and(|u| u.starts_with('-')) || path.len() < 2 {
            return Err(NoUrl);
        }
        Ok(Self {
            scheme,
            user,
            host,
            port,
            path: path.to_owned(),
            login,
        })
    }

    /// `user@host:path`.
    fn short(text: &str) -> Result<Self, NoUrl> {
        let (place, path) = text.split_once(':').ok_or(NoUrl)?;
        let (user, host) = place.split_once('@').ok_or(NoUrl)?;
        if user.is_empty() || user.starts_with('-') || path.is_empty() || host.contains('/') {
            return Err(NoUrl);
        }
        let (host, _) = host_and_port(host)?;
        Ok(Self {
            scheme: Scheme::Ssh,
            user: Some(user.to_owned()),
            host,
            port: None,
            path: path.to_owned(),
            login: None,
        })
    }

    /// `https://host:port`, the part that credentials are for.
    pub fn origin(&self) -> String {
        let port = self.port.map(|p| format!(":{p}")).unwrap_or_default();
        format!("{}://{}{port}", self.scheme.text(), self.host)
    }

    /// Whether the host is this machine itself, so that nothing travels over a network.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// As builtin arguments show it where nobody may see a password: `https://user:xxxxx@host/path`.
    pub fn masked(&self, login: Option<&Login>) -> String {
        let text = self.to_string();
        match (login, text.split_once("://")) {
            (Some(login), Some((scheme, rest))) if !login.password.reveal().is_empty() => {
                format!("{scheme}://{}:xxxxx@{rest}", login.user)
            }
            _ => text,
        }
    }
}

/// The URL without anything secret.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme == Scheme::Ssh && self.port.is_none() && !self.path.starts_with('/') {
            if let Some(user) = &self.user {
                write!(f, "{user}@")?;
            }
            return write!(f, "{}:{}", self.host, self.path);
        }
        write!(f, "{}://", self.scheme.text())?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if !self.path.starts_with('/') {
            f.write_str("/")?;
        }
        f.write_str(&self.path)
    }
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), NoUrl> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, Some(port.parse::<u16>().map_err(|_| NoUrl)?))
        }
        _ => (text, None),
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || "-._[]:%".contains(c);
    if host.is_empty() || host.starts_with('-') || !host.chars().all(fine) {
        return Err(NoUrl);
    }
    Ok((host.to_owned(), port))
}

/// Percent signs taken away; what is no valid escape stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// `host/path` of a remote's URL: without scheme, user, a trailing `.git`, and with the colon of the short form as a slash.
pub fn repository(url: &str) -> String {
    let rest = match url.split_once("://") {
        Some((_, rest)) => match url_login::login(rest) {
            Some(login) => rest[login.len() + 1..].to_owned(),
            None => rest.to_owned(),
        },
        None => {
            let place = url.split('/').next().unwrap_or_default();
            let host = place.rfind('@').map_or(0, |at| at + 1);
            url[host..].replacen(':', "/", 1)
        }
    };
    rest.trim_end_matches('/')
        .trim_end_matches(".git")
        .to_owned()
}

/// A URL with its password masked, or with the token that stands there alone.
pub fn scrubbed(url: &str) -> String {
    url_login::masked(url)
}

/// A text that is no URL, for an error: whatever may be a login in it is masked, wherever it ends.
pub fn concealed(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    match rest.rsplit_once('@') {
        Some((login, host)) if login != "git" => format!("{scheme}xxxxx@{host}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_what_is_no_url_is_not_shown() {
        for text in [
            "https://user:pa/ss@host/o",
            "https://TOKEN@host",
            "user:pw@host",
        ] {
            let shown = concealed(text);
            assert!(shown.contains("xxxxx@host"), "{shown}");
            assert!(!shown.contains("ss@") && !shown.contains("TOKEN") && !shown.contains("pw"));
        }
        assert_eq!(concealed("git@host"), "git@host");
        assert_eq!(concealed("host/x"), "host/x");
    }

    #[test]
    fn urls_of_all_forms_name_one_repository() {
        for url in [
            "https://github.com/o/r.git",
            "https://user:pw@github.com/o/r",
            "git@github.com:o/r.git",
            "ssh://git@github.com/o/r.git",
            "https://u:pw@x@github.com/o/r.git",
            "https://u:p/w@github.com/o/r.git",
            "https://TOKEN@github.com/o/r.git",
        ] {
            assert_eq!(repository(url), "github.com/o/r", "{url}");
        }
    }

    #[test]
    fn a_password_never_shows() {
        assert_eq!(
            scrubbed("https://u:pw@h.io/o/r"),
            "https://u:xxxxx@h.io/o/r"
        );
        assert_eq!(scrubbed("git@h.io:o/r"), "git@h.io:o/r");
        assert_eq!(scrubbed("https://TOKEN@h.io/r"), "https://xxxxx@h.io/r");
        let url = Url::parse("https://u%40x:p%2fw@h.io:8443/o/r.git").unwrap();
        assert_eq!(url.to_string(), "https://h.io:8443/o/r.git");
        assert_eq!(
            url.masked(url.login.as_ref()),
            "https://u@x:xxxxx@h.io:8443/o/r.git"
        );
        assert!(!format!("{url:?}").contains("p/w"));
        assert_eq!(url.login.unwrap().password.reveal(), "p/w");
    }

    #[test]
    fn a_url_is_read_and_written_back() {
        for text in [
            "https://h.io/o/r.git",
            "http://127.0.0.1:8080/r",
            "git@h.io:o/r.git",
            "ssh://git@h.io:2222/o/r.git",
            "ssh://h.io/srv/r",
            "file:///srv/git/r.git",
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_run_something_or_is_no_transport_is_no_url() {
        for text in [
            "ext::sh -c id",
            "ext::id",
            "git://h.io/o/r",
            "--upload-pack=x@h:p",
            "ssh://-oProxyCommand=id/x",
            "-u@h:p",
            "u@-h:p",
            "https://h.io/a\nb",
            "file://host/x",
            "/srv/git",
            "https://h.io",
            "ftp://h/x",
        ] {
            assert_eq!(Url::parse(text), Err(NoUrl), "{text}");
        }
    }
}
