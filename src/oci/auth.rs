//! Credentials for registries, from the files that `docker login` and `podman login` write.
//!
//! Source: Docker's `config.json` (`auths`, `credHelpers`, `credsStore`), `DOCKER_AUTH_CONFIG`, and the protocol of
//! `docker-credential-helpers`. Nothing here prints a secret; a helper that does not work is a remark.

use std::{
    collections::HashSet,
    env, fmt,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use super::reference::DOCKER_HUB;
use crate::{
    base::{OnceMap, Secret},
    diag::Diagnostic,
    events::{Event, EventSink},
};

/// User name and password, or a token, for one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing is known: anonymous.
    None,
    /// User name and password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// An identity (refresh) token.
    Token(Secret),
}

/// Where credentials come from.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The credential for a registry host as it stands in references (`docker.io`, `ghcr.io`, `localhost:5000`).
    async fn credential(&self, registry: &str) -> Credential;
}

/// No credentials at all.
#[derive(Debug, Default, Clone, Copy)]
pub struct Anonymous;

#[async_trait]
impl Credentials for Anonymous {
    async fn credential(&self, _: &str) -> Credential {
        Credential::None
    }
}

/// A helper may ask the user for a fingerprint, but not for ever.
const HELPER_TIMEOUT: Duration = Duration::from_secs(60);

/// The key of Docker Hub in `auths` and in helpers.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Credentials out of Docker's and podman's files, asked for once per registry.
pub struct DockerConfig {
    sources: Vec<Source>,
    events: Arc<dyn EventSink>,
    known: OnceMap<String, Credential>,
    told: Mutex<HashSet<String>>,
}

/// A config file, or what stands in for one.
enum Source {
    File(PathBuf),
    /// `DOCKER_AUTH_CONFIG`, which CI systems set to the text of a file.
    Variable(Secret),
}

impl Source {
    async fn read(&self) -> Result<Option<Content>, String> {
        let text = match self {
            Self::Variable(text) => text.reveal().as_bytes().to_vec(),
            Self::File(file) => match tokio::fs::read(file).await {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(e.to_string()),
            },
        };
        // serde_json's message may quote a value, which may be a password: only its position is told.
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|e| format!("not valid JSON at line {}", e.line()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "`{}`", file.display()),
            Self::Variable(_) => f.write_str("`$DOCKER_AUTH_CONFIG`"),
        }
    }
}

/// The parts of a config file that say where credentials are.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Content {
    auths: Option<Map<String, Value>>,
    cred_helpers: Option<Map<String, Value>>,
    creds_store: Option<String>,
}

impl DockerConfig {
    /// The files of this user, Docker's before podman's; those that do not exist do not matter.
    pub fn of_this_user(events: Arc<dyn EventSink>) -> Self {
        let var = |name: &str| {
            env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let docker = var("DOCKER_CONFIG").or_else(|| Some(var("HOME")?.join(".docker")));
        let files = [
            docker.map(|dir| dir.join("config.json")),
            var("REGISTRY_AUTH_FILE"),
            var("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json")),
            var("XDG_CONFIG_HOME")
                .or_else(|| Some(var("HOME")?.join(".config")))
                .map(|dir| dir.join("containers/auth.json")),
        ];
        let mut config = Self::in_files(files.into_iter().flatten().collect(), events);
        if let Ok(text) = env::var("DOCKER_AUTH_CONFIG")
            && !text.is_empty()
        {
            config
                .sources
                .insert(0, Source::Variable(Secret::new(text)));
        }
        config
    }

    /// Exactly these files, the first that knows a registry wins.
    pub fn in_files(files: Vec<PathBuf>, events: Arc<dyn EventSink>) -> Self {
        Self {
            sources: files.into_iter().map(Source::File).collect(),
            events,
            known: OnceMap::default(),
            told: Mutex::default(),
        }
    }

    async fn find(&self, registry: &str) -> Credential {
        for source in &self.sources {
            let content = match source.read().await {
                Ok(Some(content)) => content,
                Ok(None) => continue,
                Err(reason) => {
                    self.remark(format!("cannot read credentials from {source}: {reason}"));
                    continue;
                }
            };
            let found = match self.ask_helper(&content, registry).await {
                Credential::None => self.look_up(&content, registry, source),
                found => found,
            };
            if found != Credential::None {
                return found;
            }
        }
        Credential::None
    }

    async fn ask_helper(&self, content: &Content, registry: &str) -> Credential {
        let key = key_of(registry);
        let own = content.cred_helpers.as_ref().and_then(|helpers| {
            let name = helpers.get(registry).or_else(|| helpers.get(key))?;
            name.as_str()
        });
        let Some(helper) = own
            .or(content.creds_store.as_deref())
            .filter(|h| !h.is_empty())
        else {
            return Credential::None;
        };
        let program = Command::new(format!("docker-credential-{helper}"));
        let asked = if helper.contains('/') {
            Err("a helper's name is no path".to_owned())
        } else {
            run_helper(program, key).await
        };
        match asked {
            Ok(credential) => credential,
            Err(reason) => {
                self.remark(format!(
                    "credential helper `docker-credential-{helper}` does not work: {reason}"
                ));
                Credential::None
            }
        }
    }

    /// The `auths` of a file. The crate knows their spellings; helpers are kept away from it, because it would block on
    /// them without a limit.
    fn look_up(&self, content: &Content, registry: &str, source: &Source) -> Credential {
        let Some(auths) = &content.auths else {
            return Credential::None;
        };
        let only_auths = json!({ "auths": auths }).to_string();
        match docker_credential::get_credential_from_reader(only_auths.as_bytes(), key_of(registry))
        {
            Ok(found) => credential(found),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Credential::None,
            // The other errors of the crate may quote what they read, and that is a secret.
            Err(_) => {
                self.remark(format!(
                    "the entry for {registry} in {source} cannot be read"
                ));
                Credential::None
            }
        }
    }

    /// Once: a helper that does not work does so for every registry.
    fn remark(&self, message: String) {
        let mut told = self.told.lock().expect("no holder of this lock panics");
        if !told.insert(message.clone()) {
            return;
        }
        let remark = Diagnostic::warning("registry-credentials", message)
            .hint("the registry is asked anonymously; `docker login` writes a new entry");
        self.events.emit(Event::Remark(remark));
    }
}

#[async_trait]
impl Credentials for DockerConfig {
    async fn credential(&self, registry: &str) -> Credential {
        self.known
            .get_or_run(registry.to_owned(), || self.find(registry))
            .await
    }
}

fn key_of(registry: &str) -> &str {
    if registry == DOCKER_HUB {
        DOCKER_HUB_KEY
    } else {
        registry
    }
}

fn credential(found: DockerCredential) -> Credential {
    match found {
        DockerCredential::IdentityToken(token) => Credential::Token(Secret::new(token)),
        DockerCredential::UsernamePassword(user, password) => Credential::Basic {
            user,
            // Old files pad the password with NUL.
            password: Secret::new(password.trim_end_matches('\0')),
        },
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Speaks to `docker-credential-<helper> get`: the key on its input, JSON on its output.
async fn run_helper(mut helper: Command, key: &str) -> Result<Credential, String> {
    let mut child = helper
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => "it is not installed".to_owned(),
            _ => e.to_string(),
        })?;
    let mut stdin = child.stdin.take().expect("stdin is piped above");
    // A helper that does not read its input still answers; what matters is the answer.
    let _ = stdin.write_all(key.as_bytes()).await;
    drop(stdin);
    let output = timeout(HELPER_TIMEOUT, child.wait_with_output())
        .await
        .map_err(|_| format!("no answer in {} seconds", HELPER_TIMEOUT.as_secs()))?
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        // The protocol's words for "I have none", which is no failure.
        if said.contains("credentials not found") {
            return Ok(Credential::None);
        }
        return Err(format!("it ended with {}", output.status));
    }
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout)
        .map_err(|_| "its answer is not what the protocol asks for".to_owned())?;
    Ok(if answer.username == "<token>" {
        Credential::Token(Secret::new(answer.secret))
    } else {
        Credential::Basic {
            user: answer.username,
            password: Secret::new(answer.secret),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Remarks(Mutex<Vec<String>>);

    impl EventSink for Remarks {
        fn emit(&self, event: Event) {
            if let Event::Remark(d) = event {
                self.0.lock().unwrap().push(d.message);
            }
        }
    }

    async fn ask(text: &str, registry: &str) -> (Credential, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        std::fs::write(&file, text).unwrap();
        let remarks = Arc::new(Remarks::default());
        let config = DockerConfig::in_files(vec![dir.path().join("absent"), file], remarks.clone());
        let found = config.credential(registry).await;
        let said = remarks.0.lock().unwrap().clone();
        (found, said)
    }

    fn basic(user: &str, password: &str) -> Credential {
        Credential::Basic {
            user: user.to_owned(),
            password: Secret::new(password),
        }
    }

    #[tokio::test]
    async fn auths_are_found_under_their_usual_spellings() {
        // `u:p` and `hub:x`.
        let text = r#"{"auths":{"127.0.0.1:5001":{"auth":"dTpw"},
            "https://index.docker.io/v1/":{"auth":"aHViOng="},
            "https://ghcr.io":{"identitytoken":"t"}, "empty.example":{}}}"#;
        assert_eq!(ask(text, "127.0.0.1:5001").await.0, basic("u", "p"));
        assert_eq!(ask(text, "docker.io").await.0, basic("hub", "x"));
        assert_eq!(
            ask(text, "ghcr.io").await.0,
            Credential::Token(Secret::new("t"))
        );
        for nothing in ["empty.example", "other.example"] {
            assert_eq!(
                ask(text, nothing).await,
                (Credential::None, vec![]),
                "{nothing}"
            );
        }
    }

    #[tokio::test]
    async fn a_broken_helper_is_a_remark_and_the_file_is_still_read() {
        let text = r#"{"auths":{"a.example":{"auth":"dTpw"}},"credsStore":"bld-no-such-helper"}"#;
        let (found, remarks) = ask(text, "a.example").await;
        assert_eq!(found, basic("u", "p"));
        assert!(remarks[0].contains("not installed"), "{remarks:?}");
    }

    #[tokio::test]
    async fn a_helper_is_asked_in_its_protocol() {
        let dir = tempfile::tempdir().unwrap();
        for (script, answer) in [
            (
                r#"[ "$1" = get ] && read -r key; echo "{\"Username\":\"u\",\"Secret\":\"$key\"}""#,
                Ok(basic("u", "a.example")),
            ),
            (
                r#"echo '{"Username":"<token>","Secret":"t"}'"#,
                Ok(Credential::Token(Secret::new("t"))),
            ),
            (
                "echo 'credentials not found in native keychain'; exit 1",
                Ok(Credential::None),
            ),
            ("echo secret; exit 1", Err(())),
            ("echo secret", Err(())),
        ] {
            let file = dir.path().join("helper");
            std::fs::write(&file, script).unwrap();
            let mut program = Command::new("sh");
            program.arg(&file);
            let found = run_helper(program, "a.example").await;
            assert!(
                found.as_ref().err().is_none_or(|e| !e.contains("secret")),
                "{found:?}"
            );
            assert_eq!(found.map_err(|_| ()), answer);
        }
    }

    #[tokio::test]
    async fn a_broken_file_is_a_remark_without_its_content() {
        for text in [
            r#"{"auths":{"a.example":{"auth":"c2VjcmV0"#,
            r#"{"auths":{"a.example":{"auth":"!!secret!!"}}}"#,
            r#"{"auths":{"a.example":"secret"}}"#,
        ] {
            let (found, remarks) = ask(text, "a.example").await;
            assert_eq!(found, Credential::None, "{text}");
            assert_eq!(remarks.len(), 1, "{text}");
            assert!(
                !remarks[0].contains("secret") && !remarks[0].contains("c2Vj"),
                "{remarks:?}"
            );
        }
    }
}
