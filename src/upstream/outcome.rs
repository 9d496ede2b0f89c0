//! What a token endpoint's answer means: granted, refused for good, or to be asked again.
//!
//! Pure and lenient. Providers write `expires_in` as text, leave `token_type` out, answer form-encoded whatever the
//! content type says, and put errors into a 200; a strict parser would throw a rotated refresh token away.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oauth2::http::HeaderMap;
use oauth2::http::header::RETRY_AFTER;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::client::Answer;
use crate::domain::token::{Expiry, Grant};

/// What a token request came to.
#[derive(Debug)]
pub enum Outcome {
    /// Tokens. Whatever has an access token is a grant: it is stored first and judged after.
    Granted(TokenAnswer),
    /// The code or refresh token is dead; asking again is pointless.
    Refused(Refusal),
    /// Anything else: asking again may help.
    TryLater(Passing),
}

/// A grant, with what else stood in the answer.
pub struct TokenAnswer {
    /// The tokens and how long they live.
    pub grant: Grant,
    /// The OpenID Connect `id_token`, not verified yet.
    pub id_token: Option<SecretString>,
    /// The other members: some providers put the user's id here.
    pub(crate) rest: Map<String, Value>,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer").field("grant", &self.grant).finish_non_exhaustive()
    }
}

/// A final refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// RFC 6749 §5.2's code, or the entry of the provider's `dead_errors` that matched, such as `status:400`.
    pub error: String,
}

/// A failure that may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// When the provider wants to be asked again; at most a day.
    pub retry_after: Option<Duration>,
    /// Whether a refresh token may have been spent by it.
    pub kind: PassingKind,
    /// Why, for the log: no secrets, no addresses, nothing the provider wrote but a registered error code.
    pub reason: &'static str,
}

impl Passing {
    pub(crate) fn definite(reason: &'static str) -> Self {
        Self { retry_after: None, kind: PassingKind::Definite, reason }
    }
}

/// What a passing failure says about the refresh token we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassingKind {
    /// The provider did not act on the request: the token is as good as before.
    Definite,
    /// It may have: the answer that carried the next token may be lost.
    Ambiguous,
}

/// The facts of a provider that judge its answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// How long a token lives where the answer doesn't say.
    pub(crate) lifetime: Option<Duration>,
    /// Error codes, or `status:NNN`, that are final beside `invalid_grant`.
    pub(crate) dead_errors: &'a [String],
}

/// Judges an answer to a request sent at `now`: counted from there, an expiry is never too late.
pub(crate) fn parse(answer: &Answer, rules: Rules<'_>, now: DateTime<Utc>) -> Outcome {
    let mut members = answer.body.as_deref().map(members).unwrap_or_default();
    let success = (200..300).contains(&answer.status);
    if success && let Some(granted) = granted(&mut members, rules, now) {
        return Outcome::Granted(granted);
    }
    let code = members.get("error").and_then(Value::as_str).filter(|code| !code.is_empty());
    if success && code.is_none() {
        return Outcome::TryLater(Passing {
            retry_after: None,
            kind: PassingKind::Ambiguous,
            reason: if answer.body.is_none() { "the answer was cut off" } else { "neither a grant nor an error" },
        });
    }
    // DESIGN 10.6: a 200 with `error` is judged as a 400 with that code.
    let status = if success { 400 } else { answer.status };
    if let Some(error) = final_error(status, code, answer.body.is_some() && !members.contains_key("error"), rules) {
        return Outcome::Refused(Refusal { error });
    }
    Outcome::TryLater(passing(status, code, retry_after(&answer.headers, now)))
}

/// Why the refusal is final, if it is.
fn final_error(status: u16, code: Option<&str>, states_no_error: bool, rules: Rules<'_>) -> Option<String> {
    let listed = |error: &str| rules.dead_errors.iter().any(|dead| dead == error);
    match code {
        // A provider that is down or flooded says anything, `invalid_grant` too; only a 4xx is its word.
        Some(code) if (400..500).contains(&status) && status != 429 => {
            (code == "invalid_grant" || listed(code)).then(|| code.to_owned())
        }
        Some(_) => None,
        None => Some(format!("status:{status}")).filter(|error| states_no_error && listed(error)),
    }
}

/// Reads a Retry-After of RFC 9110 §10.2.3: seconds, or a date; at most a day, so that a broken one parks nothing.
pub(super) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_not_seconds) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now).to_std().unwrap_or_default(),
    };
    Some(wait.min(Duration::from_hours(24)))
}

pub(super) fn passing(status: u16, code: Option<&str>, retry_after: Option<Duration>) -> Passing {
    let kind = match status {
        300..500 | 503 => PassingKind::Definite,
        _ => PassingKind::Ambiguous,
    };
    let reason = match (status, code.and_then(registered)) {
        (_, Some(code)) => code,
        (300..400, _) => "a redirect, which is not followed",
        (429, _) => "too many requests",
        (400..500, _) => "an error without a registered code",
        (503, _) => "out of service",
        _ => "a server error",
    };
    Passing { retry_after, kind, reason }
}

/// The error codes worth a word in the log: RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core §3.1.2.6.
fn registered(code: &str) -> Option<&'static str> {
    const CODES: [&str; 13] = [
        "access_denied",
        "consent_required",
        "interaction_required",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    ];
    CODES.into_iter().find(|known| *known == code)
}

/// The members of a body: a JSON object, or failing that a form, whatever the content type says.
pub(super) fn members(body: &[u8]) -> Map<String, Value> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{FEFF}').trim();
    if let Some(Ok(Value::Object(members))) = serde_json::Deserializer::from_str(text).into_iter().next() {
        return members;
    }
    // A page or broken JSON is no form, though something in it may look like one.
    if text.starts_with(['<', '{', '[', '"']) {
        return Map::new();
    }
    url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

fn granted(members: &mut Map<String, Value>, rules: Rules<'_>, now: DateTime<Utc>) -> Option<TokenAnswer> {
    let access_token = take_token(members, "access_token")?;
    let refresh_token = take_token(members, "refresh_token");
    let id_token = take_token(members, "id_token");
    let scope = members.get("scope").and_then(scope);
    let expires = match (members.get("expires_in").and_then(seconds), rules.lifetime) {
        (Some(seconds), _) if seconds > 0 => Expiry::after(now, seconds),
        (_, Some(lifetime)) => Expiry::after(now, i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)),
        (_, None) => Expiry::Unknown,
    };
    Some(TokenAnswer {
        grant: Grant { access_token, refresh_token, scope, expires },
        id_token,
        rest: std::mem::take(members),
    })
}

/// Takes a token out. One with U+FFFD was not UTF-8: what we read is not what the provider meant.
fn take_token(members: &mut Map<String, Value>, name: &str) -> Option<SecretString> {
    match members.remove(name)? {
        Value::String(token) if !token.is_empty() && !token.contains('\u{FFFD}') => Some(token.into()),
        _ => None,
    }
}

fn scope(value: &Value) -> Option<String> {
    let scope = match value {
        Value::String(scope) => scope.clone(),
        Value::Array(scopes) => scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    Some(scope).filter(|scope| !scope.is_empty())
}

/// A number of seconds, as a number or as text; fractions are cut off.
fn seconds(value: &Value) -> Option<i64> {
    let float = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        _ => return None,
    };
    // Written out, a float has no exponent; more digits than an i64 holds say nothing useful.
    float.trunc().to_string().parse().ok()
}
