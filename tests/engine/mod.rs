//! What every engine has to do, checked on each one that is there.
//!
//! The cases stand in `tests/engine/`. A daemon is used where `BLD_TEST_SERVICES` is set (`dev/services env` prints what
//! else is needed); otherwise the cases are skipped loudly, or fail if `BLD_TEST_REQUIRE` is `1`.

mod cache;
mod cancel;
mod context;
mod export;
mod image;
mod loss;
mod site;
mod step;
