//! `ADD`: a `COPY` that unpacks archives and fetches files from addresses. Only with `VERSION --extended`.

use super::copy::{self, Options, Source, item};
use crate::{
    graph::plan::{CopyItem, Download, StepOp},
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
    /// Files or artifacts.
    Files,
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
            Some(text) => kind(text).map_err(|e| e.at(&place))?,
            None => Kind::Files,
        };
        let Kind::Address(url) = kind else {
            if checksum.is_some() {
                return Err(error::checksum_of_files(&source.word.text).at(&place));
            }
            others.push(source);
            continue;
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

fn kind(text: &str) -> Result<Kind> {
    let path = text.split(['#', '?']).next().unwrap_or(text);
    let web = text.starts_with("http://") || text.starts_with("https://");
    let git = ["git@", "git://", "ssh://"]
        .iter()
        .any(|start| text.starts_with(start));
    if git || web && path.ends_with(".git") {
        return Err(error::add_repository(text));
    }
    Ok(if web {
        Kind::Address(text.replace("\\+", "+"))
    } else {
        Kind::Files
    })
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
