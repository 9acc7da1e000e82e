//! `bld bootstrap`: makes this machine ready.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        args::{BootstrapArgs, BuildArgs, Shell},
        completion, config_file,
        env_vars::Environment,
        exit::Exit,
        printer::{self, Streams},
        settings,
    },
    diag::Diagnostic,
    driver,
};

use super::{certificates, usage};

/// Makes bld's directory, looks at the engine, installs completion.
pub fn bootstrap(
    args: &BootstrapArgs,
    build: &BuildArgs,
    environment: &Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    if let Some(shell) = args.source {
        printer::data(script(shell))?;
        return Ok(Exit::Success);
    }
    let dir = config_file::directory(build, environment).ok_or_else(|| {
        usage("there is no home directory to make bld's directory in").hint("set `HOME`")
    })?;
    fs::create_dir_all(&dir).map_err(|e| failed(&dir, &e))?;
    printer::message(&format!("{} is there\n", dir.display()));
    let (config, remarks) = config_file::load(build, environment)?;
    printer::diagnostics(&remarks, streams);
    let tls = &config.global.tls;
    if args.force_certificate_generation || args.certs_hostname.is_some() || tls.is_asked_for() {
        let host = args.certs_hostname.as_deref().unwrap_or("localhost");
        let made = certificates::make(&tls.files(), host, args.force_certificate_generation)?;
        for path in &made {
            printer::message(&format!("made {}\n", path.display()));
        }
        if made.is_empty() {
            printer::message(
                "certificates are there already; `--force-certificate-generation` makes new ones\n",
            );
        }
    }
    if args.with_autocomplete {
        for shell in [Shell::Bash, Shell::Zsh] {
            let path = place(shell, &dir, environment);
            write(&path, script(shell), 0o644).map_err(|e| failed(&path, &e))?;
            printer::message(&format!("completion: {}\n", path.display()));
        }
        let zsh = dir.join("zsh");
        printer::message(&format!(
            "zsh finds it with `fpath=({} $fpath)` in `.zshrc`, in front of `compinit`; start your shell again\n",
            zsh.display()
        ));
    }
    if args.no_buildkit {
        return Ok(Exit::Success);
    }
    let engine = settings::engine(build, &config);
    match super::runtime()?.block_on(driver::look_at_engine(&engine)) {
        Ok(name) => {
            printer::message(&format!("{name} answers\n"));
            Ok(Exit::Success)
        }
        Err(failure) => {
            printer::diagnostics(&failure.diagnostics, streams);
            Ok(super::build::exit(&failure))
        }
    }
}

fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => completion::BASH,
        Shell::Zsh => completion::ZSH,
    }
}

/// Where a shell looks for completion of this user; zsh has no such place of its own.
fn place(shell: Shell, dir: &Path, environment: &Environment) -> PathBuf {
    let set = |name: &str| environment.get(name).filter(|v| !v.is_empty());
    match shell {
        Shell::Bash => set("BASH_COMPLETION_USER_DIR")
            .map(PathBuf::from)
            .or_else(|| set("XDG_DATA_HOME").map(|data| Path::new(data).join("bash-completion")))
            .unwrap_or_else(|| dir.with_file_name(".local/share/bash-completion"))
            .join("completions/bld"),
        Shell::Zsh => dir.join("zsh/_bld"),
    }
}

/// Writes a file that is never half there.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut fresh = tempfile::Builder::new()
        .prefix(".bld-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
        .tempfile_in(dir)?;
    fresh.write_all(text.as_bytes())?;
    fresh.persist(path)?;
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Diagnostic {
    let message = format!("cannot write `{}`: {error}", path.display());
    Diagnostic::error("bootstrap", message)
}
