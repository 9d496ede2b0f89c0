//! When a JWT is good.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

/// How far a signer's clock may be ahead of ours. What it signs ends by ours.
pub(super) const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// A time (RFC 7519 §2), if the claim is there. A null is not left out: it is wrong.
pub fn moment(claims: &Map<String, Value>, claim: &str) -> Result<Option<DateTime<Utc>>, &'static str> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let whole = || DateTime::from_timestamp(value.as_i64()?, 0);
    let broken = || {
        let since = TimeDelta::from_std(Duration::try_from_secs_f64(value.as_f64()?).ok()?).ok()?;
        DateTime::UNIX_EPOCH.checked_add_signed(since)
    };
    whole().or_else(broken).map(Some).ok_or("a time in it is none")
}

/// When it ends, if it has begun and is not over.
pub fn lasts_until(claims: &Map<String, Value>, now: DateTime<Utc>) -> Result<DateTime<Utc>, &'static str> {
    let expires = moment(claims, "exp")?.ok_or("it has no exp")?;
    if expires <= now {
        return Err("it is expired");
    }
    for claim in ["nbf", "iat"] {
        if moment(claims, claim)?.is_some_and(|moment| moment > now + LEEWAY) {
            return Err("it is of the future");
        }
    }
    Ok(expires)
}
