//! Commands that change the image's configuration: `ENV`, `WORKDIR`, `USER`, `CMD`, `ENTRYPOINT`, `EXPOSE`, `VOLUME`,
//! `LABEL` (language specification, 4.10), and with `VERSION --extended` `SHELL` and `STOPSIGNAL`.

use serde_json::json;

use crate::{
    graph::plan::StepOp,
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::How,
        value::Value,
    },
    syntax::ast::{Command, Keyword, Word},
};

/// Prefixes of labels that are bld's own.
const RESERVED: [&str; 2] = ["dev.bld.", "dev.earthly."];

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    exec.fs(command.keyword.text())?;
    match command.keyword {
        Keyword::Env => env(exec, command).await,
        Keyword::Workdir => workdir(exec, command).await,
        Keyword::User => {
            exec.refuse_locally(Keyword::User)?;
            let user = one_word(exec, command, "<user>[:<group>]").await?;
            exec.state.user.clone_from(&user);
            exec.state.config.config.user = user;
            Ok(())
        }
        Keyword::Cmd => {
            let words = vector(exec, command).await?;
            exec.state.config.config.cmd = Some(words);
            exec.state.cmd_set = true;
            Ok(())
        }
        Keyword::Entrypoint => {
            let words = vector(exec, command).await?;
            exec.state.config.config.entrypoint = Some(words);
            if !exec.state.cmd_set {
                exec.state.config.config.cmd = None;
            }
            Ok(())
        }
        Keyword::Expose => expose(exec, command).await,
        Keyword::Volume => volume(exec, command).await,
        Keyword::Label => label(exec, command).await,
        Keyword::Shell => {
            let words = command.exec.clone().filter(|words| !words.is_empty());
            let words =
                words.ok_or_else(|| error::arguments(Keyword::Shell, "[\"program\", …]"))?;
            let extra = &mut exec.state.config.config.extra;
            extra.insert("Shell".to_owned(), json!(words));
            exec.state.shell = words;
            Ok(())
        }
        Keyword::Stopsignal => {
            let signal = one_word(exec, command, "<signal>").await?;
            let extra = &mut exec.state.config.config.extra;
            extra.insert("StopSignal".to_owned(), json!(signal));
            Ok(())
        }
        other => Err(error::not_yet(other.text())),
    }
}

async fn env(exec: &mut Exec, command: &Command) -> Result<()> {
    let assignment = command
        .assignments
        .first()
        .ok_or_else(|| error::arguments(Keyword::Env, "<key>=<value>"))?;
    let value = match &assignment.value {
        Some(word) => exec.expand(word, How::default()).await?,
        None => Value::from(""),
    };
    let key = &assignment.key.text;
    let lines = &mut exec.state.config.config.env;
    let line = format!("{key}={}", value.text());
    let start = format!("{key}=");
    match lines.iter_mut().find(|l| l.starts_with(&start)) {
        Some(old) => *old = line,
        None => lines.push(line),
    }
    exec.state.env.set(key, value);
    Ok(())
}

async fn one_word(exec: &mut Exec, command: &Command, usage: &str) -> Result<String> {
    match command.args.as_slice() {
        [word] => exec.expand_text(word, How::default()).await,
        _ => Err(error::arguments(command.keyword, usage)),
    }
}

async fn workdir(exec: &mut Exec, command: &Command) -> Result<()> {
    let path = one_word(exec, command, "<path>").await?;
    let path = exec.state.path(&path);
    let path = match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    };
    exec.state.cwd.clone_from(&path);
    // A directory of this machine is no part of an image; it is made for the first command that runs there.
    if exec.state.locally.is_some() {
        return Ok(());
    }
    exec.state.config.config.working_dir.clone_from(&path);
    if path == "/" {
        return Ok(());
    }
    let on = exec.fs("WORKDIR")?;
    let user = exec.state.user.clone();
    exec.check_owner(&user, on)?;
    exec.state.fs = Some(exec.push(StepOp::MakeDir {
        on,
        path,
        owner: (!user.is_empty()).then_some(user),
        mode: 0o755,
    }));
    Ok(())
}

/// The vector of `CMD` and `ENTRYPOINT`. In shell form the words are expanded now, and lose their quotes: images depend
/// on it.
async fn vector(exec: &mut Exec, command: &Command) -> Result<Vec<String>> {
    if let Some(words) = &command.exec {
        return Ok(words.clone());
    }
    let mut words = Vec::new();
    for word in &command.args {
        words.push(exec.expand_text(word, How::default()).await?);
    }
    Ok(exec.shell(&words.join(" ")))
}

async fn expose(exec: &mut Exec, command: &Command) -> Result<()> {
    if command.args.is_empty() {
        return Err(error::arguments(Keyword::Expose, "<port>[/<protocol>]…"));
    }
    for word in &command.args {
        let text = exec.expand_text(word, How::default()).await?;
        let place = exec.place(word);
        let ports = ports(&text).ok_or_else(|| error::bad_port(&text).at(&place))?;
        let exposed = &mut exec.state.config.config.exposed_ports;
        exposed.extend(ports.into_iter().map(|port| (port, json!({}))));
    }
    Ok(())
}

/// `[[ip:]host:]port[-port][/protocol]` as `port/protocol`, ranges written out.
fn ports(text: &str) -> Option<Vec<String>> {
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return None;
    }
    let container = numbers.rsplit(':').next()?;
    let (first, last) = container.split_once('-').unwrap_or((container, container));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    if first == 0 || first > last {
        return None;
    }
    Some((first..=last).map(|p| format!("{p}/{protocol}")).collect())
}

async fn volume(exec: &mut Exec, command: &Command) -> Result<()> {
    let mut paths = Vec::new();
    match &command.exec {
        // Unlike those of CMD, the words are expanded in this form, too.
        Some(words) => {
            for text in words {
                let word = Word {
                    text: text.clone(),
                    span: command.span,
                };
                paths.push(exec.expand_text(&word, How::default()).await?);
            }
        }
        None => {
            for word in &command.args {
                paths.push(exec.expand_text(word, How::default()).await?);
            }
        }
    }
    if paths.is_empty() {
        return Err(error::arguments(Keyword::Volume, "<path>…"));
    }
    let volumes = &mut exec.state.config.config.volumes;
    volumes.extend(paths.into_iter().map(|path| (path, json!({}))));
    Ok(())
}

async fn label(exec: &mut Exec, command: &Command) -> Result<()> {
    if command.assignments.is_empty() {
        return Err(error::no_labels());
    }
    for assignment in &command.assignments {
        let key = exec.expand_text(&assignment.key, How::default()).await?;
        if RESERVED.iter().any(|prefix| key.starts_with(prefix)) {
            return Err(error::reserved_label(&key).at(&exec.place(&assignment.key)));
        }
        let value = match &assignment.value {
            Some(word) => exec.expand_text(word, How::default()).await?,
            None => String::new(),
        };
        exec.state.config.config.labels.insert(key, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_enumerated_and_keep_the_side_of_the_container() {
        let read = |text| ports(text).map(|p| p.join(" "));
        assert_eq!(read("8000-8002").unwrap(), "8000/tcp 8001/tcp 8002/tcp");
        assert_eq!(read("127.0.0.1:80:8080/UDP").unwrap(), "8080/udp");
        for bad in ["", "x", "1/http", "9-8", "0", "70000"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
