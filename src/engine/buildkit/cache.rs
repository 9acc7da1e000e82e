//! A cache in a registry, written from an open build.
//!
//! A cache is exported like an image: by a second gateway build in the same session, of which everything is there
//! already. Its result is a map with one entry for each state, and the daemon's cache exporter walks them all. The map
//! needs a platform for every entry, and the daemon warns where two have the same. For a cache they mean nothing, so these
//! are made up.

use std::collections::{BTreeMap, HashMap};

use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, CacheOptionsEntry, SolveRequest,
    frontend::{self, RefMap, result},
};

use super::{
    build::Site,
    export::{expected, platforms},
    gateway::Refused,
};
use crate::{
    base::Platform,
    engine::{CacheSource, CacheTarget, EngineError},
    llb::{Definition, Edge},
};

/// The attribute with which a daemon talks to a registry that has no trusted certificate.
pub(super) const INSECURE: &str = "registry.insecure";

impl Site {
    /// Writes how these states came to be, and their layers.
    pub(super) async fn save_cache(
        &self,
        states: &[Edge],
        to: &CacheTarget,
    ) -> Result<(), EngineError> {
        let name = |number| Platform {
            os: "linux".to_owned(),
            arch: format!("state{number}"),
            variant: String::new(),
        };
        let names: Vec<Platform> = (0..states.len()).map(name).collect();
        // One after the other: everything has been executed, so that each takes no longer than its call.
        let request = SolveRequest {
            cache: Some(CacheOptions {
                exports: vec![exporter(to)],
                ..CacheOptions::default()
            }),
            frontend_attrs: expected(&names),
            ..self.request()
        };
        let gateway = self.gateway(request);
        let mut refs = HashMap::new();
        for (name, edge) in names.iter().zip(states) {
            let reference = self.reference(&gateway, &Definition::of(edge)).await?;
            refs.insert(name.to_string(), reference);
        }
        let result = frontend::Result {
            metadata: HashMap::from([platforms(&names)]),
            result: Some(result::Result::Refs(RefMap { refs })),
            ..frontend::Result::default()
        };
        match self.give_back(&gateway, result).await {
            Ok(_) => Ok(()),
            Err(Refused::Canceled) => Err(EngineError::Canceled),
            Err(refused) => Err(self.plainly(refused)),
        }
    }
}

/// What a daemon is told of a cache to read.
pub(super) fn importer(source: &CacheSource) -> frontend::CacheOptionsEntry {
    let mut attrs = HashMap::from([("ref".to_owned(), source.reference.clone())]);
    if source.insecure {
        attrs.insert(INSECURE.to_owned(), "true".to_owned());
    }
    frontend::CacheOptionsEntry {
        r#type: "registry".to_owned(),
        attrs,
    }
}

/// What a daemon is told of a cache to write. What the user says of it goes before what follows from options.
fn exporter(to: &CacheTarget) -> CacheOptionsEntry {
    let mut attrs = BTreeMap::new();
    if to.everything {
        attrs.insert("mode", "max");
    }
    if to.insecure {
        attrs.insert(INSECURE, "true");
    }
    attrs.extend(to.attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    attrs.insert("ref", &to.reference);
    CacheOptionsEntry {
        r#type: "registry".to_owned(),
        attrs: attrs
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(everything: bool, attributes: &[(&str, &str)]) -> CacheTarget {
        CacheTarget {
            reference: "r.example/cache:1".to_owned(),
            insecure: false,
            everything,
            attributes: attributes
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn attributes_reach_the_exporter_and_go_before_what_options_say() {
        let attrs = |target: &CacheTarget| {
            let attrs: BTreeMap<_, _> = exporter(target).attrs.into_iter().collect();
            let attrs: Vec<String> = attrs.iter().map(|(k, v)| format!("{k}={v}")).collect();
            attrs.join(" ")
        };
        let reference = "ref=r.example/cache:1";
        assert_eq!(attrs(&target(false, &[])), reference);
        assert_eq!(
            attrs(&target(true, &[("compression", "zstd")])),
            format!("compression=zstd mode=max {reference}")
        );
        assert_eq!(
            attrs(&target(true, &[("mode", "min"), ("ref", "elsewhere")])),
            format!("mode=min {reference}")
        );
        let insecure = CacheTarget {
            insecure: true,
            ..target(false, &[])
        };
        assert_eq!(
            attrs(&insecure),
            format!("{reference} registry.insecure=true")
        );
    }
}
