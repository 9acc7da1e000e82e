//! Operating system and processor, written `os/arch[/variant]`.

use std::{fmt, str::FromStr};

/// What an image runs on, in the normal form of the OCI image index: `linux/amd64`, `linux/arm/v7`.
///
/// Any operating system and architecture is a legal value; whether something can run is the engine's affair.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `linux`, `darwin`, `windows`, …
    pub os: String,
    /// Go's name of the processor: `amd64`, `arm64`, `arm`, …
    pub arch: String,
    /// `v7` and the like; empty where the architecture has no variants in use.
    pub variant: String,
}

/// The text is not `os/arch[/variant]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformError(pub String);

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot parse platform `{}`: expected `os/arch` or `os/arch/variant`",
            self.0
        )
    }
}

impl std::error::Error for PlatformError {}

impl Platform {
    /// The machine that runs this program, seen as a place for containers (`linux` on every host).
    pub fn host() -> Self {
        let (arch, variant) = normal(std::env::consts::ARCH, "");
        Self {
            os: "linux".to_owned(),
            arch,
            variant,
        }
    }

    /// The ending for tags in a store that cannot hold one name for several platforms: `linux_arm_v7`.
    pub fn tag_suffix(&self) -> String {
        self.to_string().replace('/', "_")
    }
}

/// One spelling for each architecture, as containerd's `platforms.Normalize` has it.
fn normal(arch: &str, variant: &str) -> (String, String) {
    let arch = arch.to_ascii_lowercase();
    let variant = variant.to_ascii_lowercase();
    let (arch, variant) = match (arch.as_str(), variant.as_str()) {
        ("x86_64" | "x86-64", v) => ("amd64", v),
        ("amd64", "v1") => ("amd64", ""),
        ("i386" | "i486" | "i586" | "i686" | "x86", _) => ("386", ""),
        ("aarch64" | "arm64", "8" | "v8" | "") => ("arm64", ""),
        ("aarch64", v) => ("arm64", v),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        (a, v) => (a, v),
    };
    (arch.to_owned(), variant.to_owned())
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let word = |p: &&str| {
            !p.is_empty()
                && p.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(word) {
            return Err(PlatformError(text.to_owned()));
        }
        let os = match parts[0].to_ascii_lowercase() {
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        let (arch, variant) = normal(parts[1], parts.get(2).unwrap_or(&""));
        Ok(Self { os, arch, variant })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_platform_are_equal() {
        for (text, normal) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("Linux/aarch64", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("macos/arm64", "darwin/arm64"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), normal);
        }
    }

    #[test]
    fn text_that_is_no_platform_is_refused() {
        for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/am d64"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
