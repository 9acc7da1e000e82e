//! The user's credentials for AWS, found where Amazon's own tools look first: in the environment, then in the files
//! `~/.aws/credentials` and `~/.aws/config`. What those tools get from elsewhere (single sign-on, the metadata of a
//! machine) is not looked for.

use std::{collections::HashMap, fs, path::PathBuf};

use crate::base::SecretBytes;

/// Looks up a variable of the environment; an empty one is none.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What `variable` is to be in a command.
pub(super) fn find(variable: &str, env: Env<'_>) -> Option<SecretBytes> {
    let value = match variable {
        "AWS_REGION" => region(env),
        "AWS_ACCESS_KEY_ID" => keys(env)?.remove("aws_access_key_id"),
        "AWS_SECRET_ACCESS_KEY" => keys(env)?.remove("aws_secret_access_key"),
        "AWS_SESSION_TOKEN" => keys(env)?.remove("aws_session_token"),
        _ => None,
    };
    value.map(|text| SecretBytes::new(text.into_bytes()))
}

type Section = HashMap<String, String>;

/// Key, secret and token, all from one place: those of two places do not belong together.
fn keys(env: Env<'_>) -> Option<Section> {
    let names = [
        ("AWS_ACCESS_KEY_ID", "aws_access_key_id"),
        ("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"),
        ("AWS_SESSION_TOKEN", "aws_session_token"),
    ];
    let given: Section = names
        .into_iter()
        .filter_map(|(variable, key)| Some((key.to_owned(), env(variable)?)))
        .collect();
    let complete = |section: &Section| {
        section.contains_key("aws_access_key_id") && section.contains_key("aws_secret_access_key")
    };
    if complete(&given) {
        return Some(given);
    }
    let profile = profile(env);
    let places = [
        (credentials_file(env), profile.clone()),
        (config_file(env), config_section(&profile)),
    ];
    places
        .into_iter()
        .filter_map(|(file, name)| section(&fs::read_to_string(file?).ok()?, &name))
        .find(complete)
}

fn region(env: Env<'_>) -> Option<String> {
    env("AWS_REGION")
        .or_else(|| env("AWS_DEFAULT_REGION"))
        .or_else(|| {
            let profile = profile(env);
            let text = fs::read_to_string(config_file(env)?).ok()?;
            section(&text, &config_section(&profile))?.remove("region")
        })
}

fn profile(env: Env<'_>) -> String {
    env("AWS_PROFILE").unwrap_or_else(|| "default".to_owned())
}

/// In the config file every profile but the default one is called `profile NAME`.
fn config_section(profile: &str) -> String {
    if profile == "default" {
        profile.to_owned()
    } else {
        format!("profile {profile}")
    }
}

fn credentials_file(env: Env<'_>) -> Option<PathBuf> {
    place(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials")
}

fn config_file(env: Env<'_>) -> Option<PathBuf> {
    place(env, "AWS_CONFIG_FILE", "config")
}

fn place(env: Env<'_>, variable: &str, name: &str) -> Option<PathBuf> {
    env(variable)
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env("HOME")?).join(".aws").join(name)))
}

/// The settings of a section of an INI file.
fn section(text: &str, name: &str) -> Option<Section> {
    let mut found = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(title) = line.strip_prefix('[').and_then(|l| l.split_once(']')) {
            let title: Vec<&str> = title.0.split_whitespace().collect();
            inside = title.join(" ") == name;
            if inside {
                found.get_or_insert_with(Section::new);
            }
        } else if let (true, Some((key, value))) = (inside, line.split_once('='))
            && !value.trim().is_empty()
        {
            let section = found.get_or_insert_with(Section::new);
            section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variable: &str, set: &[(&str, &str)]) -> Option<String> {
        let env = |name: &str| {
            let value = set.iter().find(|(n, _)| *n == name);
            value.map(|(_, v)| (*v).to_owned())
        };
        let secret = find(variable, &env)?;
        Some(String::from_utf8(secret.reveal().to_vec()).unwrap())
    }

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let aws = home.path().join(".aws");
        fs::create_dir(&aws).unwrap();
        let credentials = "# mine\n[default]\naws_access_key_id = file-id\naws_secret_access_key=file-secret\n[work]\naws_access_key_id=work-id\naws_secret_access_key=work=secret\naws_session_token=work-token\n";
        fs::write(aws.join("credentials"), credentials).unwrap();
        let config = "[default]\nregion = eu-1\n\n[profile work]\nregion=us-1\n[profile config]\naws_access_key_id=config-id\naws_secret_access_key=config-secret\n";
        fs::write(aws.join("config"), config).unwrap();
        home
    }

    #[test]
    fn the_environment_goes_first_and_nothing_is_mixed_with_the_files() {
        let home = home();
        let home = ("HOME", home.path().to_str().unwrap());
        let set = [
            home,
            ("AWS_ACCESS_KEY_ID", "env-id"),
            ("AWS_SECRET_ACCESS_KEY", "env-secret"),
            ("AWS_PROFILE", "work"),
        ];
        assert_eq!(found("AWS_ACCESS_KEY_ID", &set).unwrap(), "env-id");
        assert_eq!(found("AWS_SESSION_TOKEN", &set), None);
        assert_eq!(found("AWS_REGION", &set).unwrap(), "us-1");
        // Half a pair is none.
        assert_eq!(found("AWS_ACCESS_KEY_ID", &set[..2]).unwrap(), "file-id");
    }

    #[test]
    fn a_profile_chooses_a_section_of_both_files() {
        let home = home();
        let home = ("HOME", home.path().to_str().unwrap());
        let work = [home, ("AWS_PROFILE", "work")];
        assert_eq!(
            found("AWS_SECRET_ACCESS_KEY", &work).unwrap(),
            "work=secret"
        );
        assert_eq!(found("AWS_SESSION_TOKEN", &work).unwrap(), "work-token");
        assert_eq!(found("AWS_REGION", &[home]).unwrap(), "eu-1");
        let config = [home, ("AWS_PROFILE", "config")];
        assert_eq!(found("AWS_ACCESS_KEY_ID", &config).unwrap(), "config-id");
        assert_eq!(found("AWS_REGION", &config), None);
        let nobody = [home, ("AWS_PROFILE", "nobody")];
        assert_eq!(found("AWS_ACCESS_KEY_ID", &nobody), None);
    }
}
