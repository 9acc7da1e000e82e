//! The secrets of a run: those that were given, the AWS credentials of the user, and a program that knows more
//! (language specification, 7.4).
//!
//! A secret is looked up when the interpreter comes to a command that wants it, once, and only such a secret is handed
//! to an engine.

mod aws;
mod provider;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;

use crate::{
    base::{OnceMap, SecretBytes},
    diag::Diagnostic,
    engine::SecretSource,
    interp::probe::SecretName,
    llb::{Nonce, lower::BUILD_SECRET, secrets::AS_VARIABLE},
};

use super::request::BuildRequest;

type Found = Result<Option<SecretBytes>, Box<Diagnostic>>;

/// Looks secrets up.
pub struct Secrets {
    given: HashMap<String, SecretBytes>,
    provider: Option<String>,
    /// The name of this build, which nobody has to hide, and which must not be part of a cache key either.
    build: Nonce,
    looked_up: OnceMap<SecretName, Found>,
    /// What steps were promised, by the name under which an engine asks.
    promised: Mutex<HashMap<String, SecretName>>,
}

impl Secrets {
    /// Those of a request.
    pub fn new(request: &BuildRequest) -> Arc<Self> {
        Arc::new(Self {
            given: request.secrets.clone(),
            provider: request.secret_provider.clone(),
            build: Nonce::random(),
            looked_up: OnceMap::default(),
            promised: Mutex::default(),
        })
    }

    /// What steps that ask for it are told about which build they run in.
    pub fn build(&self) -> &str {
        self.build.as_str()
    }

    /// Whether there is such a secret. From now on an engine may ask for it.
    pub async fn promise(&self, name: &SecretName) -> Result<bool, Box<Diagnostic>> {
        let there = self.find(name).await?.is_some();
        if there {
            let mut promised = self.promised.lock().expect("no holder of this lock panics");
            promised.insert(name.id(), name.clone());
        }
        Ok(there)
    }

    async fn find(&self, name: &SecretName) -> Found {
        self.looked_up
            .get_or_run(name.clone(), || self.look_up(name))
            .await
    }

    async fn look_up(&self, name: &SecretName) -> Found {
        let (name, project) = match name {
            SecretName::Aws(variable) => return Ok(aws::find(variable, &environment)),
            SecretName::User { name, project } => (name, project.as_deref()),
        };
        if let Some(given) = self.given.get(name) {
            return Ok(Some(given.clone()));
        }
        match &self.provider {
            Some(command) => provider::ask(command, name, project).await,
            None => Ok(None),
        }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[async_trait]
impl SecretSource for Secrets {
    async fn secret(&self, id: &str) -> Option<Vec<u8>> {
        if id == BUILD_SECRET {
            return Some(self.build.as_str().as_bytes().to_vec());
        }
        let (variable, id) = match id.strip_prefix(AS_VARIABLE) {
            Some(id) => (true, id),
            None => (false, id),
        };
        let name = {
            let promised = self.promised.lock().expect("no holder of this lock panics");
            promised.get(id).cloned()?
        };
        let secret = self.find(&name).await.ok()??;
        let mut bytes = secret.reveal().to_vec();
        if variable {
            while bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
        }
        Some(bytes)
    }
}
