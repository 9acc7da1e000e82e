//! The flag table: which flags and how many words each command takes, and how its usage line reads.
//!
//! Data only. A flag that a `VERSION` switch turns on names its [`Feature`]; that it is off is `validate`'s to say.

use super::{ast::Keyword, dialect::Feature};

/// What a flag carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Nothing, or `=true` and the like.
    Nothing,
    /// One value.
    Value,
}

/// What becomes of a flag that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It works.
    Supported,
    /// It is an error; the text says what to use instead.
    Refused(&'static str),
}

/// One flag of one command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlagRow {
    /// Without dashes; one letter for a short flag.
    pub name: &'static str,
    /// Whether it has a value.
    pub carries: Carries,
    /// The switch it belongs to.
    pub feature: Option<Feature>,
    /// Whether it works at all.
    pub status: Status,
}

/// One command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommandRow {
    /// Which one.
    pub keyword: Keyword,
    /// Behind the keyword in the usage line.
    pub usage: &'static str,
    /// Its flags; none at all means that words which begin with dashes are ordinary words.
    pub flags: Option<&'static [FlagRow]>,
    /// Whether words are glued while a quote or a parenthesis is open.
    pub grouped: bool,
    /// Whether a JSON list of strings is an exec form.
    pub exec: bool,
    /// The switch the command itself belongs to.
    pub feature: Option<Feature>,
}

const fn switch(name: &'static str) -> FlagRow {
    FlagRow {
        name,
        carries: Carries::Nothing,
        feature: None,
        status: Status::Supported,
    }
}

const fn value(name: &'static str) -> FlagRow {
    FlagRow {
        carries: Carries::Value,
        ..switch(name)
    }
}

const fn gated(row: FlagRow, feature: Feature) -> FlagRow {
    FlagRow {
        feature: Some(feature),
        ..row
    }
}

const fn refused(row: FlagRow, instead: &'static str) -> FlagRow {
    FlagRow {
        status: Status::Refused(instead),
        ..row
    }
}

const PASS_ARGS: FlagRow = gated(switch("pass-args"), Feature::PassArgs);

const FROM: &[FlagRow] = &[
    switch("allow-privileged"),
    PASS_ARGS,
    value("build-arg"),
    value("platform"),
];

const FROM_DOCKERFILE: &[FlagRow] = &[
    gated(
        switch("allow-privileged"),
        Feature::AllowPrivilegedFromDockerfile,
    ),
    value("build-arg"),
    value("platform"),
    value("target"),
    value("f"),
];

const RUN: &[FlagRow] = &[
    switch("push"),
    switch("privileged"),
    switch("entrypoint"),
    refused(
        switch("with-docker"),
        "put the `RUN` into a `WITH DOCKER` block",
    ),
    switch("ssh"),
    gated(switch("aws"), Feature::RunWithAws),
    refused(
        value("oidc"),
        "it belongs to a service that no longer exists; pass credentials with `--secret`",
    ),
    switch("no-cache"),
    switch("interactive"),
    switch("interactive-keep"),
    value("secret"),
    value("mount"),
    gated(value("network"), Feature::NoNetwork),
    gated(switch("raw-output"), Feature::RawOutput),
];

const IF: &[FlagRow] = &[
    switch("privileged"),
    switch("ssh"),
    switch("no-cache"),
    value("secret"),
    value("mount"),
];

const FOR: &[FlagRow] = &[
    switch("privileged"),
    switch("ssh"),
    switch("no-cache"),
    value("secret"),
    value("mount"),
    value("sep"),
];

const COPY: &[FlagRow] = &[
    refused(
        value("from"),
        "use artifacts: `SAVE ARTIFACT` in a target and `COPY +target/path` here",
    ),
    switch("dir"),
    value("chown"),
    gated(value("chmod"), Feature::UseChmod),
    switch("keep-ts"),
    switch("keep-own"),
    switch("if-exists"),
    switch("symlink-no-follow"),
    switch("allow-privileged"),
    PASS_ARGS,
    value("platform"),
    value("build-arg"),
    gated(value("exclude"), Feature::Extended),
    gated(switch("parents"), Feature::Extended),
];

const ADD: &[FlagRow] = &[
    value("chown"),
    value("chmod"),
    value("checksum"),
    switch("keep-ts"),
    switch("keep-git-dir"),
    refused(switch("link"), "it is not needed: delete it"),
];

const SAVE_ARTIFACT: &[FlagRow] = &[
    switch("keep-ts"),
    switch("keep-own"),
    switch("if-exists"),
    switch("symlink-no-follow"),
    switch("force"),
];

const SAVE_IMAGE: &[FlagRow] = &[
    switch("push"),
    switch("cache-hint"),
    switch("insecure"),
    gated(switch("no-manifest-list"), Feature::UseNoManifestList),
    value("cache-from"),
    gated(
        switch("without-earthly-labels"),
        Feature::AllowWithoutEarthlyLabels,
    ),
];

const BUILD: &[FlagRow] = &[
    value("platform"),
    value("build-arg"),
    switch("allow-privileged"),
    PASS_ARGS,
    gated(switch("auto-skip"), Feature::BuildAutoSkip),
];

const HEALTHCHECK: &[FlagRow] = &[
    value("interval"),
    value("timeout"),
    value("start-period"),
    value("retries"),
    value("start-interval"),
];

const WITH_DOCKER: &[FlagRow] = &[
    value("compose"),
    value("service"),
    value("load"),
    value("platform"),
    value("build-arg"),
    value("pull"),
    switch("allow-privileged"),
    PASS_ARGS,
    gated(value("cache-id"), Feature::DockerCache),
];

const CACHE: &[FlagRow] = &[
    value("sharing"),
    value("chmod"),
    // Without the feature `global-cache` an id is accepted and has no effect.
    value("id"),
    gated(switch("persist"), Feature::CachePersistOption),
];

/// A row whose words are neither flags nor grouped.
const fn plain(keyword: Keyword, usage: &'static str) -> CommandRow {
    CommandRow {
        keyword,
        usage,
        flags: None,
        grouped: false,
        exec: false,
        feature: None,
    }
}

/// A row with flags and grouping.
const fn row(keyword: Keyword, flags: &'static [FlagRow], usage: &'static str) -> CommandRow {
    CommandRow {
        flags: Some(flags),
        grouped: true,
        ..plain(keyword, usage)
    }
}

const fn with_exec(row: CommandRow) -> CommandRow {
    CommandRow { exec: true, ..row }
}

const fn since(row: CommandRow, feature: Feature) -> CommandRow {
    CommandRow {
        feature: Some(feature),
        ..row
    }
}

/// Every command, in the order of [`Keyword`], so that a row is found by index.
const COMMANDS: &[CommandRow] = &[
    row(
        Keyword::Add,
        ADD,
        "[--chown USER] [--chmod MODE] [--checksum sha256:DIGEST] [--keep-ts] SOURCE… DESTINATION",
    ),
    row(
        Keyword::Arg,
        &[
            switch("required"),
            gated(switch("global"), Feature::ExplicitGlobal),
        ],
        "[--required] [--global] NAME[=DEFAULT]",
    ),
    row(
        Keyword::Build,
        BUILD,
        "[--platform PLATFORM]… [--allow-privileged] [--pass-args] [--auto-skip] TARGET [--ARG=VALUE]…",
    ),
    since(
        row(
            Keyword::Cache,
            CACHE,
            "[--sharing MODE] [--chmod MODE] [--id ID] [--persist] DIRECTORY",
        ),
        Feature::UseCacheCommand,
    ),
    plain(Keyword::Catch, ""),
    with_exec(plain(Keyword::Cmd, "COMMAND… | [\"WORD\", …]")),
    plain(Keyword::Command, ""),
    row(
        Keyword::Copy,
        COPY,
        "[--dir] [--chown USER] [--chmod MODE] [--keep-ts] [--keep-own] [--if-exists] [--symlink-no-follow] [--platform PLATFORM] [--pass-args] [--allow-privileged] [--exclude PATTERN]… [--parents] SOURCE… DESTINATION",
    ),
    row(
        Keyword::Do,
        &[switch("allow-privileged"), PASS_ARGS],
        "[--allow-privileged] [--pass-args] FUNCTION [--ARG=VALUE]…",
    ),
    plain(Keyword::Else, ""),
    with_exec(row(
        Keyword::ElseIf,
        IF,
        "[--privileged] [--ssh] [--no-cache] [--secret SECRET]… [--mount MOUNT]… CONDITION…",
    )),
    plain(Keyword::End, ""),
    with_exec(plain(Keyword::Entrypoint, "COMMAND… | [\"WORD\", …]")),
    plain(Keyword::Env, "KEY=VALUE"),
    plain(Keyword::Expose, "PORT[/PROTOCOL]…"),
    plain(Keyword::Finally, ""),
    since(
        row(
            Keyword::For,
            FOR,
            "[--sep CHARACTERS] [--privileged] [--ssh] [--no-cache] [--secret SECRET]… [--mount MOUNT]… NAME IN WORDS…",
        ),
        Feature::ForIn,
    ),
    row(
        Keyword::From,
        FROM,
        "[--platform PLATFORM] [--allow-privileged] [--pass-args] IMAGE | TARGET [--ARG=VALUE]…",
    ),
    row(
        Keyword::FromDockerfile,
        FROM_DOCKERFILE,
        "[--platform PLATFORM] [--target STAGE] [-f PATH] [--allow-privileged] CONTEXT [--ARG=VALUE]…",
    ),
    plain(Keyword::Function, ""),
    row(
        Keyword::GitClone,
        &[value("branch"), switch("keep-ts")],
        "[--branch REF] [--keep-ts] URL DESTINATION",
    ),
    row(
        Keyword::Healthcheck,
        HEALTHCHECK,
        "[--interval TIME] [--timeout TIME] [--start-period TIME] [--start-interval TIME] [--retries N] CMD COMMAND… | NONE",
    ),
    since(plain(Keyword::Host, "NAME IP"), Feature::UseHostCommand),
    with_exec(row(
        Keyword::If,
        IF,
        "[--privileged] [--ssh] [--no-cache] [--secret SECRET]… [--mount MOUNT]… CONDITION…",
    )),
    row(
        Keyword::Import,
        &[switch("allow-privileged"), switch("pass-args")],
        "[--allow-privileged] PROJECT [AS ALIAS]",
    ),
    plain(Keyword::Label, "KEY=VALUE…"),
    since(
        row(Keyword::Let, &[], "NAME=VALUE"),
        Feature::ArgScopeAndSet,
    ),
    plain(Keyword::Locally, ""),
    plain(Keyword::Onbuild, ""),
    since(
        plain(Keyword::Project, "ORGANISATION/PROJECT"),
        Feature::UseProjectSecrets,
    ),
    with_exec(row(
        Keyword::Run,
        RUN,
        "[--push] [--privileged] [--entrypoint] [--ssh] [--no-cache] [--interactive] [--interactive-keep] [--network none] [--secret SECRET]… [--mount MOUNT]… COMMAND… | [\"WORD\", …]",
    )),
    row(
        Keyword::SaveArtifact,
        SAVE_ARTIFACT,
        "[--keep-ts] [--keep-own] [--if-exists] [--symlink-no-follow] [--force] SOURCE [DESTINATION] [AS LOCAL PATH]",
    ),
    row(
        Keyword::SaveImage,
        SAVE_IMAGE,
        "[--push] [--cache-hint] [--cache-from IMAGE]… [--insecure] [--no-manifest-list] [NAME]…",
    ),
    since(
        row(Keyword::Set, &[], "NAME=VALUE"),
        Feature::ArgScopeAndSet,
    ),
    with_exec(plain(Keyword::Shell, "[\"PROGRAM\", \"ARGUMENT\", …]")),
    plain(Keyword::Stopsignal, "SIGNAL"),
    since(plain(Keyword::Try, ""), Feature::Try),
    plain(Keyword::User, "USER[:GROUP]"),
    plain(Keyword::Version, "[--FEATURE]… MAJOR.MINOR"),
    with_exec(plain(Keyword::Volume, "PATH… | [\"PATH\", …]")),
    since(plain(Keyword::Wait, ""), Feature::WaitBlock),
    row(
        Keyword::WithDocker,
        WITH_DOCKER,
        "[--load [IMAGE=]TARGET]… [--pull IMAGE]… [--compose FILE]… [--service NAME]… [--platform PLATFORM] [--pass-args] [--allow-privileged]",
    ),
    plain(Keyword::Workdir, "PATH"),
];

/// The row of a command.
pub(crate) fn of(keyword: Keyword) -> &'static CommandRow {
    let row = &COMMANDS[keyword as usize];
    debug_assert_eq!(row.keyword, keyword);
    row
}

/// The usage line: `FROM [--platform PLATFORM] … IMAGE`.
pub(crate) fn usage(keyword: Keyword) -> String {
    format!("{} {}", keyword.text(), of(keyword).usage)
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_keywords() {
        let table: Vec<Keyword> = COMMANDS.iter().map(|row| row.keyword).collect();
        assert_eq!(table, Keyword::ALL);
    }
}
