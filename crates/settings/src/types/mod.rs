//! The settings as the rest of the program reads them: checked, complete, with every default filled in.

mod audit;
mod callers;
mod providers;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{SecretSlice, SecretString};
use tokio::sync::mpsc::UnboundedSender;
use url::Url;

use domain::account::AddressKind;
use domain::confirmation::Message;
use domain::ids::{ClientId, ProviderId};
use domain::numbering::Reach;

pub use audit::*;
pub use callers::*;
pub use providers::*;
pub use webhooks::*;

/// What the operator decided, but for [`super::Start`].
#[derive(Debug)]
pub struct Settings {
    /// Where browsers and callers reach us: https, or http on loopback; no path, query or fragment.
    pub public_url: Url,
    /// What stands before every path we make, such as `/blitz`; empty or starting with `/`, never ending with it.
    pub base_path: String,
    /// Who may have links.
    pub subjects: Subjects,
    /// The language of pages for who asks for none that we have.
    pub locale: Locale,
    /// Proxies whose word we take for where a request comes from (`X-Forwarded-For`).
    pub trusted_proxies: Vec<IpNet>,
    /// Partners' proxies that tell us, signed, on whose behalf they call, by id.
    pub ip_proxies: BTreeMap<String, IpProxy>,
    /// How often something may be tried.
    pub limits: Limits,
    /// The Condo dialect's sessions; absent: the dialect isn't served.
    pub session: Option<CondoSession>,
    /// Other origins whose pages may call the APIs, letter by letter as browsers send them.
    pub cors_origins: BTreeSet<String>,
    /// Who sends short messages for us; nobody: no phone can be confirmed.
    pub sms: Option<Messenger>,
    /// Where those go.
    pub sms_reach: Reach,
    /// Who sends e-mail for us; nobody: no address can be confirmed.
    pub email: Option<Messenger>,
    /// Whether callers of GraphQL may ask what there is to ask: set by no file, only by the demo.
    pub introspection: bool,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The floor and the refresh limits.
    pub tokens: Tokens,
    /// The applications that call us, by id.
    pub clients: BTreeMap<ClientId, Client>,
    /// The authorization servers whose JWTs stand for a caller, each once.
    pub issuers: Vec<Issuer>,
    /// The external providers, by type and name.
    pub providers: BTreeMap<ProviderId, Provider>,
    /// Those whose access tokens sign users in, by name.
    pub partners: BTreeMap<String, Partner>,
    /// Who is told of events, by name.
    pub webhooks: Webhooks,
    /// What becomes of the record.
    pub audit: Audit,
}

impl Settings {
    /// Whether browsers reach us over https, so that cookies can be bound to it and to this host.
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// The client that an issuer calls so.
    pub fn client_at(&self, issuer: &str, id: &str) -> Option<&Client> {
        let renamed = self.clients.values().find(|client| client.at.get(issuer).is_some_and(|at| at.id == id));
        renamed.or_else(|| {
            let client = self.clients.get(&ClientId::parse(id).ok()?)?;
            // Called otherwise there, it is not what is called so there.
            (!client.at.contains_key(issuer)).then_some(client)
        })
    }

    /// Whether a partner's users have identities of this kind, whatever the partner itself is called.
    pub fn has_identity(&self, identity: &ProviderId) -> bool {
        let mut clients = self.partners.values().flat_map(|partner| partner.clients.values());
        clients.any(|client| client.identity == *identity)
    }

    /// What our own authorization server calls itself (RFC 8414 §2); its endpoints stand under it.
    pub fn issuer(&self) -> String {
        format!("{}{}", self.public_url.as_str().trim_end_matches('/'), self.base_path)
    }
}

/// Who may have links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subjects {
    /// Only subjects that have an account here.
    Registered,
    /// The users live elsewhere: a subject needs no account here.
    Any,
}

/// How often something may be tried.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Tries to sign in, in an hour, from one network and as one login.
    pub sign_in_per_hour: usize,
    /// Codes asked for by SMS, in an hour, from one network.
    pub sms_per_hour_and_ip: usize,
    /// Codes asked for by SMS, in a day, for one phone; and after a right password, for one account.
    pub sms_per_day_and_phone: usize,
    /// Codes asked for by SMS without a password, in a day, all together; none: as many as the others allow.
    pub sms_per_day: Option<usize>,
    /// Codes asked for by e-mail, in an hour, from one network.
    pub emails_per_hour_and_ip: usize,
    /// Codes asked for by e-mail, in a day, for one address; and after a right password, for one account.
    pub emails_per_day_and_address: usize,
    /// Points that a user has for lists, in an hour (`domain::points`).
    pub list_points_per_hour: usize,
    /// How long a list may take.
    pub list_timeout: Duration,
}

impl Limits {
    /// Codes asked for, in an hour, from one network, to such addresses.
    pub fn codes_per_hour_and_ip(&self, to: AddressKind) -> usize {
        match to {
            AddressKind::Email => self.emails_per_hour_and_ip,
            AddressKind::Phone => self.sms_per_hour_and_ip,
        }
    }

    /// Codes asked for, in a day, for one such address, or account.
    pub fn codes_per_day_and_address(&self, to: AddressKind) -> usize {
        match to {
            AddressKind::Email => self.emails_per_day_and_address,
            AddressKind::Phone => self.sms_per_day_and_phone,
        }
    }
}

/// How sessions of the Condo dialect are signed and kept.
#[derive(Clone, Debug)]
pub struct CondoSession {
    /// Signs their ids.
    pub secret: SecretString,
    /// How long one lasts that is not used.
    pub max_age: Duration,
    /// To which requests of other sites browsers add the cookie.
    pub same_site: SameSite,
}

/// To which requests of other sites browsers add a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// To a visit alone.
    Lax,
    /// To all; it takes https.
    None,
    /// To none.
    Strict,
}

/// A language of our pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locale {
    /// English.
    En,
    /// Russian.
    Ru,
}

/// How fresh a served token must be, and how hard a provider may be asked.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The floor: a token is served only if more than this is left of its life.
    pub min_lifetime: Duration,
    /// How long before it expires the token of a link in use is refreshed in the background; zero: never.
    pub refresh_ahead: Duration,
    /// Whether tokens are refreshed at all, and revoked. A copy beside the system in use must do neither.
    pub refresh: bool,
    /// Refreshes in flight per provider.
    pub max_concurrency: usize,
}

/// Who sends messages for us.
#[derive(Clone, Debug)]
pub enum Messenger {
    /// The operator's webhook.
    Webhook {
        /// Where it listens.
        url: Url,
        /// What each call is signed with.
        key: SecretSlice<u8>,
    },
    /// This process itself, which shows them: for the demo alone, no file can say so.
    Handed(UnboundedSender<Message>),
}

/// A proxy whose signed word we take for where a request comes from.
#[derive(Clone, Debug)]
pub struct IpProxy {
    /// Where it calls from.
    pub addresses: Vec<IpNet>,
    /// What it signs with.
    pub secret: SecretString,
}
