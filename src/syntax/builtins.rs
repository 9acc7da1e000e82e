//! The names of builtin arguments (language specification, 7.1). Their values are the interpreter's business.

use super::dialect::{Feature, FeatureSet};

/// Every builtin, and the feature that provides it.
const BUILTINS: &[(&str, Option<Feature>)] = &[
    ("EARTHLY_TARGET", None),
    ("EARTHLY_TARGET_NAME", None),
    ("EARTHLY_TARGET_PROJECT", None),
    ("EARTHLY_TARGET_PROJECT_NO_TAG", None),
    ("EARTHLY_TARGET_TAG", None),
    ("EARTHLY_TARGET_TAG_DOCKER", None),
    ("EARTHLY_PUSH", Some(Feature::WaitBlock)),
    ("EARTHLY_CI", Some(Feature::CiArg)),
    ("EARTHLY_LOCALLY", Some(Feature::EarthlyLocallyArg)),
    ("EARTHLY_VERSION", Some(Feature::EarthlyVersionArg)),
    ("EARTHLY_BUILD_SHA", Some(Feature::EarthlyVersionArg)),
    ("EARTHLY_CI_RUNNER", Some(Feature::EarthlyCiRunnerArg)),
    ("EARTHLY_GIT_HASH", None),
    ("EARTHLY_GIT_SHORT_HASH", None),
    ("EARTHLY_GIT_BRANCH", None),
    ("EARTHLY_GIT_TAG", None),
    ("EARTHLY_GIT_ORIGIN_URL", None),
    ("EARTHLY_GIT_ORIGIN_URL_SCRUBBED", None),
    ("EARTHLY_GIT_PROJECT_NAME", None),
    ("EARTHLY_GIT_COMMIT_TIMESTAMP", None),
    (
        "EARTHLY_GIT_COMMIT_AUTHOR_TIMESTAMP",
        Some(Feature::GitCommitAuthorTimestamp),
    ),
    ("EARTHLY_GIT_AUTHOR", Some(Feature::EarthlyGitAuthorArgs)),
    (
        "EARTHLY_GIT_AUTHOR_EMAIL",
        Some(Feature::GitAuthorEmailNameArgs),
    ),
    (
        "EARTHLY_GIT_AUTHOR_NAME",
        Some(Feature::GitAuthorEmailNameArgs),
    ),
    (
        "EARTHLY_GIT_CO_AUTHORS",
        Some(Feature::EarthlyGitAuthorArgs),
    ),
    ("EARTHLY_GIT_REFS", Some(Feature::GitRefs)),
    ("EARTHLY_SOURCE_DATE_EPOCH", None),
    ("TARGETPLATFORM", None),
    ("TARGETOS", None),
    ("TARGETARCH", None),
    ("TARGETVARIANT", None),
    ("USERPLATFORM", None),
    ("USEROS", None),
    ("USERARCH", None),
    ("USERVARIANT", None),
    ("NATIVEPLATFORM", Some(Feature::NewPlatform)),
    ("NATIVEOS", Some(Feature::NewPlatform)),
    ("NATIVEARCH", Some(Feature::NewPlatform)),
    ("NATIVEVARIANT", Some(Feature::NewPlatform)),
];

/// The row of a name. `BLD_X` stands for `EARTHLY_X`, in files that are called `Buildfile` only.
fn find(name: &str, in_buildfile: bool) -> Option<&'static (&'static str, Option<Feature>)> {
    let alias = name
        .strip_prefix("BLD_")
        .filter(|_| in_buildfile)
        .map(|rest| format!("EARTHLY_{rest}"));
    let name = alias.as_deref().unwrap_or(name);
    BUILTINS.iter().find(|(builtin, _)| *builtin == name)
}

/// Whether `ARG name` gets its value from bld under these features.
pub fn is_provided(name: &str, features: FeatureSet, in_buildfile: bool) -> bool {
    find(name, in_buildfile).is_some_and(|(_, feature)| feature.is_none_or(|f| features.has(f)))
}

/// Whether no reference and no command line may give the name a value, in any version.
pub fn is_reserved(name: &str, in_buildfile: bool) -> bool {
    find(name, in_buildfile).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::dialect::VersionNumber;

    #[test]
    fn exact_names_are_reserved_and_never_a_prefix() {
        for ordinary in ["TARGET", "USER", "USER_UID", "NATIVETARGET", "EARTHLY_X"] {
            assert!(!is_reserved(ordinary, true), "{ordinary}");
        }
        assert!(is_reserved("TARGETARCH", false));
    }

    #[test]
    fn aliases_exist_in_a_buildfile_only() {
        assert!(is_reserved("BLD_GIT_HASH", true));
        assert!(!is_reserved("BLD_GIT_HASH", false));
    }

    #[test]
    fn a_name_that_the_version_does_not_provide_is_ordinary() {
        let provided =
            |number| is_provided("EARTHLY_GIT_REFS", FeatureSet::of_version(number), false);
        assert!(provided(VersionNumber::V0_8));
        assert!(!provided(VersionNumber::V0_7));
    }
}
