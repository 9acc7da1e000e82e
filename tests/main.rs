//! The one integration binary. A file that is not declared here fails a test in `layering`.

mod layering;
