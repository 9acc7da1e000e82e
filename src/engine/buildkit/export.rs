//! Exports from an open build.
//!
//! Results of a gateway build cannot be exported while it is open, so an export is a second one in the same session:
//! the same definition, of which everything is there already, so that only the exporter has work. Docker 20.10 takes an
//! image's configuration from what such a build returns, and from nowhere else.

use std::collections::HashMap;

use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, CacheOptionsEntry, Exporter, SolveRequest, SolveResponse,
    frontend::{self, Ref, result},
};

use super::{attach::trouble::EXPORT, build::Site, gateway::Refused};
use crate::{
    base::Digest,
    engine::{Capability, EngineError, Export, Exported},
    events::Label,
    llb::{Definition, FileOp, MakeDir, State},
};

/// An exporter with what it needs.
struct Wanted {
    exporter: &'static str,
    attrs: HashMap<String, String>,
    metadata: HashMap<String, Vec<u8>>,
    inline_cache: bool,
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
                let config = serde_json::to_vec(&config)
                    .map_err(|e| EngineError::Other(format!("image configuration: {e}")))?;
                let mut attrs = HashMap::new();
                if !names.is_empty() {
                    attrs.insert("name".to_owned(), names.join(","));
                }
                let wanted = Wanted {
                    exporter: self.image_exporter.ok_or_else(missing)?,
                    attrs,
                    metadata: HashMap::from([("containerimage.config".to_owned(), config)]),
                    inline_cache,
                };
                let definition = match state {
                    Some(edge) => Definition::of(edge),
                    None => self.nothing(),
                };
                let response = self.run(&definition, wanted).await?;
                let digest = response.exporter_response.get("containerimage.digest");
                Ok(Exported {
                    image_id: digest.and_then(|d| Digest::parse(d)),
                })
            }
            Export::Files { dest } => {
                let Some(edge) = state else {
                    return Ok(Exported::default());
                };
                let wanted = Wanted {
                    exporter: "local",
                    attrs: HashMap::new(),
                    metadata: HashMap::new(),
                    inline_cache: false,
                };
                let _one_at_a_time = self.to_directory.lock().await;
                self.attached.exports.expect(Some(dest));
                let result = self.run(&Definition::of(edge), wanted).await;
                self.attached.exports.expect(None);
                // What went wrong on this side may not have stopped the daemon.
                match self.attached.trouble.take(EXPORT) {
                    Some(text) => Err(EngineError::Other(text)),
                    None => result.map(|_| Exported::default()),
                }
            }
        }
    }

    /// An image has to have a layer, or Docker's store loses it; this one is empty.
    fn nothing(&self) -> Definition {
        let label = Label {
            target: String::new(),
            text: "FROM scratch".to_owned(),
            platform: None,
            at: None,
            read_by: None,
            raw_output: false,
        };
        let root = MakeDir {
            parents: true,
            time: Some(0),
            ..MakeDir::mode(0o755)
        };
        let edge = FileOp::on(&None).mkdir("/", root).build(label.into());
        Definition::of(&edge)
    }

    async fn run(
        &self,
        definition: &Definition,
        wanted: Wanted,
    ) -> Result<SolveResponse, EngineError> {
        match self.try_run(definition, wanted).await {
            Ok(response) => Ok(response),
            Err(refused) => Err(self.explain(definition, refused).await),
        }
    }

    async fn try_run(
        &self,
        definition: &Definition,
        wanted: Wanted,
    ) -> Result<SolveResponse, Refused> {
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
            ..self.request()
        };
        let gateway = self.gateway(request);
        let id = self.solve(&gateway, definition, true).await?;
        let result = frontend::Result {
            metadata: wanted.metadata,
            result: Some(result::Result::Ref(Ref { id, def: None })),
            ..frontend::Result::default()
        };
        self.give_back(&gateway, result).await
    }
}
