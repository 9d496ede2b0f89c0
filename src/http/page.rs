//! Our pages: what every one of them carries, and the plain ones that tell what went wrong.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;
use secrecy::ExposeSecret as _;
use url::Url;

use crate::domain::Error;
use crate::entropy::SystemEntropy;
use crate::http::blitz::error::{report, retry_after};

/// A page that says one thing.
#[derive(Template)]
#[template(path = "notice.html", config = ".config/askama.toml")]
struct Notice<'a> {
    heading: &'a str,
    text: &'a str,
    nonce: &'a str,
}

/// A nonce for a page's own style.
pub(super) fn nonce() -> String {
    SystemEntropy::shared().token().expose_secret().to_owned()
}

/// Headers that every page and every redirect of a bind carries: codes travel in these addresses.
pub(super) fn private(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((REFERRER_POLICY, "no-referrer"));
    response
}

/// A page. `leads_to`: the one place off this site where its form may end, redirects included; Chromium drops the
/// redirect silently if the policy doesn't name it.
pub(super) fn page(status: StatusCode, template: &impl Template, nonce: &str, leads_to: Option<&str>) -> HttpResponse {
    let Ok(html) = template.render() else {
        return private(HttpResponse::InternalServerError()).finish();
    };
    let form_action = match leads_to.and_then(source) {
        Some(source) => format!("'self' {source}"),
        None => "'none'".to_owned(),
    };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    );
    private(HttpResponse::build(status))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .content_type("text/html; charset=utf-8")
        .body(html)
}

/// An address as a policy names it: its origin, or its scheme where it has none.
fn source(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    Some(if url.origin().is_tuple() { url.origin().ascii_serialization() } else { format!("{}:", url.scheme()) })
}

fn notice(status: StatusCode, heading: &str, text: &str) -> HttpResponse {
    let nonce = nonce();
    page(status, &Notice { heading, text, nonce: &nonce }, &nonce, None)
}

/// There is nothing here for this browser.
pub(super) fn gone() -> HttpResponse {
    notice(
        StatusCode::GONE,
        "This link is no longer valid",
        "It has been used, has run out, or was opened in another browser. Go back to the application and start again.",
    )
}

/// The request makes no sense as it stands.
pub(super) fn bad_request(text: &str) -> HttpResponse {
    notice(StatusCode::BAD_REQUEST, "This request can't be understood", text)
}

/// What a failure looks like to a person.
pub(super) fn failure(error: &Error) -> HttpResponse {
    match error {
        Error::Input { .. } => bad_request(&error.to_string()),
        Error::BodyTooLarge { .. } => notice(StatusCode::PAYLOAD_TOO_LARGE, "That was too much", &error.to_string()),
        Error::NotJson => {
            notice(StatusCode::UNSUPPORTED_MEDIA_TYPE, "This request can't be understood", "The body must be a form.")
        }
        Error::StorageUnavailable(_) | Error::ProviderUnavailable { .. } => {
            let request_id = report(error);
            let text = format!("Nothing is lost. Try again in a moment. Request {request_id}.");
            let mut response = notice(StatusCode::SERVICE_UNAVAILABLE, "Not available right now", &text);
            let seconds = retry_after(error).unwrap_or(1);
            response.headers_mut().insert(actix_web::http::header::RETRY_AFTER, seconds.into());
            response
        }
        _ => {
            let text = format!("The fault is ours. If you report it, name request {}.", report(error));
            notice(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", &text)
        }
    }
}
