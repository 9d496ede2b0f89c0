//! Pushed authorization requests (RFC 9126): each good for one answer, within a minute.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use serde_json::json;

use super::answer::Refused;
use super::authenticate::authenticate;
use super::authorize;
use super::core::Core;
use super::lock::lock;
use super::pushed_requests::Waiting;
use super::written;

/// How long a request is kept, in seconds.
const LIFETIME: i64 = 60;

/// The endpoint that requests are pushed to.
pub(super) async fn push(core: web::Data<Core>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    core.count(|counts| counts.pushed += 1);
    match keep(&core, &request, body) {
        Ok(request_uri) => HttpResponse::Created().json(json!({ "request_uri": request_uri, "expires_in": LIFETIME })),
        Err(refused) => refused.response(),
    }
}

fn keep(core: &Core, request: &HttpRequest, body: web::Bytes) -> Result<String, Refused> {
    let form = written::members(core, request, &body)
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
