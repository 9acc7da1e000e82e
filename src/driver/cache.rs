//! What an engine keeps from build to build, and what bld keeps itself.

use std::{io, path::Path, sync::Arc};

use crate::{
    diag::Diagnostic,
    engine::{Engine, PruneRequest, buildkit::BuildKit},
};

use super::{
    EngineChoice,
    failure::{Failure, FailureKind},
};

/// Connects to an engine, and gives its name.
pub async fn look_at_engine(engine: &EngineChoice) -> Result<String, Failure> {
    Ok(connect(engine).await?.describe().name.clone())
}

/// Removes from the engine's cache what is not used; gives the bytes freed.
pub async fn prune(engine: &EngineChoice, request: PruneRequest) -> Result<u64, Failure> {
    let engine = connect(engine).await?;
    engine.prune(request).await.map_err(Failure::from_engine)
}

/// Removes what bld itself keeps on this machine: what it remembers of registries, and copies of repositories. Gives the
/// bytes freed.
pub fn forget(dir: &Path) -> Result<u64, Failure> {
    let freed = size(dir);
    match std::fs::remove_dir_all(dir) {
        Ok(()) => Ok(freed),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(e) => {
            let message = format!("cannot remove `{}`: {e}", dir.display());
            let problem = Diagnostic::error("cache-directory", message);
            Err(Failure::new(FailureKind::Environment, problem))
        }
    }
}

async fn connect(engine: &EngineChoice) -> Result<Arc<dyn Engine>, Failure> {
    let address = engine.address()?;
    let engine = BuildKit::connect(address).await;
    Ok(Arc::new(engine.map_err(Failure::from_engine)?))
}

fn size(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}
