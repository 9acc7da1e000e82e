//! Reads an image's archive (`docker save`) as it streams out of a daemon: layers go to files, the configuration stays.
//!
//! Source: Docker's image specification v1.2, "Combined Image JSON + Filesystem Changeset Format" (`<id>/layer.tar`,
//! `<id>.json`, `manifest.json`), and what daemons since 25 write: an OCI layout with the same `manifest.json`. The order
//! of entries is arbitrary, and nothing in an archive is trusted: names are only compared, sizes are limited.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::{base::Digest, docker::DockerError, oci::manifest::MAX_CONFIG};

/// How the bytes of a layer are packed in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all, as graph drivers give them.
    Tar,
    /// As containerd's store keeps them.
    Gzip,
    /// The same, in its newer form.
    Zstd,
}

/// One layer, written to a file.
#[derive(Debug)]
pub struct RawLayer {
    /// Its name in the archive.
    pub name: String,
    /// Where it is now.
    pub file: PathBuf,
    /// Of the bytes in the file: the diff id, unless they are packed.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// How it is packed.
    pub packing: Packing,
}

/// The archive without its layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The configuration, byte for byte.
    pub config: Bytes,
    /// The layers' names, from the lowest up. Of equal layers only one may have been in the archive as a file.
    pub layers: Vec<String>,
}

/// What is wanted of an archive.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Layers that need not be read, by their diff ids, where the archive tells them.
    pub without: HashSet<Digest>,
    /// All layers are known: the rest of the archive is not read once this configuration has been seen.
    pub only_config: Option<Digest>,
}

/// Reads a stream to its end. Layers are sent on as soon as each is complete.
pub async fn read(
    stream: impl Stream<Item = Result<Bytes, DockerError>> + Send + 'static,
    wanted: Wanted,
    dir: PathBuf,
    layers: mpsc::Sender<RawLayer>,
) -> Result<Archive, String> {
    let (chunks, received) = mpsc::channel(8);
    let pump = async move {
        let mut stream = std::pin::pin!(stream);
        while let Some(chunk) = stream.next().await {
            // Nobody reads any more: enough was seen, or something else failed.
            if chunks.send(chunk).await.is_err() {
                break;
            }
        }
    };
    let reading = tokio::task::spawn_blocking(move || {
        let mut reader = Reader {
            wanted,
            dir,
            layers,
            documents: HashMap::new(),
            links: HashMap::new(),
        };
        reader.read(ChannelReader {
            received,
            current: Bytes::new(),
        })
    });
    let ((), archive) = tokio::join!(pump, reading);
    archive.map_err(|e| format!("reading the image broke off: {e}"))?
}

/// The blocking side of a stream.
struct ChannelReader {
    received: mpsc::Receiver<Result<Bytes, DockerError>>,
    current: Bytes,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.received.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.current = chunk.map_err(io::Error::other)?,
            }
        }
        let n = buffer.len().min(self.current.len());
        buffer[..n].copy_from_slice(&self.current.split_to(n));
        Ok(n)
    }
}

struct Reader {
    wanted: Wanted,
    dir: PathBuf,
    layers: mpsc::Sender<RawLayer>,
    documents: HashMap<String, Bytes>,
    /// Equal layers are links to the first one in the archives of older daemons.
    links: HashMap<String, String>,
}

/// Documents of one archive in all; there is one configuration in it, and little else.
const MAX_DOCUMENTS: usize = 4 * MAX_CONFIG;

impl Reader {
    fn read(&mut self, source: impl Read) -> Result<Archive, String> {
        let mut archive = tar::Archive::new(source);
        let mut count = 0;
        for entry in archive.entries().map_err(told)? {
            let mut entry = entry.map_err(told)?;
            let name = String::from_utf8_lossy(&entry.path_bytes())
                .trim_start_matches("./")
                .to_owned();
            let kind = entry.header().entry_type();
            if kind.is_symlink() || kind.is_hard_link() {
                if let Some(target) = entry.link_name_bytes() {
                    let target = String::from_utf8_lossy(&target)
                        .trim_start_matches("../")
                        .to_owned();
                    self.links.insert(name, target);
                }
                continue;
            }
            if !kind.is_file() {
                continue;
            }
            let mut start = [0; 4];
            let length = read_some(&mut entry, &mut start).map_err(told)?;
            let start = &start[..length];
            let mut content = start.chain(entry);
            let is_blob = name.starts_with("blobs/sha256/");
            if name.ends_with("/layer.tar") || (is_blob && start.first() != Some(&b'{')) {
                let skip = digest_in(&name).is_some_and(|d| self.wanted.without.contains(&d));
                if !skip {
                    count += 1;
                    let file = self.dir.join(format!("layer-{count}"));
                    let layer = spool(&mut content, start, name, &file)
                        .map_err(|e| format!("`{}`: {e}", file.display()))?;
                    if self.layers.blocking_send(layer).is_err() {
                        return Err("nobody takes the layers".to_owned());
                    }
                }
            } else if name.ends_with(".json") || is_blob {
                let digest = self.document(name, content)?;
                if self.wanted.only_config.as_ref() == Some(&digest) {
                    break;
                }
            }
        }
        self.finish()
    }

    fn document(&mut self, name: String, content: impl Read) -> Result<Digest, String> {
        let mut bytes = Vec::new();
        content
            .take(MAX_CONFIG as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(told)?;
        let known: usize = self.documents.values().map(Bytes::len).sum();
        if bytes.len() > MAX_CONFIG || known + bytes.len() > MAX_DOCUMENTS {
            return Err(format!("`{name}` in the archive is too long"));
        }
        let digest = Digest::of(&bytes);
        self.documents.insert(name, Bytes::from(bytes));
        Ok(digest)
    }

    fn finish(&mut self) -> Result<Archive, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Entry {
            config: String,
            #[serde(default)]
            layers: Option<Vec<String>>,
        }
        if let Some(wanted) = &self.wanted.only_config {
            let found = self
                .documents
                .values()
                .find(|bytes| Digest::of(bytes) == *wanted);
            let config = found
                .cloned()
                .ok_or("the archive has another configuration")?;
            return Ok(Archive {
                config,
                layers: Vec::new(),
            });
        }
        let manifest = self
            .documents
            .get("manifest.json")
            .ok_or("the archive has no manifest.json")?;
        let entries: Vec<Entry> = serde_json::from_slice(manifest)
            .map_err(|e| format!("manifest.json of the archive: {e}"))?;
        let [entry] =
            <[Entry; 1]>::try_from(entries).map_err(|_| "the archive has not exactly one image")?;
        let config = self.documents.get(&entry.config);
        let config = config.ok_or("the archive lacks the configuration")?.clone();
        let real = |name: String| self.links.get(&name).cloned().unwrap_or(name);
        let layers = entry
            .layers
            .unwrap_or_default()
            .into_iter()
            .map(real)
            .collect();
        Ok(Archive { config, layers })
    }
}

/// Writes a layer to a file and hashes it on the way.
fn spool(content: &mut impl Read, start: &[u8], name: String, file: &Path) -> io::Result<RawLayer> {
    let packing = match start {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
        _ => Packing::Tar,
    };
    let mut out = Hashing::new(File::create(file)?);
    io::copy(content, &mut out)?;
    let (digest, size) = out.finish()?;
    Ok(RawLayer {
        name,
        file: file.to_owned(),
        digest,
        size,
        packing,
    })
}

/// Compresses a layer into a new file; gives its digest and length.
pub fn compress(raw: &Path, file: &Path) -> io::Result<(Digest, u64)> {
    let out = Hashing::new(File::create(file)?);
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
    io::copy(
        &mut io::BufReader::with_capacity(256 << 10, File::open(raw)?),
        &mut encoder,
    )?;
    encoder.finish()?.finish()
}

/// A file, and the hash of what goes into it.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    size: u64,
}

impl Hashing {
    fn new(file: File) -> Self {
        Self {
            file: BufWriter::with_capacity(256 << 10, file),
            hash: Sha256::new(),
            size: 0,
        }
    }

    fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.file.flush()?;
        Ok((Digest::from_hash(&self.hash.finalize()), self.size))
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn read_some(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

fn digest_in(name: &str) -> Option<Digest> {
    Digest::parse(&format!("sha256:{}", name.strip_prefix("blobs/sha256/")?))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn told(error: io::Error) -> String {
    format!("the image's archive: {error}")
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn archive(entries: &[(&str, &[u8])], link: Option<(&str, &str)>) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        if let Some((name, target)) = link {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, name, target).unwrap();
        }
        builder.into_inner().unwrap()
    }

    async fn run(
        bytes: Vec<u8>,
        wanted: Wanted,
    ) -> (Result<Archive, String>, Vec<(String, Digest)>) {
        let dir = tempfile::tempdir().unwrap();
        let chunks: Vec<_> = bytes
            .chunks(700)
            .map(|c| Ok(Bytes::copy_from_slice(c)))
            .collect();
        let (tx, mut rx) = mpsc::channel(1);
        let reading = read(stream::iter(chunks), wanted, dir.path().to_owned(), tx);
        let taking = async {
            let mut layers = Vec::new();
            while let Some(layer) = rx.recv().await {
                layers.push((layer.name, layer.digest));
            }
            layers
        };
        tokio::join!(reading, taking)
    }

    const MANIFEST: &[u8] = br#"[{"Config":"c.json","Layers":["a/layer.tar","b/layer.tar"]}]"#;

    #[tokio::test]
    async fn layers_come_out_in_any_order_and_links_stand_for_their_layer() {
        let bytes = archive(
            &[
                ("a/layer.tar", b"AAAA"),
                ("a/json", b"{}"),
                ("c.json", b"{}"),
                ("manifest.json", MANIFEST),
            ],
            Some(("b/layer.tar", "../a/layer.tar")),
        );
        let (archive, layers) = run(bytes, Wanted::default()).await;
        let archive = archive.unwrap();
        assert_eq!(archive.layers, ["a/layer.tar", "a/layer.tar"]);
        assert_eq!(archive.config, Bytes::from_static(b"{}"));
        assert_eq!(layers, [("a/layer.tar".to_owned(), Digest::of(b"AAAA"))]);
    }

    #[tokio::test]
    async fn known_layers_and_all_after_the_configuration_may_be_left_out() {
        let known = Digest::of(b"AAAA");
        let name = format!("blobs/sha256/{}", known.hex());
        let bytes = archive(
            &[
                (&name, b"AAAA"),
                ("blobs/sha256/00", b"BBBB"),
                ("c.json", b"{}"),
            ],
            None,
        );
        let wanted = Wanted {
            without: HashSet::from([known]),
            only_config: Some(Digest::of(b"{}")),
        };
        let (archive, layers) = run(bytes, wanted).await;
        assert_eq!(archive.unwrap().layers, Vec::<String>::new());
        assert_eq!(layers.len(), 1);
    }

    #[tokio::test]
    async fn packed_blobs_are_told_from_layers_and_documents() {
        let manifest = br#"[{"Config":"blobs/sha256/c","Layers":["blobs/sha256/l"]}]"#;
        let bytes = archive(
            &[
                ("blobs/sha256/l", &[0x1f, 0x8b, 8, 0]),
                ("blobs/sha256/c", b"{}"),
                ("index.json", b"{}"),
                ("oci-layout", b"{}"),
                ("manifest.json", manifest),
            ],
            None,
        );
        let (archive, layers) = run(bytes, Wanted::default()).await;
        assert_eq!(archive.unwrap().layers, [layers[0].0.as_str()]);
        assert_eq!(layers.len(), 1);
    }

    #[tokio::test]
    async fn broken_archives_are_errors() {
        let two = br#"[{"Config":"c.json"},{"Config":"c.json"}]"#;
        for bytes in [
            Vec::new(),
            b"no archive at all".repeat(100),
            archive(&[("manifest.json", MANIFEST)], None),
            archive(&[("manifest.json", b"[]"), ("c.json", b"{}")], None),
            archive(&[("manifest.json", two), ("c.json", b"{}")], None),
            archive(&[("a/layer.tar", &[7; 4000])], None)[..2000].to_vec(),
        ] {
            let (archive, _) = run(bytes, Wanted::default()).await;
            assert!(archive.is_err(), "{archive:?}");
        }
    }
}
