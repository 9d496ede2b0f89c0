//! Checks what a client signs to prove itself: an assertion (RFC 7523 §3), or a client secret that is a JWT, as at Apple.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::Value;

use super::core::{Core, lock};

/// The longest that an assertion may be good.
const LONGEST: TimeDelta = TimeDelta::minutes(5);

/// What a client's signature must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// `ES256`, `RS256` or `PS256`; nothing else is believed.
    pub algorithm: &'static str,
    /// The public key: the point, uncompressed, or the RSA key of RFC 8017 A.1.1.
    pub public: Vec<u8>,
    /// Whom the key belongs to (`iss`), where that is not the client itself.
    pub issuer: Option<String>,
}

/// Whether `token` proves `client_id` now. With `once`, it has an id (`jti`) and is believed the first time only.
pub(super) fn is_good(core: &Core, key: &ClientKey, (client_id, token): (&str, &str), once: bool) -> bool {
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
    let algorithm: &'static dyn VerificationAlgorithm = match key.algorithm {
        "ES256" => &ECDSA_P256_SHA256_FIXED,
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        _ => return None,
    };
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    UnparsedPublicKey::new(algorithm, &key.public).verify(message.as_bytes(), &signature).ok()?;
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    (read(header)?.get("alg")? == key.algorithm).then(|| read(claims)).flatten()
}
