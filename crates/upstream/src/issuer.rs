//! One authorization server whose JWTs we take for access tokens: whether a token is its own.

use super::client::Client;
use super::jwt::Jwt;
use super::signing_keys::{SigningKeys, Source};
use domain::clock::SharedClock;
use domain::jwt::AccessClaims;
use domain::{Error, Result};

/// An issuer as we know it.
#[derive(Debug)]
pub struct Issuer {
    settings: settings::Issuer,
    clock: SharedClock,
    keys: SigningKeys,
}

impl Issuer {
    pub(super) fn new(settings: settings::Issuer, client: Client, clock: SharedClock) -> Self {
        let source = Source::of_issuer(&settings.issuer, settings.jwks_url.as_ref());
        Self { keys: SigningKeys::new(&settings.issuer, source, client, &clock), settings, clock }
    }

    /// Goes by the keys that `before` has fetched, if they came from the same place.
    pub(super) fn keep(&mut self, before: &Self) {
        self.keys.keep(&before.keys);
    }

    /// What the operator says of it.
    pub fn settings(&self) -> &settings::Issuer {
        &self.settings
    }

    /// Looks whether its keys can be had; one line for people either way.
    pub async fn check(&self) -> std::result::Result<String, String> {
        self.keys.check().await
    }

    /// What this token says, if the issuer made it for somebody that `is_for_us` knows. [`Error::Denied`] if not, [`Error::ProviderUnavailable`] if its keys
    /// can't be had: a token that may well be good is not to be thrown away.
    pub(super) async fn verified(&self, jwt: &Jwt<'_>, is_for_us: impl Fn(&str) -> bool) -> Result<AccessClaims> {
        let claims = jwt.claims(&self.settings.form, is_for_us, self.clock.now()).map_err(|why| self.refuse(why))?;
        match self.keys.flaw(jwt).await? {
            None => Ok(claims),
            Some(why) => Err(self.refuse(why)),
        }
    }

    fn refuse(&self, reason: &'static str) -> Error {
        tracing::debug!(issuer = self.settings.issuer, reason, "a token is refused");
        Error::Denied
    }
}
