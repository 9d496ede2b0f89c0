//! The checks of an `id_token` (OpenID Connect Core §3.1.3.7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, EmptyAdditionalClaims, IdToken, IdTokenVerifier,
    IssuerUrl, Nonce, SignatureVerificationError,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

/// How far a provider's clock may be off. Two minutes have been seen; the nonce and the one-time code bind the token
/// to this sign-in anyway.
const TOLERANCE: TimeDelta = TimeDelta::minutes(3);

/// Signatures that prove something. Never `none`; never HS*, whose key a public client does not have, and which a
/// careless verifier checks with the public key.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Token =
    IdToken<EmptyAdditionalClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Verifier<'a> = IdTokenVerifier<'a, CoreJsonWebKey>;

/// What the token has to agree with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// The issuer, compared exactly.
    pub(crate) issuer: &'a str,
    /// Our id at the provider.
    pub(crate) client_id: &'a str,
    /// The nonce we sent.
    pub(crate) nonce: &'a SecretString,
    /// The access token that came along.
    pub(crate) access_token: &'a SecretString,
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
pub(crate) fn verified(
    token: &SecretString,
    keys: &CoreJsonWebKeySet,
    expected: Expected<'_>,
) -> Result<Map<String, Value>, Flaw> {
    let text = token.expose_secret();
    let token: Token =
        text.parse().map_err(|_quotes_the_token: serde_json::Error| Flaw::Final("the id_token cannot be read"))?;
    let verifier = verifier(keys, expected)?;
    let nonce = Nonce::new(expected.nonce.expose_secret().to_owned());
    let claims = token.claims(&verifier, &nonce).map_err(|error| flaw(&error))?;

    if claims.subject().is_empty() {
        return Err(Flaw::Final("the id_token has no sub"));
    }
    // §3.1.3.7 (3)-(5): another audience is trusted only where the token says that it was issued to us.
    let to_us = claims.authorized_party().map(|azp| azp.as_str() == expected.client_id);
    if to_us == Some(false) || (claims.audiences().len() > 1 && to_us.is_none()) {
        return Err(Flaw::Final("the id_token was issued to another client"));
    }
    if let Some(stated) = claims.access_token_hash() {
        same_access_token(&token, &verifier, stated, expected.access_token)?;
    }
    payload(text).ok_or(Flaw::Final("the id_token cannot be read"))
}

fn verifier<'a>(keys: &CoreJsonWebKeySet, expected: Expected<'_>) -> Result<Verifier<'a>, Flaw> {
    let issuer = IssuerUrl::new(expected.issuer.to_owned())
        .map_err(|_not_a_url| Flaw::Final("the provider's issuer is no address"))?;
    let now = expected.now;
    Ok(Verifier::new_public_client(ClientId::new(expected.client_id.to_owned()), issuer, keys.clone())
        .set_allowed_algs(ALGORITHMS)
        .set_other_audience_verifier_fn(|_| true)
        .set_time_fn(move || now - TOLERANCE)
        .set_issue_time_verifier_fn(move |issued| {
            if issued > now + TOLERANCE { Err("issued in the future".to_owned()) } else { Ok(()) }
        }))
}

/// The crate's errors quote claims; ours name the check.
fn flaw(error: &ClaimsVerificationError) -> Flaw {
    use SignatureVerificationError as Signature;
    Flaw::Final(match error {
        ClaimsVerificationError::SignatureVerification(signature) => match signature {
            Signature::NoSignature => "the id_token is not signed",
            Signature::DisallowedAlg(_) | Signature::UnsupportedAlg(_) => "the id_token's algorithm is not accepted",
            Signature::AmbiguousKeyId(_) => "the id_token names no key, and several fit",
            _ => return Flaw::Key,
        },
        ClaimsVerificationError::Expired(_) => "the id_token is expired, or issued in the future",
        ClaimsVerificationError::InvalidAudience(_) => "the id_token is for another audience",
        ClaimsVerificationError::InvalidIssuer(_) => "the id_token is another issuer's",
        ClaimsVerificationError::InvalidNonce(_) => "the id_token has another nonce",
        _ => "the id_token is of an unknown kind",
    })
}

/// §3.1.3.6: `at_hash`, where there is one, binds the access token to the identity.
fn same_access_token(
    token: &Token,
    verifier: &Verifier<'_>,
    stated: &AccessTokenHash,
    access_token: &SecretString,
) -> Result<(), Flaw> {
    let hash = || {
        let key = token.signing_key(verifier).ok()?;
        let access_token = AccessToken::new(access_token.expose_secret().to_owned());
        AccessTokenHash::from_token(&access_token, token.signing_alg().ok()?, key).ok()
    };
    let same = hash().is_some_and(|hash| bool::from(hash.as_bytes().ct_eq(stated.as_bytes())));
    if same { Ok(()) } else { Err(Flaw::Final("the id_token belongs to another access token")) }
}

/// All claims of a token whose signature is known to be good, those we have no type for included.
fn payload(token: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}
