//! The values of builtin arguments (language specification, 7.1) and the canonical form of references (3.4).

use std::sync::Arc;

use super::{exec::Exec, project::Loaded, value::Value};
use crate::{
    base::{Digest, Platform},
    git::{Metadata, repository},
    graph::reference::clean,
    syntax::{builtins::is_provided, dialect::Feature},
};

/// What `EARTHLY_VERSION` says: the version of the reference whose language this is.
pub const COMPATIBLE_VERSION: &str = "v0.8.16";

impl Exec {
    /// The value of a builtin argument here and now; none if the name is none in this version of the language.
    pub async fn builtin(&self, name: &str) -> Option<Value> {
        let in_buildfile = self.frame().file.reserves_bld_names();
        if !is_provided(name, self.features(), in_buildfile) {
            return None;
        }
        let name = name.strip_prefix("BLD_").map_or_else(
            || name.to_owned(),
            // Only these two differ between the two spellings.
            |rest| match rest {
                "VERSION" | "BUILD_SHA" => name.to_owned(),
                rest => format!("EARTHLY_{rest}"),
            },
        );
        Some(Value::from(match self.without_git(&name) {
            Some(value) => value,
            None => {
                let git = self.session.git_of(&self.home).await;
                self.with_git(&name, &git)
            }
        }))
    }

    fn without_git(&self, name: &str) -> Option<String> {
        let request = &self.session.request;
        let current = &self.state.current.platform;
        Some(match name {
            "EARTHLY_TARGET_NAME" => self.target.clone(),
            "EARTHLY_PUSH" => (request.push && self.chain).to_string(),
            "EARTHLY_CI" => request.ci.to_string(),
            "EARTHLY_LOCALLY" => self.state.locally.is_some().to_string(),
            "EARTHLY_CI_RUNNER" => false.to_string(),
            "EARTHLY_VERSION" => COMPATIBLE_VERSION.to_owned(),
            "BLD_VERSION" => format!("v{}", env!("CARGO_PKG_VERSION")),
            "EARTHLY_BUILD_SHA" | "BLD_BUILD_SHA" => request.build_sha.clone(),
            _ => {
                let (of, part) = [
                    ("TARGET", current),
                    ("USER", &request.user),
                    ("NATIVE", &request.native),
                ]
                .into_iter()
                .find_map(|(prefix, platform)| Some((platform, name.strip_prefix(prefix)?)))?;
                platform_part(of, part)
            }
        })
    }

    fn with_git(&self, name: &str, git: &Metadata) -> String {
        let request = &self.session.request;
        let branch = || match &request.git_branch {
            Some(branch) => branch.clone(),
            None if git.detached => "HEAD".to_owned(),
            None => git.branch.clone(),
        };
        let canonical = Canonical::of(&self.home, git);
        let tag = || match &request.git_branch {
            Some(branch) => branch.clone(),
            None => canonical.tag.clone(),
        };
        match name {
            "EARTHLY_TARGET" => canonical.target(&self.target),
            "EARTHLY_TARGET_PROJECT" => canonical.project(true),
            "EARTHLY_TARGET_PROJECT_NO_TAG" => canonical.project(false),
            "EARTHLY_TARGET_TAG" => tag(),
            "EARTHLY_TARGET_TAG_DOCKER" => docker_tag(&tag()),
            "EARTHLY_GIT_HASH" => git.hash.clone(),
            "EARTHLY_GIT_SHORT_HASH" => git.short_hash.clone(),
            "EARTHLY_GIT_BRANCH" => branch(),
            "EARTHLY_GIT_TAG" => git.tag.clone(),
            "EARTHLY_GIT_ORIGIN_URL" => git.origin.clone(),
            "EARTHLY_GIT_ORIGIN_URL_SCRUBBED" => git.masked_origin.clone(),
            "EARTHLY_GIT_PROJECT_NAME" => {
                let full = repository(&git.origin);
                full.split_once('/')
                    .map_or(full.clone(), |(_, path)| path.to_owned())
            }
            "EARTHLY_GIT_COMMIT_TIMESTAMP" => git.committer_time.clone(),
            "EARTHLY_GIT_COMMIT_AUTHOR_TIMESTAMP" => git.author_time.clone(),
            "EARTHLY_GIT_AUTHOR" => {
                let both = !git.author_name.is_empty() && !git.author_email.is_empty();
                if both && self.has(Feature::GitAuthorEmailNameArgs) {
                    format!("{} <{}>", git.author_name, git.author_email)
                } else {
                    git.author_email.clone()
                }
            }
            "EARTHLY_GIT_AUTHOR_EMAIL" => git.author_email.clone(),
            "EARTHLY_GIT_AUTHOR_NAME" => git.author_name.clone(),
            "EARTHLY_GIT_CO_AUTHORS" => git.co_authors.join(" "),
            "EARTHLY_GIT_REFS" => git.refs.join(" "),
            "EARTHLY_SOURCE_DATE_EPOCH" if git.committer_time.is_empty() => "0".to_owned(),
            "EARTHLY_SOURCE_DATE_EPOCH" => git.committer_time.clone(),
            _ => String::new(),
        }
    }
}

impl Exec {
    /// The name of a cache on the engine: the one that was given, or one that only this target uses for this path.
    pub async fn cache_id(&self, id: Option<&str>, path: &str) -> String {
        if let Some(id) = id.filter(|_| self.has(Feature::GlobalCache)) {
            return id.to_owned();
        }
        let git = self.session.git_of(&self.home).await;
        let mut canonical = Canonical::of(&self.home, &git);
        // Without a repository the place is relative to wherever bld is called, and would mean two projects' caches.
        if canonical.tag.is_empty() {
            canonical.place = self.home.dir.display().to_string();
        }
        let owner = format!("{}+{}", canonical.project(false), self.target);
        let digest = Digest::of(owner.as_bytes());
        format!(
            "/run/cache/{}/{}",
            digest.hex(),
            clean(path).trim_start_matches('/')
        )
    }
}

fn platform_part(platform: &Platform, part: &str) -> String {
    match part {
        "PLATFORM" => platform.to_string(),
        "OS" => platform.os.clone(),
        "ARCH" => platform.arch.clone(),
        "VARIANT" => platform.variant.clone(),
        _ => String::new(),
    }
}

/// A directory by the repository that it belongs to, so that it is called the same on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Canonical {
    /// `github.com/owner/repo/sub/dir`; without a repository as messages show it.
    place: String,
    /// Tag, branch or commit; empty without a repository.
    tag: String,
}

impl Canonical {
    fn of(file: &Arc<Loaded>, git: &Metadata) -> Self {
        if let Some(repository) = &file.repository {
            return Self {
                place: repository.place(&file.dir).replace('+', "\\+"),
                tag: repository.checkout.name().replace('+', "\\+"),
            };
        }
        let (Some(root), false) = (&git.root, git.origin.is_empty()) else {
            return Self {
                place: file.shown.clone(),
                tag: String::new(),
            };
        };
        let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.clone());
        let mut place = repository(&git.origin);
        if let Ok(below) = file.dir.strip_prefix(&root)
            && !below.as_os_str().is_empty()
        {
            place.push_str(&format!("/{}", below.display()));
        }
        let tag = [&git.tag, &git.branch, &git.hash];
        let tag = tag.into_iter().find(|t| !t.is_empty());
        Self {
            place,
            tag: tag.cloned().unwrap_or_default(),
        }
    }

    fn project(&self, tag: bool) -> String {
        if tag && !self.tag.is_empty() {
            format!("{}:{}", self.place, self.tag)
        } else {
            self.place.clone()
        }
    }

    fn target(&self, name: &str) -> String {
        format!("{}+{name}", self.project(true))
    }
}

/// A text as a tag of an image: invalid characters replaced, `latest` for nothing.
fn docker_tag(text: &str) -> String {
    let mut tag: String = text
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' | '-' => c,
            _ => '_',
        })
        .take(128)
        .collect();
    if tag.starts_with(['.', '-']) {
        tag.replace_range(..1, "_");
    }
    if tag.is_empty() {
        tag.push_str("latest");
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_becomes_a_tag_that_registries_take() {
        assert_eq!(docker_tag("feature/x#1"), "feature_x_1");
        assert_eq!(
            (docker_tag(""), docker_tag("-a")),
            ("latest".into(), "_a".into())
        );
    }
}
