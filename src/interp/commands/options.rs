//! What the flags of `RUN`, `IF`, `FOR` and of the `RUN` in `WITH DOCKER` give to a command: secrets, mounts, an SSH
//! agent, privileges (language specification, 4.2).

use super::mount::{self, Kind, MountText};
use crate::{
    diag::{Diagnostic, Location},
    graph::{
        plan::{Access, Mount, MountKind, Network, Run, SecretEnv, StepId, StepOp},
        reference::clean,
    },
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
        probe::{Answer, SecretName},
        value::UNDECIDED,
    },
    syntax::{
        ast::{Command, Word},
        dialect::Feature,
    },
};

/// The flags of a command, read and expanded.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunOptions {
    /// Secrets that become variables.
    pub secrets: Vec<SecretUse>,
    /// `--mount`, in order; with the files where they are a build's.
    pub mounts: Vec<(MountText, Location, Option<MountKind>)>,
    /// `--ssh`.
    pub ssh: bool,
    /// `--privileged`.
    pub privileged: bool,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--network none`.
    pub no_network: bool,
    /// `--aws`.
    pub aws: bool,
    /// `--raw-output`.
    pub raw_output: bool,
    /// `--interactive`, `--interactive-keep`.
    pub interactive: Option<Interactive>,
}

/// `--secret VARIABLE=NAME`.
#[derive(Debug, Clone)]
pub(crate) struct SecretUse {
    /// The variable.
    pub variable: String,
    /// The secret.
    pub name: String,
    /// Where it is asked for.
    pub at: Location,
}

/// What becomes of what was done at a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interactive {
    /// It is thrown away.
    Discard,
    /// It is part of the target.
    Keep,
}

/// Where secrets are mounted, each under its name.
const SECRETS: &str = "/run/secrets";

/// What `--aws` gives: the variable, the name of the secret, and whether there can be no access without it.
const AWS: [(&str, &str, bool); 4] = [
    ("AWS_ACCESS_KEY_ID", "aws:access_key", true),
    ("AWS_SECRET_ACCESS_KEY", "aws:secret_key", true),
    ("AWS_SESSION_TOKEN", "aws:session_token", false),
    ("AWS_REGION", "aws:region", false),
];

/// The agent of the user's session.
const DEFAULT_AGENT: &str = "default";

impl Exec {
    /// Reads the flags of a command. Those that the command does not have are off.
    pub async fn run_options(&mut self, command: &Command) -> Result<RunOptions> {
        let mut options = RunOptions {
            privileged: self.switch(command, "privileged").await?,
            no_cache: self.switch(command, "no-cache").await?,
            ssh: self.switch(command, "ssh").await?,
            aws: self.switch(command, "aws").await?,
            raw_output: self.switch(command, "raw-output").await?,
            no_network: no_network(command)?,
            ..RunOptions::default()
        };
        if self.switch(command, "interactive-keep").await? {
            options.interactive = Some(Interactive::Keep);
        }
        if self.switch(command, "interactive").await? {
            options.interactive = Some(Interactive::Discard);
        }
        for flag in command.flags_named("secret") {
            let Some(word) = &flag.value else { continue };
            let text = self.expand_text(word, How::default()).await?;
            let at = self.place(word);
            if let Some(secret) = self.secret_use(&text, at)? {
                options.secrets.push(secret);
            }
        }
        for flag in command.flags_named("mount") {
            let Some(word) = &flag.value else { continue };
            let Some((text, at)) = self.mount_text(word).await? else {
                continue;
            };
            let files = if text.kind == Kind::Files && self.state.locally.is_none() {
                let files = self.files_to_mount(command, &text, &at).await;
                Some(files.map_err(|e| e.at(&at))?)
            } else {
                None
            };
            options.mounts.push((text, at, files));
        }
        Ok(options)
    }

    /// `NAME`, `VARIABLE=NAME`, `VARIABLE=+secrets/NAME`; nothing for an empty name.
    fn secret_use(&self, text: &str, at: Location) -> Result<Option<SecretUse>> {
        let (variable, name) = text.split_once('=').unwrap_or((text, text));
        if name.is_empty() {
            return Ok(None);
        }
        let short = self.has(Feature::UseProjectSecrets);
        let old = name.strip_prefix("+secrets/");
        if let (Some(name), false) = (old, text.contains('=')) {
            return Err(error::secret_prefix_alone(name, short).at(&at));
        }
        if old.is_none() && !short && text.contains('=') {
            return Err(error::secret_form(text).at(&at));
        }
        if !is_variable(variable) && !variable.contains(UNDECIDED) {
            return Err(error::secret_variable(variable).at(&at));
        }
        if let (Some(name), true) = (old, short) {
            let note = Diagnostic::note(
                "secret-prefix",
                format!("the `+secrets/` in front of `{name}` is not needed any more"),
            );
            self.session.remark(note.at(at.clone()));
        }
        let name = old.unwrap_or(name);
        Ok(Some(SecretUse {
            variable: variable.to_owned(),
            name: name.to_owned(),
            at,
        }))
    }

    async fn mount_text(&mut self, word: &Word) -> Result<Option<(MountText, Location)>> {
        let text = self.expand_text(word, How::default()).await?;
        let at = self.place(word);
        match mount::parse(&text, self.has(Feature::Extended)) {
            Ok(mount) => Ok(Some((mount, at))),
            // A piece of it is only known when something has run; then it will be judged.
            Err(_) if text.contains(UNDECIDED) => Ok(None),
            Err(failure) => Err(failure.at(&at)),
        }
    }

    /// Gives a command what its flags ask for. What is not there or not allowed is an error now, before the command, or
    /// anything else that only it needs, is run.
    pub async fn apply(&mut self, options: &RunOptions, run: &mut Run) -> Result<()> {
        if options.privileged {
            self.require_privileges("--privileged").await?;
            run.privileged = true;
        }
        run.no_cache |= options.no_cache;
        if options.no_network {
            run.network = Network::None;
        }
        for secret in &options.secrets {
            let name = self.secret_name(&secret.name);
            let answer = self.session.probe.secret(&name).await;
            if answer.map_err(|e| error::Failure::from(e).at(&secret.at))? == Answer::Known(false) {
                return Err(error::no_secret(&secret.name).at(&secret.at));
            }
            give_secret(run, &secret.variable, &secret.name, name.id(), false);
        }
        if options.aws {
            self.give_aws(run).await?;
        }
        if options.ssh {
            self.give_agent(
                run,
                DEFAULT_AGENT,
                "",
                Access {
                    uid: 0,
                    gid: 0,
                    mode: 0o666,
                },
            )
            .await?;
        }
        for (text, at, files) in &options.mounts {
            let given = self.give_mount(run, text, files.as_ref()).await;
            given.map_err(|e| e.at(at))?;
        }
        Ok(())
    }

    /// Appends a command with its options. One that writes to this machine's directories is done when this returns.
    pub async fn push_run(&self, run: Run, options: &RunOptions) -> Result<StepId> {
        let op = StepOp::Run(Box::new(run));
        let step = self.push_labelled(op, self.text.clone(), options.raw_output);
        self.write_back(step).await?;
        Ok(step)
    }

    /// An error unless commands of the code that runs may have all privileges, and the engine gives them.
    pub async fn require_privileges(&self, what: &str) -> Result<()> {
        self.permitted(what)?;
        if !self.session.request.allow_privileged {
            return Err(error::privileges_not_allowed(what));
        }
        Ok(self.session.probe.privileged().await?)
    }

    async fn give_aws(&self, run: &mut Run) -> Result<()> {
        // Nobody has named these secrets on the command line: they lie in the user's home directory.
        self.permitted("RUN --aws")?;
        for (variable, id, needed) in AWS {
            let name = SecretName::Aws(variable);
            match self.session.probe.secret(&name).await? {
                Answer::Known(false) if needed => return Err(error::no_aws(variable)),
                Answer::Known(false) => {}
                Answer::Known(true) => give_secret(run, variable, id, name.id(), false),
                Answer::Undecided => give_secret(run, variable, id, name.id(), !needed),
            }
        }
        Ok(())
    }

    /// The socket of an agent. The first one is what programs of SSH talk to.
    async fn give_agent(&self, run: &mut Run, id: &str, at: &str, access: Access) -> Result<()> {
        self.session.probe.agent(id).await?;
        let is_agent = |m: &&Mount| matches!(m.kind, MountKind::Ssh { .. });
        let number = run.mounts.iter().filter(is_agent).count();
        let target = if at.is_empty() {
            format!("/run/buildkit/ssh_agent.{number}")
        } else {
            self.state.path(at)
        };
        if number == 0 {
            run.env.push(("SSH_AUTH_SOCK".to_owned(), target.clone()));
        }
        run.mounts.push(Mount {
            target,
            kind: MountKind::Ssh {
                id: id.to_owned(),
                access,
            },
            read_only: false,
        });
        Ok(())
    }

    async fn give_mount(
        &mut self,
        run: &mut Run,
        text: &MountText,
        files: Option<&MountKind>,
    ) -> Result<()> {
        let target = clean(&self.state.path(&text.target));
        let kind = match text.kind {
            Kind::Tmpfs => MountKind::Tmpfs,
            Kind::Cache => MountKind::Cache {
                id: self.cache_id(text.id.as_deref(), &text.target).await,
                sharing: text.sharing,
                access: text.access,
            },
            Kind::Ssh => {
                let id = text.id.as_deref().unwrap_or(DEFAULT_AGENT);
                return self.give_agent(run, id, &text.target, text.access).await;
            }
            Kind::Secret => {
                let id = text.id.clone().unwrap_or_else(|| clean(&text.target));
                let id = id.strip_prefix("./").unwrap_or(&id);
                let id = id.strip_prefix("+secrets/").unwrap_or(id);
                let name = self.secret_name(id);
                if self.session.probe.secret(&name).await? == Answer::Known(false) {
                    return Err(error::no_secret(id));
                }
                MountKind::Secret {
                    id: name.id(),
                    access: text.access,
                    optional: false,
                }
            }
            Kind::Bind => self.bound(text).await?,
            Kind::Files => match files {
                Some(files) => files.clone(),
                None => return Ok(()),
            },
        };
        run.mounts.push(Mount {
            target,
            kind,
            read_only: text.read_only,
        });
        Ok(())
    }

    fn secret_name(&self, name: &str) -> SecretName {
        SecretName::User {
            name: name.to_owned(),
            project: self.home.statics.project.clone(),
        }
    }
}

fn no_network(command: &Command) -> Result<bool> {
    match command.flag("network").and_then(|f| f.value.as_ref()) {
        None => Ok(false),
        Some(word) if word.text == "none" => Ok(true),
        Some(word) => Err(error::network(&word.text)),
    }
}

/// A secret as a variable, and as a file under its name.
fn give_secret(run: &mut Run, variable: &str, file: &str, id: String, optional: bool) {
    let target = clean(&format!("{SECRETS}/{file}"));
    if !run.mounts.iter().any(|m| m.target == target) {
        run.mounts.push(Mount {
            target,
            kind: MountKind::Secret {
                id: id.clone(),
                access: Access {
                    uid: 0,
                    gid: 0,
                    mode: 0o444,
                },
                optional,
            },
            read_only: true,
        });
    }
    run.secret_env.push(SecretEnv {
        name: variable.to_owned(),
        id,
        optional,
    });
}

/// Whether a shell takes it as the name of a variable.
fn is_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
