//! The low-level build graph: what every engine takes, and nothing else does an engine take.
//!
//! A [`Vertex`] is one operation. It is encoded once, when it is made; its digest is the digest of exactly those
//! bytes, and they are the bytes that BuildKit's own Go library would write ([`encode`]). It also keeps the operation
//! in typed form ([`Op`]), for engines that do not speak BuildKit's protocol. Source: BuildKit's `solver/pb/ops.proto`.
//!
//! How graphs are made:
//!
//! ```
//! use bld::{base::Platform, events::{Label, Told}, llb::{CopyFile, Exec, FileOp, Local, Mount, Nonce, image}};
//! # use std::sync::Arc;
//! # let label = |text: &str| Arc::new(Label { target: "+t".into(), text: text.into(), platform: None, at: None, read_by: None, raw_output: false, told: Told::Everything });
//! let linux: Platform = "linux/amd64".parse().unwrap();
//! let base = image("docker.io/library/busybox:1.36", &linux, label("FROM busybox:1.36"));
//! // A command whose file system is kept.
//! let run = Exec::new(&Some(base.clone()), ["sh", "-c", "make"]).cwd("/src").build(&linux, label("RUN make"));
//! let made = run.root();
//! // A command of which only what it writes to `/out` is kept: its root is a result that nobody uses.
//! let probe = Exec::new(&Some(made.clone()), ["sh", "-c", "id >/out/stdout; echo $? >/out/status"])
//!     .mount(Mount::scratch("/out"))
//!     .build(&linux, label("ARG id=$(id)"));
//! let out = probe.output("/out").unwrap();
//! // Files of the host, and a copy of some of them.
//! let context = Local { dir: "/home/me/project".into(), include: vec!["src".into()], exclude: vec![] }
//!     .build(&Nonce::random(), label("context"));
//! let copied = FileOp::on(&Some(made))
//!     .mkdir("/app", bld::llb::MakeDir { parents: true, ..bld::llb::MakeDir::mode(0o755) })
//!     .copy(&Some(context), "/src/*.c", "/app/", CopyFile {
//!         owner: Some("daemon:1".parse().unwrap()), wildcard: true, make_dest: true, ..CopyFile::default()
//!     })
//!     .build(label("COPY src/*.c /app/"));
//! assert_eq!(bld::llb::Definition::of(&copied).vertices().len(), 4);
//! # let _ = out;
//! ```

pub mod definition;
pub mod encode;
pub mod exec;
pub mod file;
pub mod foreign;
#[cfg(test)]
mod golden;
pub mod lower;
pub mod merge;
pub mod secrets;
mod select;
pub mod source;
pub mod terminal;
pub mod vertex;

pub use definition::Definition;
pub use exec::{
    Access, CacheSharing, Exec, ExecOp, ExecSpec, Executed, Mount, MountKind, MountOp, Network,
    SecretEnv, Security,
};
pub use file::{Action, CopyFile, FileOp, FileOps, MakeDir, MakeFile, Owner, Principal, Remove};
pub use foreign::{Beyond, Foreign, Splice, SpliceError};
pub use merge::{diff, merge};
pub use source::{
    HttpSource, ImageSource, Local, LocalSource, Nonce, ResolveMode, image, image_with,
};
pub use vertex::{Edge, Op, State, Vertex};

#[cfg(test)]
pub(crate) mod tests_support {
    //! A label that says nothing.

    use std::sync::Arc;

    use crate::events::{Label, Told};

    /// Only the text.
    pub(crate) fn label(text: &str) -> Arc<Label> {
        Arc::new(Label {
            target: String::new(),
            text: text.to_owned(),
            platform: None,
            at: None,
            read_by: None,
            raw_output: false,
            told: Told::Everything,
        })
    }
}
