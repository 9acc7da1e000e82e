//! `ADD`: a `COPY` that unpacks archives, and fetches files and repositories from addresses. Only with `VERSION --extended`.

use std::path::PathBuf;

use super::copy::{self, Options, Source, item};
use crate::{
    graph::{
        plan::{Context, CopyItem, Download, StepId, StepOp},
        reference::clean,
    },
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
    },
    syntax::ast::Command,
};

/// Where something comes from.
enum Kind {
    /// `http://…`, `https://…`
    Address(String),
    /// The files of a commit.
    Repository(Repository),
    /// Files or artifacts.
    Files,
}

/// `https://example.com/repository.git#name:directory`.
#[derive(Debug, PartialEq, Eq)]
struct Repository {
    url: String,
    /// A branch, a tag or a commit; empty for what the repository has by default.
    name: String,
    /// Empty for all of it.
    dir: String,
}

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    copy::run(exec, command).await
}

/// Takes the sources that are addresses out of the list, and makes items of them.
pub(super) async fn downloads(
    exec: &mut Exec,
    command: &Command,
    sources: &mut Vec<Source>,
    dest: &str,
    options: &Options,
) -> Result<Vec<CopyItem>> {
    let checksum = match command.flag("checksum").and_then(|f| f.value.as_ref()) {
        Some(word) => {
            let text = exec.expand_text(word, How::default()).await?;
            let place = exec.place(word);
            if !is_checksum(&text) {
                return Err(error::bad_checksum(&text).at(&place));
            }
            Some(text)
        }
        None => None,
    };
    let mut items = Vec::new();
    let mut others = Vec::new();
    for source in std::mem::take(sources) {
        let place = exec.place(&source.word);
        let kind = match source.value.known() {
            Some(text) => kind(text),
            None => Kind::Files,
        };
        if checksum.is_some() && !matches!(kind, Kind::Address(_)) {
            return Err(error::checksum_of_files(&source.word.text).at(&place));
        }
        let url = match kind {
            Kind::Address(url) => url,
            Kind::Repository(repository) => {
                let keep_git = command.is_on("keep-git-dir");
                let from = files_of(exec, &repository, keep_git).await;
                let from = from.map_err(|e| e.at(&place))?;
                let into = format!("{}/", dest.trim_end_matches('/'));
                items.push(CopyItem {
                    unpack: false,
                    ..item(from, "/", &into, options)
                });
                continue;
            }
            Kind::Files => {
                others.push(source);
                continue;
            }
        };
        let name = match name_of(&url) {
            Some(name) => name,
            None if dest.ends_with('/') => return Err(error::nameless_address(&url).at(&place)),
            None => "download".to_owned(),
        };
        let path = format!("/{name}");
        let from = exec.push(StepOp::Download(Download {
            url,
            name,
            checksum: checksum.clone(),
        }));
        items.push(CopyItem {
            unpack: false,
            wildcard: false,
            ..item(from, &path, dest, options)
        });
    }
    *sources = others;
    Ok(items)
}

/// The step with the files of a repository.
async fn files_of(exec: &Exec, repository: &Repository, keep_git: bool) -> Result<StepId> {
    let remotes = exec.session.request.remotes.clone();
    let remotes = remotes.ok_or_else(error::no_cache_directory)?;
    let checkout = remotes.url(&repository.url, &repository.name).await;
    let checkout = checkout.map_err(|e| error::remote(&e))?;
    let wanted = clean(&format!("/{}", repository.dir));
    let dir = checkout.dir.join(wanted.trim_start_matches('/'));
    // A link in a repository may lead anywhere.
    let inside = |dir: &PathBuf| dir.is_dir() && dir.starts_with(&checkout.dir);
    let dir = dir.canonicalize().ok().filter(inside);
    let missing = || error::no_directory_in_repository(&repository.dir, &checkout.url);
    let context = Context {
        dir: dir.ok_or_else(missing)?,
        include: Vec::new(),
        exclude: if keep_git {
            Vec::new()
        } else {
            vec![".git".to_owned()]
        },
        round: 0,
        after: None,
    };
    let text = format!("{} at {}", checkout.url, checkout.commit);
    Ok(exec.push_named(StepOp::Context(context), text))
}

fn kind(text: &str) -> Kind {
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    let web = text.starts_with("http://") || text.starts_with("https://");
    let git = ["git@", "git://", "ssh://"]
        .iter()
        .any(|start| text.starts_with(start));
    if git || web && address.ends_with(".git") {
        let (name, dir) = fragment.split_once(':').unwrap_or((fragment, ""));
        return Kind::Repository(Repository {
            url: address.replace("\\+", "+"),
            name: name.to_owned(),
            dir: dir.to_owned(),
        });
    }
    if web {
        Kind::Address(text.replace("\\+", "+"))
    } else {
        Kind::Files
    }
}

/// The last part of the path of an address, as far as it can name a file.
fn name_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let path = rest.split(['#', '?']).next()?;
    let (_, path) = path.split_once('/')?;
    let name = path.rsplit('/').next()?;
    (!matches!(name, "" | "." | "..")).then(|| name.to_owned())
}

fn is_checksum(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:");
    digits
        .is_some_and(|d| d.len() == 64 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_is_asked_for_stands_behind_the_address() {
        let read = |text: &str| match kind(text) {
            Kind::Repository(r) => [r.url, r.name, r.dir].join(" "),
            Kind::Address(_) => "an address".to_owned(),
            Kind::Files => "files".to_owned(),
        };
        for (text, expected) in [
            ("https://a.b/c.git", "https://a.b/c.git  "),
            ("https://a.b/c.git#v1", "https://a.b/c.git v1 "),
            ("https://a.b/c.git#v1:x/y", "https://a.b/c.git v1 x/y"),
            ("git@a.b:c/d.git#:x", "git@a.b:c/d.git  x"),
            ("ssh://git@a.b/c", "ssh://git@a.b/c  "),
            ("https://a.b/c.git/d", "an address"),
            ("https://a.b/c#x.git", "an address"),
            ("c.git", "files"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_name_of_a_download_is_the_last_part_of_its_path() {
        assert_eq!(
            name_of("https://a.b/c/d.tar.gz?x=/y#z").as_deref(),
            Some("d.tar.gz")
        );
        for url in [
            "https://a.b",
            "https://a.b/",
            "https://a.b/c/",
            "https://a.b/..",
        ] {
            assert_eq!(name_of(url), None, "{url}");
        }
    }
}
