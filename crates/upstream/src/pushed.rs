//! What an endpoint for pushed authorization requests answers (RFC 9126 §2.2, §2.3). Pure.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::client::Answer;
use super::members;
use super::outcome::{passing, retry_after};
use super::passing::Passing;

/// What pushing a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The provider knows the request by this `request_uri`, once and for a short time.
    Taken(String),
    /// It will not have such a request, or not from us.
    Refused,
    /// Asking again may help.
    TryLater(Passing),
}

/// Judges an answer that came at `now`.
pub(crate) fn parse(answer: &Answer, now: DateTime<Utc>) -> Pushed {
    let body = members::read(&answer.body).members;
    let text = |name| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (answer.status, text("request_uri")) {
        // §2.2 says 201; some say 200.
        (200..300, Some(request_uri)) => Pushed::Taken(request_uri.to_owned()),
        (200..300, None) => Pushed::TryLater(Passing::definite("a pushed request was answered without a request_uri")),
        // §2.3: too many, and what servers say of themselves.
        (408 | 425 | 429, _) => {
            Pushed::TryLater(passing(answer.status, text("error"), retry_after(&answer.headers, now)))
        }
        (400..500, _) => Pushed::Refused,
        _ => Pushed::TryLater(passing(answer.status, text("error"), retry_after(&answer.headers, now))),
    }
}
