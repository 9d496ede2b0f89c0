//! Whose account an answer is: by its `id_token`, by userinfo, by the answer itself.

use serde_json::{Map, Value};

use super::Provider;
use crate::identity::{Identity, IdentityError};
use crate::jwks::Keys;
use crate::jwt::Jwt;
use crate::members::UNREADABLE;
use crate::oidc::{self, Expected, ExpectedUserinfo, Flaw, Issuers};
use crate::outcome::TokenAnswer;
use crate::userinfo::{self, Told};
use domain::ids::Sid;
use domain::{Error, name};
use secrecy::{ExposeSecret as _, SecretString};
use settings::{ClaimsIn, ProviderKind};

impl Provider {
    pub(super) async fn identity(
        &self,
        answer: &TokenAnswer,
        nonce: &SecretString,
    ) -> std::result::Result<Identity, IdentityError> {
        let claims = match self.settings.kind {
            ProviderKind::Oidc => self.claims(answer, nonce).await?,
            ProviderKind::OAuth2 => self.stated(answer)?,
        };
        // Judged by the id_token alone: which source names the account must not depend on what else is wanting.
        let known = self.sid.fill(&[&claims]).is_some();
        let is_named = || self.settings.user_name.is_empty() || self.name(&[&claims]).is_some();
        let complete = known && is_named();
        let info = if complete { Map::new() } else { self.userinfo(answer, &claims, known).await? };

        let sources = [&claims, &info, &answer.rest];
        let sid =
            self.sid.fill(&sources).ok_or(IdentityError::Refused("the provider does not state the account's id"))?;
        if sid.contains(UNREADABLE) {
            // Two that can't be read might become one.
            return Err(IdentityError::Refused("the account's id cannot be read"));
        }
        let sid =
            Sid::parse(sid).map_err(|_quotes_it: Error| IdentityError::Refused("the account's id is no valid id"))?;
        Ok(Identity { sid, user_name: self.name(&sources) })
    }

    /// What people know the account by.
    fn name(&self, sources: &[&Map<String, Value>]) -> Option<String> {
        self.user_name.fill(sources).as_deref().and_then(name::told)
    }

    /// What the token says of itself that the settings name. It came from the token endpoint itself (OpenID Connect Core §3.1.3.7 (6)).
    fn stated(&self, answer: &TokenAnswer) -> std::result::Result<Map<String, Value>, IdentityError> {
        let token = match self.settings.claims_in {
            None => return Ok(Map::new()),
            Some(ClaimsIn::AccessToken) => answer.grant.access_token.as_ref(),
            Some(ClaimsIn::IdToken) => answer.id_token.as_ref(),
        };
        let token = token.and_then(|token| Jwt::parse(token.expose_secret()));
        let token =
            token.ok_or(IdentityError::Refused("the token that says whose account it is (claims_in) is no JWT"))?;
        // What it says of itself is to hold all the same; an access token is made for others.
        let is_ours = |token: &Jwt<'_>| {
            token.audiences().is_none_or(|audiences| audiences.contains(&self.settings.client_id.as_str()))
        };
        if self.settings.claims_in == Some(ClaimsIn::IdToken) && !is_ours(&token) {
            return Err(IdentityError::Refused("the id_token is made for another client"));
        }
        if !matches!(token.moment("exp"), Ok(ends) if ends.is_none_or(|ends| ends > self.clock.now())) {
            return Err(IdentityError::Refused("the token that says whose account it is (claims_in) has ended"));
        }
        Ok(token.into_claims())
    }

    async fn claims(
        &self,
        answer: &TokenAnswer,
        nonce: &SecretString,
    ) -> std::result::Result<Map<String, Value>, IdentityError> {
        let token = answer.id_token.as_ref().ok_or(IdentityError::Refused("the answer has no id_token"))?;
        let issuer = self.settings.issuer.as_deref().ok_or(IdentityError::Refused("the provider has no issuer"))?;
        let metadata = self.metadata().await?;
        let issuer = match (&metadata.issuer_of_tenants, &self.settings.tenants) {
            (Some(template), Some(allowed)) => Issuers::Tenants(template, allowed),
            _ => Issuers::One(issuer),
        };
        let expected = Expected {
            issuer,
            client_id: &self.settings.client_id,
            nonce: self.settings.nonce.then_some(nonce),
            access_token: answer.grant.access_token.as_ref(),
            now: self.clock.now(),
        };
        let broken = "the id_token's signature does not hold";
        self.verified(broken, |keys| oidc::verified(token, keys, expected)).await
    }

    /// What `verify` makes of the provider's keys, asked for anew if they may have changed.
    async fn verified(
        &self,
        broken: &'static str,
        verify: impl Fn(&Keys) -> std::result::Result<Map<String, Value>, Flaw>,
    ) -> std::result::Result<Map<String, Value>, IdentityError> {
        let keys = self.keys().await?;
        let mut claims = verify(&keys);
        if claims == Err(Flaw::Key)
            && let Some(newer) = self.keys.again(async || self.fetch_keys().await).await
        {
            claims = verify(&newer);
        }
        claims.map_err(|flaw| match flaw {
            Flaw::Key => IdentityError::Refused(broken),
            Flaw::Final(why) => IdentityError::Refused(why),
        })
    }

    /// What userinfo says. Where the account is `known` without it, only the name is at stake: not worth a failed bind, unless it
    /// is about somebody else.
    async fn userinfo(
        &self,
        answer: &TokenAnswer,
        claims: &Map<String, Value>,
        known: bool,
    ) -> std::result::Result<Map<String, Value>, IdentityError> {
        let members = match self.told_by_userinfo(answer).await {
            Err(why) if known => {
                tracing::warn!(provider = %self.settings.id, reason = %why, "a name is not told");
                return Ok(Map::new());
            }
            Ok(None) => return Ok(Map::new()),
            Ok(Some(members)) => members,
            Err(why) => return Err(why),
        };
        userinfo::about(members, claims.get("sub").and_then(Value::as_str))
    }

    /// The members of userinfo, verified where they are signed; `None` where there is no userinfo.
    async fn told_by_userinfo(
        &self,
        answer: &TokenAnswer,
    ) -> std::result::Result<Option<Map<String, Value>>, IdentityError> {
        let Some(url) = self.metadata().await?.endpoints.userinfo.clone() else { return Ok(None) };
        let access_token = answer.grant.access_token.as_ref();
        let access_token = access_token
            .ok_or(IdentityError::Refused("userinfo can't be asked: the answer has no usable access token"))?;
        let request = userinfo::request(&url, &self.settings, &self.entropy, access_token)?;
        let token = match userinfo::fetch(&self.client, request).await? {
            Told::Plain(members) => return Ok(Some(members)),
            Told::Signed(token) => token,
        };
        let expected = ExpectedUserinfo {
            issuer: self.settings.issuer.as_deref().filter(|_| self.settings.tenants.is_none()),
            client_id: &self.settings.client_id,
            now: self.clock.now(),
        };
        let broken = "the signature of userinfo does not hold";
        self.verified(broken, |keys| oidc::verified_userinfo(&token, keys, expected)).await.map(Some)
    }
}
