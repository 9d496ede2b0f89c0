//! Our own authorization server: what its endpoints share, the form, the client that calls, the words of a refusal.

mod authorize;
mod issued;
mod metadata;
mod token;

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::app::App;
use crate::http::address::origin;
use crate::http::caller::{Credentials, credentials, refuse_nul};
use crate::http::failure::{report, retry_after};
use crate::http::limits::{Kind, Unread, body};
use crate::service::callers;
use domain::Error;
use settings::Client;

pub(crate) use authorize::authorize;
pub(crate) use issued::{introspect, revoke};
pub(crate) use metadata::metadata;
pub(crate) use token::token;

/// RFC 6749 §5.2: status, code, description; 401 says how to authenticate.
struct Refusal(StatusCode, &'static str, String, Option<u64>);

fn refusal(error: &'static str, description: &str) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, error, description.to_owned(), None)
}

impl From<Unread> for Refusal {
    fn from(unread: Unread) -> Self {
        let (status, description) = match unread {
            Unread::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Unread::WrongType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/x-www-form-urlencoded")
            }
            Unread::Broken => (StatusCode::BAD_REQUEST, "the body broke off"),
            Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body came too slowly"),
            Unread::NoRoom | Unread::Nul(_) => return Error::from(unread).into(),
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
            Error::TooManyAttempts { .. } => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                Self(status, "temporarily_unavailable", error.to_string(), retry_after(&error))
            }
            Error::Input { .. } => refusal("invalid_request", &error.to_string()),
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
    response.json(value)
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
        (Some(Credentials::Basic(id, secret)), None) => {
            let (id, secret) = (decode(&id), decode(secret.expose_secret()));
            refuse_nul(&id, &secret)?;
            (id, secret.into())
        }
        (None, Some(secret)) => (form.require("client_id")?.to_owned(), SecretString::from(secret.to_owned())),
        (Some(Credentials::Bearer(_)) | None, None) => return Err(Error::BadCredentials.into()),
    };
    if form.get("client_id").is_some_and(|named| named != id) {
        return Err(refusal("invalid_request", "client_id is not the client that authenticates"));
    }
    Ok(callers::client(&app.parts, &id, &secret, || origin(app, request).ip)?)
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they go into Basic.
fn decode(part: &str) -> String {
    let whole = format!("x={part}").replace('&', "%26");
    form_urlencoded::parse(whole.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
