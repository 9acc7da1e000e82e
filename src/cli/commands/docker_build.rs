//! `bld docker-build`: a Dockerfile, built through a build file that is made for it and that no disk holds.

use std::{fmt::Write as _, path::Path};

use crate::{
    base::Platform,
    cli::{
        args::{BuildArgs, DockerBuildArgs},
        config_file,
        env_vars::Environment,
        exit::Exit,
        printer::Streams,
        settings,
    },
    diag::Diagnostic,
    interp::RootFile,
    oci::ImageRef,
};

use super::{build::execute, usage, working_directory};

/// Builds it, for every platform, under every name.
pub fn docker_build(
    args: &DockerBuildArgs,
    build: &BuildArgs,
    words: &[String],
    environment: &Environment,
    streams: Streams,
) -> Result<Exit, Box<Diagnostic>> {
    let Some((context, rest)) = words.split_first().filter(|(w, _)| !w.starts_with('-')) else {
        return Err(usage("no context was given")
            .hint("it is the directory that the Dockerfile can copy from: `bld docker-build .`")
            .into());
    };
    if build.image || build.artifact {
        let message = "`--image` and `--artifact` choose among targets: a Dockerfile has none";
        return Err(usage(message).into());
    }
    let cwd = working_directory()?;
    let platforms = args.platform.iter().chain(&build.platform);
    let file = args.dockerfile.as_ref().or(build.file.as_ref());
    let context = cwd.join(context);
    // As people know it from `docker build`: relative to where they are. The reference took it relative to the context.
    let dockerfile = file.map(|file| [cwd.join(file), context.join(file)]);
    let dockerfile = dockerfile.map(|[here, there]| match there.exists() && !here.exists() {
        true => there,
        false => here,
    });
    let wrapped = Wrapped {
        context,
        dockerfile,
        target: args.target.clone(),
        tags: tags(&args.tag)?,
        // Where nothing is pushed and no records of pushed images are used, the names are the daemon's alone.
        push: build.push || build.use_inline_cache,
        platforms: parsed(platforms)?,
    };
    // They stand in the build file.
    let build = BuildArgs {
        platform: Vec::new(),
        file: None,
        ..build.clone()
    };
    let line: Vec<String> = std::iter::once("+build".to_owned())
        .chain(rest.iter().cloned())
        .collect();
    let (config, mut remarks) = config_file::load(&build, environment)?;
    let (mut request, more) = settings::resolve(&build, &line, environment, config)?;
    remarks.extend(more);
    if wrapped.tags.is_empty() {
        let message = "the image gets no name, so that nothing is output";
        remarks.push(Diagnostic::note("no-tag", message).hint("give it one with `-t name:tag`"));
    }
    let mut names: Vec<&str> = request.args.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    request.file = Some(RootFile::Text {
        name: "docker-build",
        text: wrapped.text(&names)?,
    });
    execute(request, &remarks, &build, streams)
}

/// What the build file says.
struct Wrapped {
    context: std::path::PathBuf,
    dockerfile: Option<std::path::PathBuf>,
    target: Option<String>,
    tags: Vec<String>,
    push: bool,
    platforms: Vec<Platform>,
}

impl Wrapped {
    /// The build file; `args` are names of arguments that the command line gives.
    fn text(&self, args: &[&str]) -> Result<String, Diagnostic> {
        let mut text = String::from("VERSION 0.8\n\ndocker:\n");
        for name in args {
            if !is_name(name) {
                return Err(usage(format!("`{name}` is no name of an argument")));
            }
            let _ = writeln!(text, "    ARG {name}");
        }
        text.push_str("    FROM DOCKERFILE");
        for name in args {
            let _ = write!(text, " --build-arg {name}=\"${name}\"");
        }
        if let Some(target) = &self.target {
            let _ = write!(text, " --target={}", flag_value(target)?);
        }
        if let Some(file) = &self.dockerfile {
            let _ = write!(text, " -f {}", flag_value(utf8(file)?)?);
        }
        let _ = writeln!(text, " {}", quoted(utf8(&self.context)?)?);
        if !self.tags.is_empty() {
            let push = if self.push { "--push " } else { "" };
            let _ = writeln!(text, "    SAVE IMAGE {push}{}", self.tags.join(" "));
        }
        text.push_str("\nbuild:\n    BUILD");
        for platform in &self.platforms {
            let _ = write!(text, " --platform={platform}");
        }
        text.push_str(" +docker\n");
        Ok(text)
    }
}

fn tags(tags: &[String]) -> Result<Vec<String>, Diagnostic> {
    for tag in tags {
        ImageRef::parse(tag)
            .map_err(|why| usage(format!("`{tag}` is no name of an image: {why}")))?;
    }
    Ok(tags.to_vec())
}

/// Several flags, or one with commas.
fn parsed<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<Platform>, Diagnostic> {
    let words = texts.flat_map(|text| text.split(','));
    let words = words.map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| word.parse::<Platform>().map_err(|e| usage(e.to_string())))
        .collect()
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A word that the build file reads as it is here, also where it may be a reference to a target.
fn quoted(text: &str) -> Result<String, Diagnostic> {
    one_line(text)?;
    // The backslash in front of a plus sign has to survive the quotes.
    let word = with_backslashes(text, &['"', '$', '\\']).replace('+', "\\+");
    Ok(format!("\"{word}\""))
}

/// The same as the value of a flag: its quotes are read first, with the escapes of C, and what is left is read again.
fn flag_value(text: &str) -> Result<String, Diagnostic> {
    one_line(text)?;
    let word = with_backslashes(text, &['"', '\'', '$', '\\', '+']);
    Ok(format!("\"{}\"", with_backslashes(&word, &['"', '\\'])))
}

fn with_backslashes(text: &str, special: &[char]) -> String {
    let mut word = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            word.push('\\');
        }
        word.push(c);
    }
    word
}

fn one_line(text: &str) -> Result<(), Diagnostic> {
    if text.contains(['\n', '\r']) {
        let message = format!("`{}` has a line break in it", text.escape_debug());
        return Err(usage(message));
    }
    Ok(())
}

fn utf8(path: &Path) -> Result<&str, Diagnostic> {
    path.to_str()
        .ok_or_else(|| usage(format!("the path `{}` is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_file_passes_arguments_paths_and_platforms_on() {
        let wrapped = Wrapped {
            context: "/a b/c++".into(),
            dockerfile: Some("/d$e".into()),
            target: Some("s".to_owned()),
            tags: vec!["x:1".to_owned(), "y".to_owned()],
            push: true,
            platforms: parsed([&"linux/amd64,linux/arm64".to_owned()].into_iter()).unwrap(),
        };
        let text = wrapped.text(&["A", "B"]).unwrap();
        assert_eq!(
            text,
            "VERSION 0.8\n\ndocker:\n    ARG A\n    ARG B\n    FROM DOCKERFILE --build-arg A=\"$A\" --build-arg B=\"$B\" \
             --target=\"s\" -f \"/d\\\\$e\" \"/a b/c\\+\\+\"\n    SAVE IMAGE --push x:1 y\n\nbuild:\n    BUILD \
             --platform=linux/amd64 --platform=linux/arm64 +docker\n"
        );
        assert!(wrapped.text(&["a-b"]).is_err());
        assert!(quoted("a\nb").is_err() && tags(&["X Y".to_owned()]).is_err());
    }
}
