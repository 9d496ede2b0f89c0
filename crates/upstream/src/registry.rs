//! Every provider and issuer of the settings, who sends messages and who is told of events: a client for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::callers::CallerKeys;
use super::client::{self, Trusted};
use super::issuer::Issuer;
use super::jwt::Jwt;
use super::messages::Gateway;
use super::partner;
use super::partner::UserInfoError;
use super::peers::{self, Peer};
use super::provider::Provider;
use super::signing_keys::{SigningKeys, Source};
use super::webhooks::{self, Receiver};
use domain::account::AddressKind;
use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;
use domain::ids::{ClientId, ProviderId};
use domain::jwt::AccessClaims;
use domain::{Error, Result};
use settings::{PartnerClient, Settings, SignedBy};

/// Every configured provider, by type and name, and every issuer, by what it calls itself.
#[derive(Debug)]
pub struct Upstream {
    trusted: Trusted,
    client: client::Client,
    providers: BTreeMap<ProviderId, Arc<Provider>>,
    issuers: BTreeMap<String, Issuer>,
    callers: BTreeMap<ClientId, CallerKeys>,
    partners: BTreeMap<SignedBy, SigningKeys>,
    clock: SharedClock,
    sms: Gateway,
    email: Gateway,
    receivers: BTreeMap<String, Receiver>,
}

impl Upstream {
    /// Reads the certificates, keys and templates of the settings; asks no provider yet.
    pub fn new(settings: &Settings, clock: &SharedClock, entropy: &SharedEntropy) -> Result<Self> {
        Self::read(None, settings, clock, entropy)
    }

    /// The same after other settings: what was fetched from where it still is, over connections that are trusted as they were, is
    /// not fetched again, so that nobody who can't be asked just now fails those who have been served by what is known of them.
    pub fn after(&self, settings: &Settings, clock: &SharedClock, entropy: &SharedEntropy) -> Result<Self> {
        Self::read(Some(self), settings, clock, entropy)
    }

    fn read(before: Option<&Self>, settings: &Settings, clock: &SharedClock, entropy: &SharedEntropy) -> Result<Self> {
        let trusted = Trusted::read(settings.ca_file.as_deref())?;
        let before = before.filter(|before| before.trusted == trusted);
        let client = match before {
            Some(before) => before.client.clone(),
            None => client::Client::new(&trusted, Arc::clone(clock))?,
        };
        let providers = settings
            .providers
            .iter()
            .map(|(id, provider)| {
                let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
                let client = match &provider.tls {
                    Some(identity) => client.presenting(&trusted, identity, id)?,
                    None => client.clone(),
                };
                let mut provider = Provider::new(provider.clone(), client, clock, entropy)?;
                if let Some(known) = before.and_then(|before| before.providers.get(id)) {
                    provider.keep(known);
                }
                Ok((id.clone(), Arc::new(provider)))
            })
            .collect::<Result<_>>()?;
        let issuers = settings.issuers.iter().map(|settings| {
            let mut issuer = Issuer::new(settings.clone(), client.clone(), Arc::clone(clock));
            if let Some(known) = before.and_then(|before| before.issuers.get(&settings.issuer)) {
                issuer.keep(known);
            }
            (settings.issuer.clone(), issuer)
        });
        let issuers = issuers.collect();
        let mut callers = BTreeMap::new();
        for (id, of) in &settings.clients {
            let endpoint = of.takes_endpoint_audience.then(|| format!("{}/oauth/te", settings.issuer()));
            let audiences = std::iter::once(settings.issuer()).chain(endpoint).collect();
            if let Some(mut keys) = CallerKeys::new(of, audiences, &client, clock)? {
                if let Some(known) = before.and_then(|before| before.callers.get(id)) {
                    keys.keep(known);
                }
                callers.insert(id.clone(), keys);
            }
        }
        let partners = signers(settings).map(|signed_by| {
            let source = Source::of_issuer(&signed_by.issuer, signed_by.jwks_url.as_ref());
            let mut keys = SigningKeys::new(&signed_by.issuer, source, client.clone(), clock);
            if let Some(known) = before.and_then(|before| before.partners.get(signed_by)) {
                keys.keep(known);
            }
            (signed_by.clone(), keys)
        });
        let partners = partners.collect();
        let gateway = |to, messenger: &Option<_>| Gateway::new(to, messenger.as_ref(), &client, clock, entropy);
        let (sms, email) = (gateway(AddressKind::Phone, &settings.sms), gateway(AddressKind::Email, &settings.email));
        let receivers = webhooks::receivers(settings, &trusted, clock)?;
        Ok(Self {
            trusted,
            client,
            providers,
            issuers,
            callers,
            partners,
            clock: Arc::clone(clock),
            sms,
            email,
            receivers,
        })
    }

    /// The provider of that type and name.
    pub fn provider(&self, id: &ProviderId) -> Option<Arc<Provider>> {
        self.providers.get(id).cloned()
    }

    /// What was seen of the servers that were asked, by host and, where it is not the scheme's own, port.
    pub fn peers(&self) -> Vec<(String, Peer)> {
        self.client.peers().all()
    }

    /// The certificates of the settings, those that are trusted and our own, and when they end.
    pub fn certificates(&self) -> Vec<(String, DateTime<Utc>)> {
        let trusted = self.trusted.certificates().into_iter().map(|(name, ends)| (format!("ca_file: {name}"), ends));
        let own = self.providers.iter().flat_map(|(id, provider)| {
            let pem = provider.settings().tls.as_ref().map(|identity| identity.certificate.expose_secret());
            let own = peers::certificates(pem.unwrap_or_default().as_bytes()).into_iter();
            own.map(move |(name, ends)| (format!("tls_certificate of {id}: {name}"), ends))
        });
        trusted.chain(own).collect()
    }

    /// Who sends messages to such addresses.
    pub fn messages(&self, to: AddressKind) -> &Gateway {
        match to {
            AddressKind::Email => &self.email,
            AddressKind::Phone => &self.sms,
        }
    }

    /// Who is told of events, by name.
    pub fn receivers(&self) -> &BTreeMap<String, Receiver> {
        &self.receivers
    }

    /// The issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.values()
    }

    /// What a JWT says, and whose it is, if one of the issuers made it for an audience that `is_for_us` knows (RFC 9068).
    /// [`Error::Denied`] if not, [`Error::ProviderUnavailable`] if nobody can tell for the moment.
    pub async fn verified(
        &self,
        token: &str,
        is_for_us: impl Fn(&settings::Issuer, &str) -> bool,
    ) -> Result<(&settings::Issuer, AccessClaims)> {
        let jwt = Jwt::parse(token).ok_or(Error::Denied)?;
        let issuer = self.issuer_of(&jwt).ok_or(Error::Denied)?;
        let claims = issuer.verified(&jwt, |audience| is_for_us(issuer.settings(), audience)).await?;
        Ok((issuer.settings(), claims))
    }

    /// Which issuer a JWT names, if it is one of ours, and for whom it says that it is. Nothing of it is believed.
    pub fn claimed(&self, token: &str) -> Option<(&settings::Issuer, Vec<String>)> {
        let jwt = Jwt::parse(token)?;
        let issuer = self.issuer_of(&jwt)?.settings();
        Some((issuer, jwt.claimed_audiences(&issuer.form)))
    }

    /// Whom a client's JWT names as its issuer and its subject. Nothing of it is believed.
    pub fn claimed_client(&self, token: &str) -> Option<(String, String)> {
        let jwt = Jwt::parse(token)?;
        Some((jwt.issuer()?.to_owned(), jwt.text("sub")?.to_owned()))
    }

    /// The id of an assertion that this client has made for us (RFC 7523 §3). [`Error::Denied`] if it has not,
    /// [`Error::ProviderUnavailable`] if nobody can tell for the moment.
    pub async fn client_assertion(&self, client: &ClientId, token: &str) -> Result<String> {
        self.callers.get(client).ok_or(Error::Denied)?.assertion(token).await
    }

    /// Until when this token proves a client's workload; errors as of [`Upstream::client_assertion`].
    pub async fn workload(&self, client: &ClientId, token: &str) -> Result<DateTime<Utc>> {
        self.callers.get(client).ok_or(Error::Denied)?.workload(token).await
    }

    /// Looks whether the keys of clients can be had; a line for each.
    pub async fn check_clients(&self) -> Vec<(ClientId, std::result::Result<String, String>)> {
        let mut told = Vec::new();
        for (id, keys) in &self.callers {
            told.extend(keys.check().await.into_iter().map(|line| (id.clone(), line)));
        }
        told
    }

    /// Looks whether the keys that sign partners' userinfo can be had; a line for each issuer.
    pub async fn check_partners(&self) -> Vec<(String, std::result::Result<String, String>)> {
        let mut told = Vec::new();
        for (signed_by, keys) in &self.partners {
            told.push((signed_by.issuer.clone(), keys.check().await));
        }
        told
    }

    fn issuer_of(&self, jwt: &Jwt<'_>) -> Option<&Issuer> {
        // Compared exactly (RFC 9068 §4).
        jwt.issuer().and_then(|issuer| self.issuers.get(issuer))
    }

    /// What a partner tells of an access token's owner, if the token was made for us; asked once.
    pub async fn user_info(
        &self,
        partner: &PartnerClient,
        access_token: &SecretString,
    ) -> std::result::Result<serde_json::Value, UserInfoError> {
        let keys = partner.signed_by.as_ref().and_then(|signed_by| self.partners.get(signed_by));
        let how = partner::Asking { client: &self.client, clock: &self.clock, keys };
        partner::user_info(&how, partner, access_token).await
    }

    /// All of them, in the order of their ids.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }
}

/// Who signs partners' userinfo; one that signs several is there several times.
fn signers(settings: &Settings) -> impl Iterator<Item = &SignedBy> {
    let clients = settings.partners.values().flat_map(|partner| partner.clients.values());
    clients.filter_map(|client| client.signed_by.as_ref())
}
