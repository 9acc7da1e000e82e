//! From arguments as typed to settings as resolved: command line, over environment, over `.env`, over the config file.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{
    base::{Platform, Secret},
    diag::{Diagnostic, words},
    driver::{BuildRequest, EngineChoice, Goal},
    graph::reference::{ArtifactRef, Place, RefError, TargetRef},
    syntax::dialect::{FEATURES, Feature},
};

use super::{args::BuildArgs, config_file::Config, env_vars::Environment, variable_files};

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
    let mut remarks = Vec::new();
    let (goal, rest) = goal(args, target)?;
    let typed = target_args(rest, environment, &mut remarks)?;
    let beneath = arg_file(args, &cwd)?;
    let older = args
        .build_arg
        .iter()
        .map(|arg| key_value(arg, "--build-arg", environment))
        .collect::<Result<Vec<_>, _>>()?;
    // The strongest comes last.
    let args_in_order = beneath.into_iter().chain(older).chain(typed).collect();
    let only = args.image || args.artifact;
    let request = BuildRequest {
        goal,
        file: args.file.clone(),
        args: args_in_order,
        options: options(),
        secrets: secrets(args, &cwd, environment)?,
        push: args.push,
        no_output: args.no_output || (args.ci && !args.output && !only),
        ci: args.ci,
        strict: args.strict || args.ci,
        allow_privileged: args.allow_privileged,
        platform: platform(args)?,
        no_cache: args.no_cache,
        pull: args.pull,
        use_inline_cache: args.use_inline_cache,
        save_inline_cache: args.save_inline_cache,
        cache_from: args.cache_from.clone(),
        feature_overrides: features(&args.version_flag_overrides)?,
        git_branch: args.git_branch.clone(),
        engine: engine(args, &config),
        registries: config.registries,
        cache_dir: cache_dir(environment),
        parallelism: config
            .global
            .conversion_parallelism
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(10),
        offline: false,
        cwd,
    };
    Ok((request, remarks))
}

/// Typed before configured, and in each `--engine` before the reference's name for it.
fn engine(args: &BuildArgs, config: &Config) -> EngineChoice {
    let docker = |text: &String| EngineChoice::parse(text);
    let buildkit = |text: &String| EngineChoice::BuildKit(text.clone());
    let typed = args.engine.as_ref().map(docker);
    let global = &config.global;
    typed
        .or_else(|| args.buildkit_host.as_ref().map(buildkit))
        .or_else(|| global.engine.as_ref().map(docker))
        .or_else(|| global.buildkit_host.as_ref().map(buildkit))
        .unwrap_or(EngineChoice::Docker(None))
}

fn check_combinations(args: &BuildArgs) -> Result<(), Diagnostic> {
    if args.image && args.artifact {
        return Err(usage("`--image` and `--artifact` cannot be given together"));
    }
    if args.no_output && (args.image || args.artifact) {
        let with = if args.image { "--image" } else { "--artifact" };
        return Err(usage(format!(
            "`--no-output` cannot be given together with `{with}`"
        )));
    }
    Ok(())
}

/// What the words behind the options ask for, and the words that are left for the target.
fn goal<'a>(args: &BuildArgs, words: &'a [String]) -> Result<(Goal, &'a [String]), Diagnostic> {
    let Some((reference, rest)) = words.split_first() else {
        return Err(usage("no target was given")
            .hint("name one: `bld +target`; `bld --help` shows what else there is"));
    };
    if args.artifact {
        let artifact =
            ArtifactRef::parse(reference).map_err(|e| bad_reference(reference, "artifact", &e))?;
        no_alias(&artifact.target.place, reference)?;
        let (dest, rest) = match rest.split_first() {
            Some((dest, rest)) if !dest.starts_with('-') => (dest.clone(), rest),
            _ => ("./".to_owned(), rest),
        };
        return Ok((Goal::Artifact { artifact, dest }, rest));
    }
    let target = TargetRef::parse(reference).map_err(|e| bad_reference(reference, "target", &e))?;
    no_alias(&target.place, reference)?;
    Ok((
        if args.image {
            Goal::Image(target)
        } else {
            Goal::Target(target)
        },
        rest,
    ))
}

/// Commands of the reference that a later version has.
const LATER: &[&str] = &[
    "ls",
    "doc",
    "config",
    "prune",
    "bootstrap",
    "init",
    "docker-build",
    "docker2earthly",
    "docker2bld",
    "image",
    "mirror",
];
/// Commands of the reference that are no more.
const GONE: &[&str] = &[
    "account",
    "org",
    "project",
    "secret",
    "satellite",
    "cloud",
    "registry",
    "web",
    "billing",
];

fn bad_reference(text: &str, kind: &str, error: &RefError) -> Diagnostic {
    let diagnostic = usage(format!("`{text}` is an invalid {kind} reference: {error}"));
    match error {
        RefError::NotAReference if LATER.contains(&text) => {
            usage(format!("`bld {text}` is not in this version of bld yet"))
                .hint("`bld --help` shows the commands that are")
        }
        RefError::NotAReference if GONE.contains(&text) => usage(format!(
            "`bld {text}` is not supported: it belonged to a service that no longer exists"
        )),
        RefError::NotAReference if !text.contains('+') => {
            let hint = format!("targets begin with a plus sign: `bld +{text}`");
            diagnostic
                .hint(hint)
                .hint("`bld --help` shows the commands of bld")
        }
        RefError::NoPath => {
            diagnostic.hint(format!("write `{text}/path`, or `{text}/*` for everything"))
        }
        RefError::Name { .. } if kind == "target" && text.contains('/') => {
            diagnostic.hint("for an artifact give `--artifact` in front of the reference")
        }
        _ => diagnostic,
    }
}

fn no_alias(place: &Place, text: &str) -> Result<(), Diagnostic> {
    match place {
        Place::Alias(alias) => Err(usage(format!(
            "`{text}` cannot be resolved: `{alias}` is an import reference, which means something only inside a build file"
        ))
        .hint(format!("for a directory write `./{text}`"))),
        _ => Ok(()),
    }
}

/// `--key=value`, `--key value`, `-key=value` behind the reference; `--key` alone takes the environment variable.
fn target_args(
    rest: &[String],
    environment: &Environment,
    remarks: &mut Vec<Diagnostic>,
) -> Result<Vec<(String, String)>, Diagnostic> {
    let mut args = Vec::new();
    let mut words = rest.iter().peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_start_matches('-');
        let dashes = word.len() - bare.len();
        if !(1..=2).contains(&dashes) || bare.is_empty() {
            return Err(usage(format!(
                "`{word}` stands behind the target, and is not an argument of it"
            ))
            .hint("arguments have the form `--name=value`; one run builds one target"));
        }
        let arg =
            match bare.split_once('=') {
                Some((key, value)) => (key.to_owned(), value.to_owned()),
                None => match words.next_if(|next| !next.starts_with('-')) {
                    Some(value) => (bare.to_owned(), value.clone()),
                    None if options().iter().any(|option| option == bare) => {
                        return Err(usage(format!("`{word}` stands behind the target")).hint(
                            format!("options of bld go in front of it: `bld --{bare} …`"),
                        ));
                    }
                    None => key_value(bare, "an argument", environment)?,
                },
            };
        if arg.0.starts_with("build-arg") {
            remarks.push(Diagnostic::warning(
                "build-arg-behind-target",
                format!(
                    "`--{}` behind the target sets an argument of that name",
                    arg.0
                ),
            ));
        }
        args.push(arg);
    }
    Ok(args)
}

fn options() -> Vec<String> {
    use clap::CommandFactory as _;
    let command = super::args::Cli::command();
    command
        .get_arguments()
        .filter_map(|a| a.get_long())
        .map(str::to_owned)
        .collect()
}

/// `KEY=VALUE`, or `KEY` for the value of the environment variable.
fn key_value(
    text: &str,
    option: &str,
    environment: &Environment,
) -> Result<(String, String), Diagnostic> {
    if let Some((key, value)) = text.split_once('=') {
        return Ok((key.to_owned(), value.to_owned()));
    }
    match environment.get(text) {
        Some(value) => Ok((text.to_owned(), value.to_owned())),
        None => Err(usage(format!(
            "`{text}` has no value: {option} without `=` takes the environment variable `{text}`, which is not set"
        ))
        .hint(format!("write `{text}=value`, or set `{text}`"))),
    }
}

fn arg_file(args: &BuildArgs, cwd: &Path) -> Result<Vec<(String, String)>, Diagnostic> {
    variable_files::read(args.arg_file_path.as_deref(), cwd, ".arg").map_err(|e| *e)
}

fn secrets(
    args: &BuildArgs,
    cwd: &Path,
    environment: &Environment,
) -> Result<HashMap<String, Secret>, Diagnostic> {
    let mut secrets = HashMap::new();
    let mut add = |key: String, value: String| {
        if secrets.insert(key.clone(), Secret::new(value)).is_some() {
            return Err(usage(format!("the secret `{key}` is given twice"))
                .hint("give it once: by `--secret`, by `--secret-file` or in the `.secret` file"));
        }
        Ok(())
    };
    for secret in &args.secret {
        let (key, value) = key_value(secret, "--secret", environment).map_err(|_| {
            // The text is not quoted: a value with a comma in a variable gets here in pieces.
            usage("a `--secret` has no value, and no environment variable of its name is set")
                .hint("write `--secret NAME=value`, or set the variable; in `BLD_SECRETS` values must not contain commas")
        })?;
        add(key, value)?;
    }
    for secret in &args.secret_file {
        let Some((key, path)) = secret.split_once('=') else {
            return Err(usage(format!("`--secret-file {secret}` has no path"))
                .hint("write `--secret-file KEY=path`"));
        };
        let path = home(path, environment);
        let value = std::fs::read_to_string(&path).map_err(|e| {
            usage(format!(
                "cannot read the secret file `{}`: {e}",
                path.display()
            ))
        })?;
        add(key.to_owned(), value)?;
    }
    let file =
        variable_files::read(args.secret_file_path.as_deref(), cwd, ".secret").map_err(|e| *e)?;
    for (key, value) in file {
        add(key, value)?;
    }
    Ok(secrets)
}

/// Puts the home directory in the place of a leading `~`.
fn home(path: &str, environment: &Environment) -> PathBuf {
    match (path.strip_prefix("~/"), environment.get("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => PathBuf::from(path),
    }
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
fn cache_dir(environment: &Environment) -> Option<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|v| !v.is_empty());
    set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(home).join(".cache")))
        .map(|dir| dir.join("bld"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn args_of(line: &str) -> Result<Vec<(String, String)>, Diagnostic> {
        let env = Environment::from_pairs([("SET", "from-env")]);
        target_args(&words(line), &env, &mut Vec::new())
    }

    #[test]
    fn arguments_of_the_target_have_every_spelling() {
        let pairs = args_of("--a=1 --b 2 -c=3 --SET --d=").unwrap();
        let expected = [
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("SET", "from-env"),
            ("d", ""),
        ];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn an_option_behind_the_target_is_told_where_it_belongs() {
        let error = args_of("--push").unwrap_err();
        assert!(error.hints[0].contains("in front"), "{error:?}");
        assert!(
            args_of("more")
                .unwrap_err()
                .message
                .contains("behind the target")
        );
    }

    #[test]
    fn a_word_without_a_plus_is_asked_back() {
        let error = bad_reference("build", "target", &TargetRef::parse("build").unwrap_err());
        assert!(error.hints[0].contains("`bld +build`"));
    }
}
