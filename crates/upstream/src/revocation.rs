//! What a revocation endpoint's answer means (RFC 7009 §2.2). Pure.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::client::Answer;
use super::members;
use super::outcome::{passing, retry_after};
use super::passing::Passing;

/// Which of a grant's tokens is to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
}

/// What a revocation request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationOutcome {
    /// The token is dead: by this, or since before.
    Revoked,
    /// The provider doesn't revoke tokens of this type.
    UnsupportedType,
    /// The provider refuses; asking again is pointless. Why, for the log: nothing the provider wrote.
    Refused(&'static str),
    /// Asking again may help.
    TryLater(Passing),
}

/// Judges an answer that came at `now`.
pub(crate) fn parse(answer: &Answer, now: DateTime<Utc>) -> RevocationOutcome {
    // RFC 7009 §2.2: the status says it all, and an unknown token is as good as revoked.
    if (200..300).contains(&answer.status) {
        return RevocationOutcome::Revoked;
    }
    let body = members::read(&answer.body).members;
    let code = body.get("error").and_then(Value::as_str);
    let failure = passing(answer.status, code, retry_after(&answer.headers, now));
    match (answer.status, code) {
        // A secret that is wrong for the moment, a queue, a flood: not about the token.
        (401 | 408 | 425 | 429, _) | (400..500, Some("invalid_client")) => RevocationOutcome::TryLater(failure),
        // RFC 7009 §2.2.1.
        (400..500, Some("unsupported_token_type")) => RevocationOutcome::UnsupportedType,
        // Against §2.2, some say so of a token that is unknown or has expired.
        (400..500, Some("invalid_token")) => RevocationOutcome::Revoked,
        (400..500, _) => RevocationOutcome::Refused(failure.reason),
        _ => RevocationOutcome::TryLater(failure),
    }
}
