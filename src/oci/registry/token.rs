//! Who we are, as a registry wants to hear it: `Basic`, or a `Bearer` token fetched from where the challenge says.
//!
//! Source: RFC 9110 section 11 (challenges), and `distribution`'s "Token Authentication" and "OAuth2" specifications.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{base::Secret, oci::auth::Credential};

/// What a request wants to do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Read.
    Pull,
    /// Read and write.
    Push,
}

impl Access {
    /// The scope in the words of the token specification.
    pub fn scope(self, repository: &str) -> String {
        let actions = match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
        };
        format!("repository:{repository}:{actions}")
    }
}

/// One challenge out of a `WWW-Authenticate` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// User name and password with every request.
    Basic,
    /// A token from elsewhere.
    Bearer {
        /// Where to get it.
        realm: String,
        /// For whom.
        service: Option<String>,
    },
}

impl Challenge {
    /// The best challenge of a header that we can answer.
    pub fn parse(header: &str) -> Option<Self> {
        let mut basic = None;
        for (scheme, params) in challenges(header) {
            if scheme.eq_ignore_ascii_case("bearer") {
                let get = |name: &str| {
                    let found = params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.clone())
                };
                if let Some(realm) = get("realm") {
                    return Some(Self::Bearer {
                        realm,
                        service: get("service"),
                    });
                }
            } else if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            }
        }
        basic
    }
}

type Params = Vec<(String, String)>;

/// `scheme name=value, name="value", scheme …`, without regard to what is not that.
fn challenges(header: &str) -> Vec<(String, Params)> {
    let mut found: Vec<(String, Params)> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find([' ', ',', '=', '\t']).unwrap_or(rest.len());
        let word = &rest[..end];
        rest = &rest[end..];
        if let Some(after) = rest.strip_prefix('=') {
            let (value, after) = value(after);
            if let Some((_, params)) = found.last_mut() {
                params.push((word.to_owned(), value));
            }
            rest = after;
        } else if !word.is_empty() {
            found.push((word.to_owned(), Vec::new()));
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    found
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', ',', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// The header that a user name and password make.
pub fn basic(user: &str, password: &Secret) -> Secret {
    let pair = format!("{user}:{}", password.reveal());
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

/// Headers that worked, by host and scope.
#[derive(Debug, Default)]
pub struct TokenCache {
    headers: Mutex<HashMap<(String, String), Known>>,
}

#[derive(Debug)]
struct Known {
    header: Secret,
    until: Instant,
}

impl TokenCache {
    /// A header that is good for a while yet.
    pub fn get(&self, host: &str, scope: &str) -> Option<Secret> {
        let headers = self.headers.lock().expect("no holder of this lock panics");
        let known = headers.get(&(host.to_owned(), scope.to_owned()))?;
        (known.until > Instant::now()).then(|| known.header.clone())
    }

    /// Keeps a header.
    pub fn put(&self, host: &str, scope: &str, header: Secret, lifetime: Duration) {
        // Not to the last second: clocks differ, and requests take time.
        let until = Instant::now() + lifetime.mul_f32(0.8);
        let mut headers = self.headers.lock().expect("no holder of this lock panics");
        headers.insert((host.to_owned(), scope.to_owned()), Known { header, until });
    }

    /// Forgets a header that was refused.
    pub fn forget(&self, host: &str, scope: &str) {
        let mut headers = self.headers.lock().expect("no holder of this lock panics");
        headers.remove(&(host.to_owned(), scope.to_owned()));
    }
}

/// What a token server answers.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl TokenAnswer {
    /// The header, and for how long it is good.
    pub(super) fn header(self) -> Option<(Secret, Duration)> {
        let token = self.token.or(self.access_token).filter(|t| !t.is_empty())?;
        // The specification: 60 seconds where nothing is said. A day is more than anyone gives.
        let lifetime = Duration::from_secs(self.expires_in.unwrap_or(60).clamp(1, 86_400));
        Some((Secret::new(format!("Bearer {token}")), lifetime))
    }
}

/// The form of an OAuth2 request with a refresh token, or none where a plain `GET` does.
pub(super) fn refresh_form(
    credential: &Credential,
    service: Option<&str>,
    scopes: &[String],
) -> Option<String> {
    let Credential::Token(token) = credential else {
        return None;
    };
    let mut form = form_pair("grant_type", "refresh_token");
    let scopes = scopes.join(" ");
    for (name, value) in [
        ("service", service.unwrap_or_default()),
        ("client_id", "bld"),
        ("scope", &scopes),
        ("refresh_token", token.reveal()),
    ] {
        form.push('&');
        form.push_str(&form_pair(name, value));
    }
    Some(form)
}

fn form_pair(name: &str, value: &str) -> String {
    use std::fmt::Write as _;
    let mut pair = format!("{name}=");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            pair.push(char::from(byte));
        } else {
            write!(pair, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    pair
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        for (header, challenge) in [
            (r#"Basic realm="bld-test""#, Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="a:b:pull,push""#,
                bearer("https://auth.docker.io/token", Some("registry.docker.io")),
            ),
            (
                r#"Basic realm="x, Bearer realm=y", bearer Realm=https://a"#,
                bearer("https://a", None),
            ),
            (r#"Bearer realm="a\"b"#, bearer("a\"b", None)),
            ("Bearer", None),
            ("", None),
            (",,= ,\"", None),
            ("Negotiate", None),
        ] {
            assert_eq!(Challenge::parse(header), challenge, "{header}");
        }
    }

    #[test]
    fn a_refresh_form_is_encoded() {
        let token = Credential::Token(Secret::new("a&b=c"));
        let form = refresh_form(&token, Some("s"), &["repository:x:pull".to_owned()]).unwrap();
        assert!(
            form.ends_with("&scope=repository%3Ax%3Apull&refresh_token=a%26b%3Dc"),
            "{form}"
        );
        assert_eq!(refresh_form(&Credential::None, None, &[]), None);
    }
}
