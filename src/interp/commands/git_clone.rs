//! `GIT CLONE`: the files of another repository (language specification, 4.21).

use crate::{
    graph::plan::{Context, CopyFiles, CopyItem, StepOp},
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::{How, REFERENCE},
        value::Value,
    },
    syntax::ast::{Command, Keyword},
};

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let [url_word, dest] = command.args.as_slice() else {
        let usage = "[--branch <ref>] [--keep-ts] <url> <destination>";
        return Err(error::arguments(Keyword::GitClone, usage));
    };
    exec.refuse_locally(command.keyword)?;
    let on = exec.fs("GIT CLONE")?;
    let place = exec.place(url_word);
    let url = exec.expand(url_word, REFERENCE).await?;
    let name = match command.flag("branch").and_then(|f| f.value.clone()) {
        Some(word) => exec.expand(&word, How::default()).await?,
        None => Value::from(""),
    };
    let dest = exec.expand_text(dest, How::default()).await?;
    let from = match (url.known(), name.known()) {
        (Some(url), Some(name)) => {
            let remotes = exec.session.request.remotes.clone();
            let remotes = remotes.ok_or_else(error::no_cache_directory)?;
            let checkout = remotes.url(url, name).await;
            let checkout = checkout.map_err(|e| error::remote(&e).at(&place))?;
            let context = Context {
                dir: checkout.dir.clone(),
                include: Vec::new(),
                exclude: Vec::new(),
                round: 0,
                after: None,
            };
            let text = format!("{} at {}", checkout.url, checkout.commit);
            exec.push_named(StepOp::Context(context), text)
        }
        _ => exec.push(StepOp::Undecided {
            by: url.decided_by().or(name.decided_by()),
            why: "which repository is cloned is not known before".to_owned(),
        }),
    };
    let owner = match exec.state.user.as_str() {
        "" => "root:root".to_owned(),
        user => user.to_owned(),
    };
    exec.check_owner(&owner, on)?;
    // The contents are put into the directory, which is made if it is not there.
    let mut dest = exec.state.path(&dest);
    if !dest.ends_with('/') {
        dest.push('/');
    }
    let item = CopyItem {
        from,
        source: "/".to_owned(),
        dest,
        contents: true,
        wildcard: false,
        if_exists: false,
        follow: true,
        unpack: false,
        exclude: Vec::new(),
    };
    let copy = CopyFiles {
        on,
        items: vec![item],
        owner: Some(owner),
        mode: None,
        keep_times: command.is_on("keep-ts"),
    };
    exec.state.fs = Some(exec.push(StepOp::Copy(Box::new(copy))));
    Ok(())
}
