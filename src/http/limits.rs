//! How much of a body is read, and of which type.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use super::connection::Stopped;
use super::nul;
use domain::Error;
use domain::json::NUL;

/// The largest body this service reads, in bytes.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// When there is likely to be room for a body again.
const WITH_ROOM: Duration = Duration::from_secs(1);

/// What a body is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `application/json`; without a type it is taken for JSON, as the vendor's own example has none.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// Why a body is not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is larger than is read there.
    TooLarge {
        /// How much is read, in bytes.
        limit: usize,
    },
    /// It is of another type.
    WrongType,
    /// It broke off.
    Broken,
    /// It came too slowly.
    TooSlow,
    /// Too much is being read already.
    NoRoom,
    /// This parameter has U+0000.
    Nul(Cow<'static, str>),
}

impl From<Unread> for Error {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge { limit } => Self::BodyTooLarge { limit },
            Unread::WrongType => Self::NotJson,
            Unread::Broken => Self::input("body", "broke off"),
            Unread::TooSlow => Self::BodyTooSlow,
            Unread::NoRoom => Self::TooManyAttempts { retry_after: WITH_ROOM },
            Unread::Nul(parameter) => Self::input(parameter, NUL),
        }
    }
}

/// The whole body.
pub(super) async fn body(request: &HttpRequest, payload: Payload, kind: Kind) -> Result<Bytes, Unread> {
    body_of(BODY_LIMIT, request, payload, kind).await
}

/// The whole body of a request that may have one of up to `limit` bytes.
pub(super) async fn body_of(
    limit: usize,
    request: &HttpRequest,
    payload: Payload,
    kind: Kind,
) -> Result<Bytes, Unread> {
    let body = body_up_to(limit, request, payload).await?;
    if !body.is_empty() && !is(request, kind) {
        return Err(Unread::WrongType);
    }
    if kind == Kind::Form
        && let Some(parameter) = nul::in_form(&body)
    {
        return Err(Unread::Nul(parameter));
    }
    Ok(body)
}

/// The whole body of a request that may have one of up to `limit` bytes, whatever its type.
pub(super) async fn body_up_to(limit: usize, request: &HttpRequest, mut payload: Payload) -> Result<Bytes, Unread> {
    if stated_length(request).is_some_and(|stated| stated > limit) {
        return Err(Unread::TooLarge { limit });
    }
    // Most come in one piece, which is handed on as it is.
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| match Stopped::by(&error) {
            Some(Stopped::TooSlow) => Unread::TooSlow,
            Some(Stopped::NoRoom) => Unread::NoRoom,
            None => Unread::Broken,
        })?;
        if first.len().max(joined.len()) + chunk.len() > limit {
            return Err(Unread::TooLarge { limit });
        }
        if first.is_empty() {
            first = chunk;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&chunk);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// How long the body says it is, in bytes; the server has seen to it that this is a number.
fn stated_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is(request: &HttpRequest, kind: Kind) -> bool {
    let Some(value) = request.headers().get(CONTENT_TYPE) else { return kind == Kind::Json };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind {
        Kind::Json => {
            essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
        }
        Kind::Form => essence == "application/x-www-form-urlencoded",
    }
}
