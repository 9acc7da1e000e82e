//! `case.yml`: what is run, and what is expected of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{engines::Need, image::WantedImage, name_of};

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    /// `topic/name`.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// Entries of `coverage.yml`.
    pub covers: Vec<String>,
    /// What an engine must have.
    pub needs: Vec<Need>,
    /// A script that makes what git cannot keep.
    pub setup: Option<String>,
    /// Variables for every invocation.
    pub env: BTreeMap<String, String>,
    /// Whether `bld check` is run, too, and expected to be content; unless told, where every run ends well.
    pub check: bool,
    /// Invocations, in order.
    pub run: Vec<Run>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    covers: Vec<String>,
    #[serde(default)]
    needs: Vec<Need>,
    setup: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    check: Option<bool>,
    run: Vec<Run>,
}

/// One invocation of bld.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its arguments.
    pub args: Vec<String>,
    /// Where in the project it is called.
    #[serde(default)]
    pub dir: String,
    /// A script before it.
    pub before: Option<String>,
    /// A script after it, in the same project; it must succeed.
    pub after: Option<String>,
    /// Variables for this one.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The exit code.
    #[serde(default)]
    pub exit: i32,
    /// Texts on standard error, in this order.
    #[serde(default)]
    pub stderr: Vec<String>,
    /// Texts on standard output, in this order.
    #[serde(default)]
    pub stdout: Vec<String>,
    /// Texts on neither.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Files of the project afterwards.
    #[serde(default)]
    pub files: BTreeMap<String, Option<WantedFile>>,
    /// Images of the daemon afterwards.
    #[serde(default)]
    pub images: BTreeMap<String, Option<WantedImage>>,
    /// Images of the registry afterwards: `repository:tag`, and the platforms of its index, or none for a plain image.
    #[serde(default)]
    pub pushed: BTreeMap<String, Option<WantedPush>>,
    /// Compares the rendered error with `expected/<n>.txt`.
    #[serde(default)]
    pub snapshot: bool,
    /// Whether `bld plan --offline` with the same arguments must succeed, too; unless told, where the run does.
    pub plan: Option<bool>,
}

/// A file that must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum WantedFile {
    /// With exactly this content.
    Text(String),
    /// With these properties.
    Properties(FileProperties),
}

/// What may be said of a file; what is not said is not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileProperties {
    /// The whole content.
    pub text: Option<String>,
    /// Pieces of the content, in this order.
    #[serde(default)]
    pub contains: Vec<String>,
    /// Permission bits, octal.
    pub mode: Option<String>,
    /// Target of a symbolic link.
    pub link: Option<String>,
    /// Names in the directory, sorted.
    pub entries: Option<Vec<String>>,
    /// Seconds since 1970.
    pub mtime: Option<i64>,
}

/// What may be said of what was pushed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedPush {
    /// Platforms of an index, sorted; none: it is a plain image.
    pub platforms: Option<Vec<String>>,
}

impl Case {
    /// Reads a folder.
    pub fn read(dir: &Path) -> Result<Self, String> {
        Self::read_with(dir, |text| text)
    }

    /// Reads a folder, with the placeholders of `case.yml` filled in.
    pub fn read_with(dir: &Path, fill: impl Fn(String) -> String) -> Result<Self, String> {
        let topic = dir.parent().expect("it is in a topic");
        let name = format!("{}/{}", name_of(topic), name_of(dir));
        let path = dir.join("case.yml");
        let text = fs::read_to_string(&path).map_err(|e| format!("{name}/case.yml: {e}"))?;
        let written: Written =
            serde_yaml::from_str(&fill(text)).map_err(|e| format!("{name}/case.yml: {e}"))?;
        if written.run.is_empty() || written.covers.is_empty() {
            return Err(format!(
                "{name}/case.yml: nothing to run, or covers nothing"
            ));
        }
        let ends_well = written.run.iter().all(|run| run.exit == 0);
        Ok(Self {
            name,
            dir: dir.to_owned(),
            covers: written.covers,
            needs: written.needs,
            setup: written.setup,
            env: written.env,
            check: written.check.unwrap_or(ends_well),
            run: written.run,
        })
    }
}
