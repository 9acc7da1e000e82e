//! Files of the host.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use bld::{
    engine::{Build, EngineError},
    llb::{CopyFile, FileOp, State},
};

use super::site::{Site, label, site};

fn fill(dir: &Path, files: usize) {
    for n in 0..files {
        let path = dir.join(format!("d{}/f{n}", n % 50));
        if n < 50 {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        fs::write(path, n.to_string()).unwrap();
    }
}

fn copied(site: &Site, dir: &Path, include: &[&str], exclude: &[&str]) -> State {
    let context = Some(site.local(dir, include, exclude));
    let spec = CopyFile {
        contents: true,
        ..CopyFile::default()
    };
    let copy = FileOp::on(&None).copy(&context, "/", "/", spec);
    Some(copy.build(label("COPY . /")))
}

async fn names(build: &dyn Build, state: &State, path: &str) -> Vec<String> {
    let solved = build.solve(state).await.unwrap();
    let entries = build.list(&solved, path).await.unwrap();
    let mut names: Vec<_> = entries.into_iter().map(|e| e.name).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn only_selected_files_travel_and_modes_are_masked() {
    let Some(site) = site().await else { return };
    let dir = tempfile::tempdir().unwrap();
    for file in ["a/b", "a-b", "a.txt", "a/c.o", "a/d/e.c", "z/z", "wörter"] {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, file).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    }
    symlink("a/b", dir.path().join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let build = site.open().await;
    let all = copied(&site, dir.path(), &[], &["**/*.o", "z"]);
    assert_eq!(
        names(&*build, &all, "/").await,
        ["a", "a-b", "a.txt", "link", "wörter"]
    );
    assert_eq!(names(&*build, &all, "/a").await, ["b", "d"]);
    let solved = build.solve(&all).await.unwrap();
    let entries = build.list(&solved, "/").await.unwrap();
    let text = entries.iter().find(|e| e.name == "a.txt").unwrap();
    assert_eq!(text.mode, 0o644);
    let some = copied(&site, dir.path(), &["a/d"], &[]);
    assert_eq!(names(&*build, &some, "/").await, ["a"]);
    assert_eq!(names(&*build, &some, "/a").await, ["d"]);
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_context_is_not_sent_again() {
    let Some(mut site) = site().await else { return };
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 5000);
    let first = site.engine.open_counted(&site).await;
    first
        .0
        .solve(&copied(&site, dir.path(), &[], &[]))
        .await
        .unwrap();
    assert_eq!(first.1.sent(), 5000);
    first.0.finish().await.unwrap();
    drop(first);
    site.nonce = bld::llb::Nonce::random();
    let second = site.engine.open_counted(&site).await;
    second
        .0
        .solve(&copied(&site, dir.path(), &[], &[]))
        .await
        .unwrap();
    assert_eq!(second.1.sent(), 0);
    second.0.finish().await.unwrap();
    drop(second);
    fs::write(dir.path().join("d0/f0"), "changed").unwrap();
    site.nonce = bld::llb::Nonce::random();
    let third = site.engine.open_counted(&site).await;
    let state = copied(&site, dir.path(), &[], &[]);
    let solved = third.0.solve(&state).await.unwrap();
    assert_eq!(third.1.sent(), 1);
    assert_eq!(
        third.0.read_file(&solved, "/d0/f0").await.unwrap(),
        b"changed"
    );
    third.0.finish().await.unwrap();
}

trait Counted {
    async fn open_counted(
        &self,
        site: &Site,
    ) -> (
        Box<dyn Build>,
        std::sync::Arc<bld::engine::buildkit::attach::files::Contexts>,
    );
}

impl Counted for bld::engine::buildkit::BuildKit {
    async fn open_counted(
        &self,
        site: &Site,
    ) -> (
        Box<dyn Build>,
        std::sync::Arc<bld::engine::buildkit::attach::files::Contexts>,
    ) {
        let build = self.open_build(site.request());
        let contexts = build.contexts();
        (Box::new(build), contexts)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_named() {
    let Some(site) = site().await else { return };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good"), "x").unwrap();
    let missing = dir.path().join("missing");
    let build = site.open().await;
    // Root reads everything; but of this file, nobody can read the first byte.
    let memory = Path::new("/proc/self");
    for (dir, include, path) in [
        (missing.as_path(), &[][..], missing.as_path()),
        (memory, &["mem"], Path::new("/proc/self/mem")),
    ] {
        let state = copied(&site, dir, include, &[]);
        let error = build.solve(&state).await.unwrap_err();
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
        assert!(matches!(error, EngineError::Other(_)), "{error:?}");
    }
    // Without an error left over, the build goes on.
    let good = copied(&site, dir.path(), &[], &[]);
    assert_eq!(names(&*build, &good, "/").await, ["good"]);
    build.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_what_is_not_there_says_what() {
    let Some(site) = site().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let build = site.open().await;
    let context = Some(site.local(dir.path(), &[], &[]));
    for (from, path, shown) in [
        (context, "/nothing", "\"/nothing\""),
        (site.busybox(), "/none/at/all", " /none/at: "),
    ] {
        let copy = FileOp::on(&None).copy(&from, path, "/", CopyFile::default());
        let state = Some(copy.build(label("COPY nothing /")));
        let EngineError::Step(failure) = build.solve(&state).await.unwrap_err() else {
            panic!()
        };
        assert_eq!(failure.label.text, "COPY nothing /");
        assert_eq!(failure.exit_code, None);
        assert!(failure.message.contains(shown), "{}", failure.message);
        assert!(
            !failure.message.contains("buildkit-mount"),
            "{}",
            failure.message
        );
    }
    build.finish().await.unwrap();
}
