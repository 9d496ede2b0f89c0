//! The checks of an `id_token` (OpenID Connect Core §3.1.3.7), and of a userinfo that is signed (§5.3.2). Exactly what is
//! judged is read: a claim that nobody uses refuses nobody, whatever it looks like.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::jwks::{Keys, Proof, left_half};
use super::jwt::Jwt;

/// How far a provider's clock may be off. Two minutes have been seen; the nonce and the one-time code bind the token
/// to this sign-in anyway.
const TOLERANCE: TimeDelta = TimeDelta::minutes(3);

/// Signatures that prove something. Never `none`; never HS*, whose key a public client does not have, and which a
/// careless verifier checks with the public key.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What the token has to agree with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// The issuer.
    pub(crate) issuer: Issuers<'a>,
    /// Our id at the provider.
    pub(crate) client_id: &'a str,
    /// The nonce we sent, if we did.
    pub(crate) nonce: Option<&'a SecretString>,
    /// The access token that came along, if one did that can be used.
    pub(crate) access_token: Option<&'a SecretString>,
    /// The time.
    pub(crate) now: DateTime<Utc>,
}

/// Whose a token may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Issuers<'a> {
    /// This issuer's, compared exactly.
    One(&'a str),
    /// One tenant's of many: what each calls itself, with `{tenantid}` for its id, and the ids of those that may; none: all may.
    Tenants(&'a str, &'a [String]),
}

/// What a signed userinfo has to agree with, where it says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpectedUserinfo<'a> {
    /// The issuer, compared exactly; a provider of plain OAuth 2.0 may have none.
    pub(crate) issuer: Option<&'a str>,
    /// Our id at the provider.
    pub(crate) client_id: &'a str,
    /// The time.
    pub(crate) now: DateTime<Utc>,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The key is unknown or does not fit: the provider may have new ones.
    Key,
    /// Anything else: final.
    Final(&'static str),
}

/// The claims of a token that passes every check.
pub(crate) fn verified(token: &SecretString, keys: &Keys, expected: Expected<'_>) -> Result<Map<String, Value>, Flaw> {
    let jwt = Jwt::parse(token.expose_secret()).ok_or(Flaw::Final("the id_token cannot be read"))?;
    // An access token of the provider's, for one, is no id_token (RFC 8725 §3.11).
    if !is_plain(&jwt) {
        return Err(Flaw::Final("the id_token is of an unknown kind"));
    }
    let issuer = expected.issuer.issuer_of(&jwt).map_err(Flaw::Final)?;
    // A key that is kept to an issuer, as those of many tenants may be, has signed for no other.
    let is_kept_to = |kept: &str| match expected.issuer {
        Issuers::One(_) => true,
        Issuers::Tenants(template, _) => kept == template || kept == issuer,
    };
    let algorithm = proven(&jwt, keys, is_kept_to)?;
    judge(&jwt, expected).map_err(Flaw::Final)?;
    // Where there is none, there is nothing that another could have been put in the place of.
    if let Some(access_token) = expected.access_token {
        same_access_token(&jwt, algorithm, access_token).map_err(Flaw::Final)?;
    }
    Ok(jwt.into_claims())
}

/// What a signed userinfo says, if the provider has signed it, and for us.
pub(crate) fn verified_userinfo(
    token: &str,
    keys: &Keys,
    expected: ExpectedUserinfo<'_>,
) -> Result<Map<String, Value>, Flaw> {
    // One that is encrypted has five parts, and cannot be read either.
    let jwt = Jwt::parse(token).ok_or(Flaw::Final("the signed userinfo cannot be read"))?;
    proven(&jwt, keys, |_kept| true)?;
    if jwt.has("iss") && (expected.issuer.is_none() || jwt.text("iss") != expected.issuer) {
        return Err(Flaw::Final("the signed userinfo is another issuer's"));
    }
    if jwt.has("aud") && !jwt.audiences().is_some_and(|audiences| audiences.contains(&expected.client_id)) {
        return Err(Flaw::Final("the signed userinfo is for another audience"));
    }
    if !is_in_time(&jwt, expected.now) {
        return Err(Flaw::Final("the signed userinfo is expired"));
    }
    Ok(jwt.into_claims())
}

impl Issuers<'_> {
    /// The token's issuer, if it is one of these.
    fn issuer_of(self, jwt: &Jwt<'_>) -> Result<String, &'static str> {
        let expected = match self {
            Self::One(issuer) => issuer.to_owned(),
            Self::Tenants(template, allowed) => {
                let tenant = jwt.text("tid").filter(|tid| is_tenant(tid)).ok_or("the id_token is of no tenant")?;
                if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed == tenant) {
                    return Err("the id_token is of a tenant that may not link");
                }
                template.replace("{tenantid}", tenant)
            }
        };
        if jwt.text("iss") == Some(&expected) { Ok(expected) } else { Err("the id_token is another issuer's") }
    }
}

/// Whether this is a tenant's id, as it is written and no other way: the account's id has it.
fn is_tenant(tid: &str) -> bool {
    tid.len() == 36 && tid.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether it calls itself no more than a JWT of claims (RFC 8725 §3.11).
pub(crate) fn is_plain(jwt: &Jwt<'_>) -> bool {
    let kind = jwt.kind();
    kind.is_ok_and(|kind| kind.as_deref().is_none_or(|kind| matches!(kind, "jwt" | "jose"))) && !jwt.is_nested()
}

/// Whether what may say when it ends has not ended.
pub(crate) fn is_in_time(jwt: &Jwt<'_>, now: DateTime<Utc>) -> bool {
    jwt.moment("exp").is_ok_and(|expires| expires.is_none_or(|expires| expires > now - TOLERANCE))
}

/// What it is signed by, if that is a key of the provider's.
fn proven(jwt: &Jwt<'_>, keys: &Keys, may_sign: impl Fn(&str) -> bool) -> Result<Algorithm, Flaw> {
    let signed = jwt.signed(&ALGORITHMS).map_err(Flaw::Final)?;
    match keys.prove_by(&signed, may_sign) {
        Proof::Good => Ok(signed.algorithm),
        Proof::None => Err(Flaw::Key),
        Proof::Ambiguous => Err(Flaw::Final("it names no key, and several fit")),
    }
}

fn judge(jwt: &Jwt<'_>, expected: Expected<'_>) -> Result<(), &'static str> {
    let audiences = jwt.audiences().unwrap_or_default();
    if !audiences.contains(&expected.client_id) {
        return Err("the id_token is for another audience");
    }
    // §3.1.3.7 (3)-(5): another audience is trusted only where the token says that it was issued to us.
    let to_us = jwt.stated("azp").map(|azp| azp.as_str() == Some(expected.client_id));
    if to_us == Some(false) || (audiences.len() > 1 && to_us.is_none()) {
        return Err("the id_token was issued to another client");
    }
    if jwt.text("sub").is_none_or(str::is_empty) {
        return Err("the id_token has no sub");
    }
    if jwt.moment("exp")?.is_none_or(|expires| expires <= expected.now - TOLERANCE) {
        return Err("the id_token is expired");
    }
    if jwt.moment("iat")?.is_none_or(|issued| issued > expected.now + TOLERANCE) {
        return Err("the id_token was issued in the future, or says not when");
    }
    let nonce = jwt.text("nonce").unwrap_or_default();
    let is_ours = match expected.nonce {
        Some(sent) => bool::from(nonce.as_bytes().ct_eq(sent.expose_secret().as_bytes())),
        // One that repeats a nonce answers a request that isn't ours.
        None => !jwt.has("nonce"),
    };
    if is_ours { Ok(()) } else { Err("the id_token has another nonce") }
}

/// §3.1.3.6: `at_hash`, where there is one, binds the access token to the identity.
fn same_access_token(jwt: &Jwt<'_>, algorithm: Algorithm, access_token: &SecretString) -> Result<(), &'static str> {
    let Some(stated) = jwt.stated("at_hash") else { return Ok(()) };
    let hash = left_half(algorithm, access_token.expose_secret());
    let same = stated.as_str().zip(hash).map(|(stated, hash)| hash.as_bytes().ct_eq(stated.as_bytes()));
    if same.is_some_and(bool::from) { Ok(()) } else { Err("the id_token belongs to another access token") }
}
