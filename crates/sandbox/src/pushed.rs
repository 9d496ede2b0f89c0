//! Pushed authorization requests (RFC 9126): each good for one answer, within a minute.

use std::collections::HashMap;
use std::fmt;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::answer::Refused;
use super::authorize;
use super::clients::authenticate;
use super::core::{Core, lock};
use super::form::Form;

/// How long a request is kept, in seconds.
const LIFETIME: i64 = 60;

/// The requests that wait for their browser, by `request_uri`.
#[derive(Default)]
pub(super) struct Pushed(HashMap<String, Waiting>);

struct Waiting {
    client_id: String,
    /// The form as it came.
    body: web::Bytes,
    until: DateTime<Utc>,
}

/// Leaves the requests out: they came with their client's secret.
impl fmt::Debug for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pushed").finish_non_exhaustive()
    }
}

impl Pushed {
    /// The request that this client has pushed, if it may still be answered.
    pub(super) fn find(&self, request_uri: &str, client_id: Option<&str>, now: DateTime<Utc>) -> Option<Form> {
        let waiting = self.0.get(request_uri).filter(|waiting| waiting.until > now)?;
        Form::parse(&waiting.body).filter(|_| client_id == Some(&waiting.client_id))
    }

    /// It has been answered.
    pub(super) fn forget(&mut self, request_uri: &str) {
        self.0.remove(request_uri);
    }
}

/// The endpoint that requests are pushed to.
pub(super) async fn push(core: web::Data<Core>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    core.count(|counts| counts.pushed += 1);
    match keep(&core, &request, body) {
        Ok(request_uri) => HttpResponse::Created().json(json!({ "request_uri": request_uri, "expires_in": LIFETIME })),
        Err(refused) => refused.response(),
    }
}

fn keep(core: &Core, request: &HttpRequest, body: web::Bytes) -> Result<String, Refused> {
    let form = Form::body(request, &body)
        .ok_or_else(|| Refused::new("invalid_request", "not a form, or a parameter comes twice"))?;
    let client = authenticate(core, request, &form).map_err(|_who| Refused::invalid_client())?;
    if form.get("client_id") != Some(&client.id) || form.get("request_uri").is_some() {
        return Err(Refused::new("invalid_request", "a request of the client's own, and not a pushed one"));
    }
    authorize::approve(core, &form)?;
    let request_uri = format!("urn:ietf:params:oauth:request_uri:{}", core.secret());
    let until = core.now() + TimeDelta::seconds(LIFETIME);
    let waiting = Waiting { client_id: client.id.clone(), body, until };
    lock(&core.pushed).0.insert(request_uri.clone(), waiting);
    Ok(request_uri)
}
