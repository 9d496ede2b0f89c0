//! The keys that somebody signs with, from where they are published, kept for a while.

use std::path::PathBuf;
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
use domain::Error;
use domain::clock::SharedClock;

/// When to ask again where their owner doesn't say.
const PAUSE: Duration = Duration::from_secs(5);

/// Where keys are.
#[derive(Debug)]
pub(crate) enum Source {
    /// Where the metadata of this issuer says.
    Discovered(String),
    /// At this address.
    At(Url),
    /// In this file.
    File(PathBuf),
    /// Here: there are no others.
    Given(Arc<Keys>),
}

impl Source {
    /// That of an issuer: where its metadata says, unless somebody has said it by hand.
    pub(crate) fn of_issuer(issuer: &str, by_hand: Option<&Url>) -> Self {
        by_hand.map_or_else(|| Self::Discovered(issuer.to_owned()), |url| Self::At(url.clone()))
    }
}

/// Somebody's keys.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    /// Whose they are, for the log.
    owner: String,
    source: Source,
    client: Client,
    jwks_url: Arc<Cached<Url>>,
    keys: Arc<Cached<Keys>>,
}

impl SigningKeys {
    /// `owner` is whose they are, for the log.
    pub(crate) fn new(owner: &str, source: Source, client: Client, clock: &SharedClock) -> Self {
        Self {
            owner: owner.to_owned(),
            jwks_url: Arc::new(Cached::with_patience(Arc::clone(clock), PAUSE)),
            // Whoever makes a token up has them asked for.
            keys: Arc::new(Cached::with_patience(Arc::clone(clock), PAUSE)),
            source,
            client,
        }
    }

    /// Goes by what `before` has fetched, if that came from the same place. A file is read again.
    pub(crate) fn keep(&mut self, before: &Self) {
        let is_same = match (&self.source, &before.source) {
            (Source::Discovered(now), Source::Discovered(then)) => now == then,
            (Source::At(now), Source::At(then)) => now == then,
            _ => false,
        };
        if is_same {
            self.jwks_url = Arc::clone(&before.jwks_url);
            self.keys = Arc::clone(&before.keys);
        }
    }

    /// Looks whether they can be had; one line for people either way.
    pub(crate) async fn check(&self) -> Result<String, String> {
        match self.keys().await.map_err(|why| why.reason.to_owned())?.len() {
            0 => Err("no usable signing key".to_owned()),
            count => Ok(format!("{count} signing keys")),
        }
    }

    /// Why a token is not signed by one of them, if it is not. [`Error::ProviderUnavailable`] if nobody can tell for the moment: a token
    /// that may well be good is not to be thrown away.
    pub(crate) async fn flaw(&self, jwt: &Jwt<'_>) -> domain::Result<Option<&'static str>> {
        let signed = match jwt.signed(&ACCESS_TOKENS) {
            Ok(signed) => signed,
            Err(why) => return Ok(Some(why)),
        };
        match self.prove(&signed).await {
            Ok(Proof::Good) => Ok(None),
            Ok(Proof::None) => Ok(Some("no key of its signer's has signed it")),
            Ok(Proof::Ambiguous) => Ok(Some("it names no key, and several fit")),
            Err(why) => {
                tracing::warn!(of = self.owner, reason = why.reason, "signing keys can't be had");
                Err(Error::ProviderUnavailable { retry_after: why.retry_after.unwrap_or(PAUSE) })
            }
        }
    }

    /// Whether one of them has signed this.
    async fn prove(&self, signed: &Signed<'_>) -> Result<Proof, Passing> {
        let proof = self.keys().await?.prove(signed);
        if proof != Proof::None || matches!(self.source, Source::Given(_)) {
            return Ok(proof);
        }
        // There may be a new key. They are asked for once a minute at most, whatever tokens anybody makes up.
        match self.keys.again(async || self.fetch().await).await {
            Some(newer) => Ok(newer.prove(signed)),
            None => self.keys.failure().map_or(Ok(Proof::None), Err),
        }
    }

    async fn keys(&self) -> Result<Arc<Keys>, Passing> {
        match &self.source {
            Source::Given(keys) => Ok(Arc::clone(keys)),
            _ => self.keys.get(async || self.fetch().await).await,
        }
    }

    async fn fetch(&self) -> Result<Keys, Passing> {
        let body = match &self.source {
            Source::Given(_) => return Err(Passing::definite("there are no others")),
            Source::File(path) => read(path.clone()).await,
            Source::At(url) => self.download(url).await,
            Source::Discovered(issuer) => {
                let discover = async || discovery::jwks_url(&self.client, issuer).await;
                let url = self.jwks_url.get(discover).await?;
                let body = self.download(&url).await;
                if body.is_err() {
                    // They may have moved.
                    self.jwks_url.doubt();
                }
                body
            }
        };
        Keys::read(&body?).ok_or(Passing::definite("the signing keys cannot be read"))
    }

    async fn download(&self, url: &Url) -> Result<Vec<u8>, Passing> {
        let answer = self.client.get(url, HeaderMap::new()).await;
        let answer = answer.map_err(|passing| Passing { kind: PassingKind::Definite, ..passing })?;
        let body = answer.body.whole().filter(|_| answer.status == 200);
        body.map(<[u8]>::to_vec).ok_or(Passing::definite("the signing keys are not served"))
    }
}

/// A file is read beside the work of those who serve: it may lie on a network.
async fn read(path: PathBuf) -> Result<Vec<u8>, Passing> {
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    read.ok().and_then(Result::ok).ok_or(Passing::definite("the file with the signing keys cannot be read"))
}
