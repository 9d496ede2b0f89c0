//! How a session of the dialect comes with a request, and goes with an answer: `Bearer`, or the cookie `keystone.sid`
//! (`docs/condo-contract.md` 2).

use std::fmt::Write as _;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::http::cookies;
use domain::{Error, Result};
use service::condo_sessions::{self, CondoSession, Ticket};
use settings::{SameSite, Settings};

/// The cookie's name.
const NAME: &str = "keystone.sid";
/// What `encodeURIComponent` leaves as it is (ECMA-262 §19.2.6.4).
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// How a request brought its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Borne {
    /// By the `Authorization` header, which no browser adds by itself.
    Bearer,
    /// By the cookie.
    Cookie,
}

/// The ticket that a request brings; a bearer token wins over the cookie, as in the source. Another scheme, or `bearer` in
/// small letters, is no bearer token there.
pub(crate) fn ticket(request: &HttpRequest) -> Option<(SecretString, Borne)> {
    let bearer = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        return Some((token.into(), Borne::Bearer));
    }
    let (_, value) = cookies::sent_loosely(request).find(|(name, _)| *name == NAME)?;
    let decoded = percent_decode_str(value).decode_utf8().ok()?;
    Some((decoded.strip_prefix("s:")?.into(), Borne::Cookie))
}

/// The session that a request brings, and how; none if it brings none that stands.
pub(crate) async fn find(app: &App, request: &HttpRequest) -> Result<Option<(CondoSession, Borne)>> {
    let Some((ticket, borne)) = ticket(request) else { return Ok(None) };
    Ok(condo_sessions::find(&app.parts, &ticket).await?.map(|session| (session, borne)))
}

/// The `Set-Cookie` that gives a browser this ticket.
pub(crate) fn set_cookie(settings: &Settings, ticket: &Ticket) -> Result<HeaderValue> {
    let value = format!("s:{}", ticket.value.expose_secret());
    let mut cookie = format!(
        "{NAME}={}; Path=/; Expires={}; HttpOnly",
        utf8_percent_encode(&value, COMPONENT),
        ticket.expires.format("%a, %d %b %Y %H:%M:%S GMT")
    );
    if settings.is_secure() {
        cookie.push_str("; Secure");
    }
    let same_site = match settings.session.as_ref().map_or(SameSite::Lax, |session| session.same_site) {
        SameSite::Lax => "Lax",
        SameSite::None => "None",
        SameSite::Strict => "Strict",
    };
    let _infallible = write!(cookie, "; SameSite={same_site}");
    let mut cookie = HeaderValue::try_from(cookie).map_err(Error::internal)?;
    cookie.set_sensitive(true);
    Ok(cookie)
}
