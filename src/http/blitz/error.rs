//! What each failure looks like in the Blitz dialect: status and body, in one place.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::http::failure::{report, retry_after};
use crate::http::limits::Unread;
use crate::http::refused::{Whose, mark};
use domain::Error;
use domain::reason::Reason;

/// A failure on its way to a REST client.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        Self(unread.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    class: &'a str,
    error: &'a str,
    desc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// How a kind of failure is told: status, type, error.
fn kind(error: &Error) -> (StatusCode, &'static str, &'static str) {
    match error {
        Error::Input { .. } => (StatusCode::BAD_REQUEST, "input_error", "wrong_values"),
        Error::BindCode => (StatusCode::BAD_REQUEST, "input_error", "bind_code_invalid"),
        // Blitz answers 401, never 403.
        Error::Denied => (StatusCode::UNAUTHORIZED, "security_error", "bad_access_token"),
        Error::BadCredentials => (StatusCode::UNAUTHORIZED, "security_error", "bad_credentials"),
        Error::UserNotFound { .. } => (StatusCode::NOT_FOUND, "input_error", "user_not_found"),
        Error::LinkNotFound => (StatusCode::NOT_FOUND, "input_error", "link_not_found"),
        Error::TokenNotFound { .. } => (StatusCode::NOT_FOUND, "input_error", "token_not_found"),
        Error::SeveralAccounts => (StatusCode::CONFLICT, "input_error", "ambiguous"),
        Error::AlreadyLinked => (StatusCode::CONFLICT, "input_error", "already_linked"),
        Error::LastSignInMethod => (StatusCode::CONFLICT, "input_error", "last_sign_in_method"),
        Error::NothingToRetry => (StatusCode::CONFLICT, "input_error", "nothing_to_retry"),
        Error::Uncheckable => (StatusCode::CONFLICT, "input_error", "uncheckable"),
        Error::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "input_error", "body_too_large"),
        Error::BodyTooSlow => (StatusCode::REQUEST_TIMEOUT, "input_error", "body_too_slow"),
        Error::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "input_error", "unsupported_media_type"),
        Error::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "security_error", "too_many_attempts"),
        Error::ProviderUnavailable { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "upstream_error", "provider_unavailable")
        }
        Error::StorageUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "process_error", "storage_unavailable"),
        // A refusal is the Condo dialect's alone; here it would be a bug, of which nothing is told.
        Error::Internal(_) | Error::Refused(_) => (StatusCode::INTERNAL_SERVER_ERROR, "process_error", "internal"),
    }
}

/// Why one entry of many has no token.
#[derive(Debug, Serialize)]
pub(super) struct EntryError {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl EntryError {
    /// What only an entry of many can be told.
    pub(super) fn of_its_own(error: &'static str) -> Self {
        Self { error, reason: None, retry_after: None }
    }
}

/// The same failure where it is one entry's: under the name that it has as a whole answer.
impl From<&Error> for EntryError {
    fn from(error: &Error) -> Self {
        if matches!(error, Error::Internal(_) | Error::Refused(_) | Error::StorageUnavailable(_)) {
            report(error);
        }
        Self { error: kind(error).2, reason: reason(error), retry_after: retry_after(error) }
    }
}

/// Why there is no token, as programs are told.
fn reason(error: &Error) -> Option<&'static str> {
    match error {
        Error::TokenNotFound { reason, .. } => reason.map(Reason::as_str),
        _ => None,
    }
}

/// The vendor's words (docs/blitz.md), to the letter.
const DENIED: &str = "No enough scopes or wrong subject Id";

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        kind(&self.0).0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, class, error) = kind(&self.0);
        let desc = match &self.0 {
            Error::Denied => DENIED.to_owned(),
            Error::UserNotFound { hint: Some(hint) } => format!("{}; {hint}", self.0),
            Error::Internal(_) | Error::Refused(_) => report(&self.0).to_string(),
            Error::StorageUnavailable(_) => {
                report(&self.0);
                self.0.to_string()
            }
            other => other.to_string(),
        };
        let mut response = HttpResponse::build(status);
        mark(&mut response, error, Whose::Theirs);
        match &self.0 {
            Error::Denied => {
                response.insert_header((WWW_AUTHENTICATE, r#"Bearer realm="fedlink""#));
            }
            Error::BadCredentials => {
                response.insert_header((WWW_AUTHENTICATE, r#"Basic realm="fedlink", charset="UTF-8""#));
            }
            _ => {}
        }
        let retry_after = retry_after(&self.0);
        if let Some(seconds) = retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.json(Body { class, error, desc, reason: reason(&self.0), retry_after })
    }
}

/// No such path.
pub(crate) async fn not_found() -> HttpResponse {
    let desc = "no such path".to_owned();
    HttpResponse::NotFound().json(Body {
        class: "input_error",
        error: "not_found",
        desc,
        reason: None,
        retry_after: None,
    })
}

/// The path has other methods.
pub(crate) fn method_not_allowed(methods: &'static [&'static str]) -> HttpResponse {
    let desc = "the path has no such method".to_owned();
    let allowed = methods.join(", ").to_ascii_uppercase();
    HttpResponse::MethodNotAllowed().insert_header((ALLOW, allowed)).json(Body {
        class: "input_error",
        error: "method_not_allowed",
        desc,
        reason: None,
        retry_after: None,
    })
}
