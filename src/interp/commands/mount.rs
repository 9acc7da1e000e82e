//! `--mount`: comma separated `key=value` (language specification, 4.2).

use crate::{
    graph::plan::{Access, Sharing},
    interp::error::{self, Result},
};

/// What kind of mount is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory of this machine.
    Bind,
    /// Files of a target, of an image, of the directory of the build file.
    Files,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

/// A mount as it is written, its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountText {
    pub kind: Kind,
    /// Empty only for an SSH agent.
    pub target: String,
    /// Of a directory of the host.
    pub source: String,
    pub id: Option<String>,
    /// Whose files.
    pub from: Option<String>,
    pub read_only: bool,
    pub sharing: Sharing,
    pub access: Access,
}

/// Reads a mount; `extended` files have the words of Dockerfiles, too.
pub(crate) fn parse(text: &str, extended: bool) -> Result<MountText> {
    let (mut kind, mut target, mut source, mut id) = (None, None, None, None);
    let (mut mode, mut uid, mut gid, mut from) = (None, None, None, None);
    let mut read_only = None;
    let mut sharing = Sharing::Locked;
    for piece in text.split(',') {
        let (key, value) = match piece.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (piece, None),
        };
        let needed = || value.ok_or_else(|| error::mount_without_value(piece));
        match key {
            "type" => kind = Some(needed()?).filter(|t| !t.is_empty()),
            "target" => target = Some(needed()?).filter(|t| !t.is_empty()),
            "source" => source = Some(needed()?).filter(|t| !t.is_empty()),
            "id" => id = Some(needed()?).filter(|t| !t.is_empty()),
            "dst" | "destination" if extended => target = Some(needed()?).filter(|t| !t.is_empty()),
            "src" if extended => source = Some(needed()?).filter(|t| !t.is_empty()),
            "from" if extended => from = Some((piece, needed()?)).filter(|(_, f)| !f.is_empty()),
            "ro" | "readonly" if value.is_some() => return Err(error::mount_with_value(piece)),
            "ro" | "readonly" => read_only = Some((piece, true)),
            "rw" | "readwrite" if extended && value.is_some() => {
                return Err(error::mount_with_value(piece));
            }
            "rw" | "readwrite" if extended => read_only = Some((piece, false)),
            "mode" | "chmod" => {
                let bits = octal(needed()?).ok_or_else(|| error::mount_mode(piece))?;
                mode = Some((piece, bits));
            }
            "uid" => uid = Some((piece, number(needed()?, piece)?)),
            "gid" => gid = Some((piece, number(needed()?, piece)?)),
            "sharing" => {
                sharing = self::sharing(needed()?).ok_or_else(|| error::mount_sharing(piece))?;
            }
            "from" => return Err(error::mount_from(piece)),
            _ => return Err(error::mount_key(piece, key)),
        }
    }
    let kind = kind.or(extended.then_some("bind"));
    let kind = match kind.ok_or_else(error::mount_without_type)? {
        "bind-experimental" => Kind::Bind,
        "bind" if extended => Kind::Files,
        "cache" => Kind::Cache,
        "tmpfs" => Kind::Tmpfs,
        "secret" => Kind::Secret,
        "ssh-experimental" => Kind::Ssh,
        "ssh" if extended => Kind::Ssh,
        other => return Err(error::mount_type(other, extended)),
    };
    if target.is_none() && kind != Kind::Ssh {
        return Err(error::mount_lacks("target", text));
    }
    if source.is_none() && kind == Kind::Bind {
        return Err(error::mount_lacks("source", text));
    }
    let owned = matches!(kind, Kind::Cache | Kind::Secret);
    let given = mode.map(|(piece, _)| piece).filter(|_| !owned);
    let mut owner = [uid, gid].into_iter().flatten().map(|(piece, _)| piece);
    let owner = owner.find(|_| !owned && kind != Kind::Ssh);
    let source_of = from.map(|(piece, _)| piece).filter(|_| kind != Kind::Files);
    if let Some(piece) = given.or(owner).or(source_of) {
        return Err(error::mount_not_for(piece, kind.text()));
    }
    let default = match kind {
        Kind::Cache => CACHE_MODE,
        Kind::Secret => 0o444,
        // Whoever the command runs as is to reach the agent.
        _ => 0o666,
    };
    Ok(MountText {
        kind,
        target: target.unwrap_or_default().to_owned(),
        source: source.unwrap_or_default().to_owned(),
        id: id.map(str::to_owned),
        from: from.map(|(_, from)| from.to_owned()),
        read_only: read_only.map_or(kind == Kind::Files, |(_, on)| on),
        sharing,
        access: Access {
            uid: uid.map_or(0, |(_, id)| id),
            gid: gid.map_or(0, |(_, id)| id),
            mode: mode.map_or(default, |(_, bits)| bits),
        },
    })
}

/// Of a cache's directory. Nobody but root can enter such a directory; build files rely on it being so.
pub(crate) const CACHE_MODE: u32 = 0o644;

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Self::Bind => "bind-experimental",
            Self::Files => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh-experimental",
        }
    }
}

/// Permission bits in octal, with a leading zero.
pub(crate) fn octal(text: &str) -> Option<u32> {
    let bits = text.starts_with('0').then(|| u32::from_str_radix(text, 8));
    bits?.ok().filter(|bits| *bits <= 0o7777)
}

/// A mode of sharing.
pub(crate) fn sharing(text: &str) -> Option<Sharing> {
    match text {
        "locked" => Some(Sharing::Locked),
        "shared" => Some(Sharing::Shared),
        "private" => Some(Sharing::Private),
        _ => None,
    }
}

fn number(text: &str, piece: &str) -> Result<u32> {
    text.parse().map_err(|_| error::mount_id(piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_locked_and_its_directory_has_the_mode_of_old() {
        let mount = parse("type=cache,target=/c", false).unwrap();
        assert_eq!(mount.sharing, Sharing::Locked);
        assert_eq!((mount.access.mode, mount.access.uid), (0o644, 0));
        let mount = parse(
            "type=cache,target=/c,sharing=shared,chmod=0755,uid=7,id=x",
            false,
        )
        .unwrap();
        assert_eq!(mount.sharing, Sharing::Shared);
        assert_eq!((mount.access.mode, mount.access.uid), (0o755, 7));
        assert_eq!(mount.id.as_deref(), Some("x"));
    }

    #[test]
    fn what_is_wrong_with_a_mount_is_quoted() {
        for (text, quoted) in [
            ("target=/c", "type"),
            ("type=cache", "target"),
            ("type=bind-experimental,target=/c", "source"),
            ("type=nothing,target=/c", "`nothing`"),
            ("type=cache,target", "`target`"),
            ("type=cache,target=/c,ro=1", "`ro=1`"),
            ("type=cache,target=/c,mode=755", "`mode=755`"),
            ("type=cache,target=/c,mode=08", "`mode=08`"),
            ("type=cache,target=/c,sharing=all", "`sharing=all`"),
            ("type=cache,target=/c,uid=me", "`uid=me`"),
            ("type=cache,target=/c,from=+x", "`from=+x`"),
            ("type=cache,target=/c,size=3", "`size`"),
            ("type=tmpfs,target=/c,mode=0755", "`mode=0755`"),
            ("type=ssh-experimental,mode=0600", "`mode=0600`"),
            (
                "type=bind-experimental,target=/c,source=/d,gid=3",
                "`gid=3`",
            ),
            ("", "``"),
        ] {
            let error = parse(text, false).expect_err(text).into_diagnostics();
            let message = error[0].to_string();
            assert!(message.contains(quoted), "{text}: {message}");
        }
    }

    #[test]
    fn extended_files_have_the_mounts_of_dockerfiles() {
        let mount = parse("from=+t/x,dst=/c,src=d", true).unwrap();
        assert_eq!(mount.kind, Kind::Files);
        assert!(mount.read_only);
        let read = [mount.from.as_deref().unwrap(), &mount.target, &mount.source];
        assert_eq!(read, ["+t/x", "/c", "d"]);
        assert!(!parse("target=/c,rw", true).unwrap().read_only);
        for (text, quoted) in [
            ("type=cache,target=/c,from=+x", "`from=+x`"),
            ("type=bind,target=/c,uid=3", "`uid=3`"),
            ("type=bind,target=/c,rw=1", "`rw=1`"),
            ("type=binds,target=/c", "`binds`"),
        ] {
            let error = parse(text, true).expect_err(text).into_diagnostics();
            let message = error[0].to_string();
            assert!(message.contains(quoted), "{text}: {message}");
        }
    }
}
