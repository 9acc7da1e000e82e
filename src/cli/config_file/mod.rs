//! The config file: `~/.bld/config.yml`, else `~/.earthly/config.yml` (language specification, 8.4).

pub mod edit;
pub mod keys;
pub mod tls;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{
    diag::{Diagnostic, words},
    git,
    oci::settings::RegistrySettings,
};

use self::{
    keys::{FILE, Finding, What},
    tls::Tls,
};
use super::{args::BuildArgs, env_vars::Environment};

/// What the config file says, as far as it has a meaning. The types are those of the table in `keys`, which has been
/// asked before anything gets here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Settings of the tool.
    pub global: Global,
    /// How hosts of repositories are reached.
    pub git: git::Settings,
    /// Mirrors, insecure registries.
    pub registries: RegistrySettings,
}

/// The `global:` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Global {
    /// Where to build, as `--engine`.
    pub engine: Option<String>,
    /// The reference's name for the same.
    pub buildkit_host: Option<String>,
    /// How many steps are prepared and run at once.
    pub conversion_parallelism: Option<usize>,
    /// A command that is asked for secrets.
    pub secret_provider: Option<String>,
    /// Certificates for engines on other machines.
    #[serde(flatten)]
    pub tls: Tls,
}

/// Which file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Named by an option or the environment: it has to be there.
    Named(PathBuf),
    /// In bld's directory.
    Own(PathBuf),
    /// The reference's, which is read where there is none of bld.
    Theirs(PathBuf),
}

impl Place {
    /// The path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Own(path) | Self::Theirs(path) => path,
        }
    }
}

/// The directory of bld in the home directory; `--installation-name` gives it another name. None without a home.
pub fn directory(args: &BuildArgs, environment: &Environment) -> Option<PathBuf> {
    let home = environment.get("HOME").filter(|home| !home.is_empty())?;
    let name = args.installation_name.as_deref().unwrap_or("bld");
    Some(Path::new(home).join(format!(".{name}")))
}

/// The file that counts: the named one, the one in bld's directory, the reference's. Bld's own where there is none.
pub fn place(args: &BuildArgs, environment: &Environment) -> Option<Place> {
    if let Some(path) = &args.config {
        return Some(Place::Named(path.clone()));
    }
    let own = directory(args, environment)?.join("config.yml");
    let theirs = own.parent()?.with_file_name(".earthly").join("config.yml");
    if args.installation_name.is_none() && !own.is_file() && theirs.is_file() {
        return Some(Place::Theirs(theirs));
    }
    Some(Place::Own(own))
}

/// Reads the file that counts. No file is no error, unless it was named.
pub fn load(
    args: &BuildArgs,
    environment: &Environment,
) -> Result<(Config, Vec<Diagnostic>), Diagnostic> {
    let Some(place) = place(args, environment) else {
        return Ok((Config::default(), Vec::new()));
    };
    let (mut config, remarks) = match std::fs::read_to_string(place.path()) {
        Ok(text) => parse(&text, &place)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !matches!(place, Place::Named(_)) => {
            (Config::default(), Vec::new())
        }
        Err(e) => {
            let message = format!("cannot read config file `{}`: {e}", place.path().display());
            return Err(Diagnostic::error("config-unreadable", message));
        }
    };
    let dir = match &place {
        Place::Theirs(path) => path.parent().map(Path::to_owned),
        Place::Named(_) | Place::Own(_) => directory(args, environment),
    };
    config.global.tls.dir = dir.unwrap_or_default();
    Ok((config, remarks))
}

fn parse(text: &str, place: &Place) -> Result<(Config, Vec<Diagnostic>), Diagnostic> {
    let (tree, findings) = checked(text, place.path())?;
    if tree.is_null() {
        return Ok((Config::default(), Vec::new()));
    }
    let mut remarks = Vec::new();
    let mut without_effect: Vec<(String, &str)> = Vec::new();
    for Finding { path, what } in &findings {
        match what {
            What::Misfit(_) => return Err(misfit(text, place.path(), path, what)),
            What::Unknown(near) => {
                let message = format!(
                    "{}: unknown key `{}`",
                    at(text, place.path(), path),
                    dotted(path)
                );
                let remark = Diagnostic::warning("config-unknown-key", message);
                remarks.push(match near {
                    Some(near) => {
                        let near = dotted(&beside(path, near));
                        remark.hint(format!("did you mean `{near}`?"))
                    }
                    None => remark,
                });
            }
            What::Obsolete => {
                let message = format!(
                    "{}: `{}` is obsolete",
                    at(text, place.path(), path),
                    dotted(path)
                );
                remarks.push(Diagnostic::warning("config-obsolete-key", message));
            }
            What::WithoutEffect(why) => without_effect.push((dotted(path), why)),
        }
    }
    // In the reference's own file such keys are for the reference.
    if !without_effect.is_empty() && !matches!(place, Place::Theirs(_)) {
        remarks.push(no_effect(place.path(), &without_effect));
    }
    let config: Config =
        serde_yaml::from_value(keys::settled(tree, FILE)).map_err(|e| invalid(place.path(), &e))?;
    if let Err(problem) = config.registries.check() {
        let message = format!("config file `{}`: {problem}", place.path().display());
        return Err(Diagnostic::error("config-invalid", message));
    }
    remarks.extend(config.git.remarks(&place.path().display().to_string()));
    Ok((config, remarks))
}

/// The tree of a text, and everything that is to be said about it.
fn checked(text: &str, path: &Path) -> Result<(serde_yaml::Value, Vec<Finding>), Diagnostic> {
    if text.trim().is_empty() {
        return Ok((serde_yaml::Value::Null, Vec::new()));
    }
    let tree = serde_yaml::from_str(text).map_err(|e| invalid(path, &e))?;
    let mut findings = Vec::new();
    FILE.check(&tree, &[], &mut findings);
    Ok((tree, findings))
}

fn invalid(path: &Path, error: &serde_yaml::Error) -> Diagnostic {
    // The parser's message names line and column itself.
    let message = format!("config file `{}`: {error}", path.display());
    Diagnostic::error("config-invalid", message)
}

/// The value itself is never shown: it may be a password.
fn misfit(text: &str, file: &Path, path: &[String], what: &What) -> Diagnostic {
    let expected = match what {
        What::Misfit(expected) => expected.as_str(),
        _ => "",
    };
    let message = match path {
        [] => format!("config file `{}` does not hold keys", file.display()),
        _ => format!(
            "{}: the value of `{}` does not fit",
            at(text, file, path),
            dotted(path)
        ),
    };
    let error = Diagnostic::error("config-invalid", message);
    if path.is_empty() {
        return error.hint("for example `global:`, and below it, indented, `engine: docker`");
    }
    error.hint(format!("expected is {expected}"))
}

fn no_effect(file: &Path, keys: &[(String, &str)]) -> Diagnostic {
    let names: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
    let verb = if names.len() == 1 { "has" } else { "have" };
    let message = format!(
        "config file `{}`: {} {verb} no effect",
        file.display(),
        words::all(&names)
    );
    let mut whys: Vec<&str> = keys.iter().map(|(_, why)| *why).collect();
    whys.sort_unstable();
    whys.dedup();
    whys.into_iter().fold(
        Diagnostic::note("config-without-effect", message),
        Diagnostic::with_note,
    )
}

/// `config file `x`, line 3`.
fn at(text: &str, file: &Path, path: &[String]) -> String {
    match edit::line_of(text, path) {
        Some(line) => format!("config file `{}`, line {line}", file.display()),
        None => format!("config file `{}`", file.display()),
    }
}

/// A path as it is typed: segments with dots are quoted.
pub fn dotted(path: &[String]) -> String {
    let segments: Vec<String> = path
        .iter()
        .map(|segment| match segment.contains('.') {
            true => format!("\"{segment}\""),
            false => segment.clone(),
        })
        .collect();
    segments.join(".")
}

/// The path with another last segment.
fn beside(path: &[String], name: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.pop();
    path.push(name.to_owned());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Result<(Config, Vec<Diagnostic>), Diagnostic> {
        parse(text, &Place::Own("config.yml".into()))
    }

    #[test]
    fn a_file_of_the_reference_is_read_and_slips_are_remarked_with_their_line() {
        let text = "global:\n  cache_size_mb: 10\n  buildkit_hots: x\n  buildkit_host: tcp://a:1\n";
        let (config, remarks) = parse(text, &Place::Theirs("config.yml".into())).unwrap();
        assert_eq!(config.global.buildkit_host.as_deref(), Some("tcp://a:1"));
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(remarks[0].message.contains("line 3"), "{remarks:?}");
        assert!(remarks[0].hints[0].contains("global.buildkit_host"));
    }

    #[test]
    fn keys_without_effect_are_told_once_and_only_of_a_file_that_is_meant_for_bld() {
        let text = "global: {cache_size_mb: 10, git_image: x, tls_enabled: true}\n";
        let (_, remarks) = own(text).unwrap();
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].message.contains("`global.git_image`"));
        assert!(
            parse(text, &Place::Theirs("c".into()))
                .unwrap()
                .1
                .is_empty()
        );
        let obsolete = own("global:\n  cache_path: /x\nsatellite:\n  name: y\n")
            .unwrap()
            .1;
        assert_eq!(obsolete.len(), 2, "{obsolete:?}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_an_error_that_does_not_show_it() {
        let wrong = [
            ("global:\n  conversion_parallelism: 0\n", "1 or more"),
            ("global:\n  conversion_parallelism: many\n", "a number"),
            ("global:\n  tls_enabled: 12\n", "`true` or `false`"),
            ("global:\n  buildkit_additional_args: x\n", "a list"),
            ("git:\n  a.com:\n    auth: hunter2\n", "`ssh`"),
            ("git:\n  a.com:\n    password: [hunter2]\n", "text"),
            ("git: hunter2\n", "keys"),
            (
                "registries:\n  docker.io:\n    mirrors: {a: hunter2}\n",
                "a list",
            ),
        ];
        for (text, expected) in wrong {
            let error = own(text).unwrap_err();
            assert!(error.hints[0].contains(expected), "{text}: {error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        assert!(own("just a text").unwrap_err().message.contains("keys"));
    }

    #[test]
    fn a_broken_file_is_an_error_with_its_line() {
        let error = own("global:\n  engine: [").unwrap_err();
        assert!(error.message.contains("line"), "{}", error.message);
    }

    #[test]
    fn an_empty_file_and_an_empty_section_are_without_settings() {
        assert!(own("\n").unwrap().1.is_empty());
        assert!(own("# nothing\n").unwrap().1.is_empty());
        assert!(
            own("global:\nregistries:\n  a.com:\n")
                .unwrap()
                .1
                .is_empty()
        );
    }

    #[test]
    fn the_file_of_the_reference_counts_only_where_there_is_none_of_bld() {
        let home = tempfile::tempdir().unwrap();
        let path = |dir: &str| home.path().join(dir).join("config.yml");
        let environment = Environment::from_pairs([("HOME", home.path().to_str().unwrap())]);
        let args = crate::cli::args::parse(&["bld".to_owned()], false)
            .unwrap()
            .build;
        assert_eq!(place(&args, &environment), Some(Place::Own(path(".bld"))));
        std::fs::create_dir(home.path().join(".earthly")).unwrap();
        std::fs::write(path(".earthly"), "").unwrap();
        assert_eq!(
            place(&args, &environment),
            Some(Place::Theirs(path(".earthly")))
        );
        let mut named = args.clone();
        named.installation_name = Some("other".into());
        assert_eq!(
            place(&named, &environment),
            Some(Place::Own(path(".other")))
        );
        std::fs::create_dir(home.path().join(".bld")).unwrap();
        std::fs::write(path(".bld"), "").unwrap();
        assert_eq!(place(&args, &environment), Some(Place::Own(path(".bld"))));
    }
}
