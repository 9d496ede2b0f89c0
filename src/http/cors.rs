//! Pages of other origins: which of them may call, and what their browsers are told (Fetch Standard §3.2).

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    AsHeaderName, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

use crate::app::App;
use domain::origin::{self, Page, Site};

/// How long a browser may go by the answer to its question, in seconds.
const REMEMBERED: u32 = 600;

/// Headers of clients that no form sends: their presence says enough.
const OWN_HEADERS: [&str; 2] = ["apollo-require-preflight", "x-apollo-operation-name"];

/// Whether the call counts, which may bring the session's cookie.
pub(super) fn is_welcome(app: &App, request: &HttpRequest, brings_cookie: bool) -> bool {
    origin::is_welcome(brings_cookie, page(app, request), site(request))
}

/// Whether a GET that brings the session's cookie is one that a program meant; `has_own` header may have been found already.
pub(super) fn is_meant(app: &App, request: &HttpRequest, has_own: bool) -> bool {
    let says = |name| request.headers().get(name).is_some_and(|value| !value.is_empty());
    origin::is_meant(has_own || OWN_HEADERS.into_iter().any(says), page(app, request), site(request))
}

fn page(app: &App, request: &HttpRequest) -> Page {
    let ours = app.parts.settings.public_url.origin().ascii_serialization();
    Page::of(texts(request, ORIGIN), |origin| origin == ours || is_listed(app, origin))
}

fn site(request: &HttpRequest) -> Site {
    Site::of(texts(request, "sec-fetch-site"))
}

/// Each value of a header; `None` where it is no text.
fn texts(request: &HttpRequest, name: impl AsHeaderName) -> impl Iterator<Item = Option<&str>> {
    request.headers().get_all(name).map(|value| value.to_str().ok())
}

fn is_listed(app: &App, origin: &str) -> bool {
    app.parts.settings.cors_origins.contains(origin)
}

fn listed<'r>(app: &App, request: &'r HttpRequest) -> Option<&'r HeaderValue> {
    let mut origins = request.headers().get_all(ORIGIN);
    // One alone: no browser names two, so an answer to both would be an answer to who knows whom.
    let origin = origins.next().filter(|_| origins.next().is_none())?;
    origin.to_str().is_ok_and(|text| is_listed(app, text)).then_some(origin)
}

/// Lets a page of a listed origin read the answer.
pub(super) fn admit(app: &App, request: &HttpRequest, response: &mut HttpResponse) {
    if app.parts.settings.cors_origins.is_empty() {
        return;
    }
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = listed(app, request) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// The answer to a browser that asks whether a page of a listed origin may post JSON; `None` if it asks nothing of the kind.
pub(super) fn preflight(app: &App, request: &HttpRequest) -> Option<HttpResponse> {
    let asks = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    listed(app, request).filter(|_| asks)?;
    let mut response = HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "POST"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, REMEMBERED))
        .finish();
    admit(app, request, &mut response);
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    // Whatever its client is built of: what a listed page says in a header is believed no more than what anybody says.
    let names = origin::header_names(texts(request, ACCESS_CONTROL_REQUEST_HEADERS).flatten()).join(", ");
    if let (false, Ok(names)) = (names.is_empty(), HeaderValue::try_from(names)) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    Some(response)
}
