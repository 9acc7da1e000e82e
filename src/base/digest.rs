//! Content digests in the form that registries, image stores and BuildKit share.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A content digest, `sha256:` followed by 64 lower-case hexadecimal digits.
///
/// The format is that of the OCI image specification, `descriptor.md`, "Digests".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(Sha256::digest(bytes).as_slice())
    }

    /// Wraps a finished SHA-256 value.
    pub fn from_hash(hash: &[u8]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(7 + hash.len() * 2);
        text.push_str("sha256:");
        for byte in hash {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        }
        Self(text)
    }

    /// Reads `sha256:<64 hex digits>`; anything else is `None`, because a digest names a path in stores.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let well_formed = hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The whole text, with the algorithm in front.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hexadecimal digits alone.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_being_written_and_read() {
        let digest = Digest::of(b"bld");
        assert_eq!(Digest::parse(digest.as_str()), Some(digest));
    }

    #[test]
    fn a_digest_that_could_be_a_path_is_refused() {
        for text in [
            "sha256:../../etc/passwd",
            "sha256:AB",
            "md5:00",
            "",
            "sha256:",
        ] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
    }
}
