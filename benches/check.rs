//! How long a check of a very long build file takes: `cargo bench --bench check`.
//!
//! The file has a hundred thousand lines of the kind that real files have. The budget is one second; the run fails
//! beyond it, so that a change of the grammar cannot make checking slow unnoticed.

use std::{fmt::Write as _, sync::Arc, time::Duration, time::Instant};

use bld::{diag::SourceFile, syntax};

const LINES: usize = 100_000;
const BUDGET: Duration = Duration::from_secs(1);

fn main() {
    let text = build_file();
    let source = Arc::new(SourceFile::new("Buildfile", text));
    let lines = source.line_count();
    // The first run warms the caches up.
    let best = (0..3).map(|_| run(&source)).min().expect("three runs");
    let rate = lines as f64 / best.as_secs_f64();
    #[expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]
    {
        println!(
            "{lines} lines, {} kB: {best:?}, {rate:.0} lines/s",
            source.text.len() / 1024
        );
    }
    assert!(best < BUDGET, "{best:?} is over the budget of {BUDGET:?}");
}

fn run(source: &Arc<SourceFile>) -> Duration {
    let start = Instant::now();
    let parsed = syntax::load(source, &[]);
    let time = start.elapsed();
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems.first());
    time
}

fn build_file() -> String {
    let mut text = String::from("VERSION 0.8\n\nFROM golang:1.22-alpine\nWORKDIR /src\n\n");
    let mut n = 0;
    while text.lines().count() < 200 {
        recipe(&mut text, n);
        n += 1;
    }
    let per_recipe = (text.lines().count() - 5) / n;
    while n * per_recipe < LINES {
        recipe(&mut text, n);
        n += 1;
    }
    text
}

fn recipe(text: &mut String, n: usize) {
    let result = write!(
        text,
        r#"# build-{n} compiles the service number {n}
# and puts it into an image.
build-{n}:
    ARG --required VERSION
    ARG EARTHLY_GIT_SHORT_HASH
    ARG flags="-trimpath -ldflags '-s -w'"
    LET tag = "$VERSION-$EARTHLY_GIT_SHORT_HASH"
    COPY --dir go.mod go.sum cmd internal ./
    # the module cache is shared
    RUN --mount=type=cache,target=/root/.cache/go-build,id=go-build-{n} \
        --secret GITHUB_TOKEN \
        go build $flags -o /out/service-{n} ./cmd/service-{n} && \
        echo "built $tag" > /out/version.txt
    IF [ "$VERSION" = "dev" ]
        RUN go test ./...
    ELSE
        SET tag = "$VERSION"
    END
    COPY (+generate/{n}.json --name="service {n}") ./config/
    ENV SERVICE_NAME=service-{n}
    EXPOSE 8080
    ENTRYPOINT ["/out/service-{n}", "--config", "./config/{n}.json"]
    SAVE ARTIFACT /out/service-{n} AS LOCAL dist/service-{n}
    SAVE IMAGE --push registry.example.com/team/service-{n}:$tag

"#
    );
    result.expect("writing to a string cannot fail");
}
