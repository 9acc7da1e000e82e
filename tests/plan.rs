//! A corpus of projects: each folder of `testdata/plan` is interpreted without running anything, and its plan and its
//! outputs are compared with the file `plan.snap` beside it.
//!
//! A folder holds a build file, whatever files it copies, and optionally `target` (default `+all`), `args` (one
//! `NAME=value` a line) and `push` (empty). `INSTA_UPDATE=always` writes new snapshots.

use std::{fs, path::Path, sync::Arc};

use async_trait::async_trait;
use bld::{
    diag::Diagnostic,
    events::NoEvents,
    graph::{Ledger, Plan, StepId, TargetRef, dump, ledger::OutputMode},
    interp::{
        Probe, Request,
        probe::{Answer, BaseImage, Captured, FromDockerfile},
        run,
    },
    oci::ImageRef,
};

/// Knows nothing.
struct Nothing;

#[async_trait]
impl Probe for Nothing {
    async fn exit_status(&self, _: StepId) -> Result<Answer<i32>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    async fn output(&self, _: StepId) -> Result<Answer<Captured>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    async fn base_image(
        &self,
        _: &ImageRef,
        _: &bld::base::Platform,
    ) -> Result<Answer<BaseImage>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    async fn dockerfile(&self, _: StepId) -> Result<Answer<FromDockerfile>, Box<Diagnostic>> {
        Ok(Answer::Undecided)
    }

    fn ready(&self, _: StepId) {}
}

fn text(dir: &Path, name: &str) -> Option<String> {
    fs::read_to_string(dir.join(name)).ok()
}

async fn planned(dir: &Path) -> String {
    let target = text(dir, "target").unwrap_or_else(|| "+all".to_owned());
    let root = TargetRef::parse(target.trim()).expect("`target` holds a reference");
    let mut request = Request::new(root, dir);
    request.native = "linux/amd64".parse().expect("a platform");
    request.user = request.native.clone();
    request.push = dir.join("push").exists();
    for line in text(dir, "args").unwrap_or_default().lines() {
        let (name, value) = line.split_once('=').expect("`args` holds NAME=value");
        request.args.push((name.to_owned(), value.to_owned()));
    }
    let mode = OutputMode {
        push: request.push,
        ..OutputMode::default()
    };
    let (plan, ledger) = (Arc::new(Plan::default()), Arc::new(Ledger::default()));
    let result = run(
        request,
        Arc::clone(&plan),
        Arc::clone(&ledger),
        Arc::new(Nothing),
        Arc::new(NoEvents),
    )
    .await;
    match result {
        Ok(_) => format!(
            "{}\n{}",
            dump::plan(&plan),
            dump::ledger(&ledger, &plan, mode)
        ),
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            lines.join("\n")
        }
    }
}

#[test]
fn every_project_of_the_corpus_has_its_plan() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/plan");
    let mut cases: Vec<_> = fs::read_dir(corpus)
        .expect("the corpus is there")
        .map(|entry| entry.expect("can be listed").path())
        .collect();
    cases.sort();
    for dir in cases {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&dir);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let planned = runtime.block_on(planned(&dir));
        settings.bind(|| insta::assert_snapshot!("plan", planned));
    }
}
