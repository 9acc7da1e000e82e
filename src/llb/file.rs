//! Operations on files without a command: copies, directories, files, removal, in a chain.

use std::{collections::BTreeSet, str::FromStr, sync::Arc};

use super::vertex::{Edge, Inputs, Op, State, Vertex};
use crate::events::Label;

/// A user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// By number.
    Id(u32),
    /// By name, looked up in the file system that is changed, as it is before; in scratch there are no names.
    Name(String),
}

/// To whom something belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: Option<Principal>,
    /// The group; without it the user's.
    pub group: Option<Principal>,
}

impl FromStr for Owner {
    type Err = String;

    /// Reads `user[:group]`, each a number or a name.
    fn from_str(text: &str) -> Result<Self, String> {
        let principal = |part: &str| {
            if part.is_empty() {
                return Err(format!(
                    "`{text}` is not an owner: expected `user` or `user:group`"
                ));
            }
            Ok(match part.parse() {
                Ok(id) => Principal::Id(id),
                Err(_) => Principal::Name(part.to_owned()),
            })
        };
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(principal(group)?)),
            None => (text, None),
        };
        Ok(Self {
            user: Some(principal(user)?),
            group,
        })
    }
}

/// How a directory is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeDir {
    /// Permission bits.
    pub mode: u32,
    /// With its parents, and it may be there already.
    pub parents: bool,
    /// Of everything that is made; none is root.
    pub owner: Option<Owner>,
    /// Seconds since 1970; none is now.
    pub time: Option<i64>,
}

impl MakeDir {
    /// Only permission bits.
    pub fn mode(mode: u32) -> Self {
        Self {
            mode,
            parents: false,
            owner: None,
            time: None,
        }
    }
}

/// How a file is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeFile {
    /// Its content.
    pub data: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// None is root.
    pub owner: Option<Owner>,
    /// Seconds since 1970; none is now.
    pub time: Option<i64>,
}

/// How something is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remove {
    /// Nothing there is no error.
    pub allow_missing: bool,
    /// The path is a pattern.
    pub wildcard: bool,
}

/// How something is copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyFile {
    /// Of every copy; none keeps the source's.
    pub owner: Option<Owner>,
    /// Permission bits of every copy; none keeps the source's.
    pub mode: Option<u32>,
    /// A source that is a symbolic link is followed.
    pub follow: bool,
    /// A directory's contents are copied instead of the directory.
    pub contents: bool,
    /// Missing directories of the destination are made.
    pub make_dest: bool,
    /// The source is a pattern of `*`, `?` and `[…]`.
    pub wildcard: bool,
    /// A pattern that matches nothing is no error. Counts only with `wildcard`.
    pub allow_missing: bool,
    /// Seconds since 1970; none keeps the source's.
    pub time: Option<i64>,
    /// A source that is an archive, packed or not, is unpacked.
    pub unpack: bool,
    /// Only what matches; not known to Docker 20.10.
    pub include: Vec<String>,
    /// Not what matches; not known to Docker 20.10.
    pub exclude: Vec<String>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A directory.
    MakeDir {
        /// Absolute.
        path: String,
        /// How.
        spec: MakeDir,
    },
    /// A file.
    MakeFile {
        /// Absolute.
        path: String,
        /// How.
        spec: MakeFile,
    },
    /// Something goes.
    Remove {
        /// Absolute.
        path: String,
        /// How.
        spec: Remove,
    },
    /// A copy.
    Copy {
        /// Index of the input; none is scratch.
        from: Option<usize>,
        /// Absolute.
        src: String,
        /// Absolute; a slash at the end means: into this directory.
        dest: String,
        /// How.
        spec: Box<CopyFile>,
    },
}

/// A chain of operations in a vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOps {
    /// Index of the input that is changed; none is scratch.
    pub base: Option<usize>,
    /// In order.
    pub actions: Vec<Action>,
}

/// A chain of operations, to be made into a vertex.
#[derive(Default)]
pub struct FileOp {
    base: Option<usize>,
    inputs: Inputs,
    actions: Vec<Action>,
}

impl FileOp {
    /// Changes a file system.
    pub fn on(base: &State) -> Self {
        let mut inputs = Inputs::default();
        Self {
            base: inputs.index(base),
            inputs,
            actions: Vec::new(),
        }
    }

    /// Makes a directory.
    #[must_use]
    pub fn mkdir(mut self, path: &str, spec: MakeDir) -> Self {
        let path = path.to_owned();
        self.actions.push(Action::MakeDir { path, spec });
        self
    }

    /// Makes a file.
    #[must_use]
    pub fn mkfile(mut self, path: &str, spec: MakeFile) -> Self {
        let path = path.to_owned();
        self.actions.push(Action::MakeFile { path, spec });
        self
    }

    /// Removes something.
    #[must_use]
    pub fn rm(mut self, path: &str, spec: Remove) -> Self {
        let path = path.to_owned();
        self.actions.push(Action::Remove { path, spec });
        self
    }

    /// Copies something.
    #[must_use]
    pub fn copy(mut self, from: &State, src: &str, dest: &str, spec: CopyFile) -> Self {
        self.actions.push(Action::Copy {
            from: self.inputs.index(from),
            src: src.to_owned(),
            dest: dest.to_owned(),
            spec: Box::new(spec),
        });
        self
    }

    /// Whether nothing is to be done; such a chain makes no vertex.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Makes the vertex, which is the same on every platform. The chain must not be empty.
    pub fn build(self, label: Arc<Label>) -> Edge {
        debug_assert!(!self.is_empty(), "a file operation without actions is none");
        let mut caps = BTreeSet::from(["file.base"]);
        for action in &self.actions {
            match action {
                Action::Copy { spec, .. }
                    if !(spec.include.is_empty() && spec.exclude.is_empty()) =>
                {
                    caps.insert("file.copy.includeexcludepatterns");
                }
                Action::Remove { spec, .. } if spec.wildcard => {
                    caps.insert("file.rm.wildcard");
                }
                _ => {}
            }
        }
        let ops = FileOps {
            base: self.base,
            actions: self.actions,
        };
        Edge {
            vertex: Vertex::new(Op::File(ops), self.inputs.0, None, caps, false, label),
            output: 0,
        }
    }
}
