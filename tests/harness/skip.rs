//! A test that cannot run here says so where nobody overlooks it. Where nothing may be skipped, as in CI, it fails.

use std::{env, fs, io::Write as _};

/// Says that a test is skipped for want of the services, or of a right.
#[track_caller]
pub fn skip(test: &str, needs: &str) {
    say(test, needs, set("BLD_TEST_REQUIRE", "1"));
}

/// Says that a test is skipped for want of a program, which any machine can have.
#[track_caller]
pub fn skip_program(test: &str, needs: &str) {
    let required = set("BLD_TEST_REQUIRE", "1") || set("CI", "true");
    say(test, needs, required);
}

fn set(name: &str, value: &str) -> bool {
    env::var(name).is_ok_and(|v| v == value)
}

#[track_caller]
fn say(test: &str, needs: &str, required: bool) {
    assert!(
        !required,
        "`{test}` needs {needs}, and nothing may be skipped here"
    );
    let line = format!("SKIPPED: {test} needs {needs}\n");
    // Not by a macro: what those print of a test that succeeds is shown to nobody.
    let _ = std::io::stderr().write_all(line.as_bytes());
    // `dev/check` counts them.
    if let Some(path) = env::var_os("BLD_TEST_SKIPPED") {
        let file = fs::File::options().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}
