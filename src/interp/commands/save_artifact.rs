//! `SAVE ARTIFACT` (language specification, 4.4).
//!
//! The artifacts of a target are a file system of their own, apart from the image. What goes to the host is copied into
//! one more, with nothing else in it.

use std::path::{Component, Path, PathBuf};

use crate::{
    graph::{
        StepId,
        ledger::{ArtifactOutput, OutputKind},
        plan::{CopyFiles, CopyItem, StepOp},
        reference::clean,
    },
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
        host,
        state::absolute,
        value::UNDECIDED,
    },
    syntax::{
        ast::{Command, Keyword, Word},
        dialect::Feature,
    },
};

/// The words of the command.
pub(crate) struct Words<'a> {
    /// What is saved.
    pub src: &'a Word,
    /// Its name among the artifacts.
    pub dst: Option<&'a Word>,
    /// Where it goes on the host.
    pub local: Option<&'a Word>,
}

/// Tells the words of the command apart.
pub(crate) fn words(command: &Command) -> Result<Words<'_>> {
    let words: Vec<&Word> = command.args.iter().collect();
    let is_local = |a: &Word, b: &Word| a.text == "AS" && b.text == "LOCAL";
    match words.as_slice() {
        [src] => Some((*src, None, None)),
        [src, dst] => Some((*src, Some(*dst), None)),
        [src, a, b, local] if is_local(a, b) => Some((*src, None, Some(*local))),
        [src, dst, a, b, local] if is_local(a, b) => Some((*src, Some(*dst), Some(*local))),
        _ => None,
    }
    .map(|(src, dst, local)| Words { src, dst, local })
    .ok_or_else(|| error::arguments(Keyword::SaveArtifact, "<src> [<dst>] [AS LOCAL <path>]"))
}

/// How it is copied.
pub(super) struct Options {
    /// `--keep-ts`.
    pub keep_times: bool,
    /// `--keep-own`, or the version that implies it.
    pub keep_owner: bool,
    /// `--if-exists`.
    pub if_exists: bool,
    /// Not `--symlink-no-follow`.
    pub follow: bool,
    /// `--force`.
    pub force: bool,
    /// Whether it is saved for other targets, too: then that is the step that people see.
    pub collected: bool,
}

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let words = words(command)?;
    let has = |name| command.is_on(name);
    let options = Options {
        keep_times: has("keep-ts"),
        keep_owner: has("keep-own") || exec.has(Feature::SaveArtifactKeepOwn),
        if_exists: has("if-exists"),
        follow: !has("symlink-no-follow"),
        force: has("force"),
        collected: true,
    };
    if exec.state.locally.is_some() {
        return super::save_host::run(exec, command, words, options).await;
    }
    let mut texts = Vec::new();
    for word in [Some(words.src), words.dst, words.local] {
        texts.push(match word {
            Some(word) => Some(exec.expand_marked(word, How::default()).await?),
            None => None,
        });
    }
    let text = |at: usize| texts[at].as_ref().map(|(text, _)| text.clone());
    let src = text(0).unwrap_or_default();
    let dst = text(1).unwrap_or_else(|| "./".to_owned());
    let local = text(2);
    // Where a path is not known, the statement depends on the step that tells it.
    let fs = exec.fs("SAVE ARTIFACT")?;
    let from = match texts.iter().flatten().find_map(|(_, by)| *by) {
        Some(by) => exec.push(StepOp::Undecided {
            by: Some(by),
            why: "a path of this statement is not known before".to_owned(),
        }),
        None => exec.caches_now(exec.state.pushed.unwrap_or(fs)).await?,
    };
    let source = source_of(exec, &src)?;
    let base = source.rsplit('/').next().unwrap_or_default().to_owned();
    let glob = host::is_pattern(&source);
    let dest = artifact_dest(&dst, &base, glob);
    let artifacts = collect(exec, from, &source, &dest, glob, &options);
    exec.state.artifacts = Some(artifacts);
    let Some(local) = local.filter(|local| !local.is_empty()) else {
        return Ok(());
    };
    // What is renamed in the artifacts has its new name on the host, too.
    let named = dest.rsplit('/').next().unwrap_or_default().to_owned();
    let (saved, base) = match (glob, dest.ends_with('/')) {
        (true, true) => {
            let saved = local_output(exec, from, &source, &dest, &base, true, &local, &options)?;
            (saved, base)
        }
        // One name for what a pattern finds: as it is there.
        (true, false) => {
            let saved = local_output(
                exec, artifacts, &dest, &dest, &named, false, &local, &options,
            )?;
            (saved, named)
        }
        (false, _) => {
            let saved = local_output(exec, from, &source, &dest, &named, false, &local, &options)?;
            (saved, named)
        }
    };
    save_local(exec, saved, &base);
    Ok(())
}

/// The path that is meant. The root is all too easily meant by accident, so only `/.` says that it is; it has no name of
/// its own.
pub(super) fn source_of(exec: &Exec, written: &str) -> Result<String> {
    let path = exec.state.path(written);
    match path.trim_end_matches('/') {
        "" if written.starts_with('/') && written.ends_with("/.") => Ok("/".to_owned()),
        "" => Err(error::save_root()),
        path => Ok(path.to_owned()),
    }
}

/// Enters what goes to the host.
fn save_local(exec: &mut Exec, saved: ArtifactOutput, base: &str) {
    if exec.state.pushed.is_none() {
        exec.ready.push(saved.state);
    }
    if !saved.dest.contains(UNDECIDED) && !saved.glob {
        let mut file = PathBuf::from(&saved.dest);
        if saved.dest.ends_with('/') {
            file.push(base);
        }
        exec.writes.push((file, exec.at.clone()));
    }
    exec.output(OutputKind::Artifact(saved));
}

/// Where in the artifacts something lands. With a trailing slash it lands there under its own name: everything that a
/// pattern finds, unless it is given a name. Then several files replace each other, and several directories nest.
pub(crate) fn artifact_dest(dst: &str, base: &str, glob: bool) -> String {
    let into = matches!(dst, "" | ".") || dst.ends_with('/');
    let dest = match (into, glob) {
        (true, true) => absolute("/", dst),
        (true, false) => absolute("/", &format!("{dst}/{base}")),
        (false, _) => absolute("/", dst),
    };
    match (dest.as_str(), glob) {
        ("/", true) => dest,
        ("/", false) => format!("/{base}"),
        (_, true) if into => format!("{}/", dest.trim_end_matches('/')),
        _ => dest,
    }
}

fn item(from: StepId, source: &str, dest: &str, glob: bool, options: &Options) -> CopyItem {
    CopyItem {
        from,
        source: source.to_owned(),
        dest: dest.to_owned(),
        contents: false,
        wildcard: glob,
        if_exists: options.if_exists,
        follow: options.follow,
        unpack: false,
        exclude: Vec::new(),
    }
}

/// Adds to the artifacts of the target.
pub(super) fn collect(
    exec: &mut Exec,
    from: StepId,
    source: &str,
    dest: &str,
    glob: bool,
    options: &Options,
) -> StepId {
    let on = exec
        .state
        .artifacts
        .unwrap_or_else(|| exec.push_named(StepOp::Scratch, String::new()));
    let mut item = item(from, source, dest, glob, options);
    // A directory saved to the same place again merges with what is there, and so it does with the root of the artifacts;
    // otherwise it would land inside.
    let again = !exec.state.saved_paths.insert(dest.to_owned());
    item.contents = (again || dest == "/") && !glob;
    let owner = (!options.keep_owner).then(|| "root:root".to_owned());
    exec.push(StepOp::Copy(Box::new(CopyFiles {
        on,
        items: vec![item],
        owner,
        mode: None,
        keep_times: options.keep_times,
    })))
}

/// Where something goes on the host, and whether that is a directory that it goes into.
pub(super) fn place_of(
    exec: &Exec,
    written: &str,
    glob: bool,
    force: bool,
) -> Result<(PathBuf, bool)> {
    if glob && !is_directory(written) {
        return Err(error::glob_needs_slash(written));
    }
    let within = exec.home.host_dir(exec.session.project.cwd());
    let (full, slash) = local_place(within, written);
    if !exec.frame().permitted {
        check_unpermitted(within, &full, written)?;
    }
    check_within(exec, within, &full, slash, written, force)?;
    Ok((full, slash))
}

/// Whether a place on the host is written as a directory that something goes into.
pub(crate) fn is_directory(written: &str) -> bool {
    written == "." || written.ends_with('/')
}

/// A place on the host seen from a directory, and whether it is a directory that something goes into.
pub(crate) fn local_place(within: &Path, written: &str) -> (PathBuf, bool) {
    let full = host::clean(&within.join(written));
    let slash = is_directory(written) && full != Path::new("/");
    (full, slash)
}

/// Whether such a place lies below the directory.
pub(crate) fn is_inside(within: &Path, full: &Path, slash: bool) -> bool {
    full.starts_with(within) && (slash || full != within)
}

/// What goes to the host, alone in a file system.
#[expect(
    clippy::too_many_arguments,
    reason = "one statement has that many parts"
)]
pub(super) fn local_output(
    exec: &Exec,
    from: StepId,
    source: &str,
    dest: &str,
    base: &str,
    glob: bool,
    written: &str,
    options: &Options,
) -> Result<ArtifactOutput> {
    let (full, slash) = place_of(exec, written, glob, options.force)?;
    if slash && base.is_empty() {
        return Err(error::root_without_name(written));
    }
    let within = exec.home.host_dir(exec.session.project.cwd()).to_path_buf();
    // Nothing but what is written lies in its root, under the name that it gets.
    let name = if slash || glob {
        base.to_owned()
    } else {
        full.file_name()
            .map_or(base.to_owned(), |n| n.to_string_lossy().into_owned())
    };
    let scratch = exec.push_named(StepOp::Scratch, String::new());
    let target = if glob {
        "/".to_owned()
    } else {
        format!("/{name}")
    };
    let copy = StepOp::Copy(Box::new(CopyFiles {
        on: scratch,
        items: vec![item(from, source, &target, glob, options)],
        owner: Some("root:root".to_owned()),
        mode: None,
        keep_times: options.keep_times,
    }));
    let state = match options.collected {
        true => exec.push_beside(copy),
        false => exec.push(copy),
    };
    let shown = exec.home.target(&exec.target);
    let artifact = if glob {
        format!("{shown}{dest}{base}")
    } else {
        format!("{shown}{dest}")
    };
    let mut dest = full.display().to_string();
    if slash {
        dest.push('/');
    }
    Ok(ArtifactOutput {
        artifact,
        state,
        dest,
        dest_written: written.to_owned(),
        within: within.display().to_string(),
        glob,
        // What is permitted by name could still lead out through a symbolic link.
        force: options.force && exec.frame().permitted,
        if_exists: options.if_exists,
    })
}

/// Code of a repository writes below the directory where bld was called, whatever it says of `--force`, and not into the
/// files of git: a hook is a program.
fn check_unpermitted(within: &Path, full: &Path, written: &str) -> Result<()> {
    let Ok(below) = full.strip_prefix(within) else {
        return Err(error::not_permitted(&format!(
            "saving to `{written}`, outside of `{}`,",
            within.display()
        )));
    };
    let of_git = |part: Component<'_>| part.as_os_str().eq_ignore_ascii_case(".git");
    if below.components().any(of_git) {
        return Err(error::not_permitted(&format!("saving to `{written}`")));
    }
    Ok(())
}

/// Only below the directory of the build file, unless it is forced; and never over a directory that the build stands in.
fn check_within(
    exec: &Exec,
    within: &Path,
    full: &Path,
    slash: bool,
    written: &str,
    force: bool,
) -> Result<()> {
    if !is_inside(within, full, slash) && !force {
        let shown = exec.session.project.show(within);
        if exec.has(Feature::RequireForceForUnsafeSaves) {
            return Err(error::unsafe_save(written, &clean(&shown)));
        }
        exec.warn(crate::diag::Diagnostic::warning(
            "unsafe-save",
            format!(
                "saving to `{written}` outside of `{shown}` needs `--force` from VERSION 0.6 on"
            ),
        ));
    }
    if !slash && within.starts_with(full) {
        return Err(error::save_onto_root(written));
    }
    Ok(())
}
