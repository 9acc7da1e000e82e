//! Runs a case in a fresh copy of its folder.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    case::{Case, FileProperties, Run, WantedFile},
    engines::{Need, Site},
};
use crate::harness::{Bld, Docker, Ran, Registry};

/// An invocation that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// What stands for `@ID@` and its like.
struct Names {
    /// Unique among concurrent runs; legal in image names.
    id: String,
    registry: String,
}

impl Names {
    fn fill(&self, text: &str) -> String {
        text.replace("@ID@", &self.id)
            .replace("@REGISTRY@", &self.registry)
    }

    fn hide(&self, text: &str) -> String {
        text.replace(&self.id, "@ID@")
            .replace(&self.registry, "@REGISTRY@")
    }
}

/// Runs everything that the case says; the error is for the one who reads the test's output.
pub fn run(case: &Case, site: &Site) -> Result<(), String> {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let names = Names {
        // Of one length, so that carets under it are, too.
        id: format!("bld-case-{:07}-{number:04}", std::process::id()),
        registry: site.registry.clone(),
    };
    let case = &Case::read_with(&case.dir, |text| names.fill(&text))?;
    let mut bld = Bld::new().env("BLD_ENGINE", &site.address);
    if site.docker != site.address {
        bld = bld.env("DOCKER_HOST", &site.docker);
    }
    if !site.config.is_empty() {
        bld = bld.env("BLD_CONFIG", &site.config);
    }
    for (name, value) in &case.env {
        bld = bld.env(name, value);
    }
    copy_tree(&case.dir, &bld.path("."), &names).map_err(|e| format!("copying: {e}"))?;
    if let Some(setup) = &case.setup {
        script(&bld, setup).map_err(|e| format!("setup: {e}"))?;
    }
    if case.check {
        let ran = invoke(&bld, &["check".to_owned()], "", &[])?;
        if ran.code != 0 {
            return Err(format!(
                "bld check is not content\n{}{}",
                ran.stdout, ran.stderr
            ));
        }
    }
    let docker = (!case.needs.contains(&Need::NoEngine)).then(|| Docker::at(&site.docker));
    let mut result = Ok(());
    for (at, step) in case.run.iter().enumerate() {
        result = one(case, at + 1, step, &bld, &names, docker.as_ref())
            .map_err(|why| format!("run {} (bld {}): {why}", at + 1, step.args.join(" ")));
        if result.is_err() {
            break;
        }
    }
    if let Some(docker) = docker {
        for name in case.run.iter().flat_map(|run| run.images.keys()) {
            docker.remove_image(name);
        }
    }
    result
}

fn one(
    case: &Case,
    at: usize,
    step: &Run,
    bld: &Bld,
    names: &Names,
    docker: Option<&Docker>,
) -> Result<(), String> {
    if let Some(before) = &step.before {
        script(bld, before).map_err(|e| format!("before: {e}"))?;
    }
    let args = &step.args;
    let env: Vec<(String, String)> = step.env.clone().into_iter().collect();
    if let Some(args) = plan_of(step, args) {
        let ran = invoke(bld, &args, &step.dir, &env)?;
        if ran.code != 0 {
            return Err(format!("bld {} fails\n{}", args.join(" "), ran.stderr));
        }
    }
    let ran = invoke(bld, args, &step.dir, &env)?;
    let both = format!("{}{}", ran.stdout, ran.stderr);
    if ran.code != step.exit {
        return Err(format!(
            "exit code {} instead of {}\n{both}",
            ran.code, step.exit
        ));
    }
    if both.contains("panicked at") {
        return Err(format!("it panicked\n{both}"));
    }
    in_order(&step.stderr, &ran.stderr).map_err(|e| format!("standard error: {e}"))?;
    in_order(&step.stdout, &ran.stdout).map_err(|e| format!("standard output: {e}"))?;
    for text in &step.absent {
        if both.contains(text) {
            return Err(format!("`{text}` should not be in\n{both}"));
        }
    }
    for (name, wanted) in &step.files {
        let path = bld.path(name);
        file(&path, wanted.as_ref()).map_err(|e| format!("{name}: {e}\n{both}"))?;
    }
    if let Some(docker) = docker {
        for (name, wanted) in &step.images {
            let name = name.clone();
            match wanted {
                Some(wanted) => wanted.compare(docker, &name)?,
                None if docker.image(&name).is_some() => {
                    return Err(format!("there is an image `{name}`"));
                }
                None => {}
            }
        }
    }
    for (name, wanted) in &step.pushed {
        let name = name.clone();
        let (repository, tag) = name.rsplit_once(':').ok_or("`pushed` wants a tag")?;
        let manifest = Registry::at(&names.registry).manifest(repository, tag);
        match (wanted, manifest) {
            (None, None) => {}
            (None, Some(_)) => return Err(format!("`{name}` was pushed")),
            (Some(_), None) => return Err(format!("`{name}` was not pushed\n{both}")),
            (Some(wanted), Some(manifest)) => {
                let found = manifest.is_index().then(|| manifest.platforms());
                if wanted.platforms != found {
                    return Err(format!("`{name}` was pushed for {found:?}"));
                }
            }
        }
    }
    if step.snapshot {
        snapshot(case, at, &names.hide(&ran.stderr))?;
    }
    if let Some(after) = &step.after {
        script(bld, after).map_err(|e| format!("after: {e}\n{both}"))?;
    }
    Ok(())
}

/// The arguments of `bld plan` for what builds.
fn plan_of(step: &Run, args: &[String]) -> Option<Vec<String>> {
    let reference = |arg: &String| arg.contains('+') && !arg.starts_with('-');
    let target = args.iter().position(reference)?;
    if !args[0].starts_with('-') && target > 0 {
        return None;
    }
    let (options, rest) = args.split_at(target);
    let partial = options
        .iter()
        .any(|option| ["--artifact", "-a", "--image"].contains(&option.as_str()));
    if !step.plan.unwrap_or(step.exit == 0 && !partial) {
        return None;
    }
    let plan = ["plan".to_owned(), "--offline".to_owned()];
    Some([options, &plan, rest].concat())
}

fn in_order(wanted: &[String], text: &str) -> Result<(), String> {
    let mut rest = text;
    for piece in wanted {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None if text.contains(piece) => {
                return Err(format!("`{piece}` is not in its order in\n{text}"));
            }
            None => return Err(format!("`{piece}` is missing in\n{text}")),
        }
    }
    Ok(())
}

fn file(path: &Path, wanted: Option<&WantedFile>) -> Result<(), String> {
    let found = fs::symlink_metadata(path);
    let Some(wanted) = wanted else {
        return match found {
            Ok(_) => Err("is there".to_owned()),
            Err(_) => Ok(()),
        };
    };
    let found = found.map_err(|e| e.to_string())?;
    let read = || fs::read_to_string(path).map_err(|e| e.to_string());
    match wanted {
        WantedFile::Text(text) => equal("content", text, &read()?),
        WantedFile::Properties(FileProperties {
            text,
            contains,
            mode,
            link,
            entries,
            mtime,
        }) => {
            if let Some(text) = text {
                equal("content", text, &read()?)?;
            }
            if !contains.is_empty() {
                in_order(contains, &read()?)?;
            }
            if let Some(mode) = mode {
                equal(
                    "mode",
                    mode,
                    &format!("{:o}", found.permissions().mode() & 0o7777),
                )?;
            }
            if let Some(link) = link {
                let to = fs::read_link(path).map_err(|e| e.to_string())?;
                equal("link", link, &to.to_string_lossy())?;
            }
            if let Some(entries) = entries {
                let mut names: Vec<_> = fs::read_dir(path)
                    .map_err(|e| e.to_string())?
                    .map(|e| {
                        e.expect("an entry")
                            .file_name()
                            .to_string_lossy()
                            .into_owned()
                    })
                    .collect();
                names.sort();
                equal("entries", &entries.join("\n"), &names.join("\n"))?;
            }
            if let Some(mtime) = mtime {
                equal("time", &mtime.to_string(), &found.mtime().to_string())?;
            }
            Ok(())
        }
    }
}

fn equal(what: &str, wanted: &str, found: &str) -> Result<(), String> {
    if wanted == found {
        return Ok(());
    }
    Err(format!("{what} is\n{found}\ninstead of\n{wanted}"))
}

/// What the user is told at the end, compared with the file; `BLD_BLESS=1` writes it.
fn snapshot(case: &Case, at: usize, stderr: &str) -> Result<(), String> {
    let path = case.dir.join(format!("expected/{at}.txt"));
    let shown: String = stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .take_while(|line| !line.starts_with("==="))
        .flat_map(|line| [line.trim_end(), "\n"])
        .collect();
    if shown.is_empty() {
        return Err(format!("there is no error to compare in\n{stderr}"));
    }
    if std::env::var_os("BLD_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).map_err(|e| e.to_string())?;
        return fs::write(&path, shown).map_err(|e| e.to_string());
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    equal("the error (BLD_BLESS=1 accepts it)", &wanted, &shown)
}

/// Runs bld, for so long as there is patience.
fn invoke(bld: &Bld, args: &[String], dir: &str, env: &[(String, String)]) -> Result<Ran, String> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = bld.command(&args);
    command
        .current_dir(bld.path(dir))
        .envs(env.iter().map(|(k, v)| (k, v)));
    Ok(bld.ran(within(PATIENCE, &mut command)?))
}

/// A script in the project, with a git that knows nothing of this machine.
fn script(bld: &Bld, text: &str) -> Result<(), String> {
    let like_bld = bld.command(&[]);
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-euc", text])
        .current_dir(bld.path("."))
        .env_clear()
        .envs(like_bld.get_envs().filter_map(|(k, v)| v.map(|v| (k, v))))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "A U Thor")
        .env("GIT_AUTHOR_EMAIL", "author@example.com")
        .env("GIT_AUTHOR_DATE", "1700000000 +0000")
        .env("GIT_COMMITTER_NAME", "C Mitter")
        .env("GIT_COMMITTER_EMAIL", "committer@example.com")
        .env("GIT_COMMITTER_DATE", "1700000100 +0000");
    let output = within(PATIENCE, &mut shell)?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The output of a command, which is killed when it takes too long. It goes through files, so that nobody has to read
/// while waiting.
fn within(patience: Duration, command: &mut Command) -> Result<Output, String> {
    let text = |e: io::Error| e.to_string();
    let out = tempfile::NamedTempFile::new().map_err(text)?;
    let err = tempfile::NamedTempFile::new().map_err(text)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out.reopen().map_err(text)?)
        .stderr(err.reopen().map_err(text)?)
        .spawn()
        .map_err(text)?;
    let until = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(text)? {
            break status;
        }
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            let said = fs::read(err.path()).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            return Err(format!("it hangs, after having said\n{said}"));
        }
        thread::sleep(Duration::from_millis(5));
    };
    Ok(Output {
        status,
        stdout: fs::read(out.path()).map_err(text)?,
        stderr: fs::read(err.path()).map_err(text)?,
    })
}

/// Copies what is the project's, with `@ID@` filled in.
fn copy_tree(from: &Path, to: &Path, names: &Names) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().expect("an entry has a name");
        if name == "case.yml" || name == "expected" {
            continue;
        }
        let target = to.join(name);
        let kind = fs::symlink_metadata(&path)?;
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path)?, target)?;
        } else if kind.is_dir() {
            copy_tree(&path, &target, names)?;
        } else {
            match String::from_utf8(fs::read(&path)?) {
                Ok(text) => fs::write(&target, names.fill(&text))?,
                Err(bytes) => fs::write(&target, bytes.into_bytes())?,
            }
            fs::set_permissions(&target, kind.permissions())?;
        }
    }
    Ok(())
}
