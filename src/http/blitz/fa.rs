//! A subject's links: list, link by id, unlink, give a dead one another try.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::error::Failure;
use crate::app::App;
use crate::http::caller::{actor, bearer, bearer_or_basic};
use crate::http::limits::{Kind, body};
use crate::http::path;
use crate::http::path::last;
use domain::caller::Caller;
use domain::ids::{ClientId, Sid};
use domain::json;
use domain::link::Health;
use domain::way_in::Force;
use service::links::{self, Assertion, Listed, Unlinking, View};
use service::refresh::{Retrying, retry_link};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    sid: Sid,
    fp_type: String,
    fp_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    proof: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<ClientId>,
    health: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    provider_gone: bool,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_on: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_with: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_scopes: Option<Vec<String>>,
}

impl From<Listed> for Link {
    fn from(listed: Listed) -> Self {
        let detail = listed.detail.map(|detail| {
            let (refused_with, refused_since) = detail.refused.unzip();
            let (scopes, missing_scopes) = detail.scopes.map(|granted| (granted.scopes, granted.missing)).unzip();
            Detail {
                proof: detail.proof.as_str(),
                origin: detail.origin,
                // Nothing is wrong with a link that has no tokens.
                health: detail.health.unwrap_or(Health::Ok).as_str(),
                provider_gone: detail.provider_is_gone,
                created_at: detail.created.to_rfc3339(),
                last_used_at: detail.last_used.map(|moment| moment.to_rfc3339()),
                expires_on: detail.expires.map(|moment| moment.timestamp()),
                refresh_expires_on: detail.refresh_expires.map(|moment| moment.timestamp()),
                refused_with,
                refused_since: refused_since.map(|moment| moment.to_rfc3339()),
                scopes,
                missing_scopes: missing_scopes.filter(|missing| !missing.is_empty()),
            }
        });
        let (fp_type, fp_name) = listed.provider.into_parts();
        Self { sid: listed.sid, fp_type, fp_name, user_name: listed.user_name, detail }
    }
}

/// `GET /api/v3/users/{subjectId}/fa`
pub(crate) async fn list(app: App, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let [subject, _fa] = last(&request);
    let view = super::fed_token::flag(&request, "detail")?;
    let view = if view { View::Detailed } else { View::Plain };
    let listed = links::list(&app.parts, &caller, &path::subject(subject)?, view).await?;
    Ok(HttpResponse::Ok().json(listed.into_iter().map(Link::from).collect::<Vec<_>>()))
}

#[derive(Default, Deserialize)]
struct LinkBody {
    #[serde(rename = "federatedAccountName")]
    federated_account_name: Option<String>,
}

/// `POST /api/v3/users/{subjectId}/fa/{fpType}/{fpName}/{sid}`
pub(crate) async fn link(app: App, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let [subject, _fa, fp_type, fp_name, sid] = last(&request);
    let sent = body(&request, payload, Kind::Json).await?;
    let sent: LinkBody = if sent.is_empty() { LinkBody::default() } else { json::read("body", &sent)? };
    let assertion = Assertion {
        subject: path::subject(subject)?,
        fp_type: path::text("fpType", fp_type)?,
        fp_name: path::text("fpName", fp_name)?,
        sid: path::sid(sid)?,
        user_name: sent.federated_account_name,
    };
    links::link_by_id(&app.parts, &caller, actor(&request, &caller), assertion).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /api/v3/users/{subjectId}/fa/{fpType}/{fpName}/{sid}`
pub(crate) async fn unlink_v3(app: App, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    unlink(&app, &request, &caller).await
}

/// `DELETE /api/v2/users/{subjectId}/fa/{fpType}/{fpName}/{sid}`
pub(crate) async fn unlink_v2(app: App, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let caller = bearer_or_basic(&app, &request).await?;
    unlink(&app, &request, &caller).await
}

async fn unlink(app: &App, request: &HttpRequest, caller: &Caller) -> Result<HttpResponse, Failure> {
    let [subject, _fa, fp_type, fp_name, sid] = last(request);
    let unlinking = Unlinking {
        subject: path::subject(subject)?,
        fp_type: path::text("fpType", fp_type)?,
        fp_name: path::text("fpName", fp_name)?,
        sid: path::sid(sid)?,
        force: if super::fed_token::flag(request, "force")? { Force::Yes } else { Force::No },
    };
    links::unlink(&app.parts, caller, actor(request, caller), unlinking).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v3/users/{subjectId}/fa/{fpType}/{fpName}/{sid}/retry`
pub(crate) async fn retry(app: App, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let caller = bearer(&app, &request).await?;
    let [subject, _fa, fp_type, fp_name, sid, _retry] = last(&request);
    let retrying = Retrying {
        subject: path::subject(subject)?,
        fp_type: path::text("fpType", fp_type)?,
        fp_name: path::text("fpName", fp_name)?,
        sid: path::sid(sid)?,
    };
    retry_link(&app.parts, &caller, actor(&request, &caller), retrying).await?;
    Ok(HttpResponse::NoContent().finish())
}
