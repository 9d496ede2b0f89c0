//! Our own authorization server: what its endpoints share, the form, the client that calls, the words of a refusal.

mod authorize;
mod form;
mod issued;
mod metadata;
mod token;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse};
use memchr::memchr2;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::app::App;
use crate::http::address::origin;
use crate::http::caller::{Credentials, credentials, refuse_nul};
use crate::http::failure::{report, retry_after};
use crate::http::limits::Unread;
use crate::http::refused::{Whose, mark};
use domain::Error;
use domain::ids::ClientId;
use service::callers::{self, Asserted};
use settings::Client;

pub(crate) use authorize::authorize;
pub(in crate::http::blitz) use form::Form;
pub(crate) use issued::{introspect, revoke};
pub(crate) use metadata::metadata;
pub(crate) use token::token;

/// RFC 6749 §5.2; 401 says how to authenticate.
pub(in crate::http::blitz) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
    /// The `Retry-After`, in seconds.
    wait: Option<u64>,
    /// What else the body says.
    more: Map<String, Value>,
    /// Whose call it is, where that is known.
    client: Option<ClientId>,
}

impl Refusal {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), wait: None, more: Map::new(), client: None }
    }

    /// Of this client's call.
    fn of(self, client: &Client) -> Self {
        Self { client: Some(client.id.clone()), ..self }
    }

    /// With one more member in its body.
    pub(in crate::http::blitz) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

/// A refusal with status 400.
pub(in crate::http::blitz) fn refusal(error: &'static str, description: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, error, description)
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
        Self::new(status, "invalid_request", description)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::BadCredentials | Error::Denied => {
                return Self::new(StatusCode::UNAUTHORIZED, "invalid_client", "wrong client id or secret");
            }
            Error::Input { .. } => (StatusCode::BAD_REQUEST, "invalid_request"),
            Error::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
            Error::ProviderUnavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Error::StorageUnavailable(_) => {
                report(&error);
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            _ => {
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", report(&error).to_string());
            }
        };
        Self { wait: retry_after(&error), ..Self::new(status, code, error.to_string()) }
    }
}

fn answer(result: Result<impl Serialize, Refusal>) -> HttpResponse {
    let refused = match result {
        Ok(value) => return HttpResponse::Ok().json(value),
        Err(refused) => refused,
    };
    let mut response = HttpResponse::build(refused.status);
    mark(&mut response, refused.error, Whose::Known(refused.client));
    if refused.status == StatusCode::UNAUTHORIZED {
        response.insert_header((WWW_AUTHENTICATE, r#"Basic realm="fedlink", charset="UTF-8""#));
    }
    if let Some(seconds) = refused.wait {
        response.insert_header((RETRY_AFTER, seconds));
    }
    let mut body = Map::new();
    body.insert("error".to_owned(), refused.error.into());
    body.insert("error_description".to_owned(), refused.description.into());
    body.extend(refused.more);
    response.json(body)
}

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client that calls: by Basic, id and secret form-encoded, in the body, or by an assertion (RFC 7521 §4.2); by one of them
/// (RFC 6749 §2.3).
async fn authenticate<'a>(app: &'a App, request: &HttpRequest, form: &Form<'_>) -> Result<&'a Client, Refusal> {
    let in_body = form.get("client_secret");
    if let Some(assertion) = form.get("client_assertion") {
        if in_body.is_some() || request.headers().contains_key(AUTHORIZATION) {
            return Err(refusal("invalid_request", "the client authenticates twice"));
        }
        if form.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(refusal("invalid_request", &format!("client_assertion_type must be {JWT_BEARER}")));
        }
        let asserted = Asserted { client: form.get("client_id"), assertion };
        return Ok(callers::by_assertion(&app.parts, asserted, || origin(app, request).ip).await?);
    }
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
    if memchr2(b'%', b'+', part.as_bytes()).is_none() {
        return part.to_owned();
    }
    let whole = format!("x={part}").replace('&', "%26");
    form_urlencoded::parse(whole.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
