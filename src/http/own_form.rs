//! Whether a form comes from a page of ours, in the browser that it was shown to: else another site could sign its visitors
//! in as somebody they are not.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::http::header::ORIGIN;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::http::cookies;
use domain::session::SESSION_LIFETIME;
use service::forms;

const NAME: &str = "fedlink-form";
/// `__Host-`: no other host of the domain can plant one whose value it knows.
const SECURE_NAME: &str = "__Host-fedlink-form";
/// How long a page with a form may stay open.
const KEPT_FOR: Duration = SESSION_LIFETIME;

/// What binds a form to a browser in which nobody is signed in yet.
pub(super) struct Binding(SecretString);

impl Binding {
    /// The browser's, or a new one.
    pub(super) fn of(app: &App, request: &HttpRequest) -> Self {
        sent(app, request).unwrap_or_else(|| Self(app.parts.entropy.token()))
    }

    /// The token that the form for `purpose` brings back.
    pub(super) fn token(&self, purpose: &str) -> SecretString {
        forms::token(&self.0, purpose)
    }

    /// The cookie that goes with the form. It is sent each time, so that the page that was opened last lives longest.
    pub(super) fn cookie(&self, app: &App) -> Cookie<'_> {
        cookies::keep(name(app), self.0.expose_secret(), KEPT_FOR, app.parts.settings.is_secure())
    }
}

fn name(app: &App) -> &'static str {
    if app.parts.settings.is_secure() { SECURE_NAME } else { NAME }
}

fn sent(app: &App, request: &HttpRequest) -> Option<Binding> {
    let (_, value) = cookies::sent(request).find(|(found, _)| *found == name(app))?;
    // As we made it: what is empty or short could be guessed.
    (value.len() == 43).then(|| Binding(value.into()))
}

/// Whether the form for `purpose`, which brought back `token`, is ours in a browser in which nobody is signed in yet.
pub(super) fn is_ours(app: &App, request: &HttpRequest, token: Option<&String>, purpose: &str) -> bool {
    let Some(binding) = sent(app, request) else { return false };
    is_from_here(app, request) && is_token(token, &binding.0, purpose)
}

/// Whether the form for `purpose`, which brought back `token`, is ours in the browser of this session.
pub(super) fn is_of_session(
    app: &App,
    request: &HttpRequest,
    token: Option<&String>,
    session: &SecretString,
    purpose: &str,
) -> bool {
    is_from_here(app, request) && is_token(token, session, purpose)
}

fn is_token(token: Option<&String>, secret: &SecretString, purpose: &str) -> bool {
    token.is_some_and(|token| forms::is_token(&token.as_str().into(), secret, purpose))
}

/// Whether nothing in the request says that another site sent it. The token alone decides where the browser says nothing:
/// `Origin: null` is what it says of pages that, like ours, send no referrer (Fetch, "append a request Origin header").
fn is_from_here(app: &App, request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let site = header("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let ours = app.parts.settings.public_url.origin().ascii_serialization();
    let origin = header(ORIGIN.as_str()).is_none_or(|origin| origin == "null" || origin == ours);
    site && origin
}
