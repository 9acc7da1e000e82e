//! `--compose`: which images the services need.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::{WithDocker, images::Pull, step};
use crate::{
    base::Platform,
    diag::{Diagnostic, Location},
    graph::plan::{Keep, StepId, StepOp},
    interp::{
        error::{self, Result},
        exec::Exec,
        probe::Answer,
    },
    oci::ImageRef,
};

/// A service as far as it matters here.
#[derive(Debug, Default, PartialEq)]
struct Service {
    name: String,
    image: Option<String>,
    platform: Option<String>,
    needs: Vec<String>,
}

/// Evaluates the compose files in the file system `on`, and gives the images of the services that will be started.
pub(super) async fn images(exec: &mut Exec, docker: &WithDocker, on: StepId) -> Result<Vec<Pull>> {
    if docker.compose.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = step::script("config");
    args.extend(step::compose_args(docker));
    let run = exec.run_step(on, args, Keep::Output);
    let text = "WITH DOCKER (compose config)".to_owned();
    let step = exec.push_named(StepOp::Run(Box::new(run)), text);
    let captured = match exec.session.probe.output(step).await? {
        Answer::Undecided => return Ok(Vec::new()),
        Answer::Known(captured) => captured,
    };
    let output = String::from_utf8_lossy(&captured.stdout);
    // The file that it complains of, if it names one.
    let named = |(file, _): &&(String, Location)| output.contains(file.as_str());
    let files = &docker.compose;
    let (_, at) = files.iter().find(named).unwrap_or(&files[0]);
    if captured.status != 0 {
        return Err(error::compose_config(captured.status, &output).at(at));
    }
    let services = services(&output).map_err(|why| error::compose_output(&why).at(at))?;
    let mut pulls = Vec::new();
    for service in started(&services, &docker.services)? {
        pulls.extend(pull(exec, service)?);
    }
    Ok(pulls)
}

fn pull(exec: &Exec, service: &Service) -> Result<Option<Pull>> {
    let Some(image) = &service.image else {
        return Ok(None);
    };
    let name = ImageRef::parse(image).map_err(|why| error::bad_image(image, &why))?;
    if name.tag.is_none() {
        let warning = Diagnostic::warning(
            "image-tag",
            format!(
                "the service `{}` fetches `{image}` itself: without a tag it cannot be loaded",
                service.name
            ),
        );
        exec.warn(warning.hint("write `name:tag@sha256:…`"));
        return Ok(None);
    }
    let platform = match &service.platform {
        None => exec.state.current.platform.clone(),
        Some(text) => text
            .parse::<Platform>()
            .map_err(|e| error::bad_platform(&e.to_string()))?,
    };
    Ok(Some(Pull {
        name,
        platform,
        at: exec.at.clone(),
    }))
}

/// The services that are asked for, with those that they depend on, which are started too; without any, all.
fn started<'a>(services: &'a [Service], asked: &[(String, Location)]) -> Result<Vec<&'a Service>> {
    let mut names = BTreeSet::new();
    let mut open: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
    for (name, at) in asked {
        if !services.iter().any(|s| s.name == *name) {
            let known = services.iter().map(|s| s.name.as_str());
            return Err(error::compose_service(name, known).at(at));
        }
    }
    while let Some(name) = open.pop() {
        if names.insert(name) {
            let service = services.iter().find(|s| s.name == name);
            open.extend(
                service
                    .iter()
                    .flat_map(|s| s.needs.iter().map(String::as_str)),
            );
        }
    }
    let wanted = |service: &&Service| asked.is_empty() || names.contains(service.name.as_str());
    Ok(services.iter().filter(wanted).collect())
}

/// Reads what `compose config` prints.
fn services(text: &str) -> std::result::Result<Vec<Service>, String> {
    let config: Value = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
    let Some(services) = config.get("services") else {
        return Ok(Vec::new());
    };
    let services = services.as_mapping().ok_or("`services` is no mapping")?;
    let text_of =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut found = Vec::new();
    for (name, service) in services {
        let name = name.as_str().ok_or("the name of a service is no text")?;
        // A list of names, or names with conditions.
        let needs = match service.get("depends_on") {
            Some(Value::Sequence(names)) => names.iter().filter_map(Value::as_str).collect(),
            Some(Value::Mapping(names)) => names.keys().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        found.push(Service {
            name: name.to_owned(),
            image: text_of(service, "image"),
            platform: text_of(service, "platform"),
            needs: needs.into_iter().map(str::to_owned).collect(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::{SourceFile, Span};

    const CONFIG: &str = "
name: default
services:
  web:
    image: shop/web:1
    depends_on:
      db:
        condition: service_started
  db:
    image: postgres
    platform: linux/arm64
  built:
    build: { context: /app }
    depends_on: [web]
";

    #[test]
    fn services_have_images_platforms_and_services_that_they_need() {
        let services = services(CONFIG).unwrap();
        let of = |name: &str| services.iter().find(|s| s.name == name).unwrap();
        assert_eq!(of("web").image.as_deref(), Some("shop/web:1"));
        assert_eq!(of("web").needs, ["db"]);
        assert_eq!(of("db").platform.as_deref(), Some("linux/arm64"));
        assert_eq!(
            (of("built").image.as_deref(), of("built").needs.len()),
            (None, 1)
        );
    }

    #[test]
    fn a_service_is_started_with_what_it_depends_on() {
        let services = services(CONFIG).unwrap();
        let names = |asked: &[&str]| {
            let source = Arc::new(SourceFile::new("f", ""));
            let at = || Location::new(&source, Span::default());
            let asked: Vec<_> = asked.iter().map(|&s| (s.to_owned(), at())).collect();
            let started = started(&services, &asked);
            started.map(|s| s.iter().map(|s| s.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["web", "db", "built"]);
        assert_eq!(names(&["db"]).unwrap(), ["db"]);
        assert_eq!(names(&["built"]).unwrap(), ["web", "db", "built"]);
        assert!(names(&["wbe"]).is_err());
    }

    #[test]
    fn what_is_no_compose_file_is_an_error() {
        assert!(services("services: [a]").is_err());
        assert!(services("a: [").is_err());
        assert_eq!(services("{}").unwrap(), []);
    }
}
