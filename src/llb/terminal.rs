//! What a command at a terminal has with it: the program itself, which makes the terminal, and the socket through which it
//! calls for somebody who sits there.

use std::path::Path;

use super::{
    Access, CopyFile, FileOp, Local, Mount, MountKind, Nonce, State,
    lower::{escape, own_label},
};
use crate::graph::plan::COPY_TIME;

/// The word that makes the program a relay; whoever runs it there knows it.
pub const WORD: &str = "--bld-at-terminal";
/// The program, in the step. In `/dev`, which no result holds.
const PROGRAM: &str = "/dev/bld";
/// The socket, in the step.
const CALL: &str = "/dev/bld-terminal";

/// The name of the socket in the session. The nonce is in it, so that such a command is another one in each build.
pub(super) fn socket(nonce: &Nonce) -> String {
    format!("bld-terminal-{}", nonce.as_str())
}

/// A command as it is started there.
pub(super) fn command_line(command: &[String]) -> Vec<String> {
    let mut words = [PROGRAM, WORD, CALL].map(str::to_owned).to_vec();
    words.extend_from_slice(command);
    words
}

/// The program and the socket.
pub(super) fn mounts(program: &Path, nonce: &Nonce) -> [Mount; 2] {
    // An old daemon does not keep what is read-only from being written to, for good.
    let lost = MountKind::Writable { keep: false };
    let mut file = Mount::new(PROGRAM, &own_program(program, nonce), lost);
    PROGRAM.clone_into(&mut file.selector);
    let call = Access {
        id: socket(nonce),
        uid: 0,
        gid: 0,
        // The command may be anybody's.
        mode: 0o666,
        optional: false,
    };
    [file, Mount::new(CALL, &None, MountKind::Ssh(call))]
}

/// A file system with the program, which everybody may start there, whoever may do it here.
fn own_program(path: &Path, nonce: &Nonce) -> State {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let local = Local {
        dir: path.parent().unwrap_or(path).to_owned(),
        include: vec![escape(&name)],
        exclude: Vec::new(),
    };
    let local = local.build(nonce, own_label("bld itself"));
    let open = CopyFile {
        mode: Some(0o755),
        make_dest: true,
        time: Some(COPY_TIME),
        ..CopyFile::default()
    };
    let copied = FileOp::on(&None).copy(&Some(local), &format!("/{name}"), PROGRAM, open);
    Some(copied.build(own_label("bld itself")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_where_a_result_is_and_the_socket_is_the_builds_own() {
        let places = |nonce: &str| {
            let mounts = mounts(Path::new("/usr/bin/bld"), &Nonce::fixed(nonce));
            for mount in &mounts {
                assert!(mount.dest.starts_with("/dev/"), "{}", mount.dest);
            }
            mounts.map(|mount| mount.kind)
        };
        assert_eq!(places("one"), places("one"));
        assert_ne!(places("one"), places("two"));
    }
}
