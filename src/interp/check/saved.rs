//! What a target saves, as far as its text tells.

use super::literal;
use crate::{
    interp::{
        commands::save_artifact::{artifact_dest, words},
        host,
        project::BASE,
    },
    syntax::ast::{BuildFile, Keyword},
};

/// Every path among the artifacts of a target, beginning with `/`; its last part may be a pattern. None where that cannot
/// be told: a name comes from a variable, or a function may save more.
pub(super) fn paths(file: &BuildFile, target: &str) -> Option<Vec<String>> {
    let block = match target {
        BASE => &file.base,
        name => &file.target(name)?.body,
    };
    let mut saved = Some(Vec::new());
    block.walk_commands(&mut |command| {
        let path = match command.keyword {
            Keyword::Do => None,
            Keyword::SaveArtifact => words(command).ok().and_then(|words| {
                let src = literal(words.src)?;
                let dst = match words.dst {
                    Some(dst) => literal(dst)?,
                    None => "./".to_owned(),
                };
                path(&src, &dst)
            }),
            _ => return,
        };
        match (&mut saved, path) {
            (Some(all), Some(path)) => all.push(path),
            (saved, _) => *saved = None,
        }
    });
    saved
}

fn path(src: &str, dst: &str) -> Option<String> {
    let src = src.replace("\\+", "+");
    let base = src.trim_end_matches('/').rsplit('/').next()?;
    // Then it is the directory that is in force which gives the name.
    if matches!(base, "" | "." | "..") {
        return None;
    }
    let glob = host::is_pattern(&src);
    let mut dest = artifact_dest(&dst.replace("\\+", "+"), base, glob);
    if dest.ends_with('/') {
        dest.push_str(base);
    }
    Some(dest)
}

/// Whether one of the saved paths may be what is wanted, hold it, or lie in it.
pub(super) fn may_have(saved: &[String], wanted: &str) -> bool {
    saved.iter().any(|saved| {
        let parts = |path: &'_ str| -> Vec<String> {
            let parts = path.split('/').filter(|p| !matches!(*p, "" | "."));
            parts.map(str::to_owned).collect()
        };
        let pairs = parts(saved).into_iter().zip(parts(wanted));
        pairs.into_iter().all(|(a, b)| same(&a, &b))
    })
}

/// Whether two parts, either of which may be a pattern, can be of one name.
fn same(a: &str, b: &str) -> bool {
    match (host::is_pattern(a), host::is_pattern(b)) {
        (true, true) => true,
        (true, false) => host::matches(a, b),
        (false, true) => host::matches(b, a),
        (false, false) => a == b || b == "..",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_found_by_its_name_by_what_is_in_it_and_by_what_it_is_in() {
        let saved = |src: &str, dst: &str| vec![path(src, dst).expect("known")];
        for (src, dst, wanted, there) in [
            ("a/b", "./", "/b", true),
            ("a/b", "./", "/a/b", false),
            ("a/b", "./", "/b/c/d", true),
            ("b", "x/y", "/x", true),
            ("b", "x/y", "/", true),
            ("b", "x/y", "/x/*", true),
            ("b", "x/y", "/x/z", false),
            ("b", "x/", "/x/b", true),
            ("a/*.jar", "app.jar", "/app.jar", true),
            ("a/*.txt", "out/", "/out/n.txt", true),
            ("a/*.txt", "out/", "/out/n.log", false),
            ("a/*.txt", "out/", "/out/*.log", true),
        ] {
            assert_eq!(
                may_have(&saved(src, dst), wanted),
                there,
                "{src} {dst} {wanted}"
            );
        }
        assert!(path(".", "./").is_none() && path("/", "x").is_none());
    }
}
