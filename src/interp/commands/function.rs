//! `DO`: a function inside the recipe that calls it (language specification, 4.17).

use std::sync::Arc;

use crate::{
    graph::{FunctionRef, ledger::LinkKind, plan::StepOp},
    interp::{
        args::last_wins,
        error::{self, Result},
        exec::{Exec, Start},
        expand::REFERENCE,
        project::{BASE, Loaded},
        scope::{Frame, Vars},
    },
    syntax::{
        ast::{Block, Command, Keyword, Node, Recipe, Statement},
        builtins::is_reserved,
        dialect::Feature,
    },
};

/// How often a function is planned inside itself where a condition that was not run decides whether it is called.
const MAX_UNDECIDED_ROUNDS: usize = 3;

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let (name, words) = command
        .args
        .split_first()
        .ok_or_else(|| error::arguments(Keyword::Do, "<function> [--<arg>=<value>]…"))?;
    let place = exec.place(name);
    let value = exec.expand(name, REFERENCE).await?;
    let Some(text) = value.known() else {
        let why = format!("which function `{}` names is not known before", name.text);
        let by = value.decided_by();
        let fs = exec.push(StepOp::Undecided { by, why });
        exec.state.fs = Some(fs);
        return Ok(());
    };
    let reference = FunctionRef::parse(text)
        .map_err(|why| error::bad_reference("function", text, &why).at(&place))?;
    let reached = exec
        .place_of(&reference.place, text, command.is_on("allow-privileged"))
        .await
        .map_err(|e| e.at(&place))?;
    exec.note_allow_privileged(command, &reference.place);
    let file = reached.file;
    let Some(recipe) = file.tree().function(&reference.name) else {
        return Err(error::unknown_function(text, &reference.name, file.tree()).at(&place));
    };
    let shown = file.target(&reference.name);
    // Where nobody knows whether a condition ends the recursion, a few rounds show what there is to see.
    let rounds = exec.frames.iter().filter(|f| f.name == shown).count();
    if exec.undecided_by.is_some() && rounds >= MAX_UNDECIDED_ROUNDS {
        let by = exec.undecided_by;
        let why = format!("whether `{text}` is called again is decided by a condition");
        let fs = exec.push(StepOp::Undecided { by, why });
        exec.state.fs = Some(fs);
        return Ok(());
    }
    file.mistakes_of(&recipe.body, exec.features())?;
    let body = body(&file, recipe)?;
    let explicit = last_wins(exec.build_args(command, words).await?);
    let mut overriding = Vars::new();
    if command.is_on("pass-args") {
        let bld = exec.frame().file.reserves_bld_names();
        overriding = exec.frame().passed();
        overriding.retain(|name, _| !is_reserved(name, bld));
    }
    overriding.extend(explicit);
    let mut frame = Frame::new(Arc::clone(&file), shown, overriding);
    frame.called_from = Some(exec.at.clone());
    frame.permitted = reached.permitted;
    base_of(exec, &mut frame).await?;
    exec.frames.push(frame);
    exec.remark_on(Some(recipe));
    let result = exec.block(&body).await;
    match result {
        Ok(()) => {
            exec.frames.pop();
            Ok(())
        }
        // The frames stay for the stack of the error.
        Err(failure) => Err(failure),
    }
}

/// The body without its first statement, which says that it is a function.
fn body(file: &Loaded, recipe: &Recipe) -> Result<Block> {
    let (keyword, word) = if file.features.has(Feature::UseFunctionKeyword) {
        (Keyword::Function, "FUNCTION")
    } else {
        (Keyword::Command, "COMMAND")
    };
    let mut nodes = recipe.body.nodes.iter();
    let first = nodes.find_map(|node| match node {
        Node::Statement(statement) => Some(statement),
        _ => None,
    });
    match first {
        Some(Statement::Command(first)) if first.keyword == keyword && first.args.is_empty() => {
            Ok(Block {
                nodes: nodes.cloned().collect(),
            })
        }
        _ => Err(error::function_keyword(word, &recipe.name).at(&file.at(recipe.name_span))),
    }
}

/// Evaluates the base recipe of the defining file for its globals and imports.
async fn base_of(exec: &mut Exec, frame: &mut Frame) -> Result<()> {
    let mut args = if exec.has(Feature::ArgScopeAndSet) {
        exec.frames[0].overriding.clone()
    } else {
        Vars::new()
    };
    args.extend(frame.overriding.clone());
    let start = Start {
        file: Arc::clone(&frame.file),
        target: BASE.to_owned(),
        args,
        current: exec.state.current.clone(),
        chain: false,
        permitted: frame.permitted,
    };
    // A base recipe that calls a function of its own file cannot wait for itself: what it declared so far is what there is.
    if exec.frame().is_base && exec.frame().file.path == frame.file.path {
        frame.globals.clone_from(&exec.frame().globals);
        frame.base_imports.clone_from(&exec.frame().imports);
        return Ok(());
    }
    if let Some(base) = exec.reach_and_wait(start, LinkKind::FunctionBase).await? {
        frame.globals.clone_from(&base.frame.globals);
        frame.base_imports.clone_from(&base.frame.imports);
    }
    Ok(())
}
