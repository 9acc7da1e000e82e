//! Secrets as variables where the engine cannot do it: the shell of the command reads the file of each and goes on as the
//! command itself.

use crate::graph::plan::{MountKind, Run};

/// In front of the name of a secret that is wanted as a variable: without the line ends at its end.
pub const AS_VARIABLE: &str = "variable:";

/// Takes pairs of variable and file, a `--`, and the command. Only what every shell has built in is used: the image may
/// hold nothing else. A file may lack the line end of its last line.
const SCRIPT: &str = r#"while [ "$1" != -- ]; do
if [ -r "$2" ]; then
__bld_value= __bld_ends=
while IFS= read -r __bld_line || [ -n "$__bld_line" ]; do
if [ -n "$__bld_line" ]; then __bld_value=$__bld_value$__bld_ends$__bld_line __bld_ends=; fi
__bld_ends="$__bld_ends
"
done <"$2"
export "$1=$__bld_value"
fi
shift 2
done
shift
unset __bld_value __bld_ends __bld_line
exec "$@""#;

/// What stands in front of a command so that it has its secrets; nothing if it has none.
pub(super) fn exported(run: &Run) -> Vec<String> {
    if run.secret_env.is_empty() {
        return Vec::new();
    }
    let mut words: Vec<String> = ["/bin/sh", "-c", SCRIPT, "sh"].map(str::to_owned).into();
    for secret in &run.secret_env {
        let of_it =
            |kind: &MountKind| matches!(kind, MountKind::Secret { id, .. } if *id == secret.id);
        if let Some(file) = run.mounts.iter().find(|m| of_it(&m.kind)) {
            words.extend([secret.name.clone(), file.target.clone()]);
        }
    }
    words.push("--".to_owned());
    words
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What a variable holds after the script of this machine's shell has read a file.
    fn read(content: &str, shell: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, content).unwrap();
        let output = Command::new(shell)
            .args(["-c", SCRIPT, "sh", "KEY"])
            .arg(&file)
            .args(["--", "/usr/bin/printenv", "KEY"])
            .env_clear()
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.strip_suffix('\n').unwrap_or_default().to_owned()
    }

    #[test]
    fn a_shell_reads_a_secret_as_it_is_without_the_line_ends_at_its_end() {
        for (content, value) in [
            ("plain", "plain"),
            ("one\ntwo", "one\ntwo"),
            ("ends\n\n\n", "ends"),
            ("gap\n\n\nand more\n", "gap\n\n\nand more"),
            ("\n\nfirst", "\n\nfirst"),
            ("  blanks \t", "  blanks \t"),
            (
                "back\\slash\\n $HOME `id` \"'*",
                "back\\slash\\n $HOME `id` \"'*",
            ),
            ("", ""),
            ("\n", ""),
        ] {
            assert_eq!(read(content, "/bin/sh"), value);
        }
    }

    #[test]
    fn the_command_gets_its_words_unchanged_and_no_variable_of_the_script() {
        let output = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sh", "A", "/nothing", "--", "/usr/bin/env"])
            .env_clear()
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("__bld") && !text.contains("A="), "{text}");
        let output = Command::new("/bin/sh")
            .args([
                "-c",
                SCRIPT,
                "sh",
                "--",
                "/usr/bin/printf",
                "%s|",
                "a b",
                "",
                "--",
                "$x",
            ])
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"a b||--|$x|");
    }
}
