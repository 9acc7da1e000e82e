//! What is given to the inner Docker: names, files, configurations.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::{WithDocker, load::Load};
use crate::{
    base::Platform,
    diag::Location,
    graph::plan::{ImageSource, StepId, StepOp},
    interp::{
        error::{self, Failure, Result},
        exec::Exec,
        expand::How,
        probe::Answer,
        value::UNDECIDED,
    },
    oci::{ImageConfig, ImageRef},
    syntax::ast::Word,
};

/// An image for the inner Docker.
pub(super) struct Image {
    /// With a tag; none in plans where nobody knows it.
    pub name: Option<ImageRef>,
    /// Its files.
    pub fs: StepId,
    /// Its configuration.
    pub config: Arc<ImageConfig>,
}

/// An image of a registry.
#[derive(Debug, Clone)]
pub(super) struct Pull {
    /// Its name.
    pub name: ImageRef,
    /// For which platform.
    pub platform: Platform,
    /// Who asks for it.
    pub at: Location,
}

/// Reads the name behind `--pull`. None in plans where nobody knows it.
pub(super) async fn pull(
    exec: &mut Exec,
    word: &Word,
    platform: &Platform,
) -> Result<Option<Pull>> {
    let text = exec.expand_text(word, How::default()).await?;
    if text.contains(UNDECIDED) {
        return Ok(None);
    }
    let at = exec.place(word);
    let name = ImageRef::parse(&text).map_err(|why| error::bad_image(&text, &why).at(&at))?;
    if name.tag.is_none() {
        return Err(error::image_without_tag(&text).at(&at));
    }
    Ok(Some(Pull {
        name,
        platform: platform.clone(),
        at,
    }))
}

/// The name of an image as it is written, with a tag; none where it is not known.
pub(super) fn tagged(name: &str) -> Result<Option<ImageRef>> {
    if name.contains(UNDECIDED) {
        return Ok(None);
    }
    let image = ImageRef::parse(name).map_err(|why| error::bad_image(name, &why))?;
    if image.tag.is_none() {
        return Err(error::image_without_tag(name));
    }
    Ok(Some(image))
}

/// Waits for all that is loaded and looks up all that is pulled. `composed` is what the compose files ask for; what has
/// been loaded under the same name is not pulled.
pub(super) async fn gather(
    exec: &Exec,
    docker: &WithDocker,
    composed: Vec<Pull>,
) -> Result<Vec<Image>> {
    let loads = try_join_all(docker.loads.iter().map(Load::image));
    let mut images = loads.await?;
    let mut pulls = docker.pulls.clone();
    let loaded = |pull: &Pull| {
        let same = |image: &Image| image.name.as_ref().is_some_and(|n| same_tag(n, &pull.name));
        images.iter().any(same)
    };
    let missing = |pull: &Pull| !loaded(pull);
    for pull in composed.into_iter().filter(missing) {
        let known = |other: &Pull| other.name == pull.name && other.platform == pull.platform;
        if !pulls.iter().any(known) {
            pulls.push(pull);
        }
    }
    let pulled = try_join_all(pulls.iter().map(|pull| look_up(exec, pull)));
    images.extend(pulled.await?);
    Ok(images)
}

fn same_tag(one: &ImageRef, other: &ImageRef) -> bool {
    (&one.registry, &one.repository, &one.tag) == (&other.registry, &other.repository, &other.tag)
}

async fn look_up(exec: &Exec, pull: &Pull) -> Result<Image> {
    let answer = exec
        .session
        .probe
        .base_image(&pull.name, &pull.platform)
        .await
        .map_err(|e| Failure::from(e).at(&pull.at))?;
    let (reference, config) = match answer {
        Answer::Known(base) => (base.reference, base.config),
        Answer::Undecided => (pull.name.to_string(), ImageConfig::scratch(&pull.platform)),
    };
    let name = pull.name.familiar();
    let text = format!("WITH DOCKER --pull {name}");
    let op = StepOp::Image(ImageSource { name, reference });
    let fs = exec.push_for(pull.platform.clone(), op, text, false);
    Ok(Image {
        name: Some(pull.name.clone()),
        fs,
        config: Arc::new(config),
    })
}
