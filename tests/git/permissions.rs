use crate::{git::project, harness::git_server::GitServer};

const TOUCHES: &str = "VERSION 0.8\nt:\n    LOCALLY\n    RUN true\n\
    f:\n    FROM scratch\n    SAVE ARTIFACT x\np:\n    FROM scratch\n    RUN --privileged [\"/x\"]\n    SAVE ARTIFACT /x\n\
    DOES:\n    FUNCTION\n    LOCALLY\n";

fn server() -> GitServer {
    let server = GitServer::start();
    server
        .repository("o/r")
        .file("Earthfile", TOUCHES)
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
