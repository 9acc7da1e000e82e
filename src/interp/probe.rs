//! What the interpreter must learn by running or fetching something. The driver answers; tests script it.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;

use crate::{
    base::Platform,
    diag::{Diagnostic, Location},
    graph::{
        TargetRef,
        ledger::{Output, WaitId},
        plan::StepId,
    },
    oci::ImageConfig,
};

/// An answer, or the word that nothing was run to find it out (`bld plan`).
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<T> {
    /// It is known.
    Known(T),
    /// It would have to be run or fetched.
    Undecided,
}

impl<T> Answer<T> {
    /// Another thing that is known from the answer.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Known(answer) => Answer::Known(f(answer)),
            Self::Undecided => Answer::Undecided,
        }
    }
}

/// What a `$(…)` gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The exit status.
    pub status: i32,
    /// Standard output, whole, if it was to be kept.
    pub stdout: Vec<u8>,
}

/// A base image, looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseImage {
    /// What the engine is to fetch: mirror and digest put in.
    pub reference: String,
    /// Its configuration.
    pub config: ImageConfig,
}

/// What a Dockerfile gives, as far as the interpreter has to know.
#[derive(Debug, Clone, PartialEq)]
pub struct FromDockerfile {
    /// The configuration of the image.
    pub config: ImageConfig,
    /// The first command in it that wants all privileges, `RUN --security=insecure`: where it stands.
    pub privileged: Option<Location>,
}

/// An image for the Docker of this machine.
#[derive(Debug, Clone)]
pub struct HostImage {
    /// Its name, with a tag.
    pub name: crate::oci::ImageRef,
    /// The target that it comes from.
    pub target: String,
    /// Its files.
    pub state: StepId,
    /// Its configuration.
    pub config: Arc<ImageConfig>,
    /// Who asks for it.
    pub at: Location,
}

/// A secret by what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretName {
    /// One that somebody gave.
    User {
        /// Its name.
        name: String,
        /// What `PROJECT` says in the file that asks for it; only a program that looks secrets up cares.
        project: Option<String>,
    },
    /// A part of the credentials for AWS: the variable that it is usually in.
    Aws(&'static str),
}

impl SecretName {
    /// The name under which steps have it and an engine asks for it: no two have the same, whatever they are called.
    pub fn id(&self) -> String {
        let plain = |text: &str| text.replace('%', "%25").replace('@', "%40");
        match self {
            Self::User {
                name,
                project: Some(project),
            } => format!("{}@{}", plain(name), plain(project)),
            Self::User { name, .. } => plain(name),
            Self::Aws(variable) => format!("@aws:{variable}"),
        }
    }
}

/// A target with everything that is said about it from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The target, as the command line would name it.
    pub target: TargetRef,
    /// The build file, unless it is one of a repository.
    pub file: Option<PathBuf>,
    /// Its arguments.
    pub args: Vec<(String, String)>,
    /// The platform, where one was chosen.
    pub platform: Option<Platform>,
}

/// The answers.
#[async_trait]
pub trait Probe: Send + Sync {
    /// The exit status of a step that keeps [`crate::graph::plan::Keep::ExitStatus`].
    async fn exit_status(&self, step: StepId) -> Result<Answer<i32>, Box<Diagnostic>>;

    /// The output of a step that keeps [`crate::graph::plan::Keep::Output`].
    async fn output(&self, step: StepId) -> Result<Answer<Captured>, Box<Diagnostic>>;

    /// The exit status of a step that keeps [`crate::graph::plan::Keep::Attempt`]. A failure is one of this build, never
    /// remembered from another one.
    async fn attempt(&self, step: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        self.exit_status(step).await
    }

    /// An attempt has failed: writes what is to be saved of it, now, and gives the failure of the command.
    async fn rescue(&self, step: StepId, saved: Vec<Output>) -> Box<Diagnostic> {
        let _ = (step, saved);
        Box::new(Diagnostic::error("attempt", "the command failed"))
    }

    /// An error if the engine is on another machine, so that a directory of its machine is none of this one.
    async fn same_machine(&self) -> Result<(), Box<Diagnostic>> {
        Ok(())
    }

    /// Runs the command of a step at the user's terminal, and gives its exit status. What it changes is lost.
    async fn at_terminal(&self, step: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        let _ = step;
        Ok(Answer::Undecided)
    }

    /// Executes a step whose command is at the user's terminal, and waits for it. What it changes is kept.
    async fn kept_at_terminal(&self, step: StepId) -> Result<(), Box<Diagnostic>> {
        let _ = step;
        Ok(())
    }

    /// Does what a [`crate::graph::plan::StepOp::HostRun`], `HostCopy` or `WriteBack` says, on this machine, now; one at a time. A
    /// command of which the file system is kept fails if it does not exit with 0.
    ///
    /// Everything that was named of this machine's files before has been read before anything is done to them. Unless it
    /// is told how, nothing is done.
    async fn on_host(&self, step: StepId) -> Result<Answer<Captured>, Box<Diagnostic>> {
        let _ = step;
        Ok(Answer::Undecided)
    }

    /// Executes everything up to this step, and waits for it.
    async fn executed(&self, step: StepId) -> Result<(), Box<Diagnostic>> {
        let _ = step;
        Ok(())
    }

    /// Puts images into the Docker of this machine, now. Unless it is told how, nothing is done.
    async fn load(&self, images: Vec<HostImage>) -> Result<(), Box<Diagnostic>> {
        let _ = images;
        Ok(())
    }

    /// Looks an image up by its complete name. The diagnostic has no position yet.
    async fn base_image(
        &self,
        image: &crate::oci::ImageRef,
        platform: &Platform,
    ) -> Result<Answer<BaseImage>, Box<Diagnostic>>;

    /// Whether there is a secret. Steps may ask for those alone that were asked for here.
    async fn secret(&self, name: &SecretName) -> Result<Answer<bool>, Box<Diagnostic>> {
        let _ = name;
        Ok(Answer::Undecided)
    }

    /// An error if there is no SSH agent of this name.
    async fn agent(&self, id: &str) -> Result<(), Box<Diagnostic>> {
        let _ = id;
        Ok(())
    }

    /// An error if the engine gives no command all privileges.
    async fn privileged(&self) -> Result<(), Box<Diagnostic>> {
        Ok(())
    }

    /// Reads the Dockerfile of a [`crate::graph::plan::StepOp::Dockerfile`] and says what it gives. Comes before anything else that is asked about this step, or about one that is built on it.
    async fn dockerfile(&self, step: StepId) -> Result<Answer<FromDockerfile>, Box<Diagnostic>>;

    /// Whether this has succeeded before with everything that goes into it unchanged (`BUILD --auto-skip`).
    async fn done_before(&self, work: Work) -> Result<bool, Box<Diagnostic>> {
        let _ = work;
        Ok(false)
    }

    /// Says that everything up to this step will be needed, so that it may be executed while others are still being
    /// interpreted. Must not wait.
    fn ready(&self, step: StepId);

    /// A `WAIT` block has been interpreted to its `END`. Everything that takes effect in it has to have taken effect when
    /// this returns: commands have run, artifacts are written, images loaded and pushed.
    async fn end_of_wait(&self, block: WaitId) -> Result<(), Box<Diagnostic>> {
        let _ = block;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_secrets_have_one_id() {
        let user = |name: &str, project: Option<&str>| SecretName::User {
            name: name.to_owned(),
            project: project.map(str::to_owned),
        };
        let names = [
            SecretName::Aws("AWS_ACCESS_KEY_ID"),
            user("aws:AWS_ACCESS_KEY_ID", None),
            user("@aws:AWS_ACCESS_KEY_ID", None),
            user("a@b", None),
            user("a", Some("b")),
            user("a%40b", None),
            user("a@", Some("b")),
            user("a", Some("@b")),
        ];
        let ids: std::collections::BTreeSet<String> = names.iter().map(SecretName::id).collect();
        assert_eq!(ids.len(), names.len(), "{ids:?}");
        assert_eq!(user("org/TOKEN-1.x", None).id(), "org/TOKEN-1.x");
    }
}
