//! Logins in URLs: where they stand, and how a text with them is shown.

use std::ops::Range;

/// What a part stands for that nobody may see.
const MASK: &str = "xxxxx";
/// Passwords that say that the user in front of them is the token.
const NO_PASSWORDS: [&str; 2] = ["", "x-oauth-basic"];

/// The login at the beginning of what stands behind `://`: everything in front of the last `@` before the host. A password
/// may hold a slash that nobody has encoded, so that an `@` behind the first one counts where no host stands before it.
pub fn login(rest: &str) -> Option<&str> {
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'))
        .unwrap_or(rest.len());
    let word = &rest[..end];
    let authority = word.split(['/', '?', '#']).next().unwrap_or_default();
    let at = authority
        .rfind('@')
        .or_else(|| match authority.split_once(':') {
            Some((host, port)) if !is_place(host, port) => word.rfind('@'),
            _ => None,
        })?;
    Some(&word[..at])
}

/// Whether this is a host and its port rather than a user and the beginning of a password.
fn is_place(host: &str, port: &str) -> bool {
    host.starts_with('[')
        || ((host.contains('.') || host == "localhost") && port.parse::<u16>().is_ok())
}

/// The bytes of a login that are secret, counted from its beginning. A user alone is a token where a password would be asked
/// for.
fn secret(login: &str, scheme: &str) -> Option<Range<usize>> {
    match login.split_once(':') {
        Some((_, password)) if NO_PASSWORDS.contains(&password) => Some(0..login.len()),
        Some((user, _)) => Some(user.len() + 1..login.len()),
        None if scheme.ends_with("http") || scheme.ends_with("https") => Some(0..login.len()),
        None => None,
    }
    .filter(|range| !range.is_empty())
}

/// Where the secrets of all URLs in a text are.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, sign) in text.match_indices("://") {
        let start = at + sign.len();
        if let Some(login) = login(&text[start..])
            && let Some(range) = secret(login, &text[..at])
        {
            found.push(start + range.start..start + range.end);
        }
    }
    found
}

/// A text with the secrets of all URLs in it masked.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for range in secrets(text) {
        // A `://` in a password is a part of what is masked already.
        if range.start >= from {
            out.push_str(&text[from..range.start]);
            out.push_str(MASK);
            from = range.end;
        }
    }
    out.push_str(&text[from..]);
    out
}

/// The same with everything at its old place, for a line that something points into.
pub fn blotted(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in secrets(text) {
        bytes[range].fill(b'x');
    }
    String::from_utf8(bytes).expect("whole characters became letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_whatever_stands_in_it_and_so_is_a_token() {
        for (text, shown) in [
            ("https://u:pw@h.io/o/r", "https://u:xxxxx@h.io/o/r"),
            (
                "https://ghpTOKEN@github.com/o/r.git",
                "https://xxxxx@github.com/o/r.git",
            ),
            ("https://TOKEN:x-oauth-basic@h.io/r", "https://xxxxx@h.io/r"),
            ("https://TOKEN:@h.io/r", "https://xxxxx@h.io/r"),
            ("https://u:p/w@h.io/r", "https://u:xxxxx@h.io/r"),
            ("https://u:12/w@h.io/r", "https://u:xxxxx@h.io/r"),
            ("https://u:pw@x@h.io/r", "https://u:xxxxx@h.io/r"),
            ("https://u:a://b@h.io/r", "https://u:xxxxx@h.io/r"),
            ("ssh://git:pw@h.io/r", "ssh://git:xxxxx@h.io/r"),
            (
                "GIT CLONE \"http://a:b@h/r\" 'https://c@h/r' d@e",
                "GIT CLONE \"http://a:xxxxx@h/r\" 'https://xxxxx@h/r' d@e",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn what_is_no_login_stays() {
        for text in [
            "https://h.io/o/r@v1",
            "https://h.io:8443/@scope/r",
            "http://localhost:80/a@b",
            "http://[::1]:80/a@b",
            "ssh://git@h.io/o/r",
            "git@h.io:o/r",
            "echo a:b@c",
            "://",
            "https://@h.io",
        ] {
            assert_eq!(masked(text), text);
            assert_eq!(blotted(text), text);
        }
    }

    #[test]
    fn a_blotted_line_has_everything_at_its_old_place() {
        let line = "GIT CLONE http://u:gehéim@h.io/r x";
        let shown = blotted(line);
        assert_eq!(shown, "GIT CLONE http://u:xxxxxxx@h.io/r x");
        assert_eq!(shown.len(), line.len());
    }
}
