//! A file system in memory, for the fake engine.

use std::{collections::BTreeMap, io, ops::ControlFlow, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    base::pattern::Patterns,
    engine::{
        FileStat,
        context::{self, ContextError},
    },
    llb::{Action, CopyFile, Local},
};

/// One thing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Dir,
    /// A file: content and permission bits.
    File(Vec<u8>, u32),
    /// A symbolic link.
    Link(String),
}

/// Everything in it, by paths without a leading slash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Node>);

fn clean(path: &str) -> String {
    let names = path.split('/').filter(|n| !matches!(*n, "" | "."));
    names.collect::<Vec<_>>().join("/")
}

impl Files {
    /// All files, with their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The content of a file.
    pub fn read(&self, path: &str) -> Option<&[u8]> {
        match self.0.get(&clean(path))? {
            Node::File(data, _) => Some(data),
            _ => None,
        }
    }

    pub(super) fn write(&mut self, path: &str, data: Vec<u8>, mode: u32) {
        let path = clean(path);
        self.parents(&path);
        self.0.insert(path, Node::File(data, mode));
    }

    fn parents(&mut self, path: &str) {
        for (end, _) in path.match_indices('/') {
            self.0.entry(path[..end].to_owned()).or_insert(Node::Dir);
        }
    }

    fn is_dir(&self, path: &str) -> bool {
        path.is_empty() || self.0.get(path) == Some(&Node::Dir)
    }

    pub(super) fn list(&self, path: &str) -> Option<Vec<FileStat>> {
        let path = clean(path);
        if !self.is_dir(&path) {
            return None;
        }
        let prefix = if path.is_empty() { path } else { path + "/" };
        let inside = self.0.iter().filter_map(|(path, node)| {
            let name = path.strip_prefix(&prefix)?;
            (!name.contains('/')).then_some((name, node))
        });
        let stat = |(name, node): (&str, &Node)| FileStat {
            name: name.to_owned(),
            is_dir: *node == Node::Dir,
            size: match node {
                Node::File(data, _) => data.len() as u64,
                _ => 0,
            },
            mode: match node {
                Node::File(_, mode) => *mode,
                Node::Dir => 0o755,
                Node::Link(_) => 0o777,
            },
            link: match node {
                Node::Link(target) => Some(target.clone()),
                _ => None,
            },
        };
        Some(inside.map(stat).collect())
    }

    pub(super) fn put_all(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn without(mut self, other: &Self) -> Self {
        self.0.retain(|path, node| other.0.get(path) != Some(node));
        self
    }

    pub(super) fn of_host(local: &Local) -> Result<Self, ContextError> {
        let mut files = Self::default();
        let mut error = None;
        context::walk(local, &mut |entry| {
            let node = if entry.metadata.is_dir() {
                Node::Dir
            } else if let Some(target) = entry.link {
                Node::Link(target)
            } else {
                let path = local.dir.join(&entry.path);
                match std::fs::read(&path) {
                    Ok(data) => Node::File(data, entry.metadata.permissions().mode() & 0o755),
                    Err(cause) => {
                        error = Some(ContextError::Io { path, error: cause });
                        return ControlFlow::Break(());
                    }
                }
            };
            files.0.insert(entry.path, node);
            ControlFlow::Continue(())
        })?;
        error.map_or(Ok(files), Err)
    }

    pub(super) fn save(&self, dest: &Path) -> io::Result<()> {
        for (path, node) in &self.0 {
            let path = dest.join(path);
            match node {
                Node::Dir => std::fs::create_dir(&path)?,
                Node::Link(target) => std::os::unix::fs::symlink(target, &path)?,
                Node::File(data, mode) => {
                    std::fs::write(&path, data)?;
                    std::fs::set_permissions(&path, PermissionsExt::from_mode(*mode))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn apply(
        &mut self,
        action: &Action,
        input: impl Fn(Option<usize>) -> Self,
    ) -> Result<(), String> {
        match action {
            Action::MakeDir { path, spec } => {
                let path = clean(path);
                if self.0.contains_key(&path) && !spec.parents {
                    return Err(format!("mkdir {path}: file exists"));
                }
                self.parents(&path);
                if !path.is_empty() {
                    self.0.insert(path, Node::Dir);
                }
            }
            Action::MakeFile { path, spec } => self.write(path, spec.data.clone(), spec.mode),
            Action::Remove { path, spec } => {
                let gone = self.find(path, spec.wildcard);
                if gone.is_empty() && !spec.allow_missing {
                    return Err(format!("rm {path}: no such file or directory"));
                }
                for path in gone {
                    let below = path.clone() + "/";
                    self.0.retain(|p, _| *p != path && !p.starts_with(&below));
                }
            }
            Action::Copy {
                from,
                src,
                dest,
                spec,
            } => self.copy(&input(*from), src, dest, spec)?,
        }
        Ok(())
    }

    fn find(&self, path: &str, wildcard: bool) -> Vec<String> {
        let wanted = clean(path);
        if !wildcard || wanted.is_empty() {
            let there = wanted.is_empty() || self.0.contains_key(&wanted);
            return there.then_some(wanted).into_iter().collect();
        }
        let depth = wanted.matches('/').count();
        let patterns = Patterns::parse(&[&wanted]).unwrap_or_default();
        let hit = |p: &&String| p.matches('/').count() == depth && patterns.matches(p);
        self.0.keys().filter(hit).cloned().collect()
    }

    fn copy(&mut self, from: &Self, src: &str, dest: &str, spec: &CopyFile) -> Result<(), String> {
        let found = from.find(src, spec.wildcard);
        if found.is_empty() && !(spec.wildcard && spec.allow_missing) {
            return Err(format!("lstat {src}: no such file or directory"));
        }
        for path in found {
            let name = path.rsplit('/').next().unwrap_or_default();
            let into = (dest.ends_with('/') || self.is_dir(&clean(dest)))
                && !(from.is_dir(&path) && spec.contents);
            let target = if into {
                clean(&format!("{dest}/{name}"))
            } else {
                clean(dest)
            };
            let parent = target.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !spec.make_dest && !self.is_dir(parent) {
                return Err(format!("lstat {parent}: no such file or directory"));
            }
            self.parents(&target);
            if from.is_dir(&path) && !target.is_empty() {
                self.0.insert(target.clone(), Node::Dir);
            }
            for (inner, node) in &from.0 {
                let rest = match inner.strip_prefix(&path) {
                    Some(rest) if path.is_empty() || rest.is_empty() || rest.starts_with('/') => {
                        rest
                    }
                    _ => continue,
                };
                let node = match (node, spec.mode) {
                    (Node::File(data, _), Some(mode)) => Node::File(data.clone(), mode),
                    (node, _) => node.clone(),
                };
                self.0.insert(clean(&format!("{target}/{rest}")), node);
            }
        }
        Ok(())
    }
}
