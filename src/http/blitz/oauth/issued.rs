//! Tokens that were issued: introspection (RFC 7662), revocation (RFC 7009).

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::{Form, Refusal, answer, authenticate, refusal};
use crate::app::App;
use domain::Error;
use service::grants;

/// `POST /oauth/introspect`
pub(crate) async fn introspect(app: App, request: HttpRequest, payload: Payload) -> HttpResponse {
    answer(describe(&app, &request, payload).await)
}

async fn describe(app: &App, request: &HttpRequest, payload: Payload) -> Result<Value, Refusal> {
    let body = Form::body(request, payload).await?;
    let form = Form::parse(&body)?;
    let client = authenticate(app, request, &form).await?;
    let Some(token) = grants::introspect(&app.parts, client, form.require("token")?).await? else {
        return Ok(json!({"active": false}));
    };
    let mut described = json!({
        "active": true,
        "client_id": token.client,
        "scope": token.scope,
        "exp": token.expires.timestamp(),
    });
    let Some(members) = described.as_object_mut() else { return Ok(described) };
    if let Some(subject) = token.subject {
        members.insert("sub".to_owned(), subject.as_str().into());
    }
    if let Some(access) = token.access {
        members.insert("iat".to_owned(), access.issued.timestamp().into());
        members.insert("jti".to_owned(), access.id.to_string().into());
        members.insert("token_type".to_owned(), "Bearer".into());
    }
    Ok(described)
}

/// `POST /oauth/revoke`
pub(crate) async fn revoke(app: App, request: HttpRequest, payload: Payload) -> HttpResponse {
    match forget(&app, &request, payload).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(refused) => answer(Err::<(), _>(refused)),
    }
}

async fn forget(app: &App, request: &HttpRequest, payload: Payload) -> Result<(), Refusal> {
    let body = Form::body(request, payload).await?;
    let form = Form::parse(&body)?;
    let client = authenticate(app, request, &form).await?;
    match grants::revoke(&app.parts, client, form.require("token")?).await {
        // RFC 7009 §2.1: a token of another client's is refused, and its client told so.
        Err(Error::Denied) => Err(refusal("unauthorized_client", "the token was issued to another application")),
        other => Ok(other?),
    }
}
