//! Gateway builds: a `Control.Solve` without a definition waits until this side returns a result.

use std::{future::Future, sync::Arc, time::Duration};

use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, SolveRequest, SolveResponse, StatusRequest,
    frontend::{self, ReturnRequest, result},
};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::DropGuard;
use tonic::{Response, Status};

use super::{
    build::{INSECURE, Site},
    cache,
    client::of_build,
};
use crate::llb::{Definition, Nonce};

/// How long the last reports may come behind the end.
const REPORTS: Duration = Duration::from_secs(2);

/// The daemon's side of a build.
pub(super) struct Gateway {
    /// Its name, which every call carries.
    pub(super) id: String,
    /// How it ended.
    over: watch::Receiver<Option<Result<SolveResponse, Status>>>,
    /// Reads the reports.
    reports: Mutex<Option<JoinHandle<()>>>,
    /// A build that nobody waits for any more ends on the daemon, too.
    _stop: DropGuard,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refused {
    /// The user stopped the build.
    Canceled,
    /// The daemon said no, or nothing.
    Status(Box<Status>),
}

impl Site {
    /// What a gateway build begins with.
    pub(super) fn request(&self) -> SolveRequest {
        SolveRequest {
            r#ref: Nonce::random().as_str().to_owned(),
            session: self.session.id.clone(),
            cache: Some(CacheOptions::default()),
            entitlements: self
                .privileged
                .then(|| INSECURE.to_owned())
                .into_iter()
                .collect(),
            ..SolveRequest::default()
        }
    }

    /// Opens a gateway build, without waiting for the daemon: a call that comes too early waits there. All of it ends
    /// with the site, at the latest.
    pub(super) fn gateway(&self, request: SolveRequest) -> Gateway {
        let id = request.r#ref.clone();
        let (sender, over) = watch::channel(None);
        let stop = self.stop.child_token();
        let guard = stop.clone().drop_guard();
        let (mut control, stopped) = (self.client.control.clone(), stop.clone());
        self.hearth.spawn(async move {
            let result = tokio::select! {
                // Dropping the call is what stops the daemon.
                () = stopped.cancelled() => Err(Status::cancelled("stopped")),
                answer = control.solve(request) => answer.map(Response::into_inner),
            };
            let _ = sender.send(Some(result));
        });
        let (mut control, all) = (self.client.control.clone(), self.stop.clone());
        let (progress, of) = (Arc::clone(&self.progress), id.clone());
        let reports = self.hearth.spawn(async move {
            let read = async {
                let stream = control.status(StatusRequest { r#ref: of }).await;
                // A solve that was refused has no reports; its own answer says why.
                let Ok(stream) = stream else { return };
                let mut stream = stream.into_inner();
                while let Ok(Some(report)) = stream.message().await {
                    progress.take(report);
                }
            };
            tokio::select! {
                () = stop.cancelled() => {
                    if all.is_cancelled() {
                        progress.close();
                    }
                }
                () = read => {}
            }
        });
        Gateway {
            id,
            over,
            reports: Mutex::new(Some(reports)),
            _stop: guard,
        }
    }

    /// Waits for an answer, for the end of the build, or for the user to stop it, whatever comes first.
    pub(super) async fn call<T>(
        &self,
        gateway: &Gateway,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Refused> {
        let mut over = gateway.over.clone();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Refused::Canceled),
            answer = answer => match answer {
                Ok(answer) => Ok(answer.into_inner()),
                Err(status) => match gateway.over.borrow().as_ref() {
                    // A build that ended explains more than a call that came too late.
                    Some(Err(end)) => Err(Refused::Status(Box::new(end.clone()))),
                    _ => Err(Refused::Status(Box::new(status))),
                },
            },
            end = over.wait_for(Option::is_some) => {
                let status = match end.as_deref() {
                    Ok(Some(Err(status))) => status.clone(),
                    _ => Status::failed_precondition("the build is over"),
                };
                Err(Refused::Status(Box::new(status)))
            }
        }
    }

    /// Solves a definition in a build and gives the name of the result. With `run`, everything is executed and errors
    /// come here; otherwise what uses the result executes it.
    pub(super) async fn solve(
        &self,
        gateway: &Gateway,
        definition: &Definition,
        run: bool,
    ) -> Result<String, Refused> {
        let request = frontend::SolveRequest {
            definition: Some(self.admit(definition)),
            allow_result_return: true,
            allow_result_array_ref: true,
            cache_imports: self.cache_from.all().iter().map(cache::importer).collect(),
            evaluate: run,
            ..frontend::SolveRequest::default()
        };
        let mut bridge = self.client.bridge();
        let answer = bridge.solve(of_build(&gateway.id, request));
        let response = self.call(gateway, answer).await?;
        let result = response.result.and_then(|r| r.result);
        Ok(match result {
            Some(result::Result::Ref(reference)) => reference.id,
            Some(result::Result::RefDeprecated(id)) => id,
            _ => response.r#ref,
        })
    }

    /// Says what the result is, and waits for everything that the daemon does with it.
    pub(super) async fn give_back(
        &self,
        gateway: &Gateway,
        result: frontend::Result,
    ) -> Result<SolveResponse, Refused> {
        let request = ReturnRequest {
            result: Some(result),
            error: None,
        };
        let mut bridge = self.client.bridge();
        let answer = bridge.r#return(of_build(&gateway.id, request));
        // The build may end before the answer to this call, which says nothing, is here.
        let returned = self.call(gateway, answer).await;
        if let Err(Refused::Canceled) = returned {
            return Err(Refused::Canceled);
        }
        let mut over = gateway.over.clone();
        let ended = tokio::select! {
            () = self.stop.cancelled() => return Err(Refused::Canceled),
            end = over.wait_for(Option::is_some) => match end.as_deref() {
                Ok(Some(Ok(response))) => Ok(response.clone()),
                Ok(Some(Err(status))) => Err(Refused::Status(Box::new(status.clone()))),
                _ => Err(Refused::Status(Box::new(Status::unknown("the build is over")))),
            },
        };
        if let Some(reports) = gateway.reports.lock().await.take() {
            let _ = timeout(REPORTS, reports).await;
        }
        ended
    }
}
