//! `ARG` (language specification, 4.7).

use crate::{
    diag::Location,
    interp::{
        error::{self, Result},
        exec::Exec,
        value::Value,
    },
    syntax::{
        ast::{Command, Keyword, Word},
        builtins::is_reserved,
        dialect::Feature,
    },
};

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let assignment = command
        .assignments
        .first()
        .ok_or_else(|| error::arguments(Keyword::Arg, "<name>[=<default>]"))?;
    let name = assignment.key.text.clone();
    let default = assignment.value.as_ref();
    let required = command.is_on("required");
    let is_base = exec.frame().is_base;
    let global = if exec.has(Feature::ExplicitGlobal) {
        command.is_on("global")
    } else {
        is_base
    };
    if global && !is_base {
        return Err(error::global_outside_base());
    }
    if default.is_some() && required {
        return Err(error::required_with_default());
    }
    if default.is_some() && is_reserved(&name, exec.frame().file.reserves_bld_names()) {
        return Err(error::default_of_builtin(&name));
    }
    let value = if exec.has(Feature::ArgScopeAndSet) {
        check_scope(exec, &name, default, global)?;
        let set = exec.frame().overriding.get(&name).cloned();
        match set {
            Some(value) => value,
            None => builtin_or_default(exec, &name, default).await?,
        }
    } else {
        // Before `arg-scope-and-set` the first value sticks, wherever it came from.
        let builtin = match exec.frame().overriding.get(&name) {
            None => exec.builtin(&name).await,
            Some(_) => None,
        };
        let existing = exec.frame().existing(&exec.state.env, &name).cloned();
        match builtin.or(existing) {
            Some(value) => value,
            None => default_value(exec, default).await?,
        }
    };
    if required && value.known().is_some_and(str::is_empty) {
        return Err(error::required_arg(&name, giver(exec).as_ref()));
    }
    let scoped = exec.has(Feature::ArgScopeAndSet);
    let frame = exec.frame_mut();
    if global {
        frame.globals.insert(name.clone(), value.clone());
    }
    if !global || !scoped {
        frame.args.insert(name, value);
    }
    Ok(())
}

/// The statement that decides about the arguments of the code that runs: the call of a function, else the innermost
/// reference from another file. Without one, those of the command line are inherited.
fn giver(exec: &Exec) -> Option<Location> {
    if let Some(called_from) = &exec.frame().called_from {
        return Some(called_from.clone());
    }
    let (at, way) = exec.reached.as_ref()?;
    let outer = way.frames().filter_map(|frame| frame.at.as_ref());
    let mut file = &exec.home.tree().source.name;
    std::iter::once(at)
        .chain(outer)
        .find(|at| {
            let other = at.file.name != *file || at.text().starts_with(Keyword::Do.text());
            file = &at.file.name;
            other
        })
        .cloned()
}

async fn builtin_or_default(exec: &mut Exec, name: &str, default: Option<&Word>) -> Result<Value> {
    match exec.builtin(name).await {
        Some(value) => Ok(value),
        None => default_value(exec, default).await,
    }
}

async fn default_value(exec: &mut Exec, default: Option<&Word>) -> Result<Value> {
    match default {
        Some(word) => exec.expand_value(word).await,
        None => Ok(Value::from("")),
    }
}

/// A name may be declared once in a scope. What only one way of an undecided condition declared may be declared again.
fn check_scope(exec: &Exec, name: &str, default: Option<&Word>, global: bool) -> Result<()> {
    let frame = exec.frame();
    let declared = |value: Option<&Value>| value.is_some_and(|v| v.known().is_some());
    if declared(frame.lets.get(name)) {
        return Err(error::redeclared(
            name,
            format!("`{name}` was already declared with LET and cannot be redeclared as an ARG"),
        ));
    }
    let value = default.map_or("…", |w| w.text.as_str());
    let let_instead = || {
        let hint = format!(
            "to change its value, use a variable that is no argument: `LET {name}={value}`"
        );
        match exec.in_loop() {
            false => hint,
            true => "declare it before the loop, with LET, and change it with SET; or move the body of the loop into a function".to_owned(),
        }
    };
    if global {
        if declared(frame.args.get(name)) {
            return Err(error::redeclared(
                name,
                format!(
                    "`{name}` was already declared as a non-global ARG; add `--global` to its first declaration"
                ),
            ));
        }
        if declared(frame.globals.get(name)) {
            return Err(error::redeclared(name, let_instead()));
        }
    } else if declared(frame.args.get(name)) {
        return Err(error::redeclared(name, let_instead()));
    }
    Ok(())
}
