//! Our own authorization server: tokens for clients (RFC 6749 §4.4), introspection (RFC 7662), revocation (RFC 7009),
//! metadata (RFC 8414).

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::error::{report, retry_after};
use crate::app::App;
use crate::domain::Error;
use crate::domain::scope::Scope;
use crate::http::caller::{Credentials, credentials};
use crate::http::limits::{Kind, Unread, body};
use crate::service::callers;
use crate::settings::Client;

/// RFC 6749 §5.2: status, code, description; 401 says how to authenticate.
struct Refusal(StatusCode, &'static str, String, Option<u64>);

fn refusal(error: &'static str, description: &str) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, error, description.to_owned(), None)
}

impl From<Unread> for Refusal {
    fn from(unread: Unread) -> Self {
        let (status, description) = match unread {
            Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Unread::WrongType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/x-www-form-urlencoded")
            }
            Unread::Broken => (StatusCode::BAD_REQUEST, "the body broke off"),
        };
        Self(status, "invalid_request", description.to_owned(), None)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match &error {
            Error::BadCredentials | Error::Denied => {
                Self(StatusCode::UNAUTHORIZED, "invalid_client", "wrong client id or secret".to_owned(), None)
            }
            Error::StorageUnavailable(_) => {
                report(&error);
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self(status, "temporarily_unavailable", error.to_string(), retry_after(&error))
            }
            _ => Self(StatusCode::INTERNAL_SERVER_ERROR, "server_error", report(&error).to_string(), None),
        }
    }
}

fn answer(result: Result<Value, Refusal>) -> HttpResponse {
    let (mut response, value) = match result {
        Ok(value) => (HttpResponse::Ok(), value),
        Err(Refusal(status, error, description, wait)) => {
            let mut response = HttpResponse::build(status);
            if status == StatusCode::UNAUTHORIZED {
                response.insert_header((WWW_AUTHENTICATE, r#"Basic realm="fedlink", charset="UTF-8""#));
            }
            if let Some(seconds) = wait {
                response.insert_header((RETRY_AFTER, seconds));
            }
            (response, json!({"error": error, "error_description": description}))
        }
    };
    response.insert_header((CACHE_CONTROL, "no-store")).json(value)
}

/// A form's parameters, each of which may stand once (RFC 6749 §3.2).
struct Form(HashMap<String, SecretString>);

impl Form {
    async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, Refusal> {
        let body = body(request, payload, Kind::Form).await?;
        let mut form = HashMap::new();
        for (name, value) in form_urlencoded::parse(&body) {
            if form.insert(name.to_string(), SecretString::from(value.into_owned())).is_some() {
                return Err(refusal("invalid_request", "a parameter stands more than once"));
            }
        }
        Ok(Self(form))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(SecretString::expose_secret).filter(|value| !value.is_empty())
    }

    fn require(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| refusal("invalid_request", &format!("{name} is missing")))
    }
}

/// The client that calls: by Basic, id and secret form-encoded, or in the body; not by both (RFC 6749 §2.3).
fn authenticate<'a>(app: &'a App, request: &HttpRequest, form: &Form) -> Result<&'a Client, Refusal> {
    let in_body = form.get("client_secret");
    let (id, secret) = match (credentials(request)?, in_body) {
        (Some(_), Some(_)) => return Err(refusal("invalid_request", "the client authenticates twice")),
        (Some(Credentials::Basic(id, secret)), None) => (decode(&id), decode(secret.expose_secret()).into()),
        (None, Some(secret)) => (form.require("client_id")?.to_owned(), SecretString::from(secret.to_owned())),
        (Some(Credentials::Bearer(_)) | None, None) => return Err(Error::BadCredentials.into()),
    };
    if form.get("client_id").is_some_and(|named| named != id) {
        return Err(refusal("invalid_request", "client_id is not the client that authenticates"));
    }
    Ok(callers::client(&app.parts, &id, &secret)?)
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they go into Basic.
fn decode(part: &str) -> String {
    let whole = format!("x={part}").replace('&', "%26");
    form_urlencoded::parse(whole.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

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
    let scopes = callers::requested_scopes(client, form.get("scope"))
        .ok_or_else(|| refusal("invalid_scope", "a scope is unknown or not granted to the application"))?;
    let issued = callers::issue(&app.parts, &client.id, None, scopes).await?;
    let scope = issued.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    Ok(json!({
        "access_token": issued.access_token.expose_secret(),
        "token_type": "Bearer",
        "expires_in": issued.expires_in.as_secs(),
        "scope": scope,
    }))
}

/// `POST /oauth/introspect`
pub(crate) async fn introspect(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    answer(describe(&app, &request, payload).await)
}

async fn describe(app: &App, request: &HttpRequest, payload: Payload) -> Result<Value, Refusal> {
    let form = Form::read(request, payload).await?;
    let client = authenticate(app, request, &form)?;
    let Some(token) = callers::introspect(&app.parts, client, form.require("token")?).await? else {
        return Ok(json!({"active": false}));
    };
    let mut described = json!({
        "active": true,
        "client_id": token.client,
        "scope": token.scope,
        "exp": token.expires.timestamp(),
        "iat": token.issued.timestamp(),
        "jti": token.id,
        "token_type": "Bearer",
    });
    if let (Some(members), Some(subject)) = (described.as_object_mut(), token.subject) {
        members.insert("sub".to_owned(), subject.into());
    }
    Ok(described)
}

/// `POST /oauth/revoke`
pub(crate) async fn revoke(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    match forget(&app, &request, payload).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(refused) => answer(Err(refused)),
    }
}

async fn forget(app: &App, request: &HttpRequest, payload: Payload) -> Result<(), Refusal> {
    let form = Form::read(request, payload).await?;
    let client = authenticate(app, request, &form)?;
    match callers::revoke(&app.parts, client, form.require("token")?).await {
        // RFC 7009 §2.1: a token of another client's is refused, and its client told so.
        Err(Error::Denied) => Err(refusal("unauthorized_client", "the token was issued to another application")),
        other => Ok(other?),
    }
}

/// `GET /.well-known/oauth-authorization-server{base_path}`
pub(crate) async fn metadata(app: Data<App>) -> HttpResponse {
    let settings = &app.parts.settings;
    let issuer = format!("{}{}", settings.public_url.as_str().trim_end_matches('/'), settings.base_path);
    let methods = ["client_secret_basic", "client_secret_post"];
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/te"),
        "introspection_endpoint": format!("{issuer}/oauth/introspect"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "grant_types_supported": ["client_credentials"],
        // No authorization endpoint, so no response types; RFC 8414 §2 requires the member.
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        // Without those of single providers: anybody may read this.
        "scopes_supported": Scope::FIXED.each_ref().map(ToString::to_string),
    }))
}
