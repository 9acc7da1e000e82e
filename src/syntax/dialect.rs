//! What a file's `VERSION` line turns on.

use crate::diag::Span;

/// Declares the feature flags once: variant, name, since which version it is on by default, stability, one line of
/// documentation. Source: the language specification, section 2.2.
macro_rules! features {
    ($($variant:ident $name:literal $since:ident $doc:literal,)*) => {
        /// A switch of the language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Feature { $(#[doc = $doc] $variant,)* }

        /// Every feature, in the order of the table.
        pub const FEATURES: &[FeatureRow] = &[
            $(FeatureRow { feature: Feature::$variant, name: $name, since: Since::$since, doc: $doc },)*
        ];

        impl Feature {
            /// As written on the `VERSION` line, without dashes.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

/// From when a feature is on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// In every version that is accepted.
    Always,
    /// From `VERSION 0.6`.
    V06,
    /// From `VERSION 0.7`.
    V07,
    /// From `VERSION 0.8`.
    V08,
    /// Only where the line asks for it; may change.
    Experimental,
    /// Only where the line asks for it; stable.
    Never,
}

/// One row of the feature table.
#[derive(Debug, Clone, Copy)]
pub struct FeatureRow {
    /// The switch.
    pub feature: Feature,
    /// Its name on the `VERSION` line, without dashes.
    pub name: &'static str,
    /// From when it is on by itself.
    pub since: Since,
    /// One line of documentation.
    pub doc: &'static str,
}

features! {
    ExecAfterParallel "exec-after-parallel" Always "Targets are executed while others are still being read.",
    ParallelLoad "parallel-load" Always "Images for `WITH DOCKER --load` are built concurrently.",
    UseRegistryForWithDocker "use-registry-for-with-docker" Always "Images reach the inner Docker through a registry; no visible difference.",
    ForIn "for-in" V06 "`FOR` exists.",
    NoImplicitIgnore "no-implicit-ignore" V06 "Nothing is excluded from `COPY` contexts implicitly.",
    ReferencedSaveOnly "referenced-save-only" V06 "Only outputs of the root target and its `BUILD` chain take effect.",
    RequireForceForUnsafeSaves "require-force-for-unsafe-saves" V06 "`AS LOCAL` outside the target's directory needs `--force`.",
    UseCopyIncludePatterns "use-copy-include-patterns" V06 "Only the matching part of the context is transferred; no visible difference.",
    CheckDuplicateImages "check-duplicate-images" V07 "Writing the same image name twice is an error.",
    CiArg "ci-arg" V07 "Builtin argument `EARTHLY_CI`.",
    EarthlyGitAuthorArgs "earthly-git-author-args" V07 "Builtin arguments `EARTHLY_GIT_AUTHOR` and `EARTHLY_GIT_CO_AUTHORS`.",
    EarthlyLocallyArg "earthly-locally-arg" V07 "Builtin argument `EARTHLY_LOCALLY`.",
    EarthlyVersionArg "earthly-version-arg" V07 "Builtin arguments `EARTHLY_VERSION` and `EARTHLY_BUILD_SHA`.",
    ExplicitGlobal "explicit-global" V07 "Base arguments are global only with `ARG --global`.",
    GitCommitAuthorTimestamp "git-commit-author-timestamp" V07 "Builtin argument `EARTHLY_GIT_COMMIT_AUTHOR_TIMESTAMP`.",
    NewPlatform "new-platform" V07 "Platform values `native` and `user`; a target may mix platforms.",
    NoTarBuildOutput "no-tar-build-output" V07 "Cosmetic in the reference; no effect.",
    SaveArtifactKeepOwn "save-artifact-keep-own" V07 "`SAVE ARTIFACT` always keeps ownership.",
    ShellOutAnywhere "shell-out-anywhere" V07 "`$(…)` in every expanded argument.",
    UseCacheCommand "use-cache-command" V07 "`CACHE` exists.",
    UseChmod "use-chmod" V07 "`COPY --chmod` exists.",
    UseCopyLink "use-copy-link" V07 "Copies are merged as independent layers where possible.",
    UseHostCommand "use-host-command" V07 "`HOST` exists.",
    UseNoManifestList "use-no-manifest-list" V07 "`SAVE IMAGE --no-manifest-list` exists.",
    UseProjectSecrets "use-project-secrets" V07 "Secret ids need no `+secrets/` prefix; `PROJECT` is accepted.",
    WaitBlock "wait-block" V07 "`WAIT` exists; the build is one implicit `WAIT` block; `RUN --push` runs in place.",
    NoNetwork "no-network" V08 "`RUN --network=none`.",
    ArgScopeAndSet "arg-scope-and-set" V08 "`LET` and `SET`; an argument may be declared once in a scope.",
    UseDockerIgnore "use-docker-ignore" V08 "`FROM DOCKERFILE` honours `.dockerignore`.",
    PassArgs "pass-args" V08 "`--pass-args` on `FROM`, `COPY`, `BUILD`, `DO` and `WITH DOCKER`.",
    GlobalCache "global-cache" V08 "Cache ids are honoured and shared between files.",
    CachePersistOption "cache-persist-option" V08 "`CACHE` is not written into the image unless `--persist`.",
    GitRefs "git-refs" V08 "Builtin argument `EARTHLY_GIT_REFS`.",
    UseVisitedUpfrontHashCollection "use-visited-upfront-hash-collection" V08 "A target is the same if name, all overriding arguments, platform and privilege match.",
    UseFunctionKeyword "use-function-keyword" V08 "Functions start with `FUNCTION` instead of `COMMAND`.",
    Try "try" Experimental "`TRY` and `FINALLY`.",
    WildcardBuilds "wildcard-builds" Experimental "`*` in `BUILD` targets.",
    WildcardCopy "wildcard-copy" Experimental "`*` in the directory of `COPY` artifact references.",
    BuildAutoSkip "build-auto-skip" Experimental "`BUILD --auto-skip`.",
    AllowPrivilegedFromDockerfile "allow-privileged-from-dockerfile" Experimental "`FROM DOCKERFILE --allow-privileged`.",
    RunWithAws "run-with-aws" Experimental "`RUN --aws`.",
    RunWithAwsOidc "run-with-aws-oidc" Experimental "`RUN --oidc`; belongs to a service that no longer exists.",
    RawOutput "raw-output" Experimental "`RUN --raw-output`.",
    GitAuthorEmailNameArgs "git-author-email-name-args" Experimental "Builtin arguments `EARTHLY_GIT_AUTHOR_EMAIL` and `EARTHLY_GIT_AUTHOR_NAME`.",
    AllowWithoutEarthlyLabels "allow-without-earthly-labels" Experimental "`SAVE IMAGE --without-earthly-labels`.",
    DockerCache "docker-cache" Experimental "`WITH DOCKER --cache-id`.",
    Extended "extended" Never "What Earthfiles do not have: here-documents, `ADD`, `SHELL`, `STOPSIGNAL`, `COPY --exclude` and `--parents`, patterns in `${X#…}`. Only bld knows this flag.",
    NoUseRegistryForWithDocker "no-use-registry-for-with-docker" Never "Forces the archive path for `WITH DOCKER`; no visible difference.",
    EarthlyCiRunnerArg "earthly-ci-runner-arg" Never "Builtin argument `EARTHLY_CI_RUNNER`, always `false`.",
}

impl Feature {
    /// The feature of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        FEATURES
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.feature)
    }
}

/// A set of features; what a dialect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeatureSet(u64);

impl FeatureSet {
    /// What `VERSION <minor>` turns on by itself.
    pub fn of_version(number: VersionNumber) -> Self {
        let on = |since| match since {
            Since::Always => true,
            Since::V06 => number >= VersionNumber::V0_6,
            Since::V07 => number >= VersionNumber::V0_7,
            Since::V08 => number >= VersionNumber::V0_8,
            Since::Experimental | Since::Never => false,
        };
        let mut set = Self::default();
        for row in FEATURES {
            if on(row.since) {
                set.insert(row.feature);
            }
        }
        set
    }

    /// Whether it is on.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u64) != 0
    }

    /// Turns it on.
    pub fn insert(&mut self, feature: Feature) {
        self.0 |= 1 << feature as u64;
    }
}

/// The number on the `VERSION` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionNumber {
    /// `0.0`: every default off, for debugging.
    V0_0,
    /// `0.6`.
    V0_6,
    /// `0.7`.
    V0_7,
    /// `0.8`.
    V0_8,
}

/// The `VERSION` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The number.
    pub number: VersionNumber,
    /// Everything that is on: by the number and by the flags.
    pub features: FeatureSet,
    /// The whole statement.
    pub span: Span,
}
