//! `netrc` files: a login for each machine (curl's and ftp's format).

use crate::base::Secret;

use super::url::Login;

/// The logins of a file, in its order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Netrc(Vec<(Option<String>, Login)>);

impl Netrc {
    /// Reads what can be read; everything else is passed over.
    pub fn parse(text: &str) -> Self {
        let mut found = Vec::new();
        let mut machine: Option<Option<String>> = None;
        let (mut user, mut password) = (String::new(), None);
        let mut words = Words(text);
        let mut close = |machine: &mut Option<Option<String>>,
                         user: &mut String,
                         password: &mut Option<String>| {
            let user = std::mem::take(user);
            if let (Some(host), Some(password)) = (machine.take(), password.take()) {
                let password = Secret::new(password);
                found.push((host, Login { user, password }));
            }
        };
        while let Some(word) = words.keyword() {
            match word.as_str() {
                "machine" => {
                    close(&mut machine, &mut user, &mut password);
                    machine = words.next().map(Some);
                }
                "default" => {
                    close(&mut machine, &mut user, &mut password);
                    machine = Some(None);
                }
                "login" => user = words.next().unwrap_or_default(),
                "password" => password = words.next(),
                "account" => drop(words.next()),
                "macdef" => words.skip_macro(),
                _ => {}
            }
        }
        close(&mut machine, &mut user, &mut password);
        Self(found)
    }

    /// The login for a host; the entry `default` is for all that have none.
    pub fn login(&self, host: &str) -> Option<&Login> {
        let named = self.0.iter().find(|(m, _)| m.as_deref() == Some(host));
        let any = || self.0.iter().find(|(m, _)| m.is_none());
        named.or_else(any).map(|(_, login)| login)
    }

    /// Every machine with its login.
    pub fn machines(&self) -> impl Iterator<Item = (&str, &Login)> {
        self.0
            .iter()
            .filter_map(|(machine, login)| Some((machine.as_deref()?, login)))
    }
}

struct Words<'a>(&'a str);

impl Words<'_> {
    /// The next word that can be a keyword: comments are passed over.
    fn keyword(&mut self) -> Option<String> {
        loop {
            self.0 = self.0.trim_start();
            if !self.0.starts_with('#') {
                return self.next();
            }
            let end = self.0.find('\n').unwrap_or(self.0.len());
            self.0 = &self.0[end..];
        }
    }

    fn next(&mut self) -> Option<String> {
        let rest = self.0.trim_start();
        let mut chars = rest.char_indices().peekable();
        let quoted = rest.starts_with('"');
        if quoted {
            chars.next();
        }
        let mut word = String::new();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if quoted => {
                    if let Some((_, next)) = chars.next() {
                        word.push(next);
                    }
                }
                '"' if quoted => {
                    end = at + 1;
                    break;
                }
                c if !quoted && c.is_whitespace() => {
                    end = at;
                    break;
                }
                c => word.push(c),
            }
        }
        self.0 = &rest[end..];
        (quoted || !word.is_empty()).then_some(word)
    }

    /// A macro ends with an empty line.
    fn skip_macro(&mut self) {
        let end = self.0.find("\n\n").map_or(self.0.len(), |at| at + 2);
        self.0 = &self.0[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_its_login_and_the_default_is_for_the_rest() {
        let netrc = Netrc::parse(
            "# mine\nmachine a.io login u password #p\nmachine b.io\n  login \"v w\"\n  password \"q\\\"\"\n\
             macdef init\nmachine no.io password x\n\nmachine c.io login w\ndefault login d password e\n",
        );
        let of = |host: &str| {
            let login = netrc.login(host)?;
            Some((login.user.clone(), login.password.reveal().to_owned()))
        };
        assert_eq!(of("a.io"), Some(("u".into(), "#p".into())));
        assert_eq!(of("b.io"), Some(("v w".into(), "q\"".into())));
        assert_eq!(of("no.io"), Some(("d".into(), "e".into())));
        assert_eq!(netrc.machines().count(), 2);
        assert!(Netrc::parse("machine").login("x").is_none());
        assert!(!format!("{netrc:?}").contains("#p"));
    }
}
