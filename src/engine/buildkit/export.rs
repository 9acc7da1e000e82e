//! Exports from an open build.
//!
//! Results of a gateway build cannot be exported while it is open, so an export is a second one in the same session:
//! the same definition, of which everything is there already, so that only the exporter has work. Docker 20.10 takes an
//! image's configuration from what such a build returns, and from nowhere else.

use std::collections::HashMap;

use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, CacheOptionsEntry, Exporter, SolveRequest, SolveResponse,
    frontend::{self, Ref, RefMap, result},
};
use serde_json::json;

use super::{
    attach::{receive::Expected, trouble::EXPORT},
    build::Site,
    cache,
    gateway::Gateway,
};
use crate::{
    base::{Digest, Platform},
    engine::{Capability, EngineError, Export, Exported, Push},
    events::{Label, Told},
    llb::{Definition, FileOp, MakeDir, State},
    oci::ImageConfig,
};

/// What a build that returns an image says of it.
const CONFIG: &str = "containerimage.config";

/// An exporter with what it needs.
#[derive(Default)]
struct Wanted {
    exporter: &'static str,
    attrs: HashMap<String, String>,
    /// What the images are for.
    platforms: Vec<Platform>,
    metadata: HashMap<String, Vec<u8>>,
    inline_cache: bool,
}

/// What is exported: one result, or several, each under a name.
enum What {
    One(Definition),
    Several(Vec<(String, Definition)>),
}

impl Site {
    pub(super) async fn export(
        &self,
        state: &State,
        export: Export,
    ) -> Result<Exported, EngineError> {
        match export {
            Export::Image {
                names,
                config,
                inline_cache,
            } => {
                let missing = || EngineError::MissingCapability {
                    engine: self.engine.clone(),
                    capability: Capability::ImageStore,
                    needed_by: "the export of an image".to_owned(),
                };
                let wanted = Wanted {
                    exporter: self.image_exporter.ok_or_else(missing)?,
                    attrs: named(&names),
                    platforms: vec![config.platform()],
                    metadata: HashMap::from([(CONFIG.to_owned(), json(&config)?)]),
                    inline_cache,
                };
                let what = What::One(self.something(state));
                Ok(exported(&self.run(&what, wanted).await?))
            }
            Export::Archive {
                names,
                config,
                into,
            } => {
                let wanted = Wanted {
                    exporter: "docker",
                    attrs: named(&names),
                    platforms: vec![config.platform()],
                    metadata: HashMap::from([(CONFIG.to_owned(), json(&config)?)]),
                    ..Wanted::default()
                };
                let what = What::One(self.something(state));
                let response = self.receive(&what, wanted, Expected::Archive(into)).await?;
                Ok(exported(&response))
            }
            Export::Files { dest, special } => {
                let Some(edge) = state else {
                    return Ok(Exported::default());
                };
                let wanted = Wanted {
                    exporter: "local",
                    ..Wanted::default()
                };
                let what = What::One(Definition::of(edge));
                self.receive(&what, wanted, Expected::Files(dest, special))
                    .await?;
                Ok(Exported::default())
            }
        }
    }

    /// Lets the daemon push an image or an index. Nothing of it stays in a store of the daemon.
    pub(super) async fn push(&self, push: Push) -> Result<Digest, EngineError> {
        let mut attrs = named(&[push.name]);
        attrs.insert("push".to_owned(), "true".to_owned());
        attrs.insert("store".to_owned(), "false".to_owned());
        if push.insecure {
            attrs.insert(cache::INSECURE.to_owned(), "true".to_owned());
        }
        let mut metadata = HashMap::new();
        let of: Vec<Platform> = push.images.iter().map(|i| i.platform.clone()).collect();
        let what = if push.index {
            let mut entries = Vec::new();
            for image in &push.images {
                let id = image.platform.to_string();
                metadata.insert(format!("{CONFIG}/{id}"), json(&image.config)?);
                entries.push((id, self.something(&image.state)));
            }
            metadata.extend([platforms(&of)]);
            What::Several(entries)
        } else {
            let nothing = || EngineError::Other("there is no image to push".to_owned());
            let image = push.images.first().ok_or_else(nothing)?;
            metadata.insert(CONFIG.to_owned(), json(&image.config)?);
            What::One(self.something(&image.state))
        };
        let wanted = Wanted {
            exporter: "image",
            attrs,
            platforms: of,
            metadata,
            inline_cache: push.inline_cache,
        };
        let pushed = exported(&self.run(&what, wanted).await?);
        let untold = || EngineError::Other("the engine does not say what it has pushed".to_owned());
        pushed.image_id.ok_or_else(untold)
    }

    /// A state that may be an image: that has to have a layer, or Docker's store loses it. This one is empty.
    fn something(&self, state: &State) -> Definition {
        if let Some(edge) = state {
            return Definition::of(edge);
        }
        let label = Label {
            target: String::new(),
            text: "FROM scratch".to_owned(),
            platform: None,
            at: None,
            raw_output: false,
            read_by: None,
            told: Told::Everything,
        };
        let root = MakeDir {
            parents: true,
            time: Some(0),
            ..MakeDir::mode(0o755)
        };
        let edge = FileOp::on(&None).mkdir("/", root).build(label.into());
        Definition::of(&edge)
    }

    /// Runs an exporter that sends what it makes to this side.
    async fn receive(
        &self,
        what: &What,
        wanted: Wanted,
        expected: Expected,
    ) -> Result<SolveResponse, EngineError> {
        let _one_at_a_time = self.receiving.lock().await;
        self.attached.exports.expect(expected);
        let result = self.run(what, wanted).await;
        self.attached.exports.expect(Expected::Nothing);
        // What went wrong on this side may not have stopped the daemon.
        match self.attached.trouble.take(EXPORT) {
            Some(text) => Err(EngineError::Other(text)),
            None => result,
        }
    }

    async fn run(&self, what: &What, wanted: Wanted) -> Result<SolveResponse, EngineError> {
        let inline = CacheOptionsEntry {
            r#type: "inline".to_owned(),
            attrs: HashMap::new(),
        };
        let request = SolveRequest {
            // Old daemons know only these two fields, new ones look at them only where `exporters` is empty.
            exporter_deprecated: wanted.exporter.to_owned(),
            exporter_attrs_deprecated: wanted.attrs.clone(),
            exporters: vec![Exporter {
                r#type: wanted.exporter.to_owned(),
                attrs: wanted.attrs,
            }],
            cache: Some(CacheOptions {
                exports: wanted.inline_cache.then_some(inline).into_iter().collect(),
                ..CacheOptions::default()
            }),
            frontend_attrs: expected(&wanted.platforms),
            ..self.request()
        };
        let gateway = self.gateway(request);
        let (result, last) = match what {
            What::One(definition) => {
                let reference = self.reference(&gateway, definition).await?;
                (result::Result::Ref(reference), definition)
            }
            What::Several(entries) => {
                let mut refs = HashMap::new();
                for (id, definition) in entries {
                    refs.insert(id.clone(), self.reference(&gateway, definition).await?);
                }
                let (_, last) = entries.last().expect("an index has an entry");
                (result::Result::Refs(RefMap { refs }), last)
            }
        };
        let result = frontend::Result {
            metadata: wanted.metadata,
            result: Some(result),
            ..frontend::Result::default()
        };
        match self.give_back(&gateway, result).await {
            Ok(response) => Ok(response),
            Err(refused) => Err(self.explain(last, refused).await),
        }
    }

    /// A definition's result in a build, executed.
    pub(super) async fn reference(
        &self,
        gateway: &Gateway,
        definition: &Definition,
    ) -> Result<Ref, EngineError> {
        match self.solve(gateway, definition, true).await {
            Ok(id) => Ok(Ref { id, def: None }),
            Err(refused) => Err(self.explain(definition, refused).await),
        }
    }
}

/// What a result of several, each named by its platform, says of them; a daemon refuses those of which it is not told.
pub(super) fn platforms(of: &[Platform]) -> (String, Vec<u8>) {
    let entry = |platform: &Platform| {
        let mut of = json!({ "os": platform.os, "architecture": platform.arch });
        if !platform.variant.is_empty() {
            of["variant"] = json!(platform.variant);
        }
        json!({ "ID": platform.to_string(), "Platform": of })
    };
    let entries: Vec<_> = of.iter().map(entry).collect();
    let text = json!({ "Platforms": entries }).to_string();
    ("refs.platforms".to_owned(), text.into_bytes())
}

/// What a daemon is told beforehand of the platforms of a result; it warns of others.
pub(super) fn expected(platforms: &[Platform]) -> HashMap<String, String> {
    if platforms.is_empty() {
        return HashMap::new();
    }
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    HashMap::from([("platform".to_owned(), names.join(","))])
}

fn named(names: &[String]) -> HashMap<String, String> {
    if names.is_empty() {
        return HashMap::new();
    }
    HashMap::from([("name".to_owned(), names.join(","))])
}

fn json(config: &ImageConfig) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(config).map_err(|e| EngineError::Other(format!("image configuration: {e}")))
}

fn exported(response: &SolveResponse) -> Exported {
    let digest = |key: &str| {
        let text = response.exporter_response.get(key)?;
        Digest::parse(text)
    };
    Exported {
        image_id: digest("containerimage.digest"),
        config: digest("containerimage.config.digest"),
    }
}
