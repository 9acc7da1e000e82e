//! `HOST`: a line of `/etc/hosts` for later commands (language specification, 4.20).

use std::net::IpAddr;

use crate::{
    interp::{
        error::{self, Result},
        exec::Exec,
        expand::REFERENCE,
    },
    syntax::ast::{Command, Keyword},
};

pub(crate) async fn run(exec: &mut Exec, command: &Command) -> Result<()> {
    let [name, ip] = command.args.as_slice() else {
        return Err(error::arguments(Keyword::Host, "<name> <ip>"));
    };
    exec.fs("HOST")?;
    exec.refuse_locally(Keyword::Host)?;
    let name = exec.expand_text(name, REFERENCE).await?;
    let value = exec.expand(ip, REFERENCE).await?;
    if let Some(text) = value.known()
        && text.parse::<IpAddr>().is_err()
    {
        return Err(error::bad_host_ip(text).at(&exec.place(ip)));
    }
    exec.state.hosts.push((name, value.text().to_owned()));
    Ok(())
}
