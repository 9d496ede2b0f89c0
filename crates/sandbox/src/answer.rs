//! Puts the result of a token call on the wire, in the shape the script says.

use std::io;

use actix_web::body::SizedStream;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Map, Value, json};

use super::core::Core;
use super::peculiar::{Answer, Refusal};

/// Why a token call gets no tokens.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    error: Option<String>,
    description: &'static str,
}

impl Refused {
    /// RFC 6749 §5.2: 400 with a code.
    pub(super) fn new(error: &str, description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: Some(error.to_owned()), description }
    }

    pub(super) fn invalid_client() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", "the client is not authenticated") }
    }

    pub(super) fn scripted(refusal: &Refusal, description: &'static str) -> Self {
        Self { status: status(refusal.status), error: refusal.error.clone(), description }
    }

    pub(super) fn response(&self) -> HttpResponse {
        let mut response = build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, r#"Basic realm="sandbox""#));
        }
        match &self.error {
            Some(error) => response.json(json!({ "error": error, "error_description": self.description })),
            None => response.finish(),
        }
    }
}

/// The answer to a token call.
pub(super) async fn token(core: &Core, shape: Answer, result: Result<Map<String, Value>, Refused>) -> HttpResponse {
    match (shape, result) {
        (Answer::OkWithError(error), _) => build(StatusCode::OK).json(json!({ "error": error })),
        (Answer::Html502, _) => build(StatusCode::BAD_GATEWAY)
            .content_type("text/html; charset=utf-8")
            .body("<!doctype html><title>502 Bad Gateway</title><h1>Bad Gateway</h1>"),
        (Answer::EmptyStatus(number), _) => build(status(number)).finish(),
        (Answer::Body(number, body), _) => build(status(number)).body(body),
        (Answer::Status(number, retry_after), _) => {
            let mut response = build(status(number));
            if let Some(seconds) = retry_after {
                response.insert_header((header::RETRY_AFTER, seconds));
            }
            response.json(json!({ "error": "temporarily_unavailable" }))
        }
        (Answer::Hang, _) => std::future::pending().await,
        (Answer::Redirect, _) => {
            build(StatusCode::TEMPORARY_REDIRECT).insert_header((header::LOCATION, core.address("/moved"))).finish()
        }
        (_, Err(refused)) => refused.response(),
        (Answer::Json, Ok(fields)) => build(StatusCode::OK).json(fields),
        (Answer::Odd(odd), Ok(fields)) => odd.response(build(StatusCode::OK), &fields),
        (Answer::FormEncoded, Ok(fields)) => {
            build(StatusCode::OK).content_type("application/x-www-form-urlencoded").body(form_encoded(&fields))
        }
        (Answer::TruncatedJson, Ok(fields)) => {
            build(StatusCode::OK).content_type("application/json").body(first_half(&fields).0)
        }
        (Answer::CloseMidBody, Ok(fields)) => {
            let (half, length) = first_half(&fields);
            // One turn in between: what is sent in the same turn as the failure never leaves the buffer.
            let failure = async {
                tokio::task::yield_now().await;
                Err(io::Error::from(io::ErrorKind::ConnectionAborted))
            };
            let chunks = stream::iter([Ok(half)]).chain(stream::once(failure));
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            build(StatusCode::OK).content_type("application/json").body(SizedStream::new(length, chunks))
        }
    }
}

/// Where [`Answer::Redirect`] leads: nobody should come.
pub(super) async fn moved(core: web::Data<Core>) -> HttpResponse {
    core.count(|counts| counts.followed_redirect += 1);
    HttpResponse::NotFound().finish()
}

/// RFC 6749 §5.1: nothing of this may be kept on the way.
fn build(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn form_encoded(fields: &Map<String, Value>) -> String {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        match value {
            Value::String(text) => encoded.append_pair(name, text),
            other => encoded.append_pair(name, &other.to_string()),
        };
    }
    encoded.finish()
}

/// The first half of the JSON, and the length of the whole.
pub(super) fn first_half(fields: &Map<String, Value>) -> (web::Bytes, usize) {
    let json = Value::Object(fields.clone()).to_string().into_bytes();
    let length = json.len();
    (web::Bytes::from(json).split_to(length / 2), length)
}
