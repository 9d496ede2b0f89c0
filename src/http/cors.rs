//! Pages of other origins: which of them may call, and what their browsers are told (Fetch Standard §3.2).

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

use crate::app::App;

/// How long a browser may go by the answer to its question, in seconds.
const REMEMBERED: u32 = 600;

/// Whether the page that sends the request, if a browser names one, is ours or one of those that may call.
pub(super) fn is_welcome(app: &App, request: &HttpRequest) -> bool {
    let ours = app.parts.settings.public_url.origin().ascii_serialization();
    // Every one, should there be several: which of them a proxy went by is not ours to guess.
    request.headers().get_all(ORIGIN).all(|origin| origin == ours.as_str() || is_listed(app, origin))
}

fn is_listed(app: &App, origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| app.parts.settings.cors_origins.contains(origin))
}

fn listed<'r>(app: &App, request: &'r HttpRequest) -> Option<&'r HeaderValue> {
    request.headers().get(ORIGIN).filter(|origin| is_listed(app, origin))
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
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, x-request-id"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, REMEMBERED))
        .finish();
    admit(app, request, &mut response);
    Some(response)
}
