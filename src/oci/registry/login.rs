//! Answers a registry's challenge: with the user's password, or with a token from where the challenge says.

use std::time::Duration;

use reqwest::{
    StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE},
};
use tokio::time::timeout;

use super::{
    client::Repository,
    error::RegistryError,
    request::{PATIENCE, Request, SHORT, chain},
    token::{Challenge, TokenAnswer, basic, refresh_form},
};
use crate::{
    base::Secret,
    oci::{
        auth::Credential,
        settings::{Transport, is_loopback},
    },
};

impl Repository {
    /// Gets a header that answers the challenge, and how long it is good for.
    pub(super) async fn authorize(
        &self,
        challenge: &Challenge,
        credential: &Credential,
        scopes: &[String],
        request: &Request,
    ) -> Result<Option<(Secret, Duration)>, RegistryError> {
        let (realm, service) = match challenge {
            Challenge::Basic => {
                return Ok(match credential {
                    Credential::Basic { user, password } => {
                        Some((basic(user, password), Duration::from_secs(86_400)))
                    }
                    _ => None,
                });
            }
            Challenge::Bearer { realm, service } => (realm, service.as_deref()),
        };
        let mut url = Url::parse(realm)
            .map_err(|e| self.protocol(format!("the token server `{realm}` is no URL: {e}")))?;
        let in_clear = url.scheme() != "https" && !is_loopback(url.host_str().unwrap_or_default());
        if in_clear
            && self.endpoint.transport == Transport::Verified
            && *credential != Credential::None
        {
            return Err(self.protocol(format!(
                "it wants credentials sent to `{realm}` in clear text"
            )));
        }
        let http = self
            .registries
            .connections
            .of(&self.endpoint)
            .map_err(|e| self.network(e))?;
        let builder = if let Some(form) = refresh_form(credential, service, scopes) {
            http.post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form)
        } else {
            {
                let mut query = url.query_pairs_mut();
                if let Some(service) = service {
                    query.append_pair("service", service);
                }
                for scope in scopes {
                    query.append_pair("scope", scope);
                }
            }
            match credential {
                Credential::Basic { user, password } => http
                    .get(url)
                    .header(AUTHORIZATION, sensitive(&basic(user, password))?),
                _ => http.get(url),
            }
        };
        let answer = timeout(PATIENCE, builder.send())
            .await
            .map_err(|_| self.network(format!("no answer from the token server `{realm}`")))?
            .map_err(|e| self.network(format!("token server: {}", chain(&e))))?;
        // Here a refusal is not "not found": the user name or the password is wrong.
        let answer = match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => {
                return Err(self.denied(request, true, String::new()));
            }
            _ => {
                self.judge(answer, request, *credential != Credential::None)
                    .await?
            }
        };
        let body = self.read(answer, SHORT).await?;
        let token: TokenAnswer = serde_json::from_slice(&body).map_err(|_| {
            self.protocol("the token server's answer is not what the protocol asks for")
        })?;
        match token.header() {
            Some(header) => Ok(Some(header)),
            None => Err(self.protocol("the token server gave no token")),
        }
    }
}

/// All challenges of an answer, of which there may be several headers.
pub(super) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let all = headers.get_all(WWW_AUTHENTICATE).into_iter();
    let texts: Vec<&str> = all.filter_map(|value| value.to_str().ok()).collect();
    Challenge::parse(&texts.join(", "))
}

/// A header that no log shows.
pub(super) fn sensitive(secret: &Secret) -> Result<http::HeaderValue, RegistryError> {
    let mut value =
        http::HeaderValue::from_str(secret.reveal()).map_err(|_| RegistryError::Local {
            reason: "the credentials contain characters that no request can carry".to_owned(),
        })?;
    value.set_sensitive(true);
    Ok(value)
}
