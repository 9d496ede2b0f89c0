//! One external provider: where it is, what it answers, whose account it proves.

mod identify;
mod look;

use std::sync::Arc;
use std::time::Duration;

use oauth2::HttpRequest;
use oauth2::http::HeaderMap;
use secrecy::SecretString;
use url::Url;

use super::assertion::Signer;
use super::cached::Cached;
use super::client::Client;
use super::command::{Command, Purpose};
use super::discovery::{self, Document, Metadata};
use super::identity::{AuthorizationRequest, Identity, IdentityError, IssuerRule, Redemption};
use super::jwks::Keys;
use super::oauth2 as requests;
use super::outcome::{self, Outcome, Rules, TokenAnswer};
use super::passing::{Passing, PassingKind};
use super::prepared::Prepared;
use super::pushed::{self, Pushed};
use super::revocation::{self, RevocationOutcome, TokenType};
use super::template::Template;
use super::worded::worded;
use domain::clock::{SharedClock, Sleep};
use domain::entropy::SharedEntropy;
use domain::params::Texts;
use domain::{Error, Result};
use settings::{self, Endpoints, ProviderKind};

/// When to ask again where the provider doesn't say.
const PAUSE: Duration = Duration::from_secs(5);

/// An external provider as a client sees it. It stores nothing but public documents.
#[derive(Debug)]
pub struct Provider {
    settings: settings::Provider,
    client: Client,
    clock: SharedClock,
    sid: Template,
    user_name: Template,
    metadata: Arc<Cached<Metadata>>,
    keys: Arc<Cached<Keys>>,
    signer: Option<Signer>,
    command: Option<Command>,
    entropy: SharedEntropy,
}

impl Provider {
    pub(crate) fn new(
        settings: settings::Provider,
        client: Client,
        clock: SharedClock,
        entropy: SharedEntropy,
    ) -> Result<Self> {
        Ok(Self {
            signer: Signer::new(&settings, Arc::clone(&entropy))?,
            command: Command::new(&settings, Arc::clone(&clock)),
            entropy,
            sid: Template::parse("sid", &settings.sid)?,
            user_name: Template::parse("user_name", &settings.user_name)?,
            metadata: Arc::new(Cached::new(Arc::clone(&clock))),
            keys: Arc::new(Cached::new(Arc::clone(&clock))),
            settings,
            client,
            clock,
        })
    }

    /// Goes by what `before` has fetched, if that came from the same place.
    pub(crate) fn keep(&mut self, before: &Self) {
        let source = |of: &settings::Provider| {
            (of.kind, of.issuer.clone(), of.tenants.is_some(), of.tls.is_some(), of.endpoints.clone())
        };
        if source(&self.settings) == source(&before.settings) {
            self.metadata = Arc::clone(&before.metadata);
            self.keys = Arc::clone(&before.keys);
        }
    }

    /// What the operator says of it.
    pub fn settings(&self) -> &settings::Provider {
        &self.settings
    }

    /// Where to send the browser; `None` if the provider refuses the request that was pushed to it. Fails with
    /// [`Error::ProviderUnavailable`] if the address cannot be discovered, or the request not be pushed.
    pub async fn authorization_url(&self, request: &AuthorizationRequest) -> Result<Option<Url>> {
        let endpoint = self.endpoint(|all| all.authorization.as_ref()).await.map_err(|why| self.unavailable(&why))?;
        if !self.pushes().await.map_err(|why| self.unavailable(&why))? {
            let added = self.added(&endpoint, Purpose::Authorization(request)).await;
            let added = added.map_err(|why| self.unavailable(&why))?;
            return requests::authorization_url(&self.settings, &endpoint, request, &added).map(Some);
        }
        match self.push(request).await? {
            Pushed::Taken(request_uri) => Ok(Some(requests::pushed_url(&self.settings, &endpoint, &request_uri))),
            Pushed::Refused => {
                tracing::warn!(provider = %self.settings.id, "the provider refuses the pushed request");
                Ok(None)
            }
            Pushed::TryLater(why) => Err(self.unavailable(&why)),
        }
    }

    /// Whether authorization requests go to the provider by us and not by the browser (RFC 9126).
    async fn pushes(&self) -> std::result::Result<bool, Passing> {
        Ok(self.settings.par || self.metadata().await?.requires_par)
    }

    async fn push(&self, request: &AuthorizationRequest) -> Result<Pushed> {
        let ready = async {
            let endpoint = self.endpoint(|all| all.pushed.as_ref()).await?;
            self.prove(endpoint, Purpose::Authorization(request)).await
        };
        let prepared = match ready.await {
            Ok(prepared) => prepared,
            Err(why) => return Ok(Pushed::TryLater(why)),
        };
        let pushed = requests::pushed_request(&self.settings, &prepared, request);
        match self.client.send(self.worded(pushed, &prepared)?).await {
            Ok(answer) => Ok(pushed::parse(&answer, self.clock.now())),
            Err(why) => {
                self.metadata.doubt();
                Ok(Pushed::TryLater(why))
            }
        }
    }

    /// Trades an authorization code for tokens.
    pub async fn exchange(&self, redemption: Redemption<'_>) -> Outcome {
        let ready = async { self.prove(self.token_endpoint().await?, Purpose::Code(&redemption)).await };
        match ready.await {
            Ok(prepared) => {
                let request = requests::code_request(&self.settings, &prepared, redemption);
                self.ask(self.worded(request, &prepared), None).await
            }
            Err(passing) => Outcome::TryLater(passing),
        }
    }

    /// Asks for fresh tokens: one call, and nothing else, whose answer is waited for so long. `params` are those that came with
    /// the grant. An `id_token` in the answer is nobody's business: identity was proved at the bind.
    pub async fn refresh(
        &self,
        prepared: &Prepared,
        refresh_token: &SecretString,
        params: &Texts,
        within: Duration,
    ) -> Outcome {
        let request = requests::refresh_request(&self.settings, prepared, refresh_token, params);
        self.ask(self.worded(request, prepared), Some(self.clock.sleep(within))).await
    }

    /// Where tokens are asked for.
    pub async fn token_endpoint(&self) -> std::result::Result<Url, Passing> {
        self.endpoint(|all| all.token.as_ref()).await
    }

    /// Where tokens are revoked (RFC 7009), if the provider can do that at all.
    pub async fn revocation_endpoint(&self) -> std::result::Result<Option<Url>, Passing> {
        match &self.settings.endpoints.revocation {
            Some(by_hand) => Ok(Some(by_hand.clone())),
            None => self.metadata().await.map(|metadata| metadata.endpoints.revocation.clone()),
        }
    }

    /// Asks [`Provider::revocation_endpoint`] to revoke a token.
    pub async fn revoke(&self, endpoint: &Url, kind: TokenType, token: &SecretString) -> RevocationOutcome {
        let prepared = match self.prove(endpoint.clone(), Purpose::Revocation).await {
            Ok(prepared) => prepared,
            Err(passing) => return RevocationOutcome::TryLater(passing),
        };
        let request = requests::revocation_request(&self.settings, &prepared, kind, token);
        let Ok(request) = self.worded(request, &prepared) else {
            return RevocationOutcome::Refused("the request cannot be built");
        };
        match self.client.send(request).await {
            Ok(answer) => revocation::parse(&answer, self.clock.now()),
            Err(passing) => {
                self.metadata.doubt();
                RevocationOutcome::TryLater(passing)
            }
        }
    }

    /// Whose account the answer to [`Provider::exchange`] is: by its `id_token`, checked in full, and by userinfo where
    /// the `id_token` leaves a template wanting. Plain OAuth 2.0 has userinfo and the token answer only.
    pub async fn identify(
        &self,
        answer: &TokenAnswer,
        nonce: &SecretString,
    ) -> std::result::Result<Identity, IdentityError> {
        let identity = self.identity(answer, nonce).await;
        if let Err(why) = &identity {
            tracing::warn!(provider = %self.settings.id, reason = %why, "an account is not identified");
        }
        identity
    }

    /// What `iss` in the provider's authorization responses has to be.
    pub async fn expected_iss(&self) -> Result<IssuerRule> {
        let metadata = self.metadata().await.map_err(|why| self.unavailable(&why))?;
        // Of many tenants nobody knows whose it will be before the id_token says so.
        let issuer = self.settings.issuer.clone().filter(|_| self.settings.tenants.is_none());
        Ok(IssuerRule { issuer, required: metadata.states_iss })
    }

    /// Makes ready for one token request, metadata and our proof: call it before a lease is taken (docs/refresh.md), and
    /// again for every attempt. A failure is definite. The provider's signing keys are left out, since a refresh verifies
    /// nothing and must not depend on them.
    pub async fn prepare(&self) -> std::result::Result<Prepared, Passing> {
        self.prove(self.token_endpoint().await?, Purpose::Refresh).await
    }

    async fn prove(&self, endpoint: Url, purpose: Purpose<'_>) -> std::result::Result<Prepared, Passing> {
        let added = self.added(&endpoint, purpose).await?;
        // RFC 7523 §3 leaves the audience open; the issuer is what later specifications settled on.
        let issuer = self.settings.issuer.as_deref().filter(|_| self.settings.tenants.is_none());
        let audience = issuer.unwrap_or(endpoint.as_str());
        let signed = self.signer.as_ref().map(|signer| signer.sign(audience, self.clock.now())).transpose();
        match signed {
            Ok(proof) => Ok(Prepared { endpoint, proof, added }),
            Err(error) => {
                tracing::error!(provider = %self.settings.id, %error, "no client assertion");
                Err(Passing::definite("the client assertion cannot be signed"))
            }
        }
    }

    /// What the operator's program adds to a request, where one proves us.
    async fn added(
        &self,
        endpoint: &Url,
        purpose: Purpose<'_>,
    ) -> std::result::Result<Vec<(String, SecretString)>, Passing> {
        match &self.command {
            Some(command) => command.run(&self.settings, endpoint.as_str(), purpose).await,
            None => Ok(Vec::new()),
        }
    }

    /// The request in the provider's own words.
    fn worded(&self, request: Result<HttpRequest>, prepared: &Prepared) -> Result<HttpRequest> {
        worded(&self.settings, &self.entropy, request?, &prepared.added)
    }

    /// Looks whether the provider is there and says all we need; one line for people either way.
    pub async fn check(&self) -> std::result::Result<String, String> {
        let problem = |why: Passing| why.reason.to_owned();
        let token = self.token_endpoint().await.map_err(problem)?;
        self.endpoint(|all| all.authorization.as_ref()).await.map_err(problem)?;
        self.added(&token, Purpose::Refresh).await.map_err(problem)?;
        let pushed = if self.pushes().await.map_err(problem)? {
            let endpoint = self.endpoint(|all| all.pushed.as_ref()).await.map_err(problem)?;
            format!(", requests pushed to {endpoint}")
        } else {
            String::new()
        };
        let keys = match self.settings.kind {
            ProviderKind::Oidc => self.keys().await.map_err(problem)?.len(),
            ProviderKind::OAuth2 => return Ok(format!("token endpoint {token}{pushed}")),
        };
        if keys == 0 {
            Err("no usable signing key".to_owned())
        } else {
            Ok(format!("{keys} signing keys, token endpoint {token}{pushed}"))
        }
    }

    /// Whether tokens are to be kept and refreshed, the provider has a scope for that, and it isn't asked for; false if its metadata
    /// can't be had.
    pub async fn lacks_offline_access(&self) -> bool {
        let is_asked = self.settings.scopes.iter().any(|scope| scope == discovery::OFFLINE_ACCESS);
        self.settings.remember_tokens
            && !is_asked
            && self.metadata().await.is_ok_and(|metadata| metadata.offers_offline_access)
    }

    async fn ask(&self, request: Result<HttpRequest>, over: Option<Sleep>) -> Outcome {
        let Ok(request) = request else {
            return Outcome::TryLater(Passing::definite("the request cannot be built"));
        };
        let now = self.clock.now();
        let is_refresh = over.is_some();
        let answer = match over {
            Some(over) => self.client.send_until(request, over).await,
            None => self.client.send(request).await,
        };
        match answer {
            Ok(answer) => {
                if matches!(answer.status, 300..400 | 404 | 405 | 410) {
                    // The endpoint may have moved.
                    self.metadata.doubt();
                }
                let rules = Rules {
                    rotates: self.settings.rotates,
                    dead_errors: &self.settings.dead_errors,
                    token_path: self.settings.token_path.as_deref(),
                    response_fields: &self.settings.response_fields,
                    is_refresh,
                };
                outcome::parse(&answer, rules, now)
            }
            Err(passing) => {
                self.metadata.doubt();
                Outcome::TryLater(passing)
            }
        }
    }

    /// An endpoint: the one set by hand, which needs no metadata, or the one discovered.
    async fn endpoint(&self, pick: fn(&Endpoints) -> Option<&Url>) -> std::result::Result<Url, Passing> {
        if let Some(by_hand) = pick(&self.settings.endpoints) {
            return Ok(by_hand.clone());
        }
        let metadata = self.metadata().await?;
        pick(&metadata.endpoints).cloned().ok_or(Passing::definite("an endpoint is neither set nor in the metadata"))
    }

    async fn metadata(&self) -> std::result::Result<Arc<Metadata>, Passing> {
        match discovery::issuer_to_ask(&self.settings) {
            Some(issuer) => {
                self.metadata.get(async || discovery::fetch(&self.client, &self.settings, issuer).await).await
            }
            None => Document::default().under(&self.settings.endpoints).map(Arc::new),
        }
    }

    async fn keys(&self) -> std::result::Result<Arc<Keys>, Passing> {
        self.keys.get(async || self.fetch_keys().await).await
    }

    async fn fetch_keys(&self) -> std::result::Result<Keys, Passing> {
        let url = self.endpoint(|all| all.jwks.as_ref()).await?;
        let answer = self.client.get(&url, HeaderMap::new()).await;
        let answer = answer.map_err(|passing| Passing { kind: PassingKind::Definite, ..passing })?;
        let body = answer.body.whole().filter(|_| answer.status == 200);
        // The content type is not asked: some serve their keys as text/plain.
        let body = body.ok_or(Passing::definite("the signing keys are not served"))?;
        Keys::read(body).ok_or(Passing::definite("the signing keys cannot be read"))
    }

    fn unavailable(&self, why: &Passing) -> Error {
        tracing::warn!(provider = %self.settings.id, reason = why.reason, "the provider is unavailable");
        Error::ProviderUnavailable { retry_after: why.retry_after.unwrap_or(PAUSE) }
    }
}
