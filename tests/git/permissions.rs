use crate::{git::project, harness::git_server::GitServer};

const TOUCHES: &str = "VERSION 0.8\nt:\n    LOCALLY\n    RUN true\n\
    f:\n    FROM scratch\n    SAVE ARTIFACT x\np:\n    FROM scratch\n    RUN --privileged [\"/x\"]\n    SAVE ARTIFACT /x\n\
    DOES:\n    FUNCTION\n    LOCALLY\n";
/// What does nothing by itself, and everything where its caller is already.
const LURKS: &str = "VERSION --run-with-aws 0.8\n\
    RUNS:\n    FUNCTION\n    RUN [\"/x\"]\n\
    ASKS:\n    FUNCTION\n    IF test -e /x\n    END\n\
    SETS:\n    FUNCTION\n    LET x=$(id)\n\
    LOOPS:\n    FUNCTION\n    FOR x IN $(id)\n    END\n\
    SAVES:\n    FUNCTION\n    SAVE ARTIFACT /etc/hostname\n\
    COPIES:\n    FUNCTION\n    COPY git.test/o/lurks+file/x /tmp/x\n\
    LOADS:\n    FUNCTION\n    WITH DOCKER\n    RUN true\n    END\n\
    AWS:\n    FUNCTION\n    RUN --aws [\"/x\"]\n\
    FORCES:\n    FUNCTION\n    SAVE ARTIFACT --force x AS LOCAL /tmp/x\n\
    UP:\n    FUNCTION\n    SAVE ARTIFACT --force x AS LOCAL ../x\n\
    HOOKS:\n    FUNCTION\n    SAVE ARTIFACT x AS LOCAL .git/hooks/pre-commit\n\
    file:\n    FROM scratch\n    SAVE ARTIFACT x\n";

fn server() -> GitServer {
    let server = GitServer::start();
    server
        .repository("o/r")
        .file("Earthfile", TOUCHES)
        .commit("one");
    server
        .repository("o/lurks")
        .file("Earthfile", LURKS)
        .commit("one");
    let between = "VERSION 0.8\nIMPORT --allow-privileged git.test/o/r AS r\nboth:\n    BUILD r+t\n    BUILD --allow-privileged git.test/o/r+t\n";
    server
        .repository("o/between")
        .file("Earthfile", between)
        .commit("one");
    server
}

#[test]
fn code_of_a_repository_touches_the_host_only_if_every_reference_says_so() {
    let server = server();
    let import = "IMPORT git.test/o/r AS r\n";
    let allowed = "IMPORT --allow-privileged git.test/o/r AS r\n";
    for (base, body, permitted) in [
        ("", "BUILD git.test/o/r+t", false),
        ("", "BUILD --allow-privileged git.test/o/r+t", true),
        ("", "FROM git.test/o/r+t", false),
        ("", "FROM --allow-privileged git.test/o/r+t", true),
        ("", "FROM scratch\n    COPY git.test/o/r+p/x .", false),
        (
            "",
            "FROM scratch\n    COPY --allow-privileged git.test/o/r+p/x .",
            true,
        ),
        ("", "DO git.test/o/r+DOES", false),
        ("", "DO --allow-privileged git.test/o/r+DOES", true),
        (import, "BUILD r+t", false),
        // Through an alias the flag of the command does not count.
        (import, "BUILD --allow-privileged r+t", false),
        (allowed, "BUILD r+t", true),
        (allowed, "DO r+DOES", true),
        ("", "BUILD git.test/o/between+both", false),
        ("", "BUILD --allow-privileged git.test/o/between+both", true),
    ] {
        let buildfile = format!("VERSION 0.8\n{base}t:\n    {body}\n");
        let bld = project(&server.config(), &buildfile);
        let ran = bld.run(&["plan", "--allow-privileged", "+t"]);
        assert_eq!(ran.code == 0, permitted, "{base}{body}\n{}", ran.stderr);
        if !permitted {
            assert!(
                ran.stderr.contains("permission denied"),
                "{body}: {}",
                ran.stderr
            );
            assert!(
                ran.stderr.contains("`--allow-privileged`"),
                "{body}: {}",
                ran.stderr
            );
            assert!(
                ran.stderr.contains("git.test/o/r:main/Earthfile:"),
                "{body}: {}",
                ran.stderr
            );
        }
    }
}

#[test]
fn what_the_command_line_names_is_permitted_with_a_warning() {
    let server = server();
    let ran = project(&server.config(), "").ok(&["plan", "git.test/o/r+t"]);
    assert!(
        ran.stderr
            .contains("commands of `git.test/o/r` run on this machine"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_function_of_a_repository_may_do_no_more_where_its_caller_may() {
    let server = server();
    for (before, function, after) in [
        ("LOCALLY", "RUNS", ""),
        ("LOCALLY", "ASKS", ""),
        ("LOCALLY", "SETS", ""),
        ("LOCALLY", "LOOPS", ""),
        ("LOCALLY", "SAVES", ""),
        ("LOCALLY", "COPIES", ""),
        ("LOCALLY", "LOADS", ""),
        ("FROM scratch\n    WITH DOCKER", "RUNS", "END"),
        ("FROM scratch", "AWS", ""),
        ("FROM scratch", "FORCES", ""),
        ("FROM scratch", "UP", ""),
        ("FROM scratch", "HOOKS", ""),
    ] {
        for allow in ["", "--allow-privileged "] {
            let buildfile = format!(
                "VERSION 0.8\nt:\n    {before}\n    DO {allow}git.test/o/lurks+{function}\n    {after}\n"
            );
            let bld = project(&server.config(), &buildfile)
                .env("AWS_ACCESS_KEY_ID", "a")
                .env("AWS_SECRET_ACCESS_KEY", "b");
            let ran = bld.run(&["plan", "-P", "+t"]);
            let refused = ran.stderr.contains("permission denied");
            assert_eq!(
                ran.code != 0,
                allow.is_empty(),
                "{function}: {}",
                ran.stderr
            );
            assert_eq!(refused, allow.is_empty(), "{function}: {}", ran.stderr);
        }
    }
}

#[test]
fn what_is_refused_on_this_machine_has_not_been_run() {
    let server = GitServer::start();
    let lurks = "VERSION 0.8\nRUNS:\n    FUNCTION\n    RUN touch pwned\n";
    server
        .repository("o/runs")
        .file("Earthfile", lurks)
        .commit("one");
    let buildfile = "VERSION 0.8\nt:\n    LOCALLY\n    DO git.test/o/runs+RUNS\n";
    let bld = project(&server.config(), buildfile);
    let ran = bld.run(&["+t"]);
    assert!(ran.stderr.contains("permission denied"), "{}", ran.stderr);
    assert!(!bld.path("pwned").exists());
}
