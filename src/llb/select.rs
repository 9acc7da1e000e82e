//! Copies that leave something out: patterns in a copy are not known to Docker 20.10. So what is copied is put aside, what is
//! not wanted is removed there, and the rest is copied.

use std::sync::Arc;

use super::{CopyFile, FileOp, MakeDir, Remove, State, lower::may_be_missing};
use crate::{
    events::Label,
    graph::plan::{COPY_TIME, CopyItem},
};

/// Where it is put aside.
const ASIDE: &str = "/all";
/// What a whole file system is called there.
const WHOLE: &str = "/all/whole";

/// What a source names without what is not wanted of it: the file system, and a pattern of all that is left in it.
pub(super) fn without(
    from: &State,
    source: &str,
    item: &CopyItem,
    label: &Arc<Label>,
) -> (State, String) {
    let whole = item.source == "/";
    let put = CopyFile {
        contents: whole,
        make_dest: true,
        wildcard: item.wildcard || item.if_exists,
        allow_missing: item.if_exists,
        follow: item.follow,
        ..CopyFile::default()
    };
    let open = MakeDir {
        time: Some(COPY_TIME),
        ..MakeDir::mode(0o755)
    };
    let dest = if whole {
        WHOLE.to_owned()
    } else {
        format!("{ASIDE}/")
    };
    let mut aside = FileOp::on(&None)
        .mkdir(ASIDE, open)
        .copy(from, source, &dest, put);
    for pattern in &item.exclude {
        let remove = Remove {
            allow_missing: true,
            wildcard: true,
        };
        // What is named may itself be what is not wanted.
        if !whole {
            aside = aside.rm(&format!("{ASIDE}/{}", may_be_missing(pattern)), remove);
        }
        aside = aside.rm(&format!("{ASIDE}/*/{pattern}"), remove);
    }
    let aside = Some(aside.build(Arc::clone(label)));
    (aside, format!("{ASIDE}/*"))
}
