//! Manifests and indexes: which blobs make an image, and which images make a list.
//!
//! Source: OCI image specification, `manifest.md` and `image-index.md`, and their older twins, Docker's "Image Manifest
//! V 2, Schema 2". Bytes are kept by whoever has to put them in a registry: a digest is one of bytes, not of values.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::{Digest, Platform};

/// Media types of both families.
pub mod media {
    /// Docker's manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's list of manifests.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker's layer, compressed with gzip.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// A layer of OCI, compressed with gzip.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer of OCI, compressed with zstd.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// The manifest of OCI.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// The index of OCI.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// The configuration of OCI.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

    /// What a registry is asked for: everything that [`super::Document`] can read.
    pub const ACCEPT: &[&str] = &[OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST];
}

/// What a manifest of more bytes is refused for; registries have the same limit.
pub const MAX_MANIFEST: usize = 4 << 20;
/// Configurations may be longer: histories grow.
pub const MAX_CONFIG: usize = 8 << 20;

/// A blob: what it is, which it is and how long it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Which it is.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// Of an entry of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<DescriptorPlatform>,
    /// Free.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Of a blob without anything special.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// A platform as an index writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorPlatform {
    /// Go's name of the processor.
    pub architecture: String,
    /// `linux`, …
    pub os: String,
    /// `v7` and the like.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Windows' build number.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "String::is_empty"
    )]
    pub os_version: String,
}

impl DescriptorPlatform {
    /// In normal form; none where it is no platform at all.
    fn normal(&self) -> Option<Platform> {
        let text = match self.variant.as_str() {
            "" => format!("{}/{}", self.os, self.architecture),
            variant => format!("{}/{}/{variant}", self.os, self.architecture),
        };
        text.parse().ok()
    }
}

impl From<&Platform> for DescriptorPlatform {
    fn from(platform: &Platform) -> Self {
        Self {
            architecture: platform.arch.clone(),
            os: platform.os.clone(),
            variant: platform.variant.clone(),
            os_version: String::new(),
        }
    }
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Which family it is of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The configuration.
    pub config: Descriptor,
    /// From the lowest layer up.
    pub layers: Vec<Descriptor>,
    /// Free.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Several images under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Which family it is of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The images.
    pub manifests: Vec<Descriptor>,
    /// Free.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What stands behind a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several.
    Index(Index),
}

impl Document {
    /// Reads either. What it is follows from its content: the header of a registry can be wrong, and a document that
    /// is both would be read differently by others, so it is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            #[serde(default)]
            schema_version: u32,
            manifests: Option<serde::de::IgnoredAny>,
            layers: Option<serde::de::IgnoredAny>,
        }
        if bytes.len() > MAX_MANIFEST {
            return Err("the manifest is longer than 4 MiB".to_owned());
        }
        let shape: Shape =
            serde_json::from_slice(bytes).map_err(|e| format!("no valid manifest: {e}"))?;
        let broken = |e: serde_json::Error| format!("no valid manifest: {e}");
        match (shape.schema_version, shape.manifests, shape.layers) {
            (1, ..) => Err("the image has the format of before 2016 (schema 1)".to_owned()),
            (_, Some(_), None) => serde_json::from_slice(bytes)
                .map(Self::Index)
                .map_err(broken),
            (_, None, Some(_)) => serde_json::from_slice(bytes)
                .map(Self::Manifest)
                .map_err(broken),
            _ => Err("neither the manifest of an image nor a list of images".to_owned()),
        }
    }
}

impl Index {
    /// The image for a platform: its own, else the best that its processor runs too. Attestations do not count.
    pub fn select(&self, wanted: &Platform) -> Option<&Descriptor> {
        let images = || self.images();
        runs(wanted).iter().find_map(|platform| {
            images()
                .find(|(_, offered)| offered == platform)
                .map(|(descriptor, _)| descriptor)
        })
    }

    /// The platforms it has images for.
    pub fn platforms(&self) -> Vec<Platform> {
        self.images().map(|(_, platform)| platform).collect()
    }

    fn images(&self) -> impl Iterator<Item = (&Descriptor, Platform)> {
        self.manifests
            .iter()
            .filter(|d| !d.annotations.contains_key("vnd.docker.reference.type"))
            .filter_map(|d| Some((d, d.platform.as_ref()?.normal()?)))
    }
}

/// What a processor runs, best first, as containerd's `platforms.Only` has it.
fn runs(platform: &Platform) -> Vec<Platform> {
    let with = |arch: &str, variant: &str| Platform {
        os: platform.os.clone(),
        arch: arch.to_owned(),
        variant: variant.to_owned(),
    };
    let level = |variant: &str| variant.trim_start_matches('v').parse::<u8>().ok();
    let mut all = vec![platform.clone()];
    let mut arm_below =
        |from: u8| all.extend((5..from).rev().map(|v| with("arm", &format!("v{v}"))));
    match (platform.arch.as_str(), level(&platform.variant)) {
        ("arm", Some(v)) => arm_below(v),
        ("arm64", None) => arm_below(9),
        ("amd64", v) => {
            let below = v.map_or(0..0, |v| 2..v);
            all.extend(below.rev().map(|v| with("amd64", &format!("v{v}"))));
            all.extend([with("amd64", ""), with("386", "")]);
        }
        _ => {}
    }
    all
}

fn write_digest<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(digest.as_str())
}

fn read_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(deserializer)?;
    Digest::parse(&text)
        .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a sha256 digest")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[&str]) -> Index {
        let manifests = platforms.iter().map(|text| {
            let parts: Vec<&str> = text.split('/').collect();
            json_descriptor(parts[0], parts[1], parts.get(2).unwrap_or(&""))
        });
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            manifests.collect::<Vec<_>>().join(",")
        );
        match Document::parse(text.as_bytes()).unwrap() {
            Document::Index(index) => index,
            Document::Manifest(_) => panic!("an index"),
        }
    }

    fn json_descriptor(os: &str, arch: &str, variant: &str) -> String {
        let digest = Digest::of(format!("{os}{arch}{variant}").as_bytes());
        format!(
            r#"{{"mediaType":"{}","digest":"{digest}","size":1,
                "platform":{{"os":"{os}","architecture":"{arch}","variant":"{variant}"}}}}"#,
            media::OCI_MANIFEST
        )
    }

    #[test]
    fn a_platform_is_found_in_any_spelling_and_the_best_fit_wins() {
        let index = index(&[
            "unknown/unknown",
            "linux/amd64",
            "linux/arm/v6",
            "linux/arm64/v8",
        ]);
        for (wanted, found) in [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/amd64/v3", Some("linux/amd64")),
            ("linux/arm64", Some("linux/arm64/v8")),
            ("linux/arm/v7", Some("linux/arm/v6")),
            ("linux/arm/v5", None),
            ("linux/s390x", None),
            ("windows/amd64", None),
        ] {
            let selected = index.select(&wanted.parse().unwrap()).map(|d| {
                let p = d.platform.clone().unwrap();
                [p.os, p.architecture, p.variant]
                    .join("/")
                    .trim_end_matches('/')
                    .to_owned()
            });
            assert_eq!(selected.as_deref(), found, "{wanted}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_an_error() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"schemaVersion":1,"fsLayers":[]}"#,
            r#"{"schemaVersion":2,"layers":[],"manifests":[]}"#,
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"md5:1","size":1}]}"#,
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:../..","size":-1}]}"#,
        ] {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
