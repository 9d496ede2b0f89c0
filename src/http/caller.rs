//! Turns a request's credentials into a caller, and what it says of its user into an actor.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use crate::app::App;
use crate::http::address::origin;
use domain::caller::Caller;
use domain::event::Actor;
use domain::json::NUL;
use domain::{Error, Result};
use service::callers;

/// The most of a claimed address or agent that is kept, in characters.
const CLAIM_LIMIT: usize = 255;

/// What stands in the `Authorization` header.
pub(super) enum Credentials<'a> {
    /// RFC 6750.
    Bearer(&'a str),
    /// RFC 7617: id and password, as they were sent.
    Basic(String, SecretString),
}

/// The request's credentials; `None` without any, an error if they can't be read.
pub(super) fn credentials(request: &HttpRequest) -> Result<Option<Credentials<'_>>> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(value) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Error::Denied);
    }
    let (scheme, rest) = ascii(value).and_then(|value| value.split_once(' ')).ok_or(Error::Denied)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Credentials::Bearer(rest.trim())));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let (id, password) = basic(rest.trim()).ok_or(Error::BadCredentials)?;
        refuse_nul(&id, &password)?;
        return Ok(Some(Credentials::Basic(id, password.into())));
    }
    Err(Error::Denied)
}

/// The text of a header that has nothing but ASCII, of which a header has what is visible.
fn ascii(value: &HeaderValue) -> Option<&str> {
    // As `HeaderValue::to_str`, many bytes at once.
    let bytes = Some(value.as_bytes()).filter(|bytes| bytes.is_ascii());
    bytes.and_then(|bytes| std::str::from_utf8(bytes).ok())
}

fn basic(encoded: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(id, password)| (id.to_owned(), password.to_owned()))
}

/// Refuses U+0000 in what a client names itself by, and proves itself with.
pub(super) fn refuse_nul(id: &str, password: &str) -> Result<()> {
    match (id.contains('\0'), password.contains('\0')) {
        (true, _) => Err(Error::input("the client's id", NUL)),
        (false, true) => Err(Error::input("the client's password", NUL)),
        (false, false) => Ok(()),
    }
}

/// The caller of a v3 call: Bearer alone.
pub(super) async fn bearer(app: &App, request: &HttpRequest) -> Result<Arc<Caller>> {
    match credentials(request).map_err(|_any| Error::Denied)? {
        Some(Credentials::Bearer(token)) => callers::from_bearer(&app.parts, token).await,
        Some(Credentials::Basic(..)) | None => Err(Error::Denied),
    }
}

/// The caller of a v2 call: Bearer, or Basic with the REST password.
pub(super) async fn bearer_or_basic(app: &App, request: &HttpRequest) -> Result<Arc<Caller>> {
    match credentials(request)? {
        Some(Credentials::Basic(id, password)) => {
            callers::from_basic(&app.parts, &id, &password, || origin(app, request).ip).map(Arc::new)
        }
        Some(Credentials::Bearer(token)) => callers::from_bearer(&app.parts, token).await,
        None => Err(Error::Denied),
    }
}

/// Who acts, as far as the request tells: user mode callers pass the user's address and agent. Nobody believes them.
pub(super) fn actor(request: &HttpRequest, caller: &Caller) -> Actor {
    let claim = |name: HeaderName| {
        let value = request.headers().get(name)?.to_str().ok()?;
        Some(value.chars().filter(|c| !c.is_control()).take(CLAIM_LIMIT).collect())
    };
    Actor {
        client: Some(caller.client.as_str().to_owned()),
        subject: caller.subject().map(|subject| subject.as_str().to_owned()),
        claimed_ip: claim(HeaderName::from_static("x-forwarded-for")),
        claimed_agent: claim(USER_AGENT),
    }
}
