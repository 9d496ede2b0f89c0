//! Whether a provider still takes an access token, by what its userinfo (RFC 6750 §3.1) or its introspection (RFC 7662 §2.2)
//! answers. Pure. Only a word about the token itself is one against it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::client::Answer;
use super::members::{self, Read, Shape};
use super::outcome::{passing, retry_after, states_error};
use super::passing::Passing;
use domain::dead_error::{DeadError, Said, dead_access};

/// How an access token stands with its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is taken.
    Good,
    /// It is not taken any more.
    Refused,
    /// Asking again may help.
    TryLater(Passing),
    /// There is nobody to ask: the provider has neither userinfo nor introspection.
    Untold,
}

/// What userinfo's answer at `now` says of the token that it was asked with; `dead` is how else the provider says that it is dead.
pub(crate) fn by_userinfo(answer: &Answer, dead: &[DeadError], now: DateTime<Utc>) -> Standing {
    let Read { members, shape, .. } = members::read(&answer.body);
    let members = Value::Object(members);
    let said = if shape == Shape::Empty { Said::Nothing } else { Said::Members(&members) };
    if dead_access(answer.status, said, dead) {
        return Standing::Refused;
    }
    let Value::Object(members) = members else { return failed(answer, None, now) };
    let code = error_code(&members);
    match (answer.status, code) {
        // A word about us, about the request, or about what the token was granted.
        (401, Some("invalid_client" | "unauthorized_client" | "invalid_request" | "insufficient_scope")) => {
            failed(answer, code, now)
        }
        // §3.1; some say it in a 200, a 400 or a 403.
        (401, _) | (200..500, Some("invalid_token")) => Standing::Refused,
        (200..300, _)
            if !states_error(&members)
                && !has_error_code(&members)
                && !has_errors(&members)
                && members.get("ok") != Some(&Value::Bool(false)) =>
        {
            Standing::Good
        }
        (200..300, _) => {
            Standing::TryLater(Passing::definite("userinfo answers an error that is no word about the token"))
        }
        _ => failed(answer, code, now),
    }
}

/// What introspection's answer at `now` says of the token that it was asked about.
pub(crate) fn by_introspection(answer: &Answer, now: DateTime<Utc>) -> Standing {
    let members = members::read(&answer.body).members;
    match (answer.status, members.get("active").and_then(Value::as_bool)) {
        (200..300, Some(true)) => Standing::Good,
        (200..300, Some(false)) => Standing::Refused,
        (200..300, None) => {
            Standing::TryLater(Passing::definite("introspection does not say whether a token is active"))
        }
        _ => failed(answer, error_code(&members), now),
    }
}

/// Whether an answer has an error's number beside no `error`, as Odnoklassniki's have.
fn has_error_code(members: &Map<String, Value>) -> bool {
    match members.get("error_code") {
        Some(Value::Number(code)) => code.as_f64() != Some(0.0),
        Some(Value::String(code)) => !code.is_empty() && code != "0",
        _ => false,
    }
}

/// Whether a GraphQL answer says that something went wrong (GraphQL, October 2021, §7.1.2).
fn has_errors(members: &Map<String, Value>) -> bool {
    members.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty())
}

fn error_code(members: &Map<String, Value>) -> Option<&str> {
    members.get("error").and_then(Value::as_str)
}

fn failed(answer: &Answer, code: Option<&str>, now: DateTime<Utc>) -> Standing {
    Standing::TryLater(passing(answer.status, code, retry_after(&answer.headers, now)))
}
