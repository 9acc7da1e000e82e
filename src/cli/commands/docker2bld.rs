//! `bld docker2bld`: a Dockerfile, rewritten as a build file.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
};

use crate::{
    cli::{
        args::Docker2bldArgs,
        exit::Exit,
        printer::{self, Streams},
    },
    diag::{Diagnostic, Location, Severity, SourceFile},
    dockerfile::convert,
    interp::BUILD_FILES,
    oci::ImageRef,
    syntax,
};

use super::usage;

/// Standard input or output.
const STREAM: &str = "-";

/// Reads the one, and writes the other.
pub fn docker2bld(args: &Docker2bldArgs, streams: Streams) -> Result<Exit, Box<Diagnostic>> {
    if let Some(tag) = &args.tag {
        ImageRef::parse(tag)
            .map_err(|why| usage(format!("`{tag}` is no name of an image: {why}")))?;
    }
    let to_stream = args.buildfile.as_os_str() == STREAM;
    if !to_stream {
        refuse_existing(&args.buildfile)?;
    }
    let source = read(&args.dockerfile)?;
    let text = match convert(&source.text, args.tag.as_deref()) {
        Ok(text) => text,
        Err(obstacles) => {
            let problems = obstacles.into_iter().map(|obstacle| {
                let message = format!("{} cannot be rewritten", obstacle.what);
                Diagnostic::error("docker2bld", message)
                    .at(Location::new(&source, obstacle.at))
                    .hint(obstacle.hint)
            });
            printer::diagnostics(&problems.collect::<Vec<_>>(), streams);
            return Ok(Exit::Failure);
        }
    };
    check(&text)?;
    if to_stream {
        printer::data(&text)?;
        return Ok(Exit::Success);
    }
    write(&args.buildfile, &text).map_err(|e| failed("write", &args.buildfile, &e))?;
    printer::message(&format!(
        "{} is written; `bld +build` builds it\n",
        args.buildfile.display()
    ));
    let dir = args.buildfile.parent().unwrap_or(Path::new(""));
    if dir.join(".dockerignore").exists() {
        let message = "COPY of a build file does not read `.dockerignore`";
        let remark = Diagnostic::note("docker-ignore", message)
            .hint("its patterns work in `.bldignore`: `cp .dockerignore .bldignore`");
        printer::diagnostics(&[remark], streams);
    }
    Ok(Exit::Success)
}

/// A build file is never written over, nor hidden by a new one that is found before it.
fn refuse_existing(path: &Path) -> Result<(), Diagnostic> {
    let dir = path.parent().unwrap_or(Path::new(""));
    let known = path
        .file_name()
        .is_some_and(|name| BUILD_FILES.iter().any(|b| name == *b));
    let others = BUILD_FILES
        .iter()
        .filter(|_| known)
        .map(|name| dir.join(name));
    let there = std::iter::once(path.to_owned()).chain(others);
    match there
        .into_iter()
        .find(|path| fs::symlink_metadata(path).is_ok())
    {
        Some(path) => Err(usage(format!("there is a `{}` already", path.display()))
            .hint("remove it, or write elsewhere with `--buildfile`")),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Arc<SourceFile>, Diagnostic> {
    let (name, text) = if path.as_os_str() == STREAM {
        let mut text = String::new();
        let read = io::stdin().lock().read_to_string(&mut text);
        read.map_err(|e| failed("read", Path::new("standard input"), &e))?;
        ("standard input".to_owned(), text)
    } else {
        let text = fs::read_to_string(path).map_err(|e| failed("read", path, &e))?;
        (path.display().to_string(), text)
    };
    Ok(Arc::new(SourceFile::new(name, text)))
}

/// What cannot be read is not written. The words of a command can be such that a shell understands them and a build file
/// does not.
fn check(text: &str) -> Result<(), Diagnostic> {
    let source = syntax::read(BUILD_FILES[0], text.as_bytes()).map_err(|problem| *problem)?;
    let problems = syntax::load(&source, &[]).problems;
    match problems.into_iter().find(|p| p.severity == Severity::Error) {
        Some(problem) => Err(problem.hint(
            "this is what the Dockerfile would become; put the command into a script of its own, or use `FROM DOCKERFILE`",
        )),
        None => Ok(()),
    }
}

/// Writes beside it and renames, so that it is never half there; never over what somebody else made meanwhile.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut fresh = tempfile::Builder::new()
        .prefix(".bld-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(dir.unwrap_or(Path::new(".")))?;
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().sync_all()?;
    fresh.persist_noclobber(path).map_err(|e| e.error)?;
    Ok(())
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Diagnostic {
    let message = format!("cannot {what} `{}`: {error}", path.display());
    Diagnostic::error("docker2bld", message)
}
