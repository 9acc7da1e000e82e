//! `bld ls` and `bld doc` of a build file in a repository, which is fetched as for a build.

use std::{path::PathBuf, sync::Arc};

use crate::{
    diag::Diagnostic,
    events::EventSink,
    git::{Remotes, RemotesRequest},
    interp::manual::{self, Manual},
    syntax::dialect::Feature,
};

use super::build::CacheDir;

/// What the build file at `host/owner/repo/dir:ref` offers. Copies of repositories are kept below `cache_dir`.
pub async fn manual(
    remotes: RemotesRequest,
    cache_dir: Option<PathBuf>,
    place: &str,
    features: Vec<Feature>,
    events: Arc<dyn EventSink>,
) -> Result<Manual, Vec<Diagnostic>> {
    let cache_dir = CacheDir::at(cache_dir).map_err(|failure| failure.diagnostics)?;
    let remotes = Remotes::new(cache_dir.kept(remotes), events);
    manual::manual_in(&remotes, place, features).await
}
