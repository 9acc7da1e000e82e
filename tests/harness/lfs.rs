//! The server's side of Git LFS: <https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md>.

use std::{collections::HashMap, sync::Mutex};

use bld::base::Digest;
use serde_json::{Value, json};

/// Large files by their digests.
#[derive(Default)]
pub struct Objects(Mutex<HashMap<String, Vec<u8>>>);

impl Objects {
    /// Takes a file; gives its pointer.
    pub fn add(&self, content: &[u8]) -> String {
        let digest = Digest::of(content).hex().to_owned();
        let size = content.len();
        let pointer = format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n"
        );
        let mut objects = self.0.lock().expect("whole");
        objects.insert(digest, content.to_vec());
        pointer
    }

    /// The answer to a request, if it is one for large files.
    pub fn answer(&self, target: &str, host: &str, body: &str) -> Option<Vec<u8>> {
        if let Some(digest) = target.strip_prefix("/large/") {
            return self.0.lock().expect("whole").get(digest).cloned();
        }
        if !target.ends_with("/info/lfs/objects/batch") {
            return None;
        }
        let asked: Value = serde_json::from_str(body).ok()?;
        let objects = asked["objects"].as_array()?.iter().map(|object| {
            let digest = object["oid"].as_str().unwrap_or_default();
            json!({
                "oid": digest,
                "size": object["size"],
                "actions": { "download": { "href": format!("http://{host}/large/{digest}") } },
            })
        });
        let answer = json!({ "transfer": "basic", "objects": objects.collect::<Vec<_>>() });
        Some(answer.to_string().into_bytes())
    }
}
