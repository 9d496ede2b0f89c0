//! Makes access tokens that are JWTs (RFC 9068), as a company's identity server gives its applications for their APIs.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::json;

use super::core::Core;
use super::lock::lock;

/// Whose token it is, and for what.
#[derive(Debug, Clone, Copy)]
pub struct AccessJwt<'a> {
    /// The user.
    pub sub: &'a str,
    /// The application that got it.
    pub client_id: &'a str,
    /// The API that it was made for.
    pub audience: &'a str,
    /// What it opens there, with spaces between.
    pub scope: &'a str,
}

/// RFC 9068 §2. Its life is that of every access token here. Nothing is kept of it: whoever gets it reads it by the keys.
pub(super) fn make(core: &Core, wanted: AccessJwt<'_>) -> io::Result<SecretString> {
    let settings = core.script.settings();
    let issued = core.now();
    let lifetime = TimeDelta::from_std(core.next_lifetime(&settings)).map_err(io::Error::other)?;
    let claims = json!({
        "iss": core.issuer(&settings),
        "sub": wanted.sub,
        "aud": wanted.audience,
        "client_id": wanted.client_id,
        "scope": wanted.scope,
        "iat": issued.timestamp(),
        "exp": (issued + lifetime).timestamp(),
        "jti": core.secret(),
    });
    let mut keys = lock(&core.keys);
    let key = keys.signer(settings.signing)?;
    let header = json!({ "typ": "at+jwt", "alg": key.algorithm(), "kid": key.kid() });
    let part = |value: String| URL_SAFE_NO_PAD.encode(value);
    let message = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
    let signature = key.sign(message.as_bytes())?;
    Ok(format!("{message}.{signature}").into())
}
