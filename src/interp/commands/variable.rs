//! `LET` and `SET` (language specification, 4.8).

use crate::{
    diag::words::nearest,
    interp::{
        error::{self, Result},
        exec::Exec,
    },
    syntax::{
        ast::{Command, Word},
        builtins::is_reserved,
        dialect::Feature,
    },
};

fn parts<'a>(exec: &Exec, command: &'a Command) -> Result<(&'a str, &'a Word)> {
    let what = command.keyword.text();
    if !exec.has(Feature::ArgScopeAndSet) {
        return Err(error::feature(what, Feature::ArgScopeAndSet));
    }
    if !exec.has(Feature::ShellOutAnywhere) {
        return Err(error::feature(what, Feature::ShellOutAnywhere));
    }
    let assignment = command.assignments.first();
    let assignment =
        assignment.ok_or_else(|| error::arguments(command.keyword, "<name>=<value>"))?;
    let value = assignment.value.as_ref();
    let value = value.ok_or_else(|| error::arguments(command.keyword, "<name>=<value>"))?;
    Ok((&assignment.key.text, value))
}

pub(crate) async fn run_let(exec: &mut Exec, command: &Command) -> Result<()> {
    let (name, word) = parts(exec, command)?;
    if is_reserved(name, exec.frame().file.reserves_bld_names()) {
        return Err(error::let_builtin(name));
    }
    let value = exec.expand_value(word).await?;
    let declared = exec.frame().lets.get(name);
    if declared.is_some_and(|v| v.known().is_some()) {
        let hint = if exec.in_loop() {
            "declare it before the loop and change it with SET, or move the body of the loop into a function".to_owned()
        } else {
            format!("to change its value, use `SET {name}={}`", word.text)
        };
        return Err(error::redeclared(name, hint));
    }
    exec.frame_mut().lets.insert(name.to_owned(), value);
    Ok(())
}

pub(crate) async fn run_set(exec: &mut Exec, command: &Command) -> Result<()> {
    let (name, word) = parts(exec, command)?;
    let frame = exec.frame();
    if !frame.lets.contains_key(name) {
        return Err(match frame.lookup(&exec.state.env, name) {
            Some(_) => error::set_of_arg(name),
            None => {
                let near = nearest(name, frame.lets.keys().map(String::as_str));
                error::set_undeclared(name, near)
            }
        });
    }
    let value = exec.expand_value(word).await?;
    exec.frame_mut().lets.insert(name.to_owned(), value);
    Ok(())
}
