//! Cookies: read letter for letter, and written for this host alone.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieAge;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::COOKIE;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use service::places::{self, DeviceCookie};
use service::sessions;
use settings::Settings;

/// The cookies that a browser sent, by name. A name that is decoded, or trimmed of more than the blank of RFC 6265 §4.2.1,
/// could be one that the browser doesn't know for a `__Host-` cookie, and so one that another host of the domain has planted.
pub(super) fn sent(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let pairs = request.headers().get_all(COOKIE).flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim_matches(' ').split_once('='))
}

/// The same as npm's `cookie` reads them, which the Condo dialect's source reads them by: blanks of any kind around both are nothing,
/// and neither are quotation marks around a value. Not for a name that begins with `__Host-`.
pub(super) fn sent_loosely(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    sent(request).map(|(name, value)| {
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        (name.trim(), bare)
    })
}

/// The session cookie that the browser sent.
pub(super) fn session(app: &App, request: &HttpRequest) -> Option<SecretString> {
    let wanted = sessions::cookie_name(&app.parts.settings);
    sent(request).find(|(name, _)| *name == wanted).map(|(_, value)| value.into())
}

/// The cookie that the browser may be known by. What is not as we make it is none of ours.
pub(super) fn device(app: &App, request: &HttpRequest) -> Option<SecretString> {
    let wanted = places::cookie_name(&app.parts.settings);
    let (_, value) = sent(request).find(|(name, _)| *name == wanted)?;
    (value.len() == 43).then(|| value.into())
}

/// What a browser is known by, to keep.
pub(super) fn keep_device<'c>(settings: &Settings, device: &'c DeviceCookie) -> Cookie<'c> {
    keep(places::cookie_name(settings), device.value.expose_secret(), device.max_age, settings.is_secure())
}

/// A cookie to keep for so long.
pub(super) fn keep<'c>(name: &'c str, value: &'c str, max_age: Duration, secure: bool) -> Cookie<'c> {
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .secure(secure)
        // Lax: people come back to us from a provider's site, and from an application's.
        .same_site(SameSite::Lax)
        .max_age(CookieAge::try_from(max_age).unwrap_or(CookieAge::ZERO))
        .finish()
}

/// A cookie to forget.
pub(super) fn forget(name: &str, secure: bool) -> Cookie<'_> {
    let mut cookie = keep(name, "", Duration::ZERO, secure);
    cookie.make_removal();
    cookie
}
