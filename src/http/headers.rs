//! What every answer carries, whoever makes it: a handler, the router, an error of either.

use actix_web::http::header::{CACHE_CONTROL, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;

/// A year. This host alone: of its neighbours, and of lists in browsers, the operator decides.
const STRICT: &str = "max-age=31536000";

/// Tells everybody on the way to keep nothing and to read an answer as what it says it is; and browsers that come by https to
/// come by nothing else (RFC 6797). An answer that says one of these itself has its own word.
pub(super) fn on_every_answer(by_https: bool) -> DefaultHeaders {
    let careful = DefaultHeaders::new().add((CACHE_CONTROL, "no-store")).add((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if by_https { careful.add((STRICT_TRANSPORT_SECURITY, STRICT)) } else { careful }
}
