//! What every answer carries, whoever makes it: a handler, the router, an error of either, or what reads requests below them.

use actix_web::http::header::{CACHE_CONTROL, HeaderName, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;

/// A year. This host alone: of its neighbours, and of lists in browsers, the operator decides.
const STRICT: &str = "max-age=31536000";

/// Tells everybody on the way to keep nothing and to read an answer as what it says it is; and browsers that come by https to
/// come by nothing else (RFC 6797).
fn careful(by_https: bool) -> impl Iterator<Item = (HeaderName, &'static str)> {
    let always = [(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    always.into_iter().chain(by_https.then_some((STRICT_TRANSPORT_SECURITY, STRICT)))
}

/// Adds them to each answer. One that says one of these itself has its own word.
pub(super) fn on_every_answer(by_https: bool) -> DefaultHeaders {
    careful(by_https).fold(DefaultHeaders::new(), DefaultHeaders::add)
}

/// The same as the lines of a head, each with its end.
pub(super) fn on_every_answer_as_text(by_https: bool) -> String {
    careful(by_https).flat_map(|(name, value)| [name.to_string(), format!(": {value}\r\n")]).collect()
}
