//! `COPY` of artifacts, and what both forms of `COPY` share (language specification, 4.3).

use super::{add, copy_files, copy_host, copy_select, documents};
use crate::{
    diag::Diagnostic,
    graph::{
        ArtifactRef,
        ledger::LinkKind,
        plan::{CopyFiles, CopyItem, StepOp},
        reference::RefError,
    },
    interp::{
        args::{in_parens, last_wins},
        error::{self, Result},
        exec::Exec,
        expand::{How, REFERENCE},
        host,
        state::Current,
        value::Value,
    },
    syntax::{
        ast::{Command, Keyword, Word},
        dialect::Feature,
    },
};

/// The flags of a `COPY`, read.
pub(crate) struct Options {
    /// `--dir`.
    pub dir: bool,
    /// `--if-exists`.
    pub if_exists: bool,
    /// Not `--symlink-no-follow`.
    pub follow: bool,
    /// `--exclude`, in order.
    pub exclude: Vec<String>,
    /// `--parents`.
    pub parents: bool,
    /// Archives are unpacked: `ADD`.
    pub unpack: bool,
    /// `--chown`, or who is in force.
    owner: Option<String>,
    /// `--chmod`.
    pub mode: Option<u32>,
    /// `--keep-ts`.
    pub keep_times: bool,
    current: Current,
}

/// One source after expansion.
pub(crate) struct Source {
    /// The word it comes from, for positions.
    pub word: Word,
    /// Its value.
    pub value: Value,
    /// Arguments in parentheses behind the reference.
    pub args: Vec<Word>,
}

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let Some((dest_word, source_words)) = command.args.split_last() else {
        return Err(error::arguments(Keyword::Copy, "<src>… <dst>"));
    };
    if source_words.is_empty() {
        return Err(error::arguments(Keyword::Copy, "<src>… <dst>"));
    }
    if command.flag("from").is_some() {
        return Err(error::not_yet("COPY --from; use artifacts: it")
            .hint("save the files with SAVE ARTIFACT and write `COPY +target/path`"));
    }
    let fs = exec.fs("COPY")?;
    if exec.state.locally.is_some() {
        copy_host::refuse(exec, command)?;
    }
    let options = options(exec, command).await?;
    if let Some(owner) = &options.owner {
        exec.check_owner(owner, fs)?;
    }
    let mut sources = Vec::new();
    let mut documents = Vec::new();
    for word in source_words {
        match command.document(word) {
            Some(document) => documents.push(document),
            None => sources.push(source(exec, word).await?),
        }
    }
    let dest_written = exec.expand_text(dest_word, How::default()).await?;
    let dest = destination(
        exec,
        &dest_written,
        source_words.len() > 1 || options.parents,
    );
    if exec.state.locally.is_some() {
        return copy_host::run(exec, command, sources, &dest, &dest_written, &options).await;
    }
    let mut items = Vec::new();
    for document in documents {
        let (from, path) = documents::source(exec, document).await?;
        items.push(CopyItem {
            wildcard: false,
            unpack: false,
            exclude: Vec::new(),
            ..item(from, &path, &dest, &options)
        });
    }
    if command.keyword == Keyword::Add {
        items.extend(add::downloads(exec, command, &mut sources, &dest, &options).await?);
    }
    let artifacts = sources.iter().filter(|s| is_artifact(s)).count();
    if artifacts > 0 && artifacts < sources.len() {
        return Err(error::copy_mixed());
    }
    if artifacts > 0 {
        let exclude = copy_select::of_artifacts(&options.exclude)?;
        for source in sources {
            let copied = artifact(exec, command, source, &dest, &options).await?;
            items.extend(copied.into_iter().map(|item| CopyItem {
                exclude: exclude.clone(),
                ..item
            }));
        }
    } else if !sources.is_empty() {
        if sources.iter().any(|s| !s.args.is_empty()) || command.flag("build-arg").is_some() {
            return Err(error::copy_args());
        }
        items.extend(copy_files::items(exec, sources, &dest, &options)?);
    }
    if items.is_empty() {
        return Ok(());
    }
    let on = exec.fs("COPY")?;
    exec.state.fs = Some(exec.push(StepOp::Copy(Box::new(CopyFiles {
        on,
        items,
        owner: options.owner,
        mode: options.mode,
        keep_times: options.keep_times,
    }))));
    Ok(())
}

async fn options(exec: &mut Exec, command: &Command) -> Result<Options> {
    let has = |name| command.is_on(name);
    let mut texts = Vec::new();
    for name in ["chown", "chmod"] {
        texts.push(match command.flag(name).and_then(|f| f.value.as_ref()) {
            Some(word) => Some(exec.expand_text(word, How::default()).await?),
            None => None,
        });
    }
    let chmod = texts.pop().flatten().filter(|t| !t.is_empty());
    let chown = texts.pop().flatten().filter(|t| !t.is_empty());
    if let Some(owner) = &chown
        && (owner.split(':').any(str::is_empty) || owner.split(':').count() > 2)
    {
        return Err(error::bad_owner(owner));
    }
    let mode = match chmod {
        Some(text) => {
            let mode = u32::from_str_radix(&text, 8);
            Some(
                mode.ok()
                    .filter(|m| *m <= 0o7777)
                    .ok_or_else(|| error::bad_mode(&text))?,
            )
        }
        None => None,
    };
    let mut exclude = Vec::new();
    for flag in command.flags_named("exclude") {
        if let Some(word) = &flag.value {
            exclude.push(exec.expand_text(word, How::default()).await?);
        }
    }
    let owner = match chown {
        Some(owner) => Some(owner),
        None if has("keep-own") => None,
        None if exec.state.user.is_empty() => Some("root:root".to_owned()),
        None => Some(exec.state.user.clone()),
    };
    Ok(Options {
        dir: has("dir"),
        if_exists: has("if-exists"),
        follow: !has("symlink-no-follow"),
        exclude,
        parents: has("parents"),
        unpack: command.keyword == Keyword::Add,
        owner,
        mode,
        keep_times: has("keep-ts"),
        current: exec.platform_flag(command).await?,
    })
}

async fn source(exec: &mut Exec, word: &Word) -> Result<Source> {
    let place = exec.place(word);
    let (reference, args) = match in_parens(word) {
        Some(parts) => {
            let mut parts = parts.map_err(|e| e.at(&place))?;
            let reference = parts.remove(0);
            (reference, parts)
        }
        None => (word.clone(), Vec::new()),
    };
    Ok(Source {
        value: exec.expand(&reference, REFERENCE).await?,
        word: word.clone(),
        args,
    })
}

pub(super) fn is_artifact(source: &Source) -> bool {
    let Some(text) = source.value.known() else {
        // What nobody knows is most likely what it looks like.
        return source.word.text.contains('+');
    };
    match ArtifactRef::parse(text) {
        Ok(_) | Err(RefError::NoPath) => true,
        Err(_) => !source.args.is_empty() && text.contains('+'),
    }
}

/// Where to: absolute, with a trailing slash if things go into it.
fn destination(exec: &Exec, text: &str, several: bool) -> String {
    if text.starts_with('~') {
        exec.warn(
            Diagnostic::warning(
                "copy-tilde",
                format!("`~` in the destination `{text}` is a file name and not a home directory"),
            )
            .hint("write the directory out, or use `$HOME`"),
        );
    }
    let mut dest = exec.state.path(text);
    let into = several || matches!(text, "" | ".") || text.ends_with('/') || text.ends_with("/.");
    if into && !dest.ends_with('/') {
        dest.push('/');
    }
    dest
}

/// Interprets the target, or all targets of a pattern, and copies out of the artifacts.
pub(super) async fn artifact(
    exec: &mut Exec,
    command: &Command,
    source: Source,
    dest: &str,
    options: &Options,
) -> Result<Vec<CopyItem>> {
    let place = exec.place(&source.word);
    let Some(text) = source.value.known() else {
        let from = exec.push(StepOp::Undecided {
            by: source.value.decided_by(),
            why: format!("what `{}` names is not known before", source.word.text),
        });
        return Ok(vec![item(from, "/", dest, options)]);
    };
    let artifact = match ArtifactRef::parse(text) {
        Ok(artifact) => artifact,
        Err(RefError::NoPath) => return Err(error::artifact_path_missing(text).at(&place)),
        Err(why) => return Err(error::bad_reference("artifact", text, &why).at(&place)),
    };
    exec.note_allow_privileged(command, &artifact.target.place);
    let args = last_wins(exec.build_args(command, &source.args).await?);
    let targets = exec.matching(&artifact.target, Feature::WildcardCopy);
    let mut started = Vec::new();
    for target in targets.map_err(|e| e.at(&place))? {
        let current = options.current.clone();
        let start = exec.start_of(command, &target, args.clone(), current, false);
        let start = start.await.map_err(|e| e.at(&place))?;
        started.push((target, exec.reach(start, LinkKind::Copy)?));
    }
    let path = crate::interp::state::absolute("/", &artifact.path);
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() { "/" } else { path };
    let (dest, directory) = match path.rsplit_once('/').filter(|_| options.parents) {
        Some((parents, _)) if host::is_pattern(parents) => {
            return Err(error::parents_of_pattern(text).at(&place));
        }
        Some((parents, name)) if !name.is_empty() => {
            let dest = format!("{}{parents}/", dest.trim_end_matches('/'));
            (dest, true)
        }
        _ => (dest.to_owned(), false),
    };
    let mut items = Vec::new();
    for (target, reached) in started {
        let Some((entry, edge)) = reached else {
            let by = exec.undecided_by;
            let why = format!("whether `{text}` is needed again is decided by a condition");
            let from = exec.push(StepOp::Undecided { by, why });
            items.push(item(from, &artifact.path, &dest, options));
            continue;
        };
        let finished = exec.finished(&entry, edge).await?;
        match finished.state.artifacts {
            Some(from) => {
                let item = item(from, path, &dest, options);
                let contents = item.contents && !directory;
                items.push(CopyItem { contents, ..item });
            }
            None if options.if_exists => {}
            None => {
                let target = target.to_string();
                let artifact = format!("{target}{}", artifact.path);
                return Err(error::artifact_not_found(&artifact, &target).at(&place));
            }
        }
    }
    Ok(items)
}

/// One source of the copy. The contents of a directory are meant unless `--dir` is given; a file is copied either way.
pub(crate) fn item(
    from: crate::graph::StepId,
    source: &str,
    dest: &str,
    options: &Options,
) -> CopyItem {
    CopyItem {
        from,
        source: source.to_owned(),
        dest: dest.to_owned(),
        contents: !options.dir,
        wildcard: host::is_pattern(source),
        if_exists: options.if_exists,
        follow: options.follow,
        unpack: options.unpack,
        exclude: Vec::new(),
    }
}
