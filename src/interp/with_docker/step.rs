//! The steps: Docker is installed where it is missing, and the command runs beside it.

use std::collections::BTreeMap;

use super::{
    WithDocker, compose,
    images::{self, Image},
};
use crate::{
    diag::Location,
    graph::plan::{Access, Keep, Mount, MountKind, NewFile, Run, Sharing, StepId, StepOp},
    interp::{
        commands::{interactive, run::arguments},
        error::{self, Result},
        exec::Exec,
    },
    oci::ImageConfig,
    syntax::ast::Command,
};

const SCRIPT: &str = include_str!("with-docker.sh");
const INSTALL: &str = include_str!("install.sh");

/// Where the script and all that it is told are mounted.
const GIVEN: &str = "/run/bld/with-docker";
/// What the daemon works in. It must not be a layer on top of another.
const DATA: &str = "/run/bld/docker";

/// What programs look at to find out that they run beside a Docker of their own.
const MARKERS: [&str; 2] = ["EARTHLY_WITH_DOCKER", "BLD_WITH_DOCKER"];

/// When images were made, as far as nothing is known of it: the same for the same image, like the times of copied files.
const CREATED: &str = "2020-04-16T12:00:00Z";

/// The script, with the first word of what it is to do.
pub(super) fn script(what: &str) -> Vec<String> {
    ["/bin/sh", "-c", SCRIPT, "with-docker.sh", what]
        .map(str::to_owned)
        .to_vec()
}

/// The compose files as arguments of the script.
pub(super) fn compose_args(docker: &WithDocker) -> Vec<String> {
    flags("--compose", &docker.compose)
}

fn flags(flag: &str, values: &[(String, Location)]) -> Vec<String> {
    let pair = |(value, _): &(String, Location)| [flag.to_owned(), value.clone()];
    values.iter().flat_map(pair).collect()
}

/// The `RUN` in a `WITH DOCKER`.
pub(super) async fn run(exec: &mut Exec, docker: &WithDocker, command: &Command) -> Result<()> {
    if exec.switch(command, "push").await? {
        return Err(error::docker_run_flag("push"));
    }
    let options = exec.run_options(command).await?;
    for (on, flag) in [
        (options.no_network, "network"),
        (options.raw_output, "raw-output"),
    ] {
        if on {
            return Err(error::docker_run_flag(flag));
        }
    }
    if options.interactive.is_some() {
        interactive::permitted(exec)?;
    }
    // The body may have changed it.
    super::native(exec)?;
    let words = arguments(exec, command).await?;
    let on = install(exec, docker)?;
    let composed = compose::images(exec, docker, on).await?;
    let images = images::gather(exec, docker, composed).await?;
    let loaded = Loaded::of(&images);

    let mut args = vec![
        "/bin/sh".to_owned(),
        format!("{GIVEN}/with-docker.sh"),
        "run".to_owned(),
    ];
    if docker.cache_id.is_some() {
        args.push("--keep".to_owned());
    }
    args.extend(compose_args(docker));
    args.extend(flags("--service", &docker.services));
    args.push("--".to_owned());
    args.extend(words);
    let keep = match options.interactive {
        Some(_) => Keep::FileSystem,
        None => exec.keep,
    };
    let mut run = exec.run_step(on, args, keep);
    run.privileged = true;
    exec.apply(&options, &mut run).await?;
    for marker in MARKERS {
        run.env.push((marker.to_owned(), "1".to_owned()));
    }
    let given = exec.push_named(
        StepOp::Files(loaded.files()),
        "WITH DOCKER (images)".to_owned(),
    );
    run.mounts.push(files(GIVEN, given, true));
    for (number, fs) in loaded.file_systems.iter().enumerate() {
        run.mounts
            .push(files(&format!("/run/bld/image-{number}"), *fs, true));
    }
    run.mounts.push(data(exec, docker));
    if let Some(kind) = options.interactive {
        // Also where nothing is kept: a step can have everything that the inner Docker needs.
        return interactive::sit(exec, run, &options, kind).await;
    }
    exec.state.fs = Some(exec.push_run(run, &options).await?);
    Ok(())
}

/// The file system with Docker in it. Which arguments the target has does not matter for it.
fn install(exec: &Exec, docker: &WithDocker) -> Result<StepId> {
    let on = exec.fs("RUN")?;
    let mut args = ["/bin/sh", "-c", INSTALL, "install.sh"]
        .map(str::to_owned)
        .to_vec();
    if !docker.compose.is_empty() {
        args.push("--compose".to_owned());
    }
    let env = exec.state.env.iter();
    let run = Run {
        env: env
            .map(|(name, value)| (name.clone(), value.text().to_owned()))
            .collect(),
        cwd: "/".to_owned(),
        // What is installed has to stay.
        mounts: Vec::new(),
        ..exec.run_step(on, args, Keep::FileSystem)
    };
    let text = "WITH DOCKER (install Docker if it is missing)".to_owned();
    Ok(exec.push_named(StepOp::Run(Box::new(run)), text))
}

/// The place of the daemon: its own for each run, or with `--cache-id` one that stays, for one run at a time.
fn data(exec: &Exec, docker: &WithDocker) -> Mount {
    match &docker.cache_id {
        None => files(DATA, exec.push_named(StepOp::Scratch, String::new()), false),
        Some(id) => Mount {
            target: DATA.to_owned(),
            kind: MountKind::Cache {
                id: format!("with-docker/{id}"),
                sharing: Sharing::Locked,
                access: Access {
                    uid: 0,
                    gid: 0,
                    mode: 0o755,
                },
            },
            read_only: false,
        },
    }
}

fn files(target: &str, from: StepId, read_only: bool) -> Mount {
    let source = "/".to_owned();
    Mount {
        target: target.to_owned(),
        kind: MountKind::Files { from, source },
        read_only,
    }
}

/// Images by their files: what is loaded under several names, or with several configurations, is mounted once.
struct Loaded<'a> {
    file_systems: Vec<StepId>,
    images: Vec<Vec<(&'a ImageConfig, Vec<String>)>>,
}

impl<'a> Loaded<'a> {
    fn of(images: &'a [Image]) -> Self {
        let mut loaded = Self {
            file_systems: Vec::new(),
            images: Vec::new(),
        };
        let mut numbers = BTreeMap::new();
        for image in images {
            let number = *numbers.entry(image.fs).or_insert_with(|| {
                loaded.file_systems.push(image.fs);
                loaded.images.push(Vec::new());
                loaded.images.len() - 1
            });
            let Some(name) = &image.name else { continue };
            let name = crate::oci::ImageRef {
                digest: None,
                ..name.clone()
            };
            let name = name.familiar();
            let same = &mut loaded.images[number];
            match same
                .iter_mut()
                .find(|(config, _)| **config == *image.config)
            {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => same.push((&image.config, vec![name])),
            }
        }
        loaded
    }

    /// What the script finds; its first lines say what is where.
    fn files(&self) -> Vec<NewFile> {
        let file = |path: String, data: Vec<u8>| NewFile {
            path,
            data,
            mode: 0o644,
        };
        let mut files = vec![NewFile {
            path: "/with-docker.sh".to_owned(),
            data: SCRIPT.as_bytes().to_vec(),
            mode: 0o755,
        }];
        let mut all = String::new();
        for (number, variants) in self.images.iter().enumerate() {
            let dir = format!("/images/{number}");
            let mut manifest = Vec::new();
            for (variant, (config, names)) in variants.iter().enumerate() {
                files.push(file(format!("{dir}/{variant}.config"), beheaded(config)));
                manifest.push(serde_json::json!({
                    "Config": format!("{variant}.json"),
                    "RepoTags": names,
                    "Layers": ["layer.tar"],
                }));
                for name in names {
                    all.push_str(name);
                    all.push('\n');
                }
            }
            let manifest = serde_json::Value::from(manifest).to_string();
            files.push(file(format!("{dir}/manifest.json"), manifest.into_bytes()));
        }
        files.push(file("/names".to_owned(), all.into_bytes()));
        files
    }
}

/// A configuration as JSON without the brace in front; what is put there says which layer it has.
fn beheaded(config: &ImageConfig) -> Vec<u8> {
    let mut config = ImageConfig {
        rootfs: None,
        history: Vec::new(),
        ..config.clone()
    };
    config.created.get_or_insert_with(|| CREATED.to_owned());
    let mut json = serde_json::to_vec(&config).expect("a configuration is JSON");
    json.remove(0);
    json
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::interp::with_docker::images::tagged;

    fn image(name: &str, fs: u32, config: &ImageConfig) -> Image {
        Image {
            name: tagged(name).unwrap(),
            fs: StepId(fs),
            config: Arc::new(config.clone()),
        }
    }

    #[test]
    fn the_same_files_are_mounted_once_whatever_they_are_called() {
        let config = ImageConfig::scratch(&"linux/amd64".parse().unwrap());
        let mut other = config.clone();
        other.config.cmd = Some(vec!["sh".to_owned()]);
        let images = [
            image("a", 1, &config),
            image("b:2", 1, &config),
            image("c", 1, &other),
            image("d", 2, &config),
            image("a:latest", 1, &config),
        ];
        let loaded = Loaded::of(&images);
        assert_eq!(loaded.file_systems, [StepId(1), StepId(2)]);
        let files = loaded.files();
        let text = |path: &str| {
            let file = files.iter().find(|f| f.path == path).unwrap();
            String::from_utf8(file.data.clone()).unwrap()
        };
        assert_eq!(
            text("/images/0/manifest.json"),
            r#"[{"Config":"0.json","RepoTags":["a:latest","b:2"],"Layers":["layer.tar"]},{"Config":"1.json","RepoTags":["c:latest"],"Layers":["layer.tar"]}]"#
        );
        assert_eq!(text("/names"), "a:latest\nb:2\nc:latest\nd:latest\n");
        let config = format!("{{{}", text("/images/0/1.config"));
        let config: ImageConfig = serde_json::from_str(&config).unwrap();
        assert_eq!(config.created.as_deref(), Some(CREATED));
        assert_eq!(config.config, other.config);
    }
}
