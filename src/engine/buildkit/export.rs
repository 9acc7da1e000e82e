//! Exports from an open build.
//!
//! Results of a gateway build cannot be exported while it is open, so an export is a solve of its own with the same
//! definition in the same session: everything is there already, and only the exporter has work.

use std::collections::HashMap;

use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, CacheOptionsEntry, Exporter, SolveRequest, SolveResponse,
};
use tokio::time::timeout;
use tonic::Status;

use super::build::{Refused, Site};
use crate::{
    base::Digest,
    engine::{Capability, EngineError, Export, Exported},
    events::Label,
    llb::{Definition, FileOp, MakeDir, Nonce, State},
};

/// How long the last reports may come behind the end.
const REPORTS: std::time::Duration = std::time::Duration::from_secs(2);

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
                let exporter =
                    self.image_exporter
                        .ok_or_else(|| EngineError::MissingCapability {
                            engine: self.engine.clone(),
                            capability: Capability::ImageStore,
                            needed_by: "the export of an image".to_owned(),
                        })?;
                let config = serde_json::to_string(&config)
                    .map_err(|e| EngineError::Other(format!("image configuration: {e}")))?;
                let mut attrs = HashMap::from([("containerimage.config".to_owned(), config)]);
                if !names.is_empty() {
                    attrs.insert("name".to_owned(), names.join(","));
                }
                let definition = match state {
                    Some(edge) => Definition::of(edge),
                    None => self.nothing(),
                };
                let response = self.run(&definition, exporter, attrs, inline_cache).await?;
                let digest = response.exporter_response.get("containerimage.digest");
                Ok(Exported {
                    image_id: digest.and_then(|d| Digest::parse(d)),
                })
            }
            Export::Files { dest } => {
                let Some(edge) = state else {
                    return Ok(Exported::default());
                };
                let _one_at_a_time = self.to_directory.lock().await;
                self.attached.exports.expect(Some(dest));
                let definition = Definition::of(edge);
                let result = self.run(&definition, "local", HashMap::new(), false).await;
                self.attached.exports.expect(None);
                // What went wrong on this side may not have stopped the daemon.
                match self.attached.trouble.take() {
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
        };
        let root = MakeDir {
            parents: true,
            time: Some(0),
            ..MakeDir::mode(0o755)
        };
        let edge = FileOp::on(&None)
            .mkdir("/", root)
            .build(&self.native, label.into());
        Definition::of(&edge)
    }

    async fn run(
        &self,
        definition: &Definition,
        exporter: &str,
        attrs: HashMap<String, String>,
        inline_cache: bool,
    ) -> Result<SolveResponse, EngineError> {
        let inline = CacheOptionsEntry {
            r#type: "inline".to_owned(),
            attrs: HashMap::new(),
        };
        let request = SolveRequest {
            r#ref: Nonce::random().as_str().to_owned(),
            definition: Some(self.admit(definition)),
            session: self.session.id.clone(),
            // Old daemons know only these two fields, new ones look at them only where `exporters` is empty.
            exporter_deprecated: exporter.to_owned(),
            exporter_attrs_deprecated: attrs.clone(),
            exporters: vec![Exporter {
                r#type: exporter.to_owned(),
                attrs,
            }],
            cache: Some(CacheOptions {
                exports: inline_cache.then_some(inline).into_iter().collect(),
                imports: self.cache_imports(),
                ..CacheOptions::default()
            }),
            ..SolveRequest::default()
        };
        let solving = self.start(request);
        let result = tokio::select! {
            () = self.stop.cancelled() => return Err(EngineError::Canceled),
            result = solving.result => result,
        };
        let _ = timeout(REPORTS, solving.reports).await;
        match result.unwrap_or_else(|_| Err(Status::cancelled("stopped"))) {
            Ok(response) => Ok(response),
            Err(status) => Err(self
                .explain(definition, Refused::Status(Box::new(status)))
                .await),
        }
    }
}
