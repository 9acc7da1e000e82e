//! Names that are given to more than one image: one per platform is what an index is for, all else is a mistake.
//!
//! The rules are those of the language, section 5.4; each message names both places.

use std::collections::BTreeMap;

use super::image::ImageRequest;
use crate::{diag::Diagnostic, oci::ImageRef};

/// The mistakes among the images of one block, which are output together.
pub fn check(requests: &[ImageRequest]) -> Vec<Diagnostic> {
    by_name(requests.iter().filter(|r| r.is_output()))
        .into_iter()
        .filter_map(|(name, images)| check_name(name, &images))
        .collect()
}

/// Images by name; one that has a name twice counts once.
pub(super) fn by_name<'a>(
    requests: impl Iterator<Item = &'a ImageRequest>,
) -> BTreeMap<&'a ImageRef, Vec<&'a ImageRequest>> {
    let mut images: BTreeMap<&ImageRef, Vec<&ImageRequest>> = BTreeMap::new();
    for request in requests {
        for name in &request.names {
            let same_name = images.entry(name).or_default();
            if !same_name
                .last()
                .is_some_and(|last| std::ptr::eq(*last, request))
            {
                same_name.push(request);
            }
        }
    }
    images
}

fn check_name(name: &ImageRef, images: &[&ImageRequest]) -> Option<Diagnostic> {
    let (first, rest) = images.split_first()?;
    let second = rest.first()?;
    let name = name.familiar();
    let error = |code, message: String, one: &ImageRequest, other: &ImageRequest| {
        let label = format!("saved again by `{}`", other.target);
        let error = Diagnostic::error(code, message)
            .at(other.at.clone())
            .label(label)
            .related(one.at.clone(), format!("saved first by `{}`", one.target));
        Some(error)
    };
    let chosen = images.iter().filter(|image| image.platform_chosen).count();
    if chosen == 0 {
        let message = format!("image `{name}` was already declared (none had `--platform` values)");
        let error = error("duplicate-image", message, first, second)?;
        return Some(error.hint(
            "give each image a name of its own, or put the second one into a later WAIT block",
        ));
    }
    if chosen < images.len() {
        let odd = images
            .iter()
            .find(|image| image.platform_chosen != first.platform_chosen)?;
        let message = format!(
            "image `{name}` is defined multiple times, but not all with a `--platform` value"
        );
        let error = error("duplicate-image-platform", message, first, odd)?;
        return Some(
            error.hint(
                "several platforms make one image only if each is asked for with `--platform`",
            ),
        );
    }
    if images.iter().any(|image| image.no_manifest_list) {
        let message = format!(
            "cannot save image `{name}`: it is defined multiple times, but declared `--no-manifest-list`"
        );
        return error("duplicate-image-no-list", message, first, second);
    }
    let mut seen = BTreeMap::new();
    for image in images {
        if let Some(earlier) = seen.insert(&image.platform, image) {
            let message = format!(
                "image `{name}` is defined multiple times for the same platform ({})",
                image.platform
            );
            return error("duplicate-image-platform", message, earlier, image);
        }
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::{Location, SourceFile, Span};

    pub(in crate::output) fn image(line: u32, names: &[&str], platform: &str) -> ImageRequest {
        let file = Arc::new(SourceFile::new("Buildfile", "a\nb\nc\nd\n"));
        ImageRequest {
            target: format!("+t{line}"),
            names: names.iter().map(|n| ImageRef::parse(n).unwrap()).collect(),
            platform: platform.trim_end_matches('!').parse().unwrap(),
            platform_chosen: platform.ends_with('!'),
            load: true,
            push: false,
            insecure: false,
            no_manifest_list: false,
            at: Location::new(
                &file,
                Span {
                    start: line * 2,
                    end: line * 2 + 1,
                },
            ),
        }
    }

    #[test]
    fn each_kind_of_duplicate_names_both_places() {
        let plain = |line| image(line, &["a:1"], "linux/amd64");
        let amd = |line| image(line, &["a:1"], "linux/amd64!");
        let arm = |line| image(line, &["a:1"], "linux/arm64!");
        let no_list = |line| ImageRequest {
            no_manifest_list: true,
            ..arm(line)
        };
        for (images, words) in [
            (vec![plain(0), plain(1)], "was already declared (none had"),
            (
                vec![amd(0), arm(2), plain(1)],
                "not all with a `--platform` value",
            ),
            (
                vec![amd(0), no_list(1)],
                "but declared `--no-manifest-list`",
            ),
            (
                vec![arm(2), amd(0), amd(1)],
                "for the same platform (linux/amd64)",
            ),
        ] {
            let found = check(&images);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].message.contains(words), "{}", found[0]);
            assert_eq!(found[0].at.as_ref().unwrap().line(), 2, "{words}");
            assert_eq!(found[0].related[0].0.line(), 1, "{words}");
        }
    }

    #[test]
    fn names_of_one_image_and_of_images_that_are_not_output_are_no_duplicates() {
        let twice = image(0, &["a", "a:latest", "b"], "linux/amd64");
        let silent = ImageRequest {
            load: false,
            ..image(1, &["a"], "linux/amd64")
        };
        let other = image(2, &["c"], "linux/amd64!");
        let arm = image(3, &["c"], "linux/arm64!");
        assert_eq!(check(&[twice, silent, other, arm]), []);
    }
}
