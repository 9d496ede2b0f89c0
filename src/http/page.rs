//! Our pages: what every one of them carries, and the plain ones that tell what went wrong.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;
use secrecy::ExposeSecret as _;
use url::Url;

use crate::http::failure::{report, retry_after};
use crate::http::words::Words;
use domain::Error;
use domain::entropy::SystemEntropy;

/// A page that says one thing.
#[derive(Template)]
#[template(path = "notice.html", config = ".config/askama.toml")]
struct Notice<'a> {
    words: &'a Words,
    heading: &'a str,
    text: &'a str,
    /// The text's own language: what names a wrong field is English for everybody.
    text_lang: &'a str,
    nonce: &'a str,
}

/// A nonce for a page's own style, and its script if it has one.
pub(super) fn nonce() -> String {
    SystemEntropy::shared().token().expose_secret().to_owned()
}

/// What every page and every redirect of a bind carries besides: codes travel in these addresses.
pub(super) fn private(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response.insert_header((REFERRER_POLICY, "no-referrer"));
    response
}

/// A page. `leads_to`: the one place off this site where its form may end, redirects included; Chromium drops the
/// redirect silently if the policy doesn't name it.
pub(super) fn page(status: StatusCode, template: &impl Template, nonce: &str, leads_to: Option<&str>) -> HttpResponse {
    respond(status, template, &format!("style-src 'nonce-{nonce}'; {}", form_action(leads_to)))
}

/// As [`page`], for a form that has a script of its own, under the same nonce.
pub(super) fn scripted(template: &impl Template, nonce: &str, leads_to: Option<&str>) -> HttpResponse {
    let policy = format!("style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; {}", form_action(leads_to));
    respond(StatusCode::OK, template, &policy)
}

/// A page that does what its own script says, and has no form.
pub(super) fn active(status: StatusCode, template: &impl Template, nonce: &str) -> HttpResponse {
    let policy = format!("style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; form-action 'none'");
    respond(status, template, &policy)
}

fn form_action(leads_to: Option<&str>) -> String {
    match leads_to.and_then(source) {
        Some(source) => format!("form-action 'self' {source}"),
        None => "form-action 'none'".to_owned(),
    }
}

fn respond(status: StatusCode, template: &impl Template, allowed: &str) -> HttpResponse {
    let Ok(html) = template.render() else {
        return private(HttpResponse::InternalServerError()).finish();
    };
    let policy = format!("default-src 'none'; {allowed}; base-uri 'none'; frame-ancestors 'none'");
    private(HttpResponse::build(status))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .content_type("text/html; charset=utf-8")
        .body(html)
}

/// An address as a policy names it: its origin, or its scheme where it has none.
fn source(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    Some(if url.origin().is_tuple() { url.origin().ascii_serialization() } else { format!("{}:", url.scheme()) })
}

fn notice(words: &Words, status: StatusCode, heading: &str, text: &str) -> HttpResponse {
    notice_in(words, status, heading, text, words.lang)
}

fn notice_in(words: &Words, status: StatusCode, heading: &str, text: &str, text_lang: &str) -> HttpResponse {
    let nonce = nonce();
    page(status, &Notice { words, heading, text, text_lang, nonce: &nonce }, &nonce, None)
}

/// There is nothing here for this browser.
pub(super) fn gone(words: &Words) -> HttpResponse {
    notice(words, StatusCode::GONE, words.gone, words.gone_text)
}

/// The request makes no sense as it stands.
pub(super) fn bad_request(words: &Words, text: &str) -> HttpResponse {
    notice(words, StatusCode::BAD_REQUEST, words.bad_request, text)
}

/// The users of this installation have their accounts elsewhere.
pub(super) fn nobody_signs_in(words: &Words) -> HttpResponse {
    notice(words, StatusCode::NOT_FOUND, words.nobody_signs_in, words.nobody_signs_in_text)
}

/// No code can be sent by this installation.
pub(super) fn no_codes(words: &Words) -> HttpResponse {
    notice(words, StatusCode::NOT_FOUND, words.no_codes, words.no_codes_text)
}

/// What a failure looks like to a person.
pub(super) fn failure(words: &Words, error: &Error) -> HttpResponse {
    match error {
        Error::Input { .. } => notice_in(words, StatusCode::BAD_REQUEST, words.bad_request, &error.to_string(), "en"),
        Error::BodyTooLarge { .. } => {
            notice(words, StatusCode::PAYLOAD_TOO_LARGE, words.too_large, words.too_large_text)
        }
        Error::BodyTooSlow => notice(words, StatusCode::REQUEST_TIMEOUT, words.too_slow, words.too_slow_text),
        Error::NotJson => notice(words, StatusCode::UNSUPPORTED_MEDIA_TYPE, words.bad_request, words.not_a_form),
        Error::TooManyAttempts { .. } => {
            let seconds = retry_after(error).unwrap_or(1);
            let text = (words.too_many_text)(seconds.div_ceil(60));
            let mut response = notice(words, StatusCode::TOO_MANY_REQUESTS, words.too_many, &text);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            response
        }
        Error::StorageUnavailable(_) | Error::ProviderUnavailable { .. } => {
            let text = (words.unavailable_text)(&report(error).to_string());
            let mut response = notice(words, StatusCode::SERVICE_UNAVAILABLE, words.unavailable, &text);
            let seconds = retry_after(error).unwrap_or(1);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            response
        }
        _ => {
            let text = (words.internal_text)(&report(error).to_string());
            notice(words, StatusCode::INTERNAL_SERVER_ERROR, words.internal, &text)
        }
    }
}
