//! `bld init`: a first build file for a project of a known kind.

use std::{fs, io::Write as _, path::Path};

use crate::{
    cli::{args::InitArgs, exit::Exit, printer},
    diag::{Diagnostic, words},
    interp::BUILD_FILES,
};

use super::{usage, working_directory};

/// A kind of project.
struct Kind {
    name: &'static str,
    /// Any of these files tells it.
    told_by: &'static [&'static str],
    /// What the build file says.
    text: fn(&Path) -> String,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "go",
        told_by: &["go.mod"],
        text: go,
    },
    Kind {
        name: "rust",
        told_by: &["Cargo.toml"],
        text: rust,
    },
    Kind {
        name: "node",
        told_by: &["package.json"],
        text: node,
    },
    Kind {
        name: "python",
        told_by: &["pyproject.toml", "requirements.txt", "setup.py"],
        text: python,
    },
];

/// Writes `Buildfile`, or nothing.
pub fn init(args: &InitArgs) -> Result<Exit, Box<Diagnostic>> {
    let dir = working_directory()?;
    if let Some(file) = BUILD_FILES.iter().find(|file| dir.join(file).exists()) {
        let error = usage(format!("there is a `{file}` already"));
        return Err(error
            .hint("remove it first, if it is to be made anew")
            .into());
    }
    let kind = choose(args.kind.as_deref(), &dir)?;
    let text = (kind.text)(&dir);
    write(&dir.join(BUILD_FILES[0]), &text).map_err(|e| {
        let message = format!("cannot write `{}`: {e}", BUILD_FILES[0]);
        Diagnostic::error("init", message)
    })?;
    printer::message(&format!(
        "wrote `{}` for a {} project; `bld ls` lists its targets\n",
        BUILD_FILES[0], kind.name
    ));
    Ok(Exit::Success)
}

fn choose(named: Option<&str>, dir: &Path) -> Result<&'static Kind, Diagnostic> {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    if let Some(name) = named {
        let kind = KINDS.iter().find(|kind| kind.name == name);
        return kind.ok_or_else(|| {
            usage(format!("bld knows no `{name}` projects"))
                .hint(format!("it knows {}", words::all(&names)))
        });
    }
    let there = |kind: &&Kind| kind.told_by.iter().any(|file| dir.join(file).is_file());
    let found: Vec<&Kind> = KINDS.iter().filter(there).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let files: Vec<&str> = KINDS.iter().flat_map(|k| k.told_by).copied().collect();
            Err(
                usage("there is no project of a known kind in this directory")
                    .hint(format!("it would be known by {}", words::either(&files))),
            )
        }
        several => {
            let names: Vec<&str> = several.iter().map(|kind| kind.name).collect();
            Err(usage(format!(
                "this is a project of several kinds: {}",
                words::all(&names)
            ))
            .hint(format!("name one: `bld init {}`", names[0])))
        }
    }
}

/// Writes a file that is never half there, and never in the place of another.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut fresh = tempfile::Builder::new()
        .prefix(".bld-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(dir)?;
    fresh.write_all(text.as_bytes())?;
    fresh.persist_noclobber(path)?;
    Ok(())
}

fn go(dir: &Path) -> String {
    let module = fs::read_to_string(dir.join("go.mod")).unwrap_or_default();
    let version = module
        .lines()
        .find_map(|line| line.trim().strip_prefix("go "));
    let version = version
        .map(str::trim)
        .filter(|v| is_version(v))
        .unwrap_or("1");
    format!(
        "\
VERSION 0.8
FROM golang:{version}-alpine
WORKDIR /src

# deps has the modules that the project needs.
deps:
    COPY --if-exists go.mod go.sum ./
    RUN go mod download

# build compiles every command of the project.
build:
    FROM +deps
    COPY . .
    RUN --mount=type=cache,target=/root/.cache/go-build go build -o out/ ./...
    SAVE ARTIFACT --if-exists out AS LOCAL out

# test runs all tests.
test:
    FROM +deps
    COPY . .
    RUN --mount=type=cache,target=/root/.cache/go-build go test ./...
"
    )
}

fn rust(dir: &Path) -> String {
    let locked = if dir.join("Cargo.lock").is_file() {
        " --locked"
    } else {
        ""
    };
    format!(
        "\
VERSION 0.8
FROM rust:1-slim
WORKDIR /src

# source is the project; leave `target` out of it with a line `target` in `.bldignore`.
source:
    COPY . .

# build compiles the project.
build:
    FROM +source
    RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=target \\
        cargo build --release{locked} && \\
        mkdir -p /out && \\
        find target/release -maxdepth 1 -type f -executable -exec cp {{}} /out/ ';'
    SAVE ARTIFACT /out AS LOCAL out

# test runs all tests.
test:
    FROM +source
    RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=target \\
        cargo test{locked}
"
    )
}

fn node(dir: &Path) -> String {
    let there = |file: &str| dir.join(file).is_file();
    let (lock, install, run) = if there("pnpm-lock.yaml") {
        (
            "pnpm-lock.yaml",
            "corepack enable && pnpm install --frozen-lockfile",
            "corepack pnpm run",
        )
    } else if there("yarn.lock") {
        ("yarn.lock", "yarn install --frozen-lockfile", "yarn run")
    } else if there("package-lock.json") {
        ("package-lock.json", "npm ci", "npm run")
    } else {
        ("package-lock.json", "npm install", "npm run")
    };
    let package = fs::read_to_string(dir.join("package.json")).unwrap_or_default();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap_or_default();
    let mut text = format!(
        "\
VERSION 0.8
FROM node:lts-alpine
WORKDIR /src

# deps has the packages that the project needs.
deps:
    COPY package.json ./
    COPY --if-exists {lock} ./
    RUN {install}

# source is the project; leave `node_modules` out of it with a line `node_modules` in `.bldignore`.
source:
    FROM +deps
    COPY . .
"
    );
    for (script, what) in [("build", "builds the project"), ("test", "runs all tests")] {
        if package["scripts"][script].is_string() {
            text.push_str(&format!(
                "\n# {script} {what}.\n{script}:\n    FROM +source\n    RUN {run} {script}\n"
            ));
            if script == "build" {
                text.push_str("    SAVE ARTIFACT --if-exists dist AS LOCAL dist\n");
            }
        }
    }
    text
}

fn python(dir: &Path) -> String {
    let requirements = dir.join("requirements.txt").is_file();
    let deps = match requirements {
        true => {
            "    COPY requirements.txt ./\n    RUN pip install --no-cache-dir -r requirements.txt\n"
        }
        false => "    COPY . .\n    RUN pip install --no-cache-dir .\n",
    };
    format!(
        "\
VERSION 0.8
FROM python:3-slim
WORKDIR /src

# deps has the packages that the project needs.
deps:
{deps}
# test runs all tests.
test:
    FROM +deps
    RUN pip install --no-cache-dir pytest
    COPY . .
    RUN python -m pytest
"
    )
}

/// What can stand in the name of an image.
fn is_version(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}
