//! The table of section 4.4, row by row, in a directory of its own.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    sync::Mutex,
};

use super::*;
use crate::diag::{Severity, SourceFile, Span};

#[derive(Default)]
struct Seen(Mutex<Vec<Event>>);

impl EventSink for Seen {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// A build directory, and room for what is exported.
struct Fixture {
    root: tempfile::TempDir,
    staging: Staging,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("proj")).unwrap();
        let staging = Staging::new(&root.path().join("proj")).unwrap();
        Self { root, staging }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("proj").join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| format!("({e})"))
    }

    /// A request to save `entries` as `dest`; an entry's name that ends with a slash is a directory with a file `f`.
    fn request(&self, entries: &[(&str, &str)], dest: &str) -> FileRequest {
        let source = self.staging.directory().unwrap();
        for (name, content) in entries {
            match name.strip_suffix('/') {
                Some(dir) => {
                    fs::create_dir(source.join(dir)).unwrap();
                    fs::write(source.join(dir).join("f"), content).unwrap();
                }
                None => fs::write(source.join(name), content).unwrap(),
            }
        }
        let file = Arc::new(SourceFile::new("Buildfile", "SAVE ARTIFACT"));
        FileRequest {
            artifact: "+t/x".to_owned(),
            source,
            dest: format!("{}/proj/{dest}", self.root.path().display()),
            dest_written: dest.to_owned(),
            within: self.root.path().join("proj"),
            glob: false,
            force: false,
            if_exists: false,
            at: Location::new(&file, Span::default()),
        }
    }
}

fn write(requests: &[FileRequest]) -> (Result<(), Failure>, Vec<Event>) {
    let seen = Seen::default();
    let done = write_all(requests, &seen);
    (done, seen.0.into_inner().unwrap())
}

fn fails(request: FileRequest, words: &str) {
    let error = write(&[request]).0.expect_err(words);
    assert!(error.message.contains(words), "{error}");
}

fn succeeds(request: FileRequest) -> Vec<Event> {
    let (done, events) = write(&[request]);
    done.unwrap();
    events
}

fn was_unchanged(events: &[Event]) -> bool {
    let Some(Event::Output(OutputEvent::Artifact { unchanged, .. })) = events.last() else {
        panic!("{events:?}");
    };
    *unchanged
}

#[test]
fn a_file_is_created_and_replaces_a_file() {
    let f = Fixture::new();
    succeeds(f.request(&[("x", "1")], "deep/er/p"));
    assert_eq!(f.read("deep/er/p"), "1");
    assert_eq!(fs::metadata(f.path("deep")).unwrap().mode() & 0o777, 0o755);
    assert!(!was_unchanged(&succeeds(
        f.request(&[("x", "2")], "deep/er/p")
    )));
    assert_eq!(f.read("deep/er/p"), "2");
}

#[test]
fn a_file_never_replaces_a_directory() {
    let f = Fixture::new();
    fs::create_dir(f.path("empty")).unwrap();
    f.write("full/other", "");
    for dest in ["empty", "full"] {
        let error = write(&[f.request(&[("x", "1")], dest)]).0.unwrap_err();
        assert!(error.message.contains("is a directory"), "{error}");
        assert!(error.hints[0].contains(&format!("`{dest}/`")), "{error:?}");
    }
    succeeds(f.request(&[("x", "1")], "full/"));
    assert_eq!(
        (f.read("full/x"), f.read("full/other")),
        ("1".to_owned(), String::new())
    );
}

#[test]
fn a_directory_is_created_and_replaces_a_directory_but_no_file() {
    let f = Fixture::new();
    succeeds(f.request(&[("d/", "1")], "p"));
    assert_eq!(f.read("p/f"), "1");
    f.write("p/old", "");
    f.write("p/sub/old", "");
    let events = succeeds(f.request(&[("d/", "2")], "p"));
    assert_eq!(f.read("p/f"), "2");
    assert!(!f.path("p/old").exists() && !f.path("p/sub").exists());
    let Event::Remark(remark) = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (remark.severity, remark.notes.len()),
        (Severity::Note, 2),
        "{remark:?}"
    );
    f.write("file", "");
    fails(
        f.request(&[("d/", "1")], "file"),
        "is a directory, but existing",
    );
    succeeds(f.request(&[("d/", "1")], "into/"));
    assert_eq!(f.read("into/d/f"), "1");
}

#[test]
fn a_pattern_needs_a_slash() {
    let f = Fixture::new();
    let glob = |dest| FileRequest {
        glob: true,
        ..f.request(&[("a", "1"), ("b", "2")], dest)
    };
    fails(glob("p"), "must end with `/`");
    succeeds(glob("p/"));
    assert_eq!(
        (f.read("p/a"), f.read("p/b")),
        ("1".to_owned(), "2".to_owned())
    );
}

#[test]
fn an_absent_artifact_is_an_error_unless_it_may_be_absent() {
    let f = Fixture::new();
    fails(f.request(&[], "p"), "since it does not exist");
    let optional = FileRequest {
        if_exists: true,
        ..f.request(&[], "p")
    };
    assert!(succeeds(optional).is_empty());
}

#[test]
fn unchanged_content_is_left_alone() {
    let f = Fixture::new();
    succeeds(f.request(&[("d/", "1")], "p"));
    let before = fs::metadata(f.path("p/f")).unwrap();
    assert!(was_unchanged(&succeeds(f.request(&[("d/", "1")], "p"))));
    let after = fs::metadata(f.path("p/f")).unwrap();
    assert_eq!(
        (before.ino(), before.mtime_nsec()),
        (after.ino(), after.mtime_nsec())
    );
    fs::set_permissions(f.path("p/f"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        !was_unchanged(&succeeds(f.request(&[("d/", "1")], "p"))),
        "the mode counts"
    );
}

#[test]
fn outside_of_the_build_directory_only_by_force() {
    let f = Fixture::new();
    let outside = || f.request(&[("x", "1")], "../out");
    fails(outside(), "path must be located under");
    succeeds(FileRequest {
        force: true,
        ..outside()
    });
    assert_eq!(f.read("../out"), "1");
    // Not even by a link, however it is spelt.
    symlink(f.root.path(), f.path("link")).unwrap();
    for dest in ["link/y", "link/", "link/new/y", "a/../link/y"] {
        fails(f.request(&[("x", "1")], dest), "path must be located under");
    }
    assert!(!f.root.path().join("y").exists() && !f.root.path().join("new").exists());
}

#[test]
fn the_build_directory_and_what_is_above_it_are_never_replaced() {
    let f = Fixture::new();
    for dest in ["../proj", "..", "../../../../../../..", "."] {
        for force in [true, false] {
            let request = FileRequest {
                force,
                ..f.request(&[("d/", "1")], dest)
            };
            fails(request, "that would replace the build directory");
        }
    }
}

#[test]
fn a_link_is_replaced_and_not_followed() {
    let f = Fixture::new();
    f.write("../kept", "kept");
    symlink("../kept", f.path("p")).unwrap();
    succeeds(f.request(&[("x", "1")], "p"));
    assert_eq!(
        (f.read("p"), f.read("../kept")),
        ("1".to_owned(), "kept".to_owned())
    );
    fs::create_dir(f.root.path().join("dir")).unwrap();
    symlink("../dir", f.path("q")).unwrap();
    succeeds(f.request(&[("d/", "1")], "q"));
    assert_eq!(f.read("q/f"), "1");
    assert!(f.root.path().join("dir").is_dir() && !f.root.path().join("dir/f").exists());
}

#[test]
fn nothing_is_written_when_a_later_request_cannot_be() {
    let f = Fixture::new();
    let (done, events) = write(&[
        f.request(&[("x", "1")], "p"),
        f.request(&[("x", "1")], "../q"),
    ]);
    assert!(done.is_err() && events.is_empty());
    assert!(!f.path("p").exists());
}

#[test]
fn directories_without_write_permission_are_moved_and_replaced() {
    let f = Fixture::new();
    for content in ["1", "2"] {
        let request = f.request(&[("d/", content)], "p");
        fs::set_permissions(request.source.join("d"), fs::Permissions::from_mode(0o555)).unwrap();
        succeeds(request);
        assert_eq!(f.read("p/f"), content);
        assert_eq!(fs::metadata(f.path("p")).unwrap().mode() & 0o777, 0o555);
    }
}

#[test]
fn nothing_of_ours_is_left_behind() {
    let f = Fixture::new();
    succeeds(f.request(&[("d/", "1")], "p"));
    succeeds(f.request(&[("d/", "2")], "p"));
    let root = f.root;
    drop(f.staging);
    let names = fs::read_dir(root.path().join("proj")).unwrap();
    let names: Vec<_> = names.map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["p"]);
}

#[test]
fn across_file_systems_everything_is_copied_with_times_and_modes() {
    // /dev/shm is another file system than the temporary directory on most machines; where it is not, a rename does it.
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let f = Fixture::new();
    let source = other.path().join("s");
    fs::create_dir_all(source.join("d/sub")).unwrap();
    fs::write(source.join("d/sub/f"), "1").unwrap();
    symlink("sub/f", source.join("d/l")).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    fs::File::open(source.join("d/sub/f"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    fs::set_permissions(source.join("d/sub"), fs::Permissions::from_mode(0o555)).unwrap();
    succeeds(FileRequest {
        source,
        ..f.request(&[], "p")
    });
    assert_eq!(fs::metadata(f.path("p/sub/f")).unwrap().mtime(), 1_000_000);
    assert_eq!(fs::metadata(f.path("p/sub")).unwrap().mode() & 0o777, 0o555);
    assert_eq!(fs::read_link(f.path("p/l")).unwrap(), Path::new("sub/f"));
}

/// A file system of 128 KiB, where this user may make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"])
            .arg(dir.path());
        let mounted = mount.stderr(std::process::Stdio::null()).status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg(self.0.path())
            .status();
    }
}

#[test]
fn a_full_disk_leaves_the_old_content_and_nothing_else() {
    let Some(disk) = SmallDisk::new() else {
        return;
    };
    let f = Fixture::new();
    fs::create_dir(disk.0.path().join("p")).unwrap();
    fs::write(disk.0.path().join("p/old"), "old").unwrap();
    let big = "x".repeat(300 << 10);
    let request = FileRequest {
        dest: disk.0.path().join("p").display().to_string(),
        force: true,
        ..f.request(&[("d/", &big)], "p")
    };
    let error = write(&[request]).0.unwrap_err();
    assert!(
        error.message.contains("/p`: No space left on device"),
        "{error}"
    );
    assert_eq!(
        fs::read_to_string(disk.0.path().join("p/old")).unwrap(),
        "old"
    );
    let entries = fs::read_dir(disk.0.path()).unwrap().count();
    assert_eq!(entries, 1, "no temporary directory is left");
}

#[test]
fn a_staging_directory_that_is_a_link_is_neither_used_nor_removed() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("victim")).unwrap();
    symlink("victim", root.path().join(staging::NAME)).unwrap();
    let staging = Staging::new(root.path()).unwrap();
    let directory = staging.directory().unwrap();
    assert!(directory.is_dir() && !directory.starts_with(root.path()));
    assert_eq!(fs::read_dir(root.path().join("victim")).unwrap().count(), 0);
    drop(staging);
    assert!(!directory.exists() && root.path().join(staging::NAME).is_symlink());
}

/// Says when the first event comes, and holds up whoever emits it.
struct Gate {
    met: std::sync::mpsc::Sender<()>,
    open: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl EventSink for Gate {
    fn emit(&self, _: Event) {
        let _ = self.met.send(());
        let _ = self.open.lock().unwrap().recv();
    }
}

#[tokio::test]
async fn what_was_begun_is_written_to_the_end_when_the_run_is_cancelled() {
    let f = Fixture::new();
    let requests = vec![f.request(&[("x", "1")], "p"), f.request(&[("x", "2")], "q")];
    let Fixture { root, staging } = f;
    let own = requests[1].source.parent().unwrap().to_owned();
    let (met, was_met) = std::sync::mpsc::channel();
    let (open, is_open) = std::sync::mpsc::channel();
    let gate = Arc::new(Gate {
        met,
        open: Mutex::new(is_open),
    });
    let writing = tokio::spawn(super::write(requests, gate, staging));
    // The task begins when this one waits.
    let was_met = tokio::task::spawn_blocking(move || {
        was_met.recv().unwrap();
        was_met
    });
    let was_met = was_met.await.unwrap();
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    assert!(own.is_dir(), "the rest is still to be moved out of it");
    drop(open);
    // The other end goes with the last that writing holds.
    tokio::task::spawn_blocking(move || while was_met.recv().is_ok() {})
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(root.path().join("proj/q")).unwrap(), "2");
    assert!(!own.exists(), "it goes when writing is over");
}
