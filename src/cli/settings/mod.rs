//! From arguments as typed to settings as resolved: command line, over environment, over `.env`, over the config file.

mod goal;
mod secrets;
mod target_args;

use std::path::{Path, PathBuf};

use crate::{
    base::{Platform, Secret},
    diag::{Diagnostic, words},
    driver::{BuildRequest, EngineChoice},
    git,
    interp::RootFile,
    oci::ImageRef,
    syntax::dialect::{FEATURES, Feature},
};

use self::{
    goal::goal,
    secrets::secrets,
    target_args::{arg_file, key_value, target_args},
};
use super::{
    args::{self, BuildArgs},
    config_file::{self, Config},
    env_vars::Environment,
};

/// More steps at once help nobody.
const MOST_AT_ONCE: usize = 1000;

/// A mistake on the command line.
fn usage(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("usage", message)
}

/// Everything that a build needs to know. The second value is what to remark.
pub fn resolve(
    args: &BuildArgs,
    target: &[String],
    environment: &Environment,
    config: Config,
) -> Result<(BuildRequest, Vec<Diagnostic>), Diagnostic> {
    let cwd = std::env::current_dir()
        .map_err(|e| usage(format!("cannot find the working directory: {e}")))?;
    check_combinations(args)?;
    let mut remarks = remarks_on(args);
    if let Some(cache) = &args.remote_cache {
        check_remote_cache(cache)?;
    }
    let (goal, rest) = goal(args, target, &cwd)?;
    let typed = target_args(rest, environment, &mut remarks)?;
    let beneath = arg_file(args, &cwd)?;
    let older = args
        .build_arg
        .iter()
        .map(|arg| key_value(arg, "--build-arg", "--build-arg ", environment))
        .collect::<Result<Vec<_>, _>>()?;
    // The strongest comes last.
    let args_in_order = beneath.into_iter().chain(older).chain(typed).collect();
    let only = args.image || args.artifact;
    let secrets = secrets(args, &cwd, environment)?;
    remarks.extend(secrets::remarks(secrets.keys()));
    let request = BuildRequest {
        goal,
        file: args.file.clone().map(RootFile::At),
        args: args_in_order,
        options: options(),
        secrets,
        push: args.push,
        no_output: args.no_output || (args.ci && !args.output && !only),
        ci: args.ci,
        strict: args.strict || args.ci,
        interactive: args.interactive,
        console: None,
        allow_privileged: args.allow_privileged,
        platform: platform(args)?,
        no_cache: args.no_cache,
        pull: args.pull,
        use_inline_cache: args.use_inline_cache,
        save_inline_cache: args.save_inline_cache,
        cache_from: args.cache_from.clone(),
        remote_cache: args.remote_cache.clone(),
        max_remote_cache: args.max_remote_cache,
        auto_skip: args.auto_skip,
        no_auto_skip: args.no_auto_skip,
        auto_skip_db: match &args.auto_skip_db_path {
            Some(path) => Some(cwd.join(path)),
            None => config_file::directory(args, environment).map(|dir| dir.join("auto-skip")),
        },
        feature_overrides: features(&args.version_flag_overrides)?,
        git_branch: args.git_branch.clone(),
        ssh_auth_sock: args.ssh_auth_sock.clone().or_else(|| agent(environment)),
        engine: engine(args, &config),
        remotes: remotes(args, environment, config.git),
        registries: config.registries,
        cache_dir: cache_dir(environment),
        parallelism: config
            .global
            .conversion_parallelism
            .map_or(10, |n| n.min(MOST_AT_ONCE)),
        secret_provider: config.global.secret_provider,
        offline: false,
        cwd,
    };
    Ok((request, remarks))
}

/// What stands in front of each name that is an option of the build, so that a slip can be told from an argument.
fn options() -> Vec<String> {
    let long = args::option_names().map(|name| format!("--{name}"));
    long.chain(args::short_names().map(|name| format!("-{name}")))
        .collect()
}

/// The SSH agent of the user's session.
fn agent(environment: &Environment) -> Option<PathBuf> {
    let socket = environment.get("SSH_AUTH_SOCK")?;
    (!socket.is_empty()).then(|| PathBuf::from(socket))
}

/// What has to be known to reach repositories.
pub fn remotes(
    args: &BuildArgs,
    environment: &Environment,
    mut settings: git::Settings,
) -> git::RemotesRequest {
    let password = args.git_password.clone().map(Secret::new);
    if args.git_username.is_some() || password.is_some() {
        settings.use_login(args.git_username.as_deref(), password.as_ref());
    }
    let set = |name: &str| environment.get(name).filter(|v| !v.is_empty());
    git::RemotesRequest {
        settings,
        cache_dir: PathBuf::new(),
        home: set("HOME").map(PathBuf::from),
        user: set("USER").map(str::to_owned),
        netrc_content: set("NETRC_CONTENT").map(Secret::new),
        netrc: set("NETRC").map(PathBuf::from),
        ssh_auth_sock: args.ssh_auth_sock.clone().or_else(|| agent(environment)),
        lfs_include: args.git_lfs_pull_include.clone(),
        offline: false,
        pinned: false,
    }
}

/// Typed before configured, and in each `--engine` before the reference's name for it.
pub fn engine(args: &BuildArgs, config: &Config) -> EngineChoice {
    let docker = |text: &String| EngineChoice::parse(text);
    let buildkit = |text: &String| EngineChoice::BuildKit(text.clone(), None);
    let typed = args.engine.as_ref().map(docker);
    let global = &config.global;
    typed
        .or_else(|| args.buildkit_host.as_ref().map(buildkit))
        .or_else(|| global.engine.as_ref().map(docker))
        .or_else(|| global.buildkit_host.as_ref().map(buildkit))
        .unwrap_or(EngineChoice::Docker(None))
        .with_certificates(global.tls.client())
}

/// Options that say the opposite of each other (language specification, 9, rows 91 and 94).
fn check_combinations(args: &BuildArgs) -> Result<(), Diagnostic> {
    let only = args.image || args.artifact;
    let conflicts = [
        (args.image, "--image", args.artifact, "--artifact"),
        // In a pipeline it is given to everything; what is asked for by name is output all the same.
        (
            args.no_output && !args.ci,
            "--no-output",
            only,
            if args.image { "--image" } else { "--artifact" },
        ),
        (args.ci, "--ci", args.interactive, "--interactive"),
        (args.auto_skip, "--auto-skip", args.no_cache, "--no-cache"),
        (
            args.auto_skip,
            "--auto-skip",
            args.no_auto_skip,
            "--no-auto-skip",
        ),
    ];
    for (one, one_name, other, other_name) in conflicts {
        if one && other {
            let message = format!("`{one_name}` cannot be used with `{other_name}`");
            return Err(usage(message));
        }
    }
    Ok(())
}

/// `IMAGE[,KEY=VALUE]…`.
fn check_remote_cache(text: &str) -> Result<(), Diagnostic> {
    let mut parts = text.split(',');
    let image = parts.next().unwrap_or_default();
    if let Err(why) = ImageRef::parse(image) {
        return Err(usage(format!("`--remote-cache {text}`: {why}")));
    }
    for attribute in parts {
        let wrong = |why: &str| usage(format!("`--remote-cache {text}`: {why}"));
        match attribute.split_once('=') {
            None => {
                return Err(wrong(&format!("`{attribute}` is no attribute"))
                    .hint("attributes look like `compression=zstd`"));
            }
            Some(("ref" | "type", _)) => {
                return Err(wrong(&format!("`{attribute}` cannot be chosen"))
                    .hint("the image's name stands in front of the attributes, and nothing but an image is written"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What to say of options that do nothing, or that should be given in another way.
fn remarks_on(args: &BuildArgs) -> Vec<Diagnostic> {
    let mut remarks: Vec<Diagnostic> = args.ignored.remark().into_iter().collect();
    if args.exec_stats || args.exec_stats_summary.is_some() {
        let option = match args.exec_stats {
            true => "--exec-stats",
            false => "--exec-stats-summary",
        };
        let message =
            format!("`{option}` has no effect: no numbers are shown, and no file is written");
        let note = "the BuildKit of Docker tells nobody how much processor time and memory a command took; \
                    `--progress=json` tells for how long it ran";
        remarks.push(Diagnostic::note("option-without-effect", message).with_note(note));
    }
    if args.git_username.is_some() || args.git_password.is_some() {
        let message = "`--git-username` and `--git-password` are deprecated";
        let hint =
            "put name and password into the `git:` section of the config file, or into `~/.netrc`";
        remarks.push(Diagnostic::note("deprecated", message).hint(hint));
    }
    remarks
}

fn platform(args: &BuildArgs) -> Result<Option<Platform>, Diagnostic> {
    match args.platform.as_slice() {
        [] => Ok(None),
        [one] => one
            .parse()
            .map(Some)
            .map_err(|e: crate::base::platform::PlatformError| usage(e.to_string())),
        _ => Err(usage("`--platform` can be given once").hint(
            "for several platforms write `BUILD --platform=a --platform=b +target` in a target",
        )),
    }
}

/// Language features by their names.
pub fn features(names: &[String]) -> Result<Vec<Feature>, Diagnostic> {
    names
        .iter()
        .map(|name| {
            let name = name.trim().trim_start_matches("--");
            Feature::from_name(name).ok_or_else(|| {
                let error = usage(format!("there is no language feature `{name}`"));
                match words::nearest(name, FEATURES.iter().map(|row| row.name)) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                }
            })
        })
        .collect()
}

/// Where things that can be made again are kept: `$XDG_CACHE_HOME/bld`, `~/.cache/bld`. Without a home there is none.
pub fn cache_dir(environment: &Environment) -> Option<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|v| !v.is_empty());
    set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(home).join(".cache")))
        .map(|dir| dir.join("bld"))
}
