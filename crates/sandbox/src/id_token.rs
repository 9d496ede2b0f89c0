//! Makes `id_tokens`, right or wrong as the script says.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::core::Core;
use super::grants::Consent;
use super::lock::lock;
use super::options::SandboxUser;
use super::peculiar::{IdTokenForm, Settings};

/// How long an `id_token` is valid.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// The `id_token` for a consent; `None` if the script wants none.
pub(super) fn make(core: &Core, settings: &Settings, consent: &Consent, access: &str) -> io::Result<Option<String>> {
    if settings.id_token == IdTokenForm::Absent {
        return Ok(None);
    }
    sign(core, settings, settings.id_token, claims(core, settings, consent, access)).map(Some)
}

/// The claims of userinfo as a JWT (OpenID Connect Core §5.3.2).
pub(super) fn sign_userinfo(
    core: &Core,
    settings: &Settings,
    form: IdTokenForm,
    client_id: &str,
    told: Map<String, Value>,
) -> io::Result<String> {
    let mut claims = Map::new();
    if form != IdTokenForm::MissingIss {
        claims.insert("iss".to_owned(), core.issuer(settings).into());
    }
    if form != IdTokenForm::MissingAud {
        claims.insert("aud".to_owned(), client_id.into());
    }
    claims.extend(told);
    match form {
        IdTokenForm::WrongIss => drop(claims.insert("iss".to_owned(), core.address("/another").into())),
        IdTokenForm::WrongAud => drop(claims.insert("aud".to_owned(), "another-client".into())),
        _ => {}
    }
    sign(core, settings, form, claims)
}

/// The claims as a JWT, its header and its signature as wrong as the form says.
fn sign(core: &Core, settings: &Settings, form: IdTokenForm, claims: Map<String, Value>) -> io::Result<String> {
    let mut keys = lock(&core.keys);
    let key = keys.signer(settings.signing)?;
    let algorithm = match form {
        IdTokenForm::AlgNone => json!("none"),
        IdTokenForm::Hs256WithPublicKey => json!(Algorithm::HS256),
        _ => json!(key.algorithm()),
    };
    let header = match form {
        IdTokenForm::NoKid => json!({ "typ": "JWT", "alg": algorithm }),
        IdTokenForm::UnknownKid => json!({ "typ": "JWT", "alg": algorithm, "kid": "key-of-nobody" }),
        _ => json!({ "typ": "JWT", "alg": algorithm, "kid": key.kid() }),
    };
    let claims = Value::Object(claims);
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = match form {
        IdTokenForm::AlgNone => String::new(),
        IdTokenForm::Hs256WithPublicKey => {
            let public = EncodingKey::from_secret(key.jwk().to_string().as_bytes());
            jsonwebtoken::crypto::sign(message.as_bytes(), &public, Algorithm::HS256).map_err(io::Error::other)?
        }
        // The signature of something else is well-formed and wrong.
        IdTokenForm::BadSignature => key.sign(b"something else")?,
        _ => key.sign(message.as_bytes())?,
    };
    Ok(format!("{message}.{signature}"))
}

fn claims(core: &Core, settings: &Settings, consent: &Consent, access: &str) -> Map<String, Value> {
    let form = settings.id_token;
    let now = core.now();
    let (issued, expires) = match form {
        IdTokenForm::Expired => (now - TimeDelta::hours(1) - LIFETIME, now - TimeDelta::hours(1)),
        _ => (now, now + LIFETIME),
    };
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("iss", core.issuer(settings).into());
    put("sub", consent.sub.clone().into());
    put("aud", consent.client_id.clone().into());
    put("iat", issued.timestamp().into());
    put("exp", expires.timestamp().into());
    put("auth_time", consent.at.timestamp().into());
    put("at_hash", at_hash(access).into());
    if let Some(nonce) = &consent.nonce {
        put("nonce", nonce.clone().into());
    }
    match form {
        IdTokenForm::WrongIss => drop(put("iss", core.address("/another").into())),
        IdTokenForm::WrongAud => drop(put("aud", "another-client".into())),
        IdTokenForm::WrongNonce => drop(put("nonce", "another-nonce".into())),
        IdTokenForm::WrongAtHash => drop(put("at_hash", at_hash("another token").into())),
        _ => {}
    }
    if !settings.lean_id_token
        && let Some(user) = core.user(&consent.sub)
    {
        describe(user, &mut claims);
    }
    if let Some(tenant) = &settings.tenant {
        claims.insert("iss".to_owned(), core.address(&format!("/{tenant}/v2.0")).into());
        claims.insert("tid".to_owned(), tenant.clone().into());
    }
    claims.extend(settings.claims.clone());
    claims.extend(settings.id_token_claims.clone());
    let missing = match form {
        IdTokenForm::MissingIss => "iss",
        IdTokenForm::MissingSub => "sub",
        IdTokenForm::MissingAud => "aud",
        IdTokenForm::MissingIat => "iat",
        IdTokenForm::MissingExp => "exp",
        IdTokenForm::MissingNonce => "nonce",
        IdTokenForm::NoAtHash => "at_hash",
        _ => return claims,
    };
    claims.remove(missing);
    claims
}

/// Adds what is known of a user.
pub(super) fn describe(user: &SandboxUser, claims: &mut Map<String, Value>) {
    claims.insert("name".to_owned(), user.name.clone().into());
    claims.insert("email".to_owned(), user.email.clone().into());
    claims.insert("email_verified".to_owned(), user.email_verified.into());
    if let Some(phone) = &user.phone {
        claims.insert("phone_number".to_owned(), phone.clone().into());
        claims.insert("phone_number_verified".to_owned(), true.into());
    }
}

/// OpenID Connect Core §3.1.3.6: the left half of the hash.
fn at_hash(access: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(access).get(..16).unwrap_or_default())
}
