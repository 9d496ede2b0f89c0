//! One authorization server whose JWTs we take for access tokens: where its keys are, and whether a token is its own.

use std::sync::Arc;
use std::time::Duration;

use oauth2::http::HeaderMap;
use url::Url;

use super::cached::Cached;
use super::client::Client;
use super::discovery;
use super::jwks::{Keys, Proof, Signed};
use super::jwt::{ACCESS_TOKENS, Jwt};
use super::passing::{Passing, PassingKind};
use domain::clock::SharedClock;
use domain::jwt::AccessClaims;
use domain::{Error, Result};

/// When to ask again where the issuer doesn't say.
const PAUSE: Duration = Duration::from_secs(5);

/// An issuer as we know it.
#[derive(Debug)]
pub struct Issuer {
    settings: settings::Issuer,
    client: Client,
    clock: SharedClock,
    jwks_url: Cached<Url>,
    keys: Cached<Keys>,
}

impl Issuer {
    pub(super) fn new(settings: settings::Issuer, client: Client, clock: SharedClock) -> Self {
        Self {
            jwks_url: Cached::with_patience(Arc::clone(&clock), PAUSE),
            // Whoever makes a token up has them asked for.
            keys: Cached::with_patience(Arc::clone(&clock), PAUSE),
            settings,
            client,
            clock,
        }
    }

    /// What the operator says of it.
    pub fn settings(&self) -> &settings::Issuer {
        &self.settings
    }

    /// Looks whether its keys can be had; one line for people either way.
    pub async fn check(&self) -> std::result::Result<String, String> {
        match self.keys().await.map_err(|why| why.reason.to_owned())?.len() {
            0 => Err("no usable signing key".to_owned()),
            count => Ok(format!("{count} signing keys")),
        }
    }

    /// What this token says, if the issuer made it for somebody that `is_for_us` knows. [`Error::Denied`] if not, [`Error::ProviderUnavailable`] if its keys
    /// can't be had: a token that may well be good is not to be thrown away.
    pub(super) async fn verified(&self, jwt: &Jwt<'_>, is_for_us: impl Fn(&str) -> bool) -> Result<AccessClaims> {
        let claims = jwt.claims(&self.settings.form, is_for_us, self.clock.now()).map_err(|why| self.refuse(why))?;
        let signed = jwt.signed(&ACCESS_TOKENS).map_err(|why| self.refuse(why))?;
        match self.prove(&signed).await {
            Ok(Proof::Good) => Ok(claims),
            Ok(Proof::None) => Err(self.refuse("no key of the issuer's has signed it")),
            Ok(Proof::Ambiguous) => Err(self.refuse("it names no key, and several fit")),
            Err(why) => {
                tracing::warn!(issuer = self.settings.issuer, reason = why.reason, "an issuer's keys can't be had");
                Err(Error::ProviderUnavailable { retry_after: why.retry_after.unwrap_or(PAUSE) })
            }
        }
    }

    async fn prove(&self, signed: &Signed<'_>) -> std::result::Result<Proof, Passing> {
        let proof = self.keys().await?.prove(signed);
        if proof != Proof::None {
            return Ok(proof);
        }
        // The issuer may have a new key. It is asked once a minute at most, whatever tokens anybody makes up.
        match self.keys.again(async || self.fetch().await).await {
            Some(newer) => Ok(newer.prove(signed)),
            None => self.keys.failure().map_or(Ok(Proof::None), Err),
        }
    }

    fn refuse(&self, reason: &'static str) -> Error {
        tracing::debug!(issuer = self.settings.issuer, reason, "a token is refused");
        Error::Denied
    }

    async fn keys(&self) -> std::result::Result<Arc<Keys>, Passing> {
        self.keys.get(async || self.fetch().await).await
    }

    async fn fetch(&self) -> std::result::Result<Keys, Passing> {
        let url = if let Some(by_hand) = &self.settings.jwks_url {
            Arc::new(by_hand.clone())
        } else {
            let discover = async || discovery::jwks_url(&self.client, &self.settings.issuer).await;
            self.jwks_url.get(discover).await?
        };
        let answer = self.client.get(&url, HeaderMap::new()).await;
        let answer = answer.map_err(|passing| Passing { kind: PassingKind::Definite, ..passing });
        let body = answer.and_then(|answer| {
            let body = answer.body.whole().filter(|_| answer.status == 200);
            body.map(<[u8]>::to_vec).ok_or(Passing::definite("the signing keys are not served"))
        });
        if body.is_err() {
            // They may have moved.
            self.jwks_url.doubt();
        }
        Keys::read(&body?).ok_or(Passing::definite("the signing keys cannot be read"))
    }
}
