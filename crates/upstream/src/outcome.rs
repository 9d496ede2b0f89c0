//! What a token endpoint's answer means: granted, refused for good, or to be asked again.
//!
//! Pure and lenient. Providers write `expires_in` as text, leave `token_type` out, answer form-encoded whatever the
//! content type says, and put errors into a 200; a strict parser would throw a rotated refresh token away.
//!
//! # From the first byte of a 200 to the commit
//!
//! A provider that rotates has forgotten the old refresh token by the time it answers. So this is all that is dropped on the
//! way, and why none of it can be a token that is good for anything:
//!
//! 1. `client`: bytes that never come, by the network or the time limit, and those beyond a mebibyte: nobody has them, or they
//!    are no token endpoint's. What came before them goes on. A redirect is no 2xx.
//! 2. `body`: an answer in a coding that was not asked for and is neither gzip nor deflate: it can't be read here. It is
//!    named in the log, and the answer counts as lost. What a coding that breaks off has given goes on.
//! 3. `members`: bytes that are no text of their encoding, and escapes that are none: they become U+FFFD, and a token that has
//!    it is another than the one that was meant. A member whose end did not come, or behind which something else than the next
//!    one begins: its value is not all there. What follows such a place: it may be part of somebody's name. Earlier members of a
//!    name: the last is the one that counts (RFC 8259 §4 leaves it open, every parser in use does so). What stands deeper
//!    down, in a list, or in a page: it is no member of the answer.
//! 4. Here: an access token that is empty, no text, or fits into no header: nobody could use it. A refresh token that is empty
//!    or no text. A refresh token alone beside an error: it is the one that we sent. An access token alone of an answer that
//!    broke off, where tokens rotate: the next refresh token may have stood behind it, so the attempt has to stay on record as
//!    lost and be made again. Of a scope, what no scope has ([`domain::scope::told`]).
//! 5. `service::refresh::answer`: tokens that were granted for a link that somebody linked again meanwhile, who has newer ones;
//!    for a link that is gone, which are queued to be revoked; an access token, if another one that lives longer came in
//!    meanwhile; the scope, if the database refuses it. While the database is away, the answer is held.
//! 6. `service::bind`: tokens of an account that is not identified, which are queued to be revoked; `id_token` and the other
//!    members, once the account is known.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oauth2::http::HeaderMap;
use oauth2::http::header::RETRY_AFTER;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::body::Flaw;
use super::client::Answer;
use super::fields;
use super::lives;
use super::members::{self, Read, Shape, UNREADABLE};
use super::passing::{Passing, PassingKind};
use domain::bearer::fits_into_a_header;
use domain::dead_error::{DeadError, Said};
use domain::expiry::{Lives, Stated};
use domain::failure::{Verdict, judge};
use domain::scope::told;
use domain::token::Grant;

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
    /// What the access token calls itself (RFC 6749 §7.1).
    kind: Option<String>,
    /// The other members: some providers put the user's id here.
    pub(crate) rest: Map<String, Value>,
}

impl TokenAnswer {
    /// Whether whoever has the access token may use it (RFC 6750), as all do whom we give it: it is said so, or not said at all, as
    /// many providers do.
    pub fn is_bearer(&self) -> bool {
        // Slack says whose it is.
        let is_ours = |kind: &str| kind.is_empty() || kind.eq_ignore_ascii_case("bearer") || kind == "user";
        self.kind.as_deref().is_none_or(is_ours)
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer").field("grant", &self.grant).finish_non_exhaustive()
    }
}

/// A final refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `invalid_grant`, or the entry of the provider's `dead_errors` that matched, such as `status:400`.
    pub error: String,
}

/// The facts of a provider that judge its answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules<'a> {
    /// Whether each refresh token is good for one refresh.
    pub(crate) rotates: bool,
    /// What is final beside `invalid_grant`.
    pub(crate) dead_errors: &'a [DeadError],
    /// Where the user's tokens stand, as a dotted path, if not at the top.
    pub(crate) token_path: Option<&'a str>,
    /// What of it callers get beside a token.
    pub(crate) response_fields: &'a [String],
    /// Whether a refresh was asked for: what it answers of the user's tokens may stand at the top all the same.
    pub(crate) is_refresh: bool,
}

/// Judges an answer to a request sent at `now`: counted from there, an expiry is never too late.
pub(crate) fn parse(answer: &Answer, rules: Rules<'_>, now: DateTime<Utc>) -> Outcome {
    let Read { mut members, shape, is_whole } = members::read(&answer.body);
    let success = (200..300).contains(&answer.status);
    if success && let Some(granted) = granted(&mut members, is_whole, rules, now) {
        return Outcome::Granted(granted);
    }
    // docs/refresh.md: a 200 with `error` is judged as a 400 with that code.
    let status = if success { 400 } else { answer.status };
    let states_error = states_error(&members);
    let members = Value::Object(members);
    let said = match shape {
        Shape::Object => Said::Members(&members),
        Shape::Form if states_error => Said::Members(&members),
        Shape::Empty => Said::Nothing,
        Shape::Form | Shape::Part | Shape::Page => Said::Page,
    };
    let verdict = judge(status, said, rules.dead_errors);
    let is_error = match (&verdict, said) {
        _ if !success => true,
        (Verdict::Final(_), Said::Members(_)) => true,
        _ => states_error,
    };
    match verdict {
        _ if !is_error => Outcome::TryLater(Passing {
            kind: PassingKind::Ambiguous,
            ..Passing::definite(match answer.body.flaw() {
                None => "neither a grant nor an error",
                Some(Flaw::CutOff) => "the answer was cut off",
                Some(Flaw::Coding(_)) => "an answer in a content coding that was not asked for",
            })
        }),
        Verdict::Final(error) => Outcome::Refused(Refusal { error }),
        Verdict::Passing { whose, word } => {
            let code = members.get("error").and_then(Value::as_str);
            Outcome::TryLater(Passing { whose, word, ..passing(status, code, retry_after(&answer.headers, now)) })
        }
    }
}

/// Whether an answer says that it is an error. An empty one, or a 0, is how some say that it is none.
pub(super) fn states_error(members: &Map<String, Value>) -> bool {
    match members.get("error") {
        Some(Value::String(code)) => !code.is_empty(),
        Some(Value::Number(code)) => code.as_f64() != Some(0.0),
        Some(Value::Object(more)) => !more.is_empty(),
        Some(Value::Bool(is_error)) => *is_error,
        Some(Value::Null | Value::Array(_)) | None => false,
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
    Passing { retry_after, kind, ..Passing::definite(reason) }
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

/// What an answer grants, if it does. A refresh token may be all of it; not beside an error, which may tell again what we sent.
fn granted(
    members: &mut Map<String, Value>,
    is_whole: bool,
    rules: Rules<'_>,
    now: DateTime<Utc>,
) -> Option<TokenAnswer> {
    let says_error = states_error(members);
    let of_user = of_user(members, rules)?;
    let access_token = take_token(of_user, "access_token").filter(|token| fits_into_a_header(token.expose_secret()));
    let refresh_token = take_token(of_user, "refresh_token");
    let is_granted = match (&access_token, &refresh_token) {
        (Some(_), Some(_)) => true,
        // Where tokens rotate, the next refresh token may be what is missing: who asks again may get it, who stops asking can't.
        (Some(_), None) => is_whole || !rules.rotates,
        (None, Some(_)) => !says_error,
        (None, None) => false,
    };
    if !is_granted {
        return None;
    }
    let scope = of_user.get("scope").and_then(scope);
    let lives = lives::stated(of_user, now);
    let kind = of_user.get("token_type").and_then(Value::as_str).map(str::to_owned);
    let id_token = take_token(members, "id_token");
    let fields = fields::of(members, rules.response_fields);
    // What is said of an access token that can't be used is said of none.
    let lives = if access_token.is_some() { lives } else { Lives { access: Stated::Absent, ..lives } };
    Some(TokenAnswer {
        grant: Grant { access_token, refresh_token, scope, lives, fields },
        id_token,
        kind,
        rest: std::mem::take(members),
    })
}

/// Where the user's own tokens stand. Where that is a place of its own, what stands at the top of an answer to a code is
/// somebody else's, a bot's say, and never taken for the user's.
fn of_user<'m>(members: &'m mut Map<String, Value>, rules: Rules<'_>) -> Option<&'m mut Map<String, Value>> {
    let Some(path) = rules.token_path else { return Some(members) };
    let there = path.split('.').try_fold(&*members, |at, name| at.get(name)?.as_object());
    let has_tokens = there.is_some_and(|at| at.contains_key("access_token") || at.contains_key("refresh_token"));
    if !has_tokens {
        // The refresh token that was spent is the user's, and so is what it brought, unless it says otherwise.
        let is_a_bots = members.get("token_type").is_some_and(|kind| kind == "bot");
        return (rules.is_refresh && !is_a_bots).then_some(members);
    }
    path.split('.').try_fold(members, |at, name| at.get_mut(name)?.as_object_mut())
}

/// Takes a token out. Where a part of it can't be read, what we have is not what the provider meant.
fn take_token(members: &mut Map<String, Value>, name: &str) -> Option<SecretString> {
    match members.remove(name)? {
        Value::String(token) if !token.is_empty() && !token.contains(UNREADABLE) => Some(token.into()),
        _ => None,
    }
}

fn scope(value: &Value) -> Option<String> {
    let scope = match value {
        Value::String(scope) => scope.clone(),
        Value::Array(scopes) => scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    told(&scope)
}
