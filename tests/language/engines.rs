//! The engines that every case runs on, and what each of them has.

use std::{
    env,
    sync::{Condvar, Mutex},
};

use serde::Deserialize;

use crate::harness::Services;

/// What a case may need of an engine, or of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// No engine at all: the case runs once.
    NoEngine,
    /// A builder that allows privileged steps.
    Privileged,
}

/// An engine: a name, and the daemons that stand for it.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Shown with every failure.
    pub name: String,
    sites: Vec<Site>,
}

/// A place to build.
#[derive(Debug, Clone)]
pub struct Site {
    /// For `BLD_ENGINE`.
    pub address: String,
    /// The Docker daemon that has the images: the engine itself, or for an engine without images the one beside it.
    pub docker: String,
    /// bld's config file.
    pub config: String,
    /// The registry that cases may push to.
    pub registry: String,
    has: Vec<Need>,
}

impl Engine {
    /// Every engine there is; none where the services do not run. `BLD_CASE_ENGINE` names another one to try instead,
    /// which is one that allows privileged steps, and `BLD_CASE_DOCKER` the daemon beside it.
    pub fn all(services: Option<&Services>) -> Vec<Self> {
        let Some(services) = services else {
            return Vec::new();
        };
        let site = |address: &str, has: &[Need]| Site {
            address: address.to_owned(),
            docker: env::var("BLD_CASE_DOCKER").unwrap_or_else(|_| address.to_owned()),
            config: services.config.clone(),
            registry: services.registry.clone(),
            has: has.to_vec(),
        };
        if let Ok(address) = env::var("BLD_CASE_ENGINE") {
            return vec![Self {
                sites: vec![site(&address, &[Need::Privileged])],
                name: address,
            }];
        }
        vec![Self {
            name: "docker-20.10".to_owned(),
            sites: vec![
                site(&services.docker, &[]),
                site(&services.docker_second, &[Need::Privileged]),
            ],
        }]
    }

    /// For cases that need none.
    pub fn none() -> Self {
        let nowhere = Site {
            address: "unix:///nowhere/docker.sock".to_owned(),
            docker: String::new(),
            config: String::new(),
            registry: "127.0.0.1:9".to_owned(),
            has: vec![Need::NoEngine],
        };
        Self {
            name: "no engine".to_owned(),
            sites: vec![nowhere],
        }
    }

    /// The first place that has all of it.
    pub fn site_for(&self, needs: &[Need]) -> Option<&Site> {
        self.sites
            .iter()
            .find(|site| needs.iter().all(|need| site.has.contains(need)))
    }
}

/// So many cases run at once; bld mostly waits for the daemon.
const AT_ONCE: usize = 6;

static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// The right to run.
pub struct Permit;

impl Permit {
    /// Waits for a place.
    pub fn wait() -> Self {
        let mut running = RUNNING.0.lock().unwrap_or_else(|e| e.into_inner());
        while *running >= AT_ONCE {
            running = RUNNING.1.wait(running).unwrap_or_else(|e| e.into_inner());
        }
        *running += 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.0.lock().unwrap_or_else(|e| e.into_inner()) -= 1;
        RUNNING.1.notify_one();
    }
}
