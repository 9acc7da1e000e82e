//! Any bytes: read, parsed, validated, drawn, dumped. Nothing of it may panic.
#![no_main]

use bld::{diag::render, syntax};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = syntax::read("Buildfile", bytes) else {
        return;
    };
    let parsed = syntax::load(&source, &[]);
    for problem in &parsed.problems {
        render::draw(problem, false);
    }
    syntax::dump::dump(&parsed.file);
    syntax::json(&parsed.file, true);
});
