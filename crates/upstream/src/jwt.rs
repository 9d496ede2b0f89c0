//! A JWT taken apart, its claims read as far as somebody judges them; and every check of an access token (RFC 9068) that needs
//! no key.

use base64::Engine as _;
use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::jwks::{BASE64URL, Signed};
use domain::jwt::{AccessClaims, TokenForm, lasts_until, moment};

/// What access tokens may be signed by.
pub(crate) const ACCESS_TOKENS: [Algorithm; 4] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// A token taken apart; nothing of it is believed yet.
pub(crate) struct Jwt<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    message: &'a str,
    /// In base64url, written anew: the library takes no bits behind the last byte.
    signature: String,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart; `None` if it isn't one.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let bytes = |part: &str| BASE64URL.decode(part).ok();
        Some(Self {
            header: serde_json::from_slice(&bytes(header)?).ok()?,
            claims: serde_json::from_slice(&bytes(claims)?).ok()?,
            signature: BASE64URL.encode(bytes(signature)?),
            message,
        })
    }

    /// Whose it claims to be.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// What it calls itself (RFC 7519 §5.1): a media type, in small letters and without the `application/` that may be left out.
    /// `None` if it says nothing, an error if that is no text.
    pub(crate) fn kind(&self) -> Result<Option<String>, &'static str> {
        let Some(typ) = self.header.get("typ").filter(|typ| !typ.is_null()) else { return Ok(None) };
        let typ = typ.as_str().ok_or("its typ is no text")?.to_ascii_lowercase();
        Ok(Some(typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)))
    }

    /// Whether its payload is said to be something else than claims (RFC 7519 §5.2), such as another JWT.
    pub(crate) fn is_nested(&self) -> bool {
        self.header.get("cty").is_some_and(|cty| !cty.is_null())
    }

    /// Its signature, if it is of a kind that is accepted.
    pub(crate) fn signed(&self, accepted: &[Algorithm]) -> Result<Signed<'_>, &'static str> {
        // RFC 7515 §4.1.11: what has to be understood, and isn't.
        if self.header.contains_key("crit") {
            return Err("it has a critical header");
        }
        // By its name (RFC 7518 §3.1), to the letter.
        let algorithm = self.header.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let algorithm = algorithm.filter(|algorithm| accepted.contains(algorithm));
        let key_id = match self.header.get("kid") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id.as_str()),
            Some(_) => return Err("its kid is no text"),
        };
        Ok(Signed {
            algorithm: algorithm.ok_or("its algorithm is not accepted")?,
            key_id,
            message: self.message.as_bytes(),
            signature: &self.signature,
        })
    }

    /// What it says, if it is an access token of this form at this time (RFC 9068 §4), for somebody that `is_for_us` knows; its
    /// issuer and its signature are looked at elsewhere.
    pub(crate) fn claims(
        &self,
        form: &TokenForm,
        is_for_us: impl Fn(&str) -> bool,
        now: DateTime<Utc>,
    ) -> Result<AccessClaims, &'static str> {
        // Any other JWT of the issuer's, an id_token above all, is no access token.
        if !form.is_kind(self.kind()?.as_deref()) {
            return Err("its typ is not that of an access token");
        }
        let expires = lasts_until(&self.claims, now)?;
        let claims = form.read(&self.claims, expires)?;
        if !claims.audiences.iter().any(|audience| is_for_us(audience)) {
            return Err("it is for another audience");
        }
        Ok(claims)
    }

    /// Whom it names as its audience, as the form has it; nothing of it is believed.
    pub(crate) fn claimed_audiences(&self, form: &TokenForm) -> Vec<String> {
        form.audiences(&self.claims)
    }

    /// All that it says.
    pub(crate) fn into_claims(self) -> Map<String, Value> {
        self.claims
    }

    /// A claim, if it says anything; a null does not.
    pub(crate) fn stated(&self, claim: &str) -> Option<&Value> {
        self.claims.get(claim).filter(|value| !value.is_null())
    }

    /// Whether the claim is there, as anything.
    pub(crate) fn has(&self, claim: &str) -> bool {
        self.claims.contains_key(claim)
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// Whom it is for (RFC 7519 §4.1.3): one, or several; `None` if that is not said in texts throughout.
    pub(crate) fn audiences(&self) -> Option<Vec<&str>> {
        match self.claims.get("aud")? {
            Value::String(one) => Some(vec![one]),
            Value::Array(several) => several.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }

    /// A time, as [`domain::jwt::moment`] reads it.
    pub(crate) fn moment(&self, claim: &str) -> Result<Option<DateTime<Utc>>, &'static str> {
        moment(&self.claims, claim)
    }

    /// All that it says, while it is taken apart.
    pub(crate) fn said(&self) -> &Map<String, Value> {
        &self.claims
    }
}
