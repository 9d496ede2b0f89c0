//! Checks what a client signs to prove itself: an assertion (RFC 7523 §3), or a client secret that is a JWT, as at Apple.

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::client_key::ClientKey;
use super::core::Core;
use super::lock::lock;

/// The longest that an assertion may be good.
const LONGEST: TimeDelta = TimeDelta::minutes(5);

/// Whether `token` proves `client_id` now. With `once`, it has an id (`jti`) and is believed the first time only.
pub(super) fn is_good(core: &Core, key: &ClientKey, client_id: &str, token: &str, once: bool) -> bool {
    let Some(claims) = verified(key, token) else { return false };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let now = core.now();
    let left = claims.get("exp").and_then(Value::as_i64).unwrap_or_default() - now.timestamp();
    let issuer = core.issuer(&core.script.settings());
    text("iss") == key.issuer.as_deref().unwrap_or(client_id)
        && text("sub") == client_id
        && [issuer, core.address("/token")].iter().any(|known| known == text("aud"))
        && (1..=LONGEST.num_seconds()).contains(&left)
        && (!once || (!text("jti").is_empty() && lock(&core.assertions).insert(text("jti").to_owned())))
}

fn verified(key: &ClientKey, token: &str) -> Option<Value> {
    let (algorithm, public) = match key.algorithm {
        "ES256" => (Algorithm::ES256, DecodingKey::from_ec_der(&key.public)),
        "RS256" => (Algorithm::RS256, DecodingKey::from_rsa_der(&key.public)),
        "PS256" => (Algorithm::PS256, DecodingKey::from_rsa_der(&key.public)),
        _ => return None,
    };
    let mut signature_alone = Validation::new(algorithm);
    // The library would look at the system's clock.
    signature_alone.validate_exp = false;
    signature_alone.validate_aud = false;
    signature_alone.required_spec_claims.clear();
    Some(jsonwebtoken::decode(token, &public, &signature_alone).ok()?.claims)
}
