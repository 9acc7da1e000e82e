//! Images in a daemon: which names each gets, and whether it has them.
//!
//! The engine exports straight into the daemon's store; here is what comes before and after that. A daemon's store may
//! hold one image per name only, so each platform gets a tag of its own, and the plain name goes to the native one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Failure, duplicates::by_name, image::ImageRequest};
use crate::{
    base::{Digest, Platform},
    diag::Diagnostic,
    docker::{Client, DockerError},
    events::{Event, EventSink, OutputEvent},
    oci::ImageRef,
};

/// Questions that a daemon is asked at once.
const AT_ONCE: usize = 8;

/// The names that each image is to have in the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadPlan {
    /// One entry for each request, in their order; empty where nothing is loaded.
    pub names: Vec<Vec<ImageRef>>,
    /// To tell before the work begins.
    pub remarks: Vec<Diagnostic>,
}

impl LoadPlan {
    /// Decides the names by section 5.4 of the language. `native` is the engine's platform.
    pub fn new(requests: &[ImageRequest], native: &Platform) -> Self {
        let loaded = || requests.iter().filter(|r| r.load);
        let mut names: BTreeMap<*const ImageRequest, Vec<ImageRef>> = BTreeMap::new();
        let mut remarks = Vec::new();
        for (name, images) in by_name(loaded()) {
            let mut give = |image: &ImageRequest, name: ImageRef| {
                names
                    .entry(std::ptr::from_ref(image))
                    .or_default()
                    .push(name);
            };
            for image in images.iter().filter(|image| image.in_index()) {
                give(image, with_platform(name, &image.platform));
            }
            let plain = images
                .iter()
                .find(|image| !image.in_index() || image.platform == *native);
            let plain = plain.copied().unwrap_or_else(|| {
                let first = images[0];
                remarks.push(no_native(name, first, native));
                first
            });
            give(plain, name.clone());
        }
        let of = |request: &ImageRequest| {
            names
                .remove(&std::ptr::from_ref(request))
                .unwrap_or_default()
        };
        let names = requests.iter().map(of).collect();
        Self { names, remarks }
    }

    /// What the names stand for now; asked before the export, so that afterwards it can be told what has changed.
    pub async fn look(&self, docker: &Client) -> Result<Before, DockerError> {
        let ask = |name: ImageRef| async move {
            let image = docker.image(&name.to_string()).await?;
            Ok((name, image.map(|image| image.id)))
        };
        let names = self.names.iter().flatten().cloned();
        let found = stream::iter(names).map(ask).buffer_unordered(AT_ONCE);
        Ok(Before(found.try_collect().await?))
    }

    /// Verifies after the export that every name stands for its image, and tells what became of each.
    pub async fn verify(
        &self,
        docker: &Client,
        requests: &[ImageRequest],
        ids: &[Option<Digest>],
        before: &Before,
        events: &Arc<dyn EventSink>,
    ) -> Result<(), Failure> {
        for ((request, names), id) in requests.iter().zip(&self.names).zip(ids) {
            let check = |name| async move { (name, verify_name(docker, name, id.as_ref()).await) };
            let mut checked = stream::iter(names).map(check).buffered(AT_ONCE);
            while let Some((name, found)) = checked.next().await {
                let found = found.map_err(|error| {
                    let mut diagnostic = error.diagnostic().at(request.at.clone());
                    diagnostic.message = format!(
                        "cannot load image `{}`: {}",
                        name.familiar(),
                        diagnostic.message
                    );
                    Box::new(diagnostic)
                })?;
                let known = before.0.get(name).and_then(Option::as_ref);
                events.emit(Event::Output(OutputEvent::Loaded {
                    target: request.target.clone(),
                    name: name.familiar(),
                    unchanged: known == Some(&found),
                }));
            }
        }
        Ok(())
    }
}

/// What names stood for before an export.
#[derive(Debug, Clone, Default)]
pub struct Before(HashMap<ImageRef, Option<Digest>>);

/// The id behind a name. If it is not the image that was built, somebody gave the name to another image meanwhile: then
/// ours was the later statement, so the name is taken back once.
async fn verify_name(
    docker: &Client,
    name: &ImageRef,
    id: Option<&Digest>,
) -> Result<Digest, DockerError> {
    let text = name.to_string();
    for attempt in 0..2 {
        let found = docker.image(&text).await?.map(|image| image.id);
        match (found, id) {
            (Some(found), Some(id)) if found == *id => return Ok(found),
            // An engine that does not tell ids is believed.
            (Some(found), None) => return Ok(found),
            (None, None) => break,
            (_, Some(id)) if attempt == 0 => docker.tag(id.as_str(), name).await?,
            _ => break,
        }
    }
    Err(DockerError::NotFound {
        what: format!("image `{}` as it was built", name.familiar()),
    })
}

fn with_platform(name: &ImageRef, platform: &Platform) -> ImageRef {
    let tag = name.tag.as_deref().unwrap_or("latest");
    ImageRef {
        tag: Some(format!("{tag}_{}", platform.tag_suffix())),
        ..name.clone()
    }
}

fn no_native(name: &ImageRef, first: &ImageRequest, native: &Platform) -> Diagnostic {
    let message = format!(
        "no image `{}` for {native}: the name is given to the one for {}",
        name.familiar(),
        first.platform
    );
    Diagnostic::warning("image-not-native", message).at(first.at.clone())
}

#[cfg(test)]
mod tests {
    use super::{super::duplicates::tests::image, *};

    fn names(requests: &[ImageRequest]) -> (Vec<String>, usize) {
        let plan = LoadPlan::new(requests, &"linux/amd64".parse().unwrap());
        let join = |names: &Vec<ImageRef>| {
            let names: Vec<String> = names.iter().map(ImageRef::familiar).collect();
            names.join(" ")
        };
        (plan.names.iter().map(join).collect(), plan.remarks.len())
    }

    #[test]
    fn each_platform_gets_its_tag_and_the_native_one_the_plain_name() {
        let arm = image(0, &["a:1"], "linux/arm/v7!");
        let amd = image(1, &["a:1"], "linux/amd64!");
        let expected = ["a:1_linux_arm_v7", "a:1_linux_amd64 a:1"].map(str::to_owned);
        assert_eq!(names(&[arm.clone(), amd]), (expected.to_vec(), 0));
        let expected = vec!["a:1_linux_arm_v7 a:1".to_owned()];
        assert_eq!(
            names(std::slice::from_ref(&arm)),
            (expected, 1),
            "no native one: the first, and a remark"
        );
        let plain = ImageRequest {
            no_manifest_list: true,
            ..arm.clone()
        };
        assert_eq!(names(&[plain]), (vec!["a:1".to_owned()], 0));
        let silent = ImageRequest { load: false, ..arm };
        assert_eq!(names(&[silent]), (vec![String::new()], 0));
        let two = image(0, &["a", "b:2"], "linux/amd64");
        assert_eq!(names(&[two]), (vec!["a:latest b:2".to_owned()], 0));
    }
}
