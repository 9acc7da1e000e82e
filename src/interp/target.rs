//! One visit of a target, from its implicit `FROM +base` to the end of everything it started.

use std::sync::Arc;

use super::{
    error::{self, Result},
    exec::{Exec, Start},
    project::{BASE, Loaded},
    scope::Frame,
    session::Session,
    state::State,
    visits::{Finished, Outcome},
};
use crate::{
    diag::{Location, Span, Way},
    graph::{
        ledger::{LinkKind, VisitId, WaitId},
        plan::Keep,
    },
    syntax::ast::{Block, Keyword},
};

/// Interprets a target.
pub(crate) async fn visit(
    session: Arc<Session>,
    id: VisitId,
    start: Start,
    reached: Option<(Location, Arc<Way>)>,
) -> Outcome {
    let file = Arc::clone(&start.file);
    let name = file.target(&start.target);
    let mut frame = Frame::new(Arc::clone(&file), name, start.args.clone());
    frame.is_base = start.target == BASE;
    frame.permitted = start.permitted;
    let mut exec = Exec {
        id,
        home: Arc::clone(&file),
        target: start.target.clone(),
        reached,
        chain: start.chain,
        frames: vec![frame],
        state: State::empty(start.current.clone()),
        undecided_by: None,
        wait: WaitId::default(),
        keep: Keep::FileSystem,
        pending: Vec::new(),
        ready: Vec::new(),
        writes: Vec::new(),
        at: file.at(Span::default()),
        text: String::new(),
        docker: None,
        docker_runs: 0,
        depth: 0,
        loops: 0,
        session,
    };
    let result = body(&mut exec, start).await;
    exec.session
        .ledger
        .set_args(id, exec.frames[0].overridden());
    if let Err(failure) = result {
        return Err(exec.with_frames(failure));
    }
    let mut ready = std::mem::take(&mut exec.ready);
    ready.extend(exec.state.artifacts);
    ready.extend(exec.state.fs);
    for step in ready {
        exec.announce(step);
    }
    let frame = exec.frames.swap_remove(0);
    Ok(Arc::new(Finished {
        state: exec.state,
        frame,
        writes: exec.writes,
    }))
}

async fn body(exec: &mut Exec, start: Start) -> Result<()> {
    let file = Arc::clone(&exec.home);
    let recipe = file.recipe(&start.target)?;
    exec.remark_on(recipe);
    let block = match recipe {
        Some(recipe) => {
            mistakes(exec, &file, &recipe.body)?;
            exec.at = file.at(recipe.name_span);
            exec.text = "FROM +base".to_owned();
            implicit_base(exec, start).await?;
            &recipe.body
        }
        None => {
            mistakes(exec, &file, &file.tree().base)?;
            &file.tree().base
        }
    };
    exec.block(block).await?;
    exec.join(0).await?;
    exec.state.fs = exec.state.fs.map(|fs| exec.with_caches(fs));
    Ok(())
}

/// What is wrong with a body by its text alone. No statement has run when it is said, so what the body declares is taken
/// from its text, for the stack.
fn mistakes(exec: &mut Exec, file: &Loaded, body: &Block) -> Result<()> {
    let found = file.mistakes_of(body, file.features);
    if found.is_err() {
        let frame = exec.frame_mut();
        body.walk_commands(&mut |command| {
            let assignment = command.assignments.first();
            let name = assignment.filter(|_| command.keyword == Keyword::Arg);
            if let Some(name) = name.map(|pair| &pair.key.text)
                && let Some(value) = frame.overriding.get(name)
            {
                frame.args.insert(name.clone(), value.clone());
            }
        });
    }
    found
}

/// Every target begins where the base recipe of its file ends.
async fn implicit_base(exec: &mut Exec, start: Start) -> Result<()> {
    let start = Start {
        target: BASE.to_owned(),
        chain: false,
        ..start
    };
    if let Some(base) = exec.reach_and_wait(start, LinkKind::From).await? {
        if base.state.ended_interactive {
            return Err(error::from_interactive("+base"));
        }
        exec.become_target(&base, true);
    }
    Ok(())
}
