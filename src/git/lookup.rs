//! From a reference, or the URL of a `GIT CLONE`, to the URL that is cloned and the login for it (language specification,
//! 7.5).

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use super::{
    command::{Access, OF_SERVERS},
    error::GitError,
    netrc::Netrc,
    settings::{Auth, Settings, Site},
    ssh::{Ssh, known_hosts_file, users_command},
    url::{Login, Scheme, Url},
};
use crate::base::{OnceMap, Secret};

/// What of the user's surroundings has to do with logins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub home: Option<PathBuf>,
    pub user: Option<String>,
    pub netrc_content: Option<Secret>,
    pub netrc: Option<PathBuf>,
    pub agent: Option<PathBuf>,
}

/// A repository, and how to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub url: Url,
    pub access: Arc<Access>,
    /// The part of the reference that names the repository.
    pub repository: String,
    /// The rest of the reference: a directory in the repository, or nothing.
    pub subdir: String,
    /// For the builtin argument that shows whether there is a password.
    pub masked: String,
}

pub(crate) struct Lookup {
    settings: Settings,
    built_in: Site,
    around: Surroundings,
    dir: PathBuf,
    netrc: OnceLock<Netrc>,
    users_ssh: OnceLock<Option<String>>,
    ssh_works: OnceMap<(String, String, Option<u16>), bool>,
}

impl Lookup {
    /// `dir` takes a file with keys of hosts.
    pub fn new(settings: Settings, around: Surroundings, dir: PathBuf) -> Self {
        Self {
            settings,
            built_in: Site::built_in(),
            around,
            dir,
            netrc: OnceLock::new(),
            users_ssh: OnceLock::new(),
            ssh_works: OnceMap::default(),
        }
    }

    /// The repository of `host/user/repo/dir`, without its tag.
    pub async fn reference(&self, path: &str) -> Result<Found, GitError> {
        let path = path.trim_end_matches('/');
        let unclear = || GitError::NoRepository {
            reference: path.to_owned(),
        };
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.starts_with('-') {
            return Err(unclear());
        }
        let sites = self.settings.sites.iter().chain([&self.built_in]);
        let found = sites
            .filter_map(|site| Some((site, site.pattern.captures(path)?)))
            .next();
        let (site, captures) = found.ok_or_else(unclear)?;
        let matched = captures[0].trim_end_matches('/');
        let subdir = path[matched.len()..].trim_start_matches('/');
        let url = match &site.substitute {
            Some(template) => {
                let mut text = String::new();
                captures.expand(template, &mut text);
                // The template may have taken the slash that ended the match.
                Url::parse(&text).map_err(|_| GitError::Url {
                    url: super::concealed(&text),
                })?
            }
            None => {
                let (host, rest) = matched.split_once('/').ok_or_else(unclear)?;
                let suffix = match rest.ends_with(&site.suffix) {
                    true => "",
                    false => &site.suffix,
                };
                let path = format!("{}{rest}{suffix}", site.prefix);
                self.url_of(site, host, None, &path, None, Scheme::Https)
                    .await?
            }
        };
        self.found(site, url, matched, subdir)
    }

    /// The repository of a URL as it is written behind `GIT CLONE`.
    pub async fn url(&self, text: &str) -> Result<Found, GitError> {
        let unclear = || GitError::Url {
            url: super::concealed(text),
        };
        let written = Url::parse(text).map_err(|_| unclear())?;
        // A build file must not look into other directories of this machine.
        if written.scheme == Scheme::File {
            return Err(unclear());
        }
        let named = self.settings.sites.iter().find(|s| s.name == written.host);
        let site = named.unwrap_or(&self.built_in);
        let url = match &site.substitute {
            Some(template) => {
                let path = format!("{}/{}", written.host, written.path.trim_start_matches('/'));
                let path = path.strip_suffix(".git").unwrap_or(&path);
                let captures = site.pattern.captures(path).ok_or_else(unclear)?;
                let mut text = String::new();
                captures.expand(template, &mut text);
                Url::parse(&text).map_err(|_| unclear())?
            }
            // Without an entry nothing is known better than what is written, except for SSH where it works, and that code
            // does not travel where everybody may change it: `http` is `https`, unless a port says that it is meant.
            None if named.is_none()
                && (written.login.is_some()
                    || written.port.is_some()
                    || (written.scheme == Scheme::Http && written.is_loopback())) =>
            {
                written
            }
            None => {
                let path = match written.scheme {
                    Scheme::Ssh => written.path.clone(),
                    _ => written.path.trim_start_matches('/').to_owned(),
                };
                let path = format!("{}{path}", site.prefix);
                let user = written.user.clone();
                let mut url = self
                    .url_of(
                        site,
                        &written.host,
                        user,
                        &path,
                        written.port,
                        written.scheme,
                    )
                    .await?;
                url.login = written.login;
                url
            }
        };
        let repository = super::repository(text);
        self.found(site, url, &repository, "")
    }

    /// The URL in the protocol that the entry asks for.
    async fn url_of(
        &self,
        site: &Site,
        host: &str,
        user: Option<String>,
        path: &str,
        port: Option<u16>,
        written: Scheme,
    ) -> Result<Url, GitError> {
        let port = site.port.or(port.filter(|_| written == Scheme::Ssh));
        let ssh_user = match (&site.user, site.auth) {
            (Some(user), Auth::Ssh) => user.clone(),
            // With a password it is the user of HTTPS.
            (Some(user), Auth::Auto) if site.password.is_none() => user.clone(),
            (None, Auth::Ssh) if !site.name.is_empty() => user
                .or_else(|| self.around.user.clone())
                .unwrap_or_else(|| "git".to_owned()),
            _ => user.unwrap_or_else(|| "git".to_owned()),
        };
        let scheme = match site.auth {
            Auth::Ssh => Scheme::Ssh,
            Auth::Https => Scheme::Https,
            Auth::Http => Scheme::Http,
            Auth::Auto => {
                let ssh = self.ssh(site)?;
                let key = (ssh_user.clone(), host.to_owned(), port);
                let works = self
                    .ssh_works
                    .get_or_run(key, || async { ssh.works(&ssh_user, host, port).await });
                if works.await {
                    Scheme::Ssh
                } else {
                    Scheme::Https
                }
            }
        };
        let slash = |path: &str| match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        let url = match scheme {
            Scheme::Ssh => Url {
                scheme,
                user: Some(ssh_user),
                host: host.to_owned(),
                port: port.filter(|p| *p != 22),
                // Without a port the short form is meant, in which a path may be relative to the home directory.
                path: match port {
                    Some(port) if port != 22 => slash(path),
                    _ => path.to_owned(),
                },
                login: None,
            },
            _ => Url {
                scheme,
                user: None,
                host: host.to_owned(),
                port: None,
                path: slash(path),
                login: None,
            },
        };
        // What was put together has to stand the same examination as what was written.
        let text = url.to_string();
        Url::parse(&text).map_err(|_| GitError::Url { url: text })
    }

    fn found(
        &self,
        site: &Site,
        mut url: Url,
        repository: &str,
        subdir: &str,
    ) -> Result<Found, GitError> {
        let login = match url.scheme {
            Scheme::Https | Scheme::Http => self.login(site, &mut url),
            Scheme::Ssh | Scheme::File => None,
        };
        let masked = url.masked(login.as_ref());
        let mut logins: Vec<(String, Login)> = Vec::new();
        let mut add = |scope: String, login: &Login| {
            if logins.iter().all(|(other, _)| *other != scope) {
                logins.push((scope, login.clone()));
            }
        };
        if let Some(login) = &login {
            add(url.origin(), login);
        }
        // Submodules may be on other hosts.
        for site in &self.settings.sites {
            if let (Some(login), true) = (configured(site), site.name.contains('.')) {
                add(format!("https://{}", site.name), &login);
            }
        }
        for (machine, login) in self.netrc().machines() {
            let plain = machine
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
            if plain {
                add(format!("https://{machine}"), login);
            }
        }
        // What goes over plain HTTP can be read on the way, whoever it was that knew the login.
        let open = url.scheme == Scheme::Http && !url.is_loopback() && login.is_none();
        let access = Access {
            logins,
            no_login: open.then(|| url.origin()),
            ssh: self.ssh(site)?,
            protocols: match url.scheme {
                Scheme::File => "file",
                _ => OF_SERVERS,
            },
        };
        Ok(Found {
            url,
            access: Arc::new(access),
            repository: repository.to_owned(),
            subdir: subdir.to_owned(),
            masked,
        })
    }

    /// The login for a URL: what stands in it, the entry's, netrc's. Plain HTTP gets one only if it stands in the URL itself
    /// or if nothing leaves this machine.
    fn login(&self, site: &Site, url: &mut Url) -> Option<Login> {
        if let Some(login) = url.login.take() {
            return Some(login);
        }
        if url.scheme == Scheme::Http && !url.is_loopback() {
            return None;
        }
        configured(site).or_else(|| self.netrc().login(&url.host).cloned())
    }

    fn ssh(&self, site: &Site) -> Result<Ssh, GitError> {
        let keys = self.settings.sites.iter().chain([site]);
        let keys: Vec<&str> = keys.filter_map(|s| s.server_key.as_deref()).collect();
        let mut known_hosts = vec![known_hosts_file(&self.dir, &keys)?];
        if let Some(home) = &self.around.home {
            // ssh itself looks into the home directory of the user database, which may be another one.
            known_hosts.push(home.join(".ssh/known_hosts"));
        }
        Ok(Ssh {
            command: match &site.ssh_command {
                Some(command) => Some(command.clone()),
                None => self
                    .users_ssh
                    .get_or_init(|| users_command(&self.dir))
                    .clone(),
            },
            any_host_key: !site.strict_host_key_checking,
            known_hosts,
            agent: self.around.agent.clone(),
        })
    }

    fn netrc(&self) -> &Netrc {
        let around = &self.around;
        let read = || {
            if let Some(content) = &around.netrc_content {
                return Netrc::parse(content.reveal());
            }
            let home = || Some(around.home.as_ref()?.join(".netrc"));
            let path = around.netrc.clone().or_else(home);
            let text = path.and_then(|path| std::fs::read_to_string(path).ok());
            Netrc::parse(&text.unwrap_or_default())
        };
        self.netrc.get_or_init(read)
    }
}

/// User and password of an entry. A token alone is a password of any user.
fn configured(site: &Site) -> Option<Login> {
    Some(Login {
        user: site.user.clone().unwrap_or_else(|| "git".to_owned()),
        password: site.password.clone()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(yaml: &str, netrc: &str) -> (tempfile::TempDir, Lookup) {
        let dir = tempfile::tempdir().unwrap();
        let around = Surroundings {
            netrc_content: Some(Secret::new(netrc)),
            user: Some("me".to_owned()),
            agent: Some(dir.path().join("no-agent")),
            ..Surroundings::default()
        };
        let settings = serde_yaml::from_str(yaml).unwrap();
        let lookup = Lookup::new(settings, around, dir.path().to_owned());
        (dir, lookup)
    }

    async fn of(yaml: &str, reference: &str) -> String {
        let (_dir, lookup) = lookup(yaml, "");
        match lookup.reference(reference).await {
            Ok(found) => format!("{} {}", found.url, found.subdir),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn the_first_three_parts_are_the_repository_unless_a_pattern_says_otherwise() {
        assert_eq!(of("{}", "h.io/o/r/a/b").await, "https://h.io/o/r.git a/b");
        assert_eq!(of("{}", "h.io/o/r.git").await, "https://h.io/o/r.git ");
        let yaml = "h.io: {pattern: 'h\\.io/([^/]+)', auth: https}";
        assert_eq!(of(yaml, "h.io/r/a/b").await, "https://h.io/r.git a/b");
        assert!(of("{}", "h.io/r").await.contains("does not name"));
        assert!(of("{}", "h.io/o/../r").await.contains("does not name"));
    }

    #[tokio::test]
    async fn the_protocol_port_prefix_suffix_and_user_come_from_the_entry() {
        for (yaml, url) in [
            ("h.io: {auth: ssh}", "me@h.io:o/r.git "),
            ("h.io: {auth: ssh, user: git}", "git@h.io:o/r.git "),
            (
                "h.io: {auth: ssh, user: git, port: 2222, prefix: srv/}",
                "ssh://git@h.io:2222/srv/o/r.git ",
            ),
            (
                "h.io: {auth: ssh, user: a, prefix: /srv/}",
                "ssh://a@h.io/srv/o/r.git ",
            ),
            ("h.io: {auth: http}", "http://h.io/o/r.git "),
            ("h.io: {auth: https, suffix: .x}", "https://h.io/o/r.x "),
            (
                "h.io: {pattern: 'h.io/([^/]+)/([^/]+)', substitute: 'ssh://g@k.io:3/x/${2}_$1'}",
                "ssh://g@k.io:3/x/r_o ",
            ),
        ] {
            assert_eq!(of(yaml, "h.io/o/r").await, url, "{yaml}");
        }
    }

    #[tokio::test]
    async fn the_first_entry_of_the_file_that_matches_counts() {
        let yaml = "b: {pattern: '.*io/o/r', auth: http}\na: {pattern: 'h.io/o/r', auth: https}";
        assert_eq!(of(yaml, "h.io/o/r").await, "http://h.io/o/r.git ");
    }

    #[tokio::test]
    async fn a_pattern_cannot_be_satisfied_in_the_middle_of_a_host() {
        let yaml = "h.io: {auth: https, user: u, password: hunter2}";
        let (_dir, lookup) = lookup(yaml, "");
        let found = lookup.reference("evil-h.io/o/r").await.unwrap();
        assert!(!found.access.has_login(&found.url));
        let found = lookup.reference("h.io/o/r").await.unwrap();
        assert!(found.access.has_login(&found.url));
        assert_eq!(found.masked, "https://u:xxxxx@h.io/o/r.git");
    }

    #[tokio::test]
    async fn a_login_of_netrc_is_sent_over_https_or_to_this_machine_only() {
        let (_dir, lookup) = lookup(
            "a.io: {auth: http}\nl: {pattern: 'l/(.+)', substitute: 'http://127.0.0.1:9/$1'}",
            "default login u password p",
        );
        for (reference, expected) in [("a.io/o/r", false), ("b.io/o/r", true), ("l/r", true)] {
            let found = lookup.reference(reference).await.unwrap();
            assert_eq!(found.access.has_login(&found.url), expected, "{reference}");
        }
    }

    #[tokio::test]
    async fn the_url_of_a_clone_is_reached_as_the_entry_of_its_host_says() {
        let yaml = "s.io: {auth: ssh, user: git}\nt.io: {auth: https, user: u, password: p}\np.io: {auth: http}";
        let (_dir, lookup) = lookup(yaml, "");
        for (written, url) in [
            ("https://h.io/o/r.git", "https://h.io/o/r.git"),
            ("git@h.io:o/r.git", "https://h.io/o/r.git"),
            ("http://h.io/o/r.git", "https://h.io/o/r.git"),
            ("http://h.io:80/o/r", "http://h.io:80/o/r"),
            ("http://localhost/o/r", "http://localhost/o/r"),
            ("http://u:p@h.io/o/r", "http://h.io/o/r"),
            ("http://p.io/o/r.git", "http://p.io/o/r.git"),
            ("https://h.io:8443/o/r", "https://h.io:8443/o/r"),
            ("https://u:p@h.io/o/r", "https://h.io/o/r"),
            ("https://s.io/o/r.git", "git@s.io:o/r.git"),
            ("ssh://git@t.io/o/r", "https://t.io/o/r"),
        ] {
            let found = lookup.url(written).await.unwrap();
            assert_eq!(found.url.to_string(), url, "{written}");
        }
        for written in ["file:///etc", "git://h.io/o/r", "ext::id", "/srv/r", "r"] {
            let error = lookup.url(written).await.unwrap_err();
            assert!(matches!(error, GitError::Url { .. }), "{written}");
        }
    }
}
