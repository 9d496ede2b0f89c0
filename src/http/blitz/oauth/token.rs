//! The token endpoint (RFC 6749 §3.2).

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Form, Refusal, answer, authenticate, refusal};
use crate::app::App;
use crate::http::blitz::exchange::{self, Exchanged};
use service::grants::{self, Issued, Redemption, Refused};
use settings::Client;

/// `POST /oauth/te`
pub(crate) async fn token(app: App, request: HttpRequest, payload: Payload) -> HttpResponse {
    answer(grant(&app, &request, payload).await)
}

/// What is handed out.
#[derive(Serialize)]
#[serde(untagged)]
enum Granted {
    Exchanged(Exchanged),
    Issued(Value),
}

async fn grant(app: &App, request: &HttpRequest, payload: Payload) -> Result<Granted, Refusal> {
    let body = Form::body(request, payload).await?;
    let form = Form::parse(&body)?;
    let client = authenticate(app, request, &form).await?;
    grant_to(app, client, &form).await.map_err(|refused| refused.of(client))
}

async fn grant_to(app: &App, client: &Client, form: &Form<'_>) -> Result<Granted, Refusal> {
    let issued = match form.require("grant_type")? {
        exchange::GRANT_TYPE => return exchange::granted(app, client, form).await.map(Granted::Exchanged),
        "client_credentials" => for_itself(app, client, form).await?,
        "authorization_code" => for_code(app, client, form).await?,
        "refresh_token" => for_refresh_token(app, client, form).await?,
        _ => {
            return Err(refusal(
                "unsupported_grant_type",
                "grant_type must be client_credentials, authorization_code, refresh_token or that of token exchange",
            ));
        }
    };
    Ok(Granted::Issued(told(&issued)))
}

async fn for_itself(app: &App, client: &Client, form: &Form<'_>) -> Result<Issued, Refusal> {
    let scopes = grants::requested_scopes(client, form.get("scope"))
        .ok_or_else(|| refusal("invalid_scope", "a scope is unknown or not granted to the application"))?;
    Ok(grants::issue(&app.parts, &client.id, None, scopes).await?)
}

async fn for_code(app: &App, client: &Client, form: &Form<'_>) -> Result<Issued, Refusal> {
    let redemption = Redemption {
        code: form.require("code")?.into(),
        redirect_uri: form.require("redirect_uri")?.to_owned(),
        code_verifier: form.require("code_verifier")?.into(),
    };
    let granting = grants::redeem(&app.parts, client, redemption).await?;
    granting.map_err(|refused| refuse(refused, "the code is unknown, expired, used, or came with a wrong proof"))
}

async fn for_refresh_token(app: &App, client: &Client, form: &Form<'_>) -> Result<Issued, Refusal> {
    let token = SecretString::from(form.require("refresh_token")?);
    let granting = grants::refresh(&app.parts, client, &token, form.get("scope")).await?;
    granting.map_err(|refused| refuse(refused, "the refresh token is unknown, expired or used, or its user is gone"))
}

fn refuse(refused: Refused, grant: &str) -> Refusal {
    match refused {
        Refused::Grant => refusal("invalid_grant", grant),
        Refused::Scope => refusal("invalid_scope", "a scope is unknown, was not granted, or is granted no more"),
    }
}

fn told(issued: &Issued) -> Value {
    let mut told = json!({
        "access_token": issued.access_token.expose_secret(),
        "token_type": "Bearer",
        "expires_in": issued.expires_in.as_secs(),
        "scope": grants::scope_text(&issued.scopes),
    });
    if let (Some(refresh), Some(members)) = (&issued.refresh_token, told.as_object_mut()) {
        members.insert("refresh_token".to_owned(), refresh.expose_secret().into());
    }
    told
}
