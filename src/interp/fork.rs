//! Both ways of a condition that was not run, and how they come together again. Only in plans that run nothing.

use std::collections::BTreeMap;

use super::{
    commands::cache::Cache,
    exec::Exec,
    scope::{Env, Frame, Vars},
    state::State,
    value::{UNDECIDED, Value},
};
use crate::{
    graph::plan::{StepId, StepOp},
    oci::{ImageConfig, config::Execution},
};

/// What differs between the ways.
pub(crate) struct Way {
    frames: Vec<Frame>,
    state: State,
    docker_runs: usize,
    undecided_by: Option<StepId>,
}

impl Exec {
    /// A copy of what statements can change.
    pub fn fork(&self) -> Way {
        Way {
            frames: self.frames.clone(),
            state: self.state.clone(),
            docker_runs: self.docker_runs,
            undecided_by: self.undecided_by,
        }
    }

    /// Goes on with `way`; gives the way that was gone so far.
    pub fn swap(&mut self, way: Way) -> Way {
        Way {
            frames: std::mem::replace(&mut self.frames, way.frames),
            state: std::mem::replace(&mut self.state, way.state),
            docker_runs: std::mem::replace(&mut self.docker_runs, way.docker_runs),
            undecided_by: std::mem::replace(&mut self.undecided_by, way.undecided_by),
        }
    }

    /// The way that was gone so far is what happens if `by` fails; `then` is what happens if it succeeds.
    pub fn merge(&mut self, by: StepId, name: &str, then: Way) {
        let fs = self.merge_fs(by, name, then.state.fs, self.state.fs);
        let artifacts = self.merge_fs(by, name, then.state.artifacts, self.state.artifacts);
        self.docker_runs = self.docker_runs.max(then.docker_runs);
        let state = &mut self.state;
        state.fs = fs;
        state.artifacts = artifacts;
        // Where only one way is on this machine, what is refused there is refused when it is known.
        if then.state.locally.is_none() {
            state.locally = None;
        }
        merge_env(by, &mut state.env, &then.state.env);
        merge_config(&mut state.config, then.state.config);
        merge_text(&mut state.cwd, &then.state.cwd);
        merge_text(&mut state.user, &then.state.user);
        state.env_unknown = state.env_unknown.or(then.state.env_unknown);
        state.saved_paths.extend(then.state.saved_paths);
        state.cmd_set |= then.state.cmd_set;
        for cache in then.state.caches {
            let there = |own: &Cache| own.mount.target == cache.mount.target;
            if !state.caches.iter().any(there) {
                state.caches.push(cache);
            }
        }
        if state.shell != then.state.shell {
            state.shell = vec![UNDECIDED.to_owned()];
        }
        for host in then.state.hosts {
            if !state.hosts.contains(&host) {
                state.hosts.push(host);
            }
        }
        for name in then.state.image_names {
            if !state.image_names.contains(&name) {
                state.image_names.push(name);
            }
        }
        state.last_image = state.last_image.take().or(then.state.last_image);
        state.pushed = state.pushed.or(then.state.pushed);
        state.after_push |= then.state.after_push;
        state.push_left_out |= then.state.push_left_out;
        for (frame, other) in self.frames.iter_mut().zip(then.frames) {
            merge_vars(by, &mut frame.args, other.args);
            merge_vars(by, &mut frame.lets, other.lets);
            merge_vars(by, &mut frame.globals, other.globals);
            let imports: BTreeMap<_, _> = other.imports;
            for (alias, import) in imports {
                frame.imports.entry(alias).or_insert(import);
            }
        }
    }

    fn merge_fs(
        &self,
        by: StepId,
        name: &str,
        then: Option<StepId>,
        otherwise: Option<StepId>,
    ) -> Option<StepId> {
        if then == otherwise {
            return then;
        }
        let there = |fs: Option<StepId>| {
            fs.unwrap_or_else(|| self.push_named(StepOp::Scratch, String::new()))
        };
        let branches = vec![
            (name.to_owned(), there(then)),
            ("else".to_owned(), there(otherwise)),
        ];
        let op = StepOp::Decision { by, branches };
        Some(self.push_named(op, self.text.clone()))
    }
}

fn merge_vars(by: StepId, vars: &mut Vars, other: Vars) {
    for (name, value) in vars.iter_mut() {
        if other.get(name) != Some(value) {
            *value = Value::Undecided(by);
        }
    }
    for name in other.into_keys() {
        vars.entry(name).or_insert(Value::Undecided(by));
    }
}

fn merge_env(by: StepId, env: &mut Env, other: &Env) {
    let mut names: Vec<String> = env.iter().map(|(n, _)| n.clone()).collect();
    for (name, _) in other.iter() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    for name in names {
        if env.get(&name) != other.get(&name) {
            env.set(&name, Value::Undecided(by));
        }
    }
}

fn merge_text(text: &mut String, other: &str) {
    if text != other {
        UNDECIDED.clone_into(text);
    }
}

fn merge_config(config: &mut ImageConfig, other: ImageConfig) {
    let Execution {
        user,
        exposed_ports,
        env,
        entrypoint,
        cmd,
        volumes,
        working_dir,
        labels,
        healthcheck,
        extra,
    } = other.config;
    let own = &mut config.config;
    merge_text(&mut own.user, &user);
    merge_text(&mut own.working_dir, &working_dir);
    own.exposed_ports.extend(exposed_ports);
    own.volumes.extend(volumes);
    for (key, value) in labels {
        let known = own.labels.entry(key).or_insert_with(|| value.clone());
        merge_text(known, &value);
    }
    let undecided = || Some(vec![UNDECIDED.to_owned()]);
    if own.entrypoint != entrypoint {
        own.entrypoint = undecided();
    }
    if own.cmd != cmd {
        own.cmd = undecided();
    }
    let lines = std::mem::take(&mut own.env);
    let mut merged = Env::from_lines(&lines);
    for (name, value) in Env::from_lines(&env).iter() {
        if merged.get(name) != Some(value) {
            merged.set(name, Value::from(UNDECIDED));
        }
    }
    own.env = merged.to_lines();
    own.healthcheck = own.healthcheck.take().or(healthcheck);
    for (key, value) in extra {
        own.extra.entry(key).or_insert(value);
    }
}
