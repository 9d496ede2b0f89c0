//! A JWT that is to be an access token (RFC 9068), and every check of it that needs no key.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwks::{Algorithm, Signed};

/// How far an issuer's clock may be ahead of ours. Its tokens end by ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// A token taken apart; nothing of it is believed yet.
pub(crate) struct Jwt<'a> {
    header: Header,
    claims: Map<String, Value>,
    message: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

/// What an access token says, once it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who it is for, as the issuer calls them.
    pub sub: String,
    /// The application it was issued to.
    pub client: String,
    /// What it was granted.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart; `None` if it isn't one.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            header: serde_json::from_slice(&bytes(header)?).ok()?,
            claims: serde_json::from_slice(&bytes(claims)?).ok()?,
            signature: bytes(signature)?,
            message,
        })
    }

    /// Whose it claims to be.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// Its signature, if it is of a kind that proves anything.
    pub(crate) fn signed(&self) -> Result<Signed<'_>, &'static str> {
        Ok(Signed {
            algorithm: Algorithm::parse(&self.header.alg).ok_or("its algorithm is not accepted")?,
            key_id: self.header.kid.as_deref(),
            message: self.message.as_bytes(),
            signature: &self.signature,
        })
    }

    /// What it says, if it is an access token for `audience` at this time (RFC 9068 §4); its issuer and its signature are
    /// looked at elsewhere.
    pub(crate) fn claims(&self, audience: &str, now: DateTime<Utc>) -> Result<AccessClaims, &'static str> {
        // Any other JWT of the issuer's, an id_token above all, is no access token.
        let is_access_token = |typ: &str| {
            let typ = typ.to_ascii_lowercase();
            typ == "at+jwt" || typ == "application/at+jwt"
        };
        if !self.header.typ.as_deref().is_some_and(is_access_token) {
            return Err("its typ is not at+jwt");
        }
        // RFC 7515 §4.1.11: what has to be understood, and isn't.
        if self.header.crit.is_some() {
            return Err("it has a critical header");
        }
        if !self.is_for(audience) {
            return Err("it is for another audience");
        }
        let expires = self.moment("exp")?.ok_or("it has no exp")?;
        if expires <= now {
            return Err("it is expired");
        }
        for claim in ["nbf", "iat"] {
            if self.moment(claim)?.is_some_and(|moment| moment > now + LEEWAY) {
                return Err("it is of the future");
            }
        }
        let required = |claim| self.text(claim).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(AccessClaims {
            sub: required("sub").ok_or("it has no sub")?,
            client: required("client_id").ok_or("it has no client_id")?,
            scopes: self.scopes(),
            expires,
        })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// RFC 7519 §4.1.3: one audience, or several.
    fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }

    /// A time (RFC 7519 §2), if the claim is there. A null is not left out: it is wrong.
    fn moment(&self, claim: &str) -> Result<Option<DateTime<Utc>>, &'static str> {
        let Some(value) = self.claims.get(claim) else { return Ok(None) };
        let whole = || DateTime::from_timestamp(value.as_i64()?, 0);
        let broken = || {
            let since = TimeDelta::from_std(Duration::try_from_secs_f64(value.as_f64()?).ok()?).ok()?;
            DateTime::UNIX_EPOCH.checked_add_signed(since)
        };
        whole().or_else(broken).map(Some).ok_or("a time in it is none")
    }

    /// RFC 9068 §2.2.3: one text; some issuers write a list.
    fn scopes(&self) -> Vec<String> {
        match self.claims.get("scope") {
            Some(Value::String(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }
}
