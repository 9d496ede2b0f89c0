//! The token endpoint (RFC 6749 §3.2).

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Form, Refusal, answer, authenticate, refusal};
use crate::app::App;
use crate::service::grants;

/// `POST /oauth/te`
pub(crate) async fn token(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    answer(issue(&app, &request, payload).await)
}

async fn issue(app: &App, request: &HttpRequest, payload: Payload) -> Result<Value, Refusal> {
    let form = Form::read(request, payload).await?;
    let client = authenticate(app, request, &form)?;
    if form.require("grant_type")? != "client_credentials" {
        return Err(refusal("unsupported_grant_type", "grant_type must be client_credentials"));
    }
    let scopes = grants::requested_scopes(client, form.get("scope"))
        .ok_or_else(|| refusal("invalid_scope", "a scope is unknown or not granted to the application"))?;
    let issued = grants::issue(&app.parts, &client.id, None, scopes).await?;
    Ok(json!({
        "access_token": issued.access_token.expose_secret(),
        "token_type": "Bearer",
        "expires_in": issued.expires_in.as_secs(),
        "scope": grants::scope_text(&issued.scopes),
    }))
}
