//! The external services as we talk to them: providers, issuers whose tokens we take, who sends SMS; a client for each, behind
//! one registry.

mod assertion;
mod body;
mod cached;
mod client;
mod discovery;
mod issuer;
mod jwks;
mod jwt;
mod lives;
mod members;
mod oauth2;
mod oidc;
mod outcome;
mod partner;
mod provider;
mod pushed;
mod revocation;
mod sms;
mod template;
#[cfg(test)]
mod tests;
mod userinfo;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;
use domain::ids::{ProviderId, Sid};
use domain::params::Params;
use domain::{Error, Result};
use settings::{self, PartnerClient, Settings};

pub use domain::failure::Whose;
pub use issuer::Issuer;
pub use jwt::AccessClaims;
pub use outcome::{Outcome, Passing, PassingKind, Refusal, TokenAnswer};
pub use partner::UserInfoError;
pub use provider::{Prepared, Provider};
pub use revocation::{RevocationOutcome, TokenType};
pub use sms::{Gateway as SmsGateway, NotSent};

/// Every configured provider, by type and name, and every issuer, by what it calls itself.
#[derive(Debug)]
pub struct Upstream {
    client: client::Client,
    providers: BTreeMap<ProviderId, Arc<Provider>>,
    issuers: BTreeMap<String, Issuer>,
    sms: SmsGateway,
}

impl Upstream {
    /// Reads the certificates, keys and templates of the settings; asks no provider yet.
    pub fn new(settings: &Settings, clock: &SharedClock, entropy: &SharedEntropy) -> Result<Self> {
        let client = client::Client::new(settings.ca_file.as_deref())?;
        let providers = settings
            .providers
            .iter()
            .map(|(id, provider)| {
                let around = (client.clone(), Arc::clone(clock), Arc::clone(entropy));
                let provider = Provider::new(provider.clone(), around)?;
                Ok((id.clone(), Arc::new(provider)))
            })
            .collect::<Result<_>>()?;
        let issuers = settings.issuers.iter().map(|issuer| {
            let around = (client.clone(), Arc::clone(clock));
            (issuer.issuer.clone(), Issuer::new(issuer.clone(), around))
        });
        let issuers = issuers.collect();
        let sms = SmsGateway::new(settings.sms.as_ref(), (client.clone(), Arc::clone(clock), Arc::clone(entropy)));
        Ok(Self { client, providers, issuers, sms })
    }

    /// The provider of that type and name.
    pub fn provider(&self, id: &ProviderId) -> Option<Arc<Provider>> {
        self.providers.get(id).cloned()
    }

    /// Who sends short messages.
    pub fn sms(&self) -> &SmsGateway {
        &self.sms
    }

    /// The issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.values()
    }

    /// What a JWT says, and whose it is, if one of the issuers made it for us (RFC 9068). [`Error::Denied`] if not,
    /// [`Error::ProviderUnavailable`] if nobody can tell for the moment.
    pub async fn verified(&self, token: &str) -> Result<(&settings::Issuer, AccessClaims)> {
        let jwt = jwt::Jwt::parse(token).ok_or(Error::Denied)?;
        // Compared exactly (RFC 9068 §4).
        let issuer = jwt.issuer().and_then(|issuer| self.issuers.get(issuer)).ok_or(Error::Denied)?;
        Ok((issuer.settings(), issuer.verified(&jwt).await?))
    }

    /// What a partner tells of an access token's owner, if the token was made for us; asked once.
    pub async fn user_info(
        &self,
        partner: &PartnerClient,
        access_token: &SecretString,
    ) -> std::result::Result<serde_json::Value, UserInfoError> {
        partner::user_info(&self.client, partner, access_token).await
    }

    /// All of them, in the order of their ids.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }
}

/// What a bind brings to the authorization endpoint. All of it is made by the caller, who has to recognise it later.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// Where the provider sends the browser back to.
    pub redirect_uri: Url,
    /// RFC 6749 §10.12.
    pub state: SecretString,
    /// Binds an `id_token` to this request; not sent to providers of plain OAuth 2.0.
    pub nonce: SecretString,
    /// RFC 7636: 43 to 128 characters; the provider sees its hash.
    pub code_verifier: SecretString,
}

/// What trades an authorization code for tokens; `redirect_uri` and `code_verifier` are those of the request.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// RFC 6749 §4.1.2.
    pub code: &'a SecretString,
    /// The request's.
    pub redirect_uri: &'a Url,
    /// The request's.
    pub code_verifier: &'a SecretString,
    /// What came back with the code and is sent again.
    pub params: &'a Params,
}

/// An account at a provider, as the provider proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id there.
    pub sid: Sid,
    /// Its name there, for people; at most 255 characters, otherwise as the provider wrote it.
    pub user_name: Option<String>,
}

/// Why nobody is identified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The provider's statement does not hold; asking again won't change it.
    #[error("{0}")]
    Refused(&'static str),
    /// The provider fails in passing.
    #[error("{}", .0.reason)]
    Unavailable(Passing),
}

impl From<Passing> for IdentityError {
    fn from(passing: Passing) -> Self {
        Self::Unavailable(passing)
    }
}

/// What `iss` in an authorization response has to be (RFC 9207).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRule {
    /// The provider's issuer, compared exactly; unknown for some providers of plain OAuth 2.0.
    pub issuer: Option<String>,
    /// The provider promises to send it.
    pub required: bool,
}

impl IssuerRule {
    /// Whether a response with this `iss` can be the provider's. Stated without being promised, it is compared all the
    /// same. An error response may leave it out even where it is promised: some do.
    pub fn allows(&self, iss: Option<&str>, is_error: bool) -> bool {
        match (iss, self.issuer.as_deref()) {
            (Some(iss), Some(issuer)) => iss == issuer,
            (Some(_), None) => true,
            (None, _) => is_error || !self.required,
        }
    }
}
