//! From a reference to the target that it names: which file, which arguments it inherits, which platform.

use std::{path::PathBuf, sync::Arc};

use super::{
    error::{self, Result},
    exec::{Exec, Start},
    project::{BASE, Loaded},
    scope::{Imported, Vars},
    state::Current,
    visits::Finished,
};
use crate::{
    base::Platform,
    diag::Diagnostic,
    graph::{
        TargetRef,
        reference::{Place, RefError},
    },
    syntax::{ast::Command, builtins::is_reserved, dialect::Feature},
};

/// A build file that a reference leads to.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// The file.
    pub file: Arc<Loaded>,
    /// Whether it was named as another place: then nothing is inherited.
    pub external: bool,
    /// Whether what is reached may do what touches the host.
    pub permitted: bool,
}

/// How far a place is known without fetching anything.
enum Now {
    Reached(Reached),
    Remote { written: String, permitted: bool },
}

impl Exec {
    /// The build file of a place, seen from the code that runs; `allowed` is `--allow-privileged` of the command. For what
    /// is local the caller's own permission is inherited. For an alias that of its `IMPORT` counts, and the command's own
    /// flag does not.
    pub async fn place_of(&self, place: &Place, reference: &str, allowed: bool) -> Result<Reached> {
        let (remote, permitted) = match self.place_now(place, reference, allowed)? {
            Now::Reached(reached) => return Ok(reached),
            Now::Remote { written, permitted } => (written, permitted),
        };
        let (repository, dir) = self.session.repository(&remote).await?;
        let project = &self.session.project;
        Ok(Reached {
            file: project.load_from(&repository, &dir, reference)?,
            external: true,
            permitted,
        })
    }

    /// The same where nothing has to be fetched for it; else none.
    pub fn reached_now(&self, place: &Place, reference: &str) -> Result<Option<Reached>> {
        Ok(match self.place_now(place, reference, false)? {
            Now::Reached(reached) => Some(reached),
            Now::Remote { .. } => None,
        })
    }

    fn place_now(&self, place: &Place, reference: &str, allowed: bool) -> Result<Now> {
        let frame = self.frame();
        let mut permitted = frame.permitted;
        let mut repository = frame.file.repository.clone();
        let dir = match place {
            Place::Here => {
                return Ok(Now::Reached(Reached {
                    file: Arc::clone(&frame.file),
                    external: false,
                    permitted,
                }));
            }
            Place::Local(dir) => self.directory(dir)?,
            Place::Remote(remote) => {
                return Ok(Now::Remote {
                    written: remote.clone(),
                    permitted: permitted && allowed,
                });
            }
            Place::Alias(alias) => {
                let import = frame.imports.get(alias);
                let import = import.or_else(|| frame.base_imports.get(alias));
                let Some(import) = import else {
                    let known = frame.imports.keys().chain(frame.base_imports.keys());
                    return Err(error::unknown_alias(alias, known.map(String::as_str)));
                };
                permitted &= import.permitted;
                match &import.to {
                    Imported::Remote(remote) => {
                        return Ok(Now::Remote {
                            written: remote.clone(),
                            permitted,
                        });
                    }
                    Imported::Directory(dir, of) => {
                        repository.clone_from(of);
                        dir.clone()
                    }
                }
            }
        };
        let project = &self.session.project;
        let file = match &repository {
            Some(repository) => project.load_from(repository, &dir, reference)?,
            None => project.load_dir(&dir, reference)?,
        };
        Ok(Now::Reached(Reached {
            file,
            external: true,
            permitted,
        }))
    }

    /// A directory as written in the code that runs. In a repository it is one of that repository.
    pub fn directory(&self, dir: &str) -> Result<PathBuf> {
        if self.frame().file.repository.is_some() && dir.starts_with(['/', '~']) {
            return Err(error::absolute_in_repository(dir));
        }
        if let Some(rest) = dir.strip_prefix('~') {
            let home = self.session.request.home.as_ref();
            let home = home.ok_or_else(error::no_home)?;
            return Ok(home.join(rest.trim_start_matches('/')));
        }
        Ok(self.frame().file.dir.join(dir))
    }

    /// Reads a target reference.
    pub fn target_ref(text: &str) -> Result<TargetRef> {
        TargetRef::parse(text).map_err(|why| error::bad_reference("target", text, &why))
    }

    /// What is needed to begin with a target that a command refers to; the command's flags say what it passes on.
    pub async fn start_of(
        &self,
        command: &Command,
        target: &TargetRef,
        explicit: Vars,
        current: Current,
        build: bool,
    ) -> Result<Start> {
        let allowed = command.is_on("allow-privileged");
        let reached = self
            .place_of(&target.place, &target.to_string(), allowed)
            .await?;
        self.start_in(reached, command, target, explicit, current, build)
    }

    /// The same where nothing has to be fetched for it; else none.
    pub fn start_now(
        &self,
        command: &Command,
        target: &TargetRef,
        explicit: Vars,
        current: Current,
        build: bool,
    ) -> Result<Option<Start>> {
        let Some(reached) = self.reached_now(&target.place, &target.to_string())? else {
            return Ok(None);
        };
        let start = self.start_in(reached, command, target, explicit, current, build);
        start.map(Some)
    }

    fn start_in(
        &self,
        reached: Reached,
        command: &Command,
        target: &TargetRef,
        explicit: Vars,
        current: Current,
        build: bool,
    ) -> Result<Start> {
        let pass_args = command.is_on("pass-args");
        if target.name != BASE {
            reached.file.recipe(&target.name)?;
        }
        let frame = self.frame();
        let mut args = if pass_args {
            let bld = frame.file.reserves_bld_names();
            let mut passed = frame.passed();
            passed.retain(|name, _| !is_reserved(name, bld));
            passed
        } else if reached.external {
            Vars::new()
        } else {
            frame.overriding.clone()
        };
        args.extend(explicit);
        Ok(Start {
            file: reached.file,
            target: target.name.clone(),
            args,
            current,
            chain: build && self.chain,
            permitted: reached.permitted,
        })
    }

    /// The platform that a `--platform` flag asks for; without one, what is in force.
    pub fn platform(&self, text: Option<&str>) -> Result<Current> {
        let request = &self.session.request;
        let platform = match text {
            None | Some("") => return Ok(self.state.outside().clone()),
            Some("native") => request.native.clone(),
            // A container runs on Linux even where the user's machine does not.
            Some("user") => Platform {
                os: request.native.os.clone(),
                ..request.user.clone()
            },
            Some(text) => text
                .parse()
                .map_err(|e: crate::base::platform::PlatformError| {
                    error::bad_platform(&e.to_string())
                })?,
        };
        let current = self.state.outside();
        if !self.has(Feature::NewPlatform) && current.chosen && current.platform != platform {
            return Err(error::platform_conflict(
                &current.platform.to_string(),
                &platform.to_string(),
            ));
        }
        Ok(Current {
            platform,
            chosen: true,
        })
    }

    /// The value of `--platform`, expanded.
    pub async fn platform_flag(&mut self, command: &Command) -> Result<Current> {
        let Some(word) = command.flag("platform").and_then(|f| f.value.clone()) else {
            return self.platform(None);
        };
        let text = self.expand(&word, super::expand::How::default()).await?;
        let place = self.place(&word);
        match text.known() {
            Some(text) => self.platform(Some(text)).map_err(|e| e.at(&place)),
            None => Ok(self.state.outside().clone()),
        }
    }

    /// Takes the final state of a target over, as `FROM` does. In the same file its globals and imports come along.
    pub fn become_target(&mut self, target: &Finished, same_file: bool) {
        self.state.become_target(&target.state);
        if same_file {
            let frame = self.frame_mut();
            frame.globals.clone_from(&target.frame.globals);
            frame.base_imports.clone_from(&target.frame.base_imports);
            if target.frame.is_base {
                frame.base_imports.extend(target.frame.imports.clone());
            }
        }
    }

    /// A local reference needs no permission: the flag has no effect, and a note says so.
    pub fn note_allow_privileged(&self, command: &Command, place: &Place) {
        if command.is_on("allow-privileged") && matches!(place, Place::Here | Place::Local(_)) {
            self.warn(Diagnostic::note(
                "allow-privileged-local",
                "`--allow-privileged` has no effect on a local reference: the permission is inherited",
            ));
        }
    }
}

/// Whether a text is meant as a reference to a target: it has a `+` that is not escaped.
pub(crate) fn is_reference(text: &str) -> bool {
    !matches!(TargetRef::parse(text), Err(RefError::NotAReference)) || has_plus(text)
}

fn has_plus(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let plus = c == '+' && !escaped;
        escaped = c == '\\' && !escaped;
        plus
    })
}
