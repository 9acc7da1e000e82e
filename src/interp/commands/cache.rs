//! `CACHE`: a directory that outlives the build, for every command from here on (language specification, 4.12).

use super::mount::{self, CACHE_MODE};
use crate::{
    graph::plan::{Access, Keep, Mount, MountKind, Network, Run, Sharing, StepId, StepOp},
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
        value::UNDECIDED,
    },
    syntax::{
        ast::{Command, Keyword},
        dialect::Feature,
    },
};

/// A cache of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cache {
    /// As every command has it.
    pub mount: Mount,
    /// What is in it becomes part of what the target gives away.
    pub persist: bool,
}

/// Where caches are mounted while they are copied: below a file system that the container has for itself, so that no
/// empty directory stays in the image.
const ASIDE: &str = "/dev/bld-cache-";

/// Copies what is in directories at [`ASIDE`] to the directories that are its arguments. The directories themselves are
/// made like any other: with the mode of a cache only root could enter them.
const COPY: &str = r#"n=0
for dir; do
mkdir -p "$dir"
cd "/dev/bld-cache-$n"
for f in * .[!.]* ..?*; do
if [ -e "$f" ] || [ -L "$f" ]; then cp -a "./$f" "$dir/" || exit 1; fi
done
n=$((n + 1))
done"#;

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    exec.refuse_locally(Keyword::Cache)?;
    exec.fs("CACHE")?;
    exec.refuse_locally(Keyword::Cache)?;
    let [word] = command.args.as_slice() else {
        return Err(error::arguments(Keyword::Cache, "<directory>"));
    };
    let dir = exec.expand_text(word, How::default()).await?;
    let dir = exec.state.path(&dir);
    let target = match dir.trim_end_matches('/') {
        "" => return Err(error::cache_of_everything().at(&exec.place(word))),
        dir => dir.to_owned(),
    };
    let sharing = match flag(exec, command, "sharing").await? {
        Some(text) if !text.is_empty() && text != UNDECIDED => {
            mount::sharing(&text).ok_or_else(|| error::cache_sharing(&text))?
        }
        _ => Sharing::Locked,
    };
    let mode = match flag(exec, command, "chmod").await? {
        Some(text) if !text.is_empty() && text != UNDECIDED => {
            mount::octal(&text).ok_or_else(|| error::cache_mode(&text))?
        }
        _ => CACHE_MODE,
    };
    let id = flag(exec, command, "id").await?.filter(|id| !id.is_empty());
    let persist = command.is_on("persist") || !exec.has(Feature::CachePersistOption);
    if exec.state.caches.iter().any(|c| c.mount.target == target) {
        return Ok(());
    }
    let id = exec.cache_id(id.as_deref(), &target).await;
    let access = Access {
        uid: 0,
        gid: 0,
        mode,
    };
    exec.state.caches.push(Cache {
        mount: Mount {
            target,
            kind: MountKind::Cache {
                id,
                sharing,
                access,
            },
            read_only: false,
        },
        persist,
    });
    Ok(())
}

async fn flag(exec: &mut Exec, command: &Command, name: &str) -> Result<Option<String>> {
    match command.flag(name).and_then(|f| f.value.as_ref()) {
        Some(word) => exec.expand_text(word, How::default()).await.map(Some),
        None => Ok(None),
    }
}

impl Exec {
    /// A file system with what is in the caches now: what follows may change them, and does not wait for a copy that it
    /// knows nothing of.
    pub async fn caches_now(&self, fs: StepId) -> Result<StepId> {
        let with = self.with_caches(fs);
        if with != fs && self.undecided_by.is_none() {
            self.session.probe.executed(with).await?;
        }
        Ok(with)
    }

    /// A file system with what is in the caches that persist.
    pub fn with_caches(&self, fs: StepId) -> StepId {
        let kept: Vec<&Mount> = self
            .state
            .caches
            .iter()
            .filter(|cache| cache.persist)
            .map(|cache| &cache.mount)
            .collect();
        if kept.is_empty() {
            return fs;
        }
        let dirs = kept.iter().map(|mount| mount.target.clone());
        let args = ["/bin/sh", "-ec", COPY, "sh"].map(str::to_owned);
        let aside = |(n, mount): (usize, &&Mount)| Mount {
            target: format!("{ASIDE}{n}"),
            read_only: true,
            ..(*mount).clone()
        };
        let path = self
            .state
            .env
            .get("PATH")
            .map(|path| path.text().to_owned());
        let run = Run {
            args: args.into_iter().chain(dirs).collect(),
            env: path
                .map(|path| ("PATH".to_owned(), path))
                .into_iter()
                .collect(),
            cwd: "/".to_owned(),
            user: String::new(),
            network: Network::None,
            mounts: kept.iter().enumerate().map(aside).collect(),
            ..self.run_step(fs, Vec::new(), Keep::FileSystem)
        };
        let names: Vec<&str> = kept.iter().map(|mount| mount.target.as_str()).collect();
        let text = format!("keep what is in CACHE {}", names.join(" "));
        self.push_named(StepOp::Run(Box::new(run)), text)
    }
}
