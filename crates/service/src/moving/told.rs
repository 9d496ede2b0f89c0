//! Accounts and links as the lines of an export tell them: what is no secret, under the names that the rest of fedlink has for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use domain::account::{self, AccountType, Claimed, Email, External, PasswordHash, Phone};
use domain::expiry::{self, Ends};
use domain::ids::{ClientId, ProviderId, Sid, Subject};
use domain::link::{Health, Proof};
use domain::{Error, Result, name};

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Account {
    subject: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(default)]
    phone_verified: bool,
    #[serde(default)]
    is_admin: bool,
    #[serde(default)]
    is_support: bool,
    #[serde(default)]
    two_factor: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rights_set: Option<Uuid>,
    /// A JSON object, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<OfPartner>,
    created: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<DateTime<Utc>>,
}

/// What a partner told when it made an account.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfPartner {
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(default)]
    phone_verified: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Link {
    /// Its id where it comes from; another is made where it goes.
    id: Uuid,
    subject: String,
    fp_type: String,
    fp_name: String,
    sid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    proof: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    created: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokens>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Tokens {
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<DateTime<Utc>>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obtained: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imported: Option<DateTime<Utc>>,
    health: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_since: Option<DateTime<Utc>>,
}

impl From<&account::Account> for Account {
    fn from(of: &account::Account) -> Self {
        let (email, phone, external) = (of.email.as_ref(), of.phone.as_ref(), &of.external);
        let of_partner = OfPartner {
            system: external.system.clone(),
            email: external.email.clone(),
            email_verified: external.email_verified,
            phone: external.phone.clone(),
            phone_verified: external.phone_verified,
        };
        Self {
            subject: of.subject.as_str().to_owned(),
            kind: of.account_type.as_str().to_owned(),
            issuer: of.issuer.clone(),
            name: of.name.clone(),
            email: email.map(|email| email.address.as_str().to_owned()),
            email_verified: email.is_some_and(|email| email.verified),
            phone: phone.map(|phone| phone.address.as_str().to_owned()),
            phone_verified: phone.is_some_and(|phone| phone.verified),
            is_admin: of.is_admin,
            is_support: of.is_support,
            two_factor: of.two_factor,
            rights_set: of.rights_set,
            meta: Some(of.meta.clone()),
            external: (*external != External::default()).then_some(of_partner),
            created: of.created,
            updated: of.updated,
            disabled: of.disabled,
        }
    }
}

impl Account {
    /// The account with this hash of a password.
    pub(super) fn account(self, password_hash: Option<PasswordHash>) -> Result<account::Account> {
        let email = self.email.as_deref().map(Email::parse).transpose()?;
        let phone = self.phone.as_deref().map(Phone::parse).transpose()?;
        let kind = AccountType::parse(&self.kind);
        let kind = kind.ok_or_else(|| Error::input("type", "must be staff, resident or service"))?;
        let bare = account::Account::bare(Subject::parse(self.subject)?, kind, self.created);
        let external = self.external.map(|of| External {
            system: of.system,
            email: of.email,
            email_verified: of.email_verified,
            phone: of.phone,
            phone_verified: of.phone_verified,
        });
        Ok(account::Account {
            issuer: self.issuer,
            name: name::sent("name", self.name.as_deref())?,
            email: email.map(|address| Claimed { address, verified: self.email_verified }),
            phone: phone.map(|address| Claimed { address, verified: self.phone_verified }),
            password_hash,
            is_admin: self.is_admin,
            is_support: self.is_support,
            two_factor: self.two_factor,
            rights_set: self.rights_set,
            meta: self.meta.map_or(Ok(bare.meta), object)?,
            external: external.unwrap_or_default(),
            updated: self.updated,
            disabled: self.disabled,
            ..bare
        })
    }
}

fn object(text: String) -> Result<String> {
    match serde_json::from_str::<serde_json::Map<_, _>>(&text) {
        Ok(_) => Ok(text),
        Err(_quotes_it) => Err(Error::input("meta", "must be a JSON object, as text")),
    }
}

impl From<&domain::moving::WholeLink> for Link {
    fn from(of: &domain::moving::WholeLink) -> Self {
        let tokens = of.tokens.as_ref().map(|set| Tokens {
            scope: set.scope.clone(),
            expires: set.ends.access,
            life: set.ends.life.map(|life| life.as_secs()),
            refresh_expires: set.ends.refresh,
            obtained: set.ends.obtained,
            imported: set.ends.imported,
            health: set.health.as_str().to_owned(),
            health_since: set.health_since,
        });
        Self {
            id: of.id.0,
            subject: of.owner.subject.as_str().to_owned(),
            fp_type: of.owner.provider.fp_type().to_owned(),
            fp_name: of.owner.provider.fp_name().to_owned(),
            sid: of.owner.sid.as_str().to_owned(),
            user_name: of.user_name.clone(),
            proof: of.proof.as_str().to_owned(),
            client: of.origin.as_ref().map(|client| client.as_str().to_owned()),
            created: of.created,
            last_used: of.last_used,
            tokens,
        }
    }
}

/// A link that comes.
pub(super) struct Coming {
    pub(super) subject: Subject,
    pub(super) provider: ProviderId,
    pub(super) sid: Sid,
    pub(super) user_name: Option<String>,
    pub(super) proof: Proof,
    pub(super) client: Option<ClientId>,
    pub(super) created: DateTime<Utc>,
    pub(super) last_used: Option<DateTime<Utc>>,
    pub(super) tokens: Option<Known>,
}

/// What is known of tokens that come.
pub(super) struct Known {
    pub(super) scope: Option<String>,
    pub(super) ends: Ends,
    pub(super) health: Health,
    pub(super) health_since: Option<DateTime<Utc>>,
}

impl Link {
    pub(super) fn link(self, now: DateTime<Utc>) -> Result<Coming> {
        let proof = Proof::parse(&self.proof);
        Ok(Coming {
            subject: Subject::parse(self.subject)?,
            provider: ProviderId::from_parts(self.fp_type, self.fp_name)?,
            sid: Sid::parse(self.sid)?,
            user_name: name::sent("userName", self.user_name.as_deref())?,
            proof: proof.ok_or_else(|| Error::input("proof", "must be proven or asserted"))?,
            client: self.client.map(ClientId::parse).transpose()?,
            created: self.created.min(now),
            last_used: self.last_used.map(|used| used.min(now)),
            tokens: self.tokens.map(|tokens| tokens.known(now)).transpose()?,
        })
    }
}

impl Tokens {
    fn known(self, now: DateTime<Utc>) -> Result<Known> {
        let life = self.life.map(Duration::from_secs);
        if life.is_some_and(|life| life > expiry::LONGEST_LIFE) {
            return Err(Error::input("tokens.life", "is longer than any token lives: write seconds"));
        }
        let known = Health::parse(&self.health);
        let known = known.ok_or_else(|| Error::input("tokens.health", "must be one of those that fedlink writes"))?;
        // Whoever rests here has no lease and no rest there.
        let health = if known.is_dead() { known } else { Health::Ok };
        let ends = Ends {
            access: self.expires,
            life,
            refresh: self.refresh_expires,
            obtained: self.obtained.map(|at| at.min(now)),
            imported: self.imported.map(|at| at.min(now)),
            warning: self.refresh_expires.and_then(|end| expiry::next_warning(end, now)),
        };
        Ok(Known { scope: self.scope, ends, health, health_since: self.health_since.filter(|_| health.is_dead()) })
    }
}
