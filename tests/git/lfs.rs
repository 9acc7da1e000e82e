use std::{os::unix::fs::symlink, path::PathBuf};

use crate::{
    git::{project, target},
    harness::{Bld, git_server::GitServer, skip_program},
};

const SMALL: &[u8] = b"content of small\n";
const OTHER: &[u8] = b"content of other\n";

/// Two large files, `in/small.bin` and `out/other.bin`.
fn served() -> GitServer {
    let server = GitServer::start();
    let [small, other] = [SMALL, OTHER].map(|content| server.large_file(content));
    server
        .repository("o/r")
        .file("Earthfile", &target("COPY in/small.bin out/other.bin ./"))
        .file(".gitattributes", "*.bin filter=lfs -text\n")
        .file("in/small.bin", &small)
        .file("out/other.bin", &other)
        .commit("one");
    server
}

/// The files as bld keeps them.
fn kept(bld: &Bld) -> [Vec<u8>; 2] {
    let found = std::process::Command::new("find")
        .arg(bld.home().join(".cache"))
        .args(["-path", "*/in/small.bin"])
        .output()
        .expect("find starts");
    let path = String::from_utf8(found.stdout).expect("UTF-8");
    let lines: Vec<&str> = path.lines().collect();
    let [small] = lines.as_slice() else {
        panic!("one copy: {path}")
    };
    let small = PathBuf::from(small);
    let other = small.parent().expect("in").with_file_name("out/other.bin");
    [small, other].map(|path| std::fs::read(path).expect("a file"))
}

fn has_lfs() -> bool {
    let lfs = std::process::Command::new("git")
        .args(["lfs", "version"])
        .output();
    lfs.is_ok_and(|output| output.status.success())
}

/// What a user's git is told by `git lfs install`.
const INSTALLED: &str = "[filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n\tsmudge = git-lfs smudge -- %f\n\t\
                         process = git-lfs filter-process\n\trequired = true\n";

/// A `PATH` with git and nothing of LFS.
fn without_lfs(bld: Bld) -> Bld {
    let dir = bld.path("../bin");
    std::fs::create_dir_all(&dir).expect("a directory");
    let path = std::env::var_os("PATH").expect("a PATH");
    for program in ["git", "sh"] {
        let mut found = std::env::split_paths(&path).map(|dir| dir.join(program));
        let found = found.find(|file| file.is_file()).expect(program);
        symlink(found, dir.join(program)).expect("a link");
    }
    let dir = dir.to_str().expect("a UTF-8 path").to_owned();
    bld.env("PATH", &dir)
}

#[test]
fn the_large_files_that_are_asked_for_are_fetched_and_no_others() {
    if !has_lfs() {
        return skip_program(
            "the_large_files_that_are_asked_for_are_fetched_and_no_others",
            "`git-lfs` (the package of this name)",
        );
    }
    let server = served();
    let bld = project(&server.config(), "");
    bld.ok(&["--git-lfs-pull-include=in/*", "plan", "git.test/o/r+t"]);
    let [small, other] = kept(&bld);
    assert_eq!(small, SMALL);
    assert!(other.starts_with(b"version https://git-lfs"));
}

#[test]
fn a_git_that_fetches_all_large_files_by_itself_does_not_here() {
    for lfs in [true, false] {
        let server = served();
        let bld = project(&server.config(), "").file("../home/.gitconfig", INSTALLED);
        let bld = if lfs { bld } else { without_lfs(bld) };
        let ran = bld.ok(&["plan", "git.test/o/r+t"]);
        ran.says("are in Git LFS and were not fetched");
        for file in kept(&bld) {
            assert!(file.starts_with(b"version https://git-lfs"));
        }
    }
}

#[test]
fn large_files_that_are_asked_for_need_git_lfs() {
    let server = served();
    let bld = without_lfs(project(&server.config(), ""));
    let ran = bld.fails(
        1,
        &["--git-lfs-pull-include=in/*", "plan", "git.test/o/r+t"],
    );
    ran.says("are in Git LFS, and there is no `git-lfs` program")
        .says("hint: install git-lfs");
}

#[test]
fn a_repository_names_no_directory_of_this_machine_as_the_server_of_its_large_files() {
    let name = "a_repository_names_no_directory_of_this_machine_as_the_server_of_its_large_files";
    if !has_lfs() {
        return skip_program(name, "`git-lfs` (the package of this name)");
    }
    let secret = b"content of another repository\n";
    let server = GitServer::start();
    let victim = server.repository("private");
    let oid = bld::base::Digest::of(secret).hex().to_owned();
    let dir = victim
        .bare()
        .join(format!("lfs/objects/{}/{}", &oid[..2], &oid[2..4]));
    std::fs::create_dir_all(&dir).expect("a directory");
    std::fs::write(dir.join(&oid), secret).expect("a file");
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {}\n",
        secret.len()
    );
    let config = format!("[lfs]\n\turl = file://{}\n", victim.bare().display());
    server
        .repository("o/r")
        .file("Earthfile", &target("COPY in/small.bin out/other.bin ./"))
        .file(".gitattributes", "*.bin filter=lfs -text\n")
        .file(".lfsconfig", &config)
        .file("in/small.bin", &server.large_file(SMALL))
        .file("out/other.bin", &pointer)
        .commit("one");
    let bld = project(&server.config(), "");
    let ran = bld.ok(&["--git-lfs-pull-include=in/*", "plan", "git.test/o/r+t"]);
    ran.says("`.lfsconfig`");
    assert_eq!(kept(&bld)[0], SMALL, "the repository's own server is asked");
    let bld = project(&server.config(), "");
    bld.fails(1, &["--git-lfs-pull-include=*", "plan", "git.test/o/r+t"]);
    let found = std::process::Command::new("grep")
        .args(["-r", "-l", "content of another"])
        .arg(bld.home().join(".cache"))
        .output()
        .expect("grep starts");
    assert!(found.stdout.is_empty(), "{found:?}");
}

#[test]
fn large_files_come_with_the_login_that_is_configured_and_not_with_that_of_netrc() {
    let name = "large_files_come_with_the_login_that_is_configured_and_not_with_that_of_netrc";
    if !has_lfs() {
        return skip_program(name, "`git-lfs` (the package of this name)");
    }
    let server = served().with_login("ann:s3cret");
    let config = format!("{}    user: ann\n    password: s3cret\n", server.config());
    let netrc = "machine 127.0.0.1 login ann password old\n";
    let bld = project(&config, "").file("../home/.netrc", netrc);
    bld.ok(&["--git-lfs-pull-include=in/*", "plan", "git.test/o/r+t"]);
    assert_eq!(kept(&bld)[0], SMALL);
}
