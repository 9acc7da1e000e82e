use crate::{
    git::{project, target},
    harness::{Bld, Repository, ssh_server::SshServer},
};

fn served(test: &str) -> Option<(SshServer, Repository)> {
    let server = SshServer::start(test)?;
    let repository = server
        .repository("o/r")
        .file("Earthfile", &target("COPY f ."));
    let repository = repository.file("f", "");
    repository.commit("one");
    Some((server, repository))
}

fn with_agent(server: &SshServer, config: &str) -> Bld {
    let agent = server.agent();
    let body = target("BUILD 127.0.0.1/o/r+t");
    project(config, &body).env("SSH_AUTH_SOCK", agent.to_str().expect("a UTF-8 path"))
}

#[test]
fn an_agent_and_a_known_host_are_enough() {
    let Some((server, _repository)) = served("an_agent_and_a_known_host_are_enough") else {
        return;
    };
    let key = format!("serverkey: '{}'", server.known_host());
    for auth in ["auth: ssh", "auth: auto"] {
        let config = server.config(&[&key, auth]);
        with_agent(&server, &config).ok(&["plan", "+t"]);
    }
    let known = with_agent(&server, &server.config(&["auth: ssh"]));
    known
        .file("../home/.ssh/known_hosts", server.known_host() + "\n")
        .ok(&["plan", "+t"]);
}

#[test]
fn an_unknown_host_is_refused_unless_the_config_file_says_otherwise() {
    let Some((server, _repository)) =
        served("an_unknown_host_is_refused_unless_the_config_file_says_otherwise")
    else {
        return;
    };
    let ran = with_agent(&server, &server.config(&["auth: ssh"])).fails(1, &["plan", "+t"]);
    assert!(
        ran.stderr.contains("the key of this host is not known"),
        "{}",
        ran.stderr
    );
    let config = server.config(&["auth: ssh", "strict_host_key_checking: false"]);
    with_agent(&server, &config).ok(&["plan", "+t"]);
}

#[test]
fn a_command_of_the_users_own_may_take_the_place_of_ssh() {
    let Some((server, _repository)) =
        served("a_command_of_the_users_own_may_take_the_place_of_ssh")
    else {
        return;
    };
    let key = server.agent().with_file_name("user");
    let command = format!("ssh_command: 'ssh -i {}'", key.display());
    let config = server.config(&["auth: ssh", "strict_host_key_checking: false", &command]);
    let body = target("BUILD 127.0.0.1/o/r+t");
    let bld = project(&config, &body);
    bld.ok(&["plan", "+t"]);
    // Without a key nobody gets in.
    let config = server.config(&[
        "auth: ssh",
        "strict_host_key_checking: false",
        "ssh_command: ssh -o IdentitiesOnly=yes -i /dev/null",
    ]);
    let ran = project(&config, &body).fails(1, &["plan", "+t"]);
    assert!(
        ran.stderr.contains("does not accept a key of yours"),
        "{}",
        ran.stderr
    );
}
