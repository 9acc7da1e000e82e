//! Commands.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    source::Nonce,
    vertex::{Edge, Inputs, Op, State, Vertex},
};
use crate::{base::Platform, events::Label};

/// What a command can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// What the engine gives by default.
    #[default]
    Default,
    /// The network of the engine's machine. Has to be allowed.
    Host,
    /// Nothing.
    None,
}

/// How far a command is locked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// As usual.
    #[default]
    Sandbox,
    /// All privileges. Has to be allowed.
    Insecure,
}

/// Who may use a cache mount at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheSharing {
    /// Everybody.
    Shared,
    /// Everybody has one of his own.
    Private,
    /// One after the other.
    Locked,
}

/// What is needed for a secret or for an SSH agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its name in the session.
    pub id: String,
    /// Owner of the file or socket.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// Not having it is no error.
    pub optional: bool,
}

/// A secret in the environment. Needs `Capability::SecretEnv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretEnv {
    /// Its name in the session.
    pub id: String,
    /// The variable.
    pub name: String,
    /// Not having it is no error.
    pub optional: bool,
}

/// What a mount is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// The command writes into it.
    Writable {
        /// What it wrote is a result. Where it is not, a daemon hashes everything in the mount to look the command up
        /// in its cache; a result that nobody uses is cheaper.
        keep: bool,
    },
    /// The command reads it. Looked up by content.
    ReadOnly,
    /// A directory that outlives the build.
    Cache {
        /// Its name, shared by everything on the engine: put something of the project into it.
        id: String,
        /// Who may use it.
        sharing: CacheSharing,
        /// The command cannot write to it.
        read_only: bool,
    },
    /// A directory in memory.
    Tmpfs {
        /// In bytes.
        size: Option<u64>,
        /// The command cannot write to it.
        read_only: bool,
    },
    /// A file with a secret.
    Secret(Access),
    /// The socket of an SSH agent.
    Ssh(Access),
}

/// A mount of a command.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Absolute.
    pub dest: String,
    /// What is there at the beginning.
    pub from: State,
    /// A path in it; empty for all.
    pub selector: String,
    /// What it is.
    pub kind: MountKind,
}

impl Mount {
    /// A mount of any kind.
    pub fn new(dest: &str, from: &State, kind: MountKind) -> Self {
        Self {
            dest: dest.to_owned(),
            from: from.clone(),
            selector: String::new(),
            kind,
        }
    }

    /// An empty directory whose content is kept.
    pub fn scratch(dest: &str) -> Self {
        Self::new(dest, &None, MountKind::Writable { keep: true })
    }

    /// Something to read.
    pub fn read_only(dest: &str, from: &State) -> Self {
        Self::new(dest, from, MountKind::ReadOnly)
    }
}

/// A mount in a vertex: what it starts with is an input, what it ends with a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOp {
    /// Index of the input; none is scratch.
    pub input: Option<usize>,
    /// Which result.
    pub output: Option<u32>,
    /// A path in the input.
    pub selector: String,
    /// Absolute.
    pub dest: String,
    /// What it is.
    pub kind: MountKind,
}

/// Everything about a command but its mounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecSpec {
    /// Program and arguments.
    pub args: Vec<String>,
    /// In order.
    pub env: Vec<(String, String)>,
    /// Absolute.
    pub cwd: String,
    /// `user[:group]`; empty is root.
    pub user: String,
    /// Empty is the engine's choice.
    pub hostname: String,
    /// Lines of `/etc/hosts`: name, address.
    pub hosts: Vec<(String, String)>,
    /// What it can reach.
    pub network: Network,
    /// How far it is locked in.
    pub security: Security,
    /// Secrets in the environment.
    pub secret_env: Vec<SecretEnv>,
}

/// A command in a vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOp {
    /// What runs.
    pub spec: ExecSpec,
    /// By destination.
    pub mounts: Vec<MountOp>,
}

/// A command, to be made into a vertex.
#[derive(Debug, Clone)]
pub struct Exec {
    spec: ExecSpec,
    mounts: Vec<Mount>,
    fresh: Option<Nonce>,
}

impl Exec {
    /// A command in a file system that it may write to.
    pub fn new<S: Into<String>>(root: &State, args: impl IntoIterator<Item = S>) -> Self {
        Self {
            spec: ExecSpec {
                args: args.into_iter().map(Into::into).collect(),
                cwd: "/".to_owned(),
                ..ExecSpec::default()
            },
            mounts: vec![Mount::new("/", root, MountKind::Writable { keep: true })],
            fresh: None,
        }
    }

    /// The root cannot be written to, and there is no result for it.
    #[must_use]
    pub fn read_only_root(mut self) -> Self {
        self.mounts[0].kind = MountKind::ReadOnly;
        self
    }

    /// Adds variables.
    #[must_use]
    pub fn env<K: Into<String>, V: Into<String>>(
        mut self,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let env = env.into_iter().map(|(k, v)| (k.into(), v.into()));
        self.spec.env.extend(env);
        self
    }

    /// Sets the directory; empty is `/`.
    #[must_use]
    pub fn cwd(mut self, cwd: &str) -> Self {
        cwd.clone_into(&mut self.spec.cwd);
        if cwd.is_empty() {
            "/".clone_into(&mut self.spec.cwd);
        }
        self
    }

    /// Sets the user.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.spec.user);
        self
    }

    /// Sets the name of the machine.
    #[must_use]
    pub fn hostname(mut self, hostname: &str) -> Self {
        hostname.clone_into(&mut self.spec.hostname);
        self
    }

    /// Adds lines to `/etc/hosts`: name, address.
    #[must_use]
    pub fn hosts(mut self, hosts: &[(String, String)]) -> Self {
        self.spec.hosts.extend_from_slice(hosts);
        self
    }

    /// Sets what it can reach.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.spec.network = network;
        self
    }

    /// Sets how far it is locked in.
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.spec.security = security;
        self
    }

    /// Adds a secret to the environment.
    #[must_use]
    pub fn secret_env(mut self, secret: SecretEnv) -> Self {
        self.spec.secret_env.push(secret);
        self
    }

    /// Adds a mount.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// No earlier result is used.
    ///
    /// The plain way is a flag outside the digest (`OpMetadata.ignore_cache`), and later builds find the new result.
    /// But that flag also empties all cache mounts of the command, for everybody. A command with cache mounts gets an
    /// optional secret instead that nobody has: the daemon leaves such a mount out, and its name, the nonce, makes the
    /// command one that never ran before. Later builds do not find that result.
    #[must_use]
    pub fn fresh(mut self, nonce: &Nonce) -> Self {
        self.fresh = Some(nonce.clone());
        self
    }

    /// Makes the vertex.
    pub fn build(mut self, platform: &Platform, label: Arc<Label>) -> Executed {
        let caches = |m: &Mount| matches!(m.kind, MountKind::Cache { .. });
        let ignore_cache = self.fresh.is_some() && !self.mounts.iter().any(caches);
        if let Some(nonce) = self.fresh.take().filter(|_| !ignore_cache) {
            self.mounts.push(fresh_mount(&nonce));
        }
        // The root stays first whatever else there is; equal destinations keep their order.
        self.mounts.sort_by(|a, b| a.dest.cmp(&b.dest));
        let mut inputs = Inputs::default();
        let mut outputs = 0;
        let mut mounts = Vec::with_capacity(self.mounts.len());
        for mount in self.mounts {
            let keeps = mount.kind == MountKind::Writable { keep: true };
            let output = keeps.then_some(outputs);
            outputs += u32::from(keeps);
            mounts.push(MountOp {
                input: inputs.index(&mount.from),
                output,
                selector: mount.selector,
                dest: mount.dest,
                kind: mount.kind,
            });
        }
        let exec = ExecOp {
            spec: self.spec,
            mounts,
        };
        let caps = caps(&exec);
        Executed {
            vertex: Vertex::new(
                Op::Exec(Box::new(exec)),
                inputs.0,
                Some(platform.clone()),
                caps,
                ignore_cache,
                label,
            ),
        }
    }
}

/// The mount of a secret that nobody has; see [`Exec::fresh`].
pub(super) fn fresh_mount(nonce: &Nonce) -> Mount {
    let access = Access {
        id: format!("bld-fresh-{}", nonce.as_str()),
        uid: 0,
        gid: 0,
        mode: 0o400,
        optional: true,
    };
    Mount::new("/run/secrets/bld-fresh", &None, MountKind::Secret(access))
}

/// Source: `solver/pb/caps.go`.
fn caps(exec: &ExecOp) -> BTreeSet<&'static str> {
    let mut caps = BTreeSet::from(["exec.meta.base", "exec.meta.setsdefaultpath"]);
    let spec = &exec.spec;
    if spec.network != Network::Default {
        caps.insert("exec.meta.network");
    }
    if spec.security != Security::Sandbox {
        caps.insert("exec.meta.security");
    }
    if !spec.secret_env.is_empty() {
        caps.insert("exec.secretenv");
    }
    for mount in &exec.mounts {
        if !mount.selector.is_empty() {
            caps.insert("exec.mount.selector");
        }
        match &mount.kind {
            MountKind::Writable { keep } => {
                caps.insert("exec.mount.bind");
                if !keep {
                    caps.insert("exec.mount.bind.readwrite-nooutput");
                }
            }
            MountKind::ReadOnly => {
                caps.insert("exec.mount.bind");
            }
            MountKind::Cache { .. } => {
                caps.extend(["exec.mount.cache", "exec.mount.cache.sharing"]);
            }
            MountKind::Tmpfs { size, .. } => {
                caps.insert("exec.mount.tmpfs");
                if size.is_some() {
                    caps.insert("exec.mount.tmpfs.size");
                }
            }
            MountKind::Secret(_) => {
                caps.insert("exec.mount.secret");
            }
            MountKind::Ssh(_) => {
                caps.insert("exec.mount.ssh");
            }
        }
    }
    caps
}

/// A command as a vertex, with its results.
#[derive(Debug, Clone)]
pub struct Executed {
    /// The vertex.
    pub vertex: Arc<Vertex>,
}

impl Executed {
    /// The file system after the command; with a read-only root, the one before it.
    pub fn root(&self) -> Edge {
        if let Some(edge) = self.output("/") {
            return edge;
        }
        let Op::Exec(exec) = self.vertex.op() else {
            unreachable!("made by Exec::build");
        };
        let input = exec.mounts.iter().find(|m| m.dest == "/");
        let input = input
            .and_then(|m| m.input)
            .expect("a read-only root is not scratch");
        self.vertex.inputs()[input].clone()
    }

    /// What the command left in the mount at `dest`, if that is kept.
    pub fn output(&self, dest: &str) -> State {
        let Op::Exec(exec) = self.vertex.op() else {
            return None;
        };
        let mount = exec.mounts.iter().find(|m| m.dest == dest)?;
        Some(Edge {
            vertex: Arc::clone(&self.vertex),
            output: mount.output?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llb::{image, tests_support::label};

    #[test]
    fn a_fresh_command_with_a_cache_mount_is_another_command_and_keeps_the_cache() {
        let platform = "linux/amd64".parse().unwrap();
        let base = Some(image(
            "docker.io/library/busybox:1.36",
            &platform,
            label("FROM"),
        ));
        let plain = || Exec::new(&base, ["true"]);
        let cache = || {
            let kind = MountKind::Cache {
                id: "c".to_owned(),
                sharing: CacheSharing::Shared,
                read_only: false,
            };
            plain().mount(Mount::new("/c", &None, kind))
        };
        let nonce = Nonce::fixed("n");
        let build = |exec: Exec| exec.build(&platform, label("RUN")).vertex;
        assert!(build(plain().fresh(&nonce)).ignore_cache());
        assert_eq!(build(plain().fresh(&nonce)).digest, build(plain()).digest);
        assert!(!build(cache().fresh(&nonce)).ignore_cache());
        assert_ne!(build(cache().fresh(&nonce)).digest, build(cache()).digest);
    }

    #[test]
    fn results_are_numbered_by_destination() {
        let platform = "linux/amd64".parse().unwrap();
        let run = Exec::new(&None, ["true"])
            .mount(Mount::scratch("/z"))
            .mount(Mount::read_only("/m", &None))
            .mount(Mount::scratch("/a"))
            .build(&platform, label("RUN"));
        let output = |dest| run.output(dest).map(|e| e.output);
        assert_eq!(
            (output("/"), output("/a"), output("/m"), output("/z")),
            (Some(0), Some(1), None, Some(2))
        );
    }
}
