//! What proves a client by a JWT: its own assertion (RFC 7523 §3, as its successor has it), or what its platform gives the program.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::rule::Rule;
use super::time::{LEEWAY, lasts_until, moment};

/// How long an assertion is good from when it was made, whatever a later end it names.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(5);
/// How long it has to be remembered that an assertion was used: as long as one can be good.
pub const REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(5 + 1);
/// The longest that a workload's token may have to live.
const MOST_LIFE: TimeDelta = TimeDelta::hours(24);
/// The longest id, in bytes.
const MOST_ID: usize = 255;

/// The id of an assertion by which `client` proves itself to us, whom it may call by one of these names; the signature is looked at
/// elsewhere. `typ` is the header's, in small letters.
pub fn assertion<'c>(
    claims: &'c Map<String, Value>,
    typ: Option<&str>,
    client: &str,
    audiences: &[String],
    now: DateTime<Utc>,
) -> Result<&'c str, &'static str> {
    if !matches!(typ, None | Some("jwt" | "client-authentication+jwt")) {
        return Err("its typ is not that of an assertion");
    }
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    if text("iss") != Some(client) || text("sub") != Some(client) {
        return Err("it does not name the client as its iss and its sub");
    }
    // One text: a list could name another server, which would then have a good assertion.
    if !text("aud").is_some_and(|audience| audiences.iter().any(|ours| ours == audience)) {
        return Err("its aud is not our issuer alone");
    }
    lasts_until(claims, now)?;
    let made = moment(claims, "iat")?.ok_or("it has no iat")?;
    if made + GOOD_FOR <= now {
        return Err("it was made more than five minutes ago");
    }
    text("jti").filter(|id| (1..=MOST_ID).contains(&id.len())).ok_or("its jti is no id")
}

/// What a workload's token has to say.
#[derive(Clone, Copy, Debug)]
pub struct Vouched<'a> {
    /// Who vouches.
    pub issuer: &'a str,
    /// For whom.
    pub subject: &'a str,
    /// To whom, and to nobody beside.
    pub audience: &'a str,
    /// What else.
    pub require: &'a Rule,
}

/// Until when a workload's token proves it; the signature is looked at elsewhere.
pub fn workload(
    claims: &Map<String, Value>,
    vouched: Vouched<'_>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, &'static str> {
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    if text("iss") != Some(vouched.issuer) || text("sub") != Some(vouched.subject) {
        return Err("it is another workload's");
    }
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(list)) => match list.as_slice() {
            [one] => one.as_str(),
            _ => None,
        },
        _ => None,
    };
    if audience != Some(vouched.audience) {
        return Err("it is for another audience, or for several");
    }
    if claims.contains_key("cnf") {
        return Err("it is bound to a key");
    }
    let expires = lasts_until(claims, now)?;
    moment(claims, "iat")?.ok_or("it has no iat")?;
    if expires > now + MOST_LIFE + LEEWAY {
        return Err("it lives longer than a day");
    }
    if !vouched.require.is_empty() && !vouched.require.fits(claims) {
        return Err("it does not say what is required of it");
    }
    Ok(expires)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Condition;
    use serde_json::json;

    const NOW: i64 = 1_790_000_000;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(NOW, 0).unwrap()
    }

    fn with(claims: &Value, name: &str, value: Value) -> Value {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        if !value.is_null() {
            claims.as_object_mut().unwrap().insert(name.to_owned(), value);
        }
        claims
    }

    #[test]
    fn an_assertion_is_the_clients_for_us_and_young() {
        let good =
            json!({"iss": "orders", "sub": "orders", "aud": "https://us", "iat": NOW, "exp": NOW + 60, "jti": "1"});
        let read = |claims: &Value, typ| {
            let audiences = ["https://us".to_owned()];
            assertion(claims.as_object().unwrap(), typ, "orders", &audiences, now()).map(str::to_owned)
        };
        for typ in [None, Some("jwt"), Some("client-authentication+jwt")] {
            assert_eq!(read(&good, typ), Ok("1".to_owned()));
        }
        for typ in ["at+jwt", "logout+jwt", "dpop+jwt", ""] {
            assert!(read(&good, Some(typ)).is_err(), "{typ}");
        }
        for (claim, value) in [
            ("iss", json!("rival")),
            ("iss", Value::Null),
            ("sub", json!("rival")),
            ("sub", Value::Null),
            ("sub", json!(["orders"])),
            ("aud", json!(["https://us"])),
            ("aud", json!("https://us/")),
            ("aud", json!("https://us/oauth/te")),
            ("aud", Value::Null),
            ("exp", json!(NOW)),
            ("exp", Value::Null),
            ("iat", Value::Null),
            ("iat", json!(NOW - 300)),
            ("iat", json!(NOW + 61)),
            ("nbf", json!(NOW + 61)),
            ("jti", Value::Null),
            ("jti", json!("")),
            ("jti", json!("x".repeat(256))),
            ("jti", json!(7)),
        ] {
            assert!(read(&with(&good, claim, value.clone()), None).is_err(), "{claim} {value}");
        }
        for (claim, value) in [
            ("exp", json!(NOW + 86_400)),
            ("iat", json!(NOW - 299)),
            ("iat", json!(NOW + 60)),
            ("nbf", json!(NOW - 1)),
            ("jti", json!("x".repeat(255))),
        ] {
            assert!(read(&with(&good, claim, value.clone()), None).is_ok(), "{claim} {value}");
        }
        let late = with(&with(&good, "iat", json!(NOW - 300)), "exp", json!(NOW + 86_400));
        assert!(read(&late, None).is_err(), "five minutes from iat, whatever exp says");
        assert!(REMEMBERED_FOR >= GOOD_FOR + LEEWAY, "it is not forgotten while it is good");
    }

    #[test]
    fn a_workload_is_the_one_that_is_named_and_no_other() {
        let require =
            Rule::any_of([vec![("kubernetes.io.serviceaccount.uid".to_owned(), Condition::Is("14ee3fa4".to_owned()))]]);
        let vouched =
            Vouched { issuer: "https://cluster", subject: "sa:orders:orders", audience: "us", require: &require };
        let good = json!({
            "iss": "https://cluster", "sub": "sa:orders:orders", "aud": ["us"], "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
            "kubernetes.io": {"namespace": "orders", "serviceaccount": {"name": "orders", "uid": "14ee3fa4"}},
        });
        let read = |claims: &Value| workload(claims.as_object().unwrap(), vouched, now());
        assert!(read(&good).is_ok());
        assert!(read(&with(&good, "aud", json!("us"))).is_ok());
        assert!(read(&with(&good, "exp", json!(NOW + 86_400))).is_ok());
        let reborn = json!({"namespace": "orders", "serviceaccount": {"name": "orders", "uid": "another"}});
        for (claim, value) in [
            ("iss", json!("https://cluster/")),
            ("sub", json!("sa:orders:orders2")),
            ("sub", json!("sa:orders")),
            ("sub", Value::Null),
            ("aud", json!(["us", "api"])),
            ("aud", json!([])),
            ("aud", json!("api")),
            ("aud", Value::Null),
            ("iat", Value::Null),
            ("exp", json!(NOW + 90_000)),
            ("exp", json!(NOW)),
            ("exp", Value::Null),
            ("cnf", json!({})),
            ("kubernetes.io", reborn),
            ("kubernetes.io", Value::Null),
        ] {
            assert!(read(&with(&good, claim, value.clone())).is_err(), "{claim} {value}");
        }
    }
}
