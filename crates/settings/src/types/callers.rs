//! Who calls, and who vouches for callers and for users: applications, issuers, partners.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::NaiveDate;
use secrecy::SecretString;
use url::Url;

use domain::account::AddressKind;
use domain::ids::{ClientId, ProviderId};
use domain::jwt::{Rule, TokenForm};
use domain::partner::{Fields, Trust};
use domain::scope::Scope;

/// An application that calls us.
#[derive(Debug)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// What people read.
    pub name: String,
    /// Its OAuth client secrets: each is as good as the other.
    pub secrets: Vec<SecretString>,
    /// The day by which it should have others: nothing happens then but that we say so.
    pub secret_ends: Option<NaiveDate>,
    /// The keys that its assertions are signed with (RFC 7523 §2.2).
    pub keys: Option<ClientKeys>,
    /// Whether an assertion may be made for the token endpoint's address instead of our issuer: another server that knows the
    /// address could be shown it as well.
    pub takes_endpoint_audience: bool,
    /// What its platform gives the program, which proves it as well.
    pub workload: Option<Workload>,
    /// How many tokens it may fetch in a minute; absent: as many as it likes.
    pub tokens_per_minute: Option<usize>,
    /// How many binds it may begin in a minute.
    pub binds_per_minute: usize,
    /// Its REST password for Basic; absent: no Basic.
    pub rest_password: Option<SecretString>,
    /// The most it can be granted.
    pub scopes: Vec<Scope>,
    /// Where a bind may return to; compared exactly.
    pub callbacks: Vec<String>,
    /// Where its users may come back to from the authorization endpoint; compared exactly.
    pub redirect_uris: Vec<String>,
    /// Whether it may introspect tokens that are not its own.
    pub introspect_any: bool,
    /// What it may show for a subject whose tokens it exchanges.
    pub subject_tokens: SubjectTokens,
    /// What it is to the issuers, by what they call themselves.
    pub at: BTreeMap<String, ClientAt>,
}

/// The keys of an application.
#[derive(Clone, Debug)]
pub enum ClientKeys {
    /// One, as PEM: the `SubjectPublicKeyInfo` of RFC 7468 §13.
    Pem(String),
    /// A key set at this address.
    At(Url),
}

/// A program that its platform vouches for: a Kubernetes service account, a CI job.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Who vouches: what stands in `iss`, compared exactly.
    pub issuer: String,
    /// For whom: what stands in `sub`, compared exactly.
    pub subject: String,
    /// What stands in `aud`, and nothing beside it.
    pub audience: String,
    /// What else it has to say, such as the id of what has the name now.
    pub require: Rule,
    /// Where the platform's keys are.
    pub keys: WorkloadKeys,
}

/// Where a platform's keys are.
#[derive(Clone, Debug)]
pub enum WorkloadKeys {
    /// Where its metadata says.
    Discovered,
    /// At this address.
    At(Url),
    /// In this file, which is read again for a key that is not in it.
    File(PathBuf),
}

/// What a client may show for a subject (RFC 8693 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectTokens {
    /// An access token of the subject's.
    Access,
    /// That, or the subject itself: its word is taken for whom it asks.
    InClearToo,
}

/// What an application is to an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAt {
    /// What the issuer calls it.
    pub id: String,
    /// What the issuer calls its API: whom tokens are for that it may exchange.
    pub audiences: BTreeSet<String>,
}

/// An authorization server whose JWTs are access tokens here (RFC 9068).
#[derive(Clone, Debug)]
pub struct Issuer {
    /// What stands in `iss`, compared exactly.
    pub issuer: String,
    /// What it calls us: a token that is for one of these is a Bearer here.
    pub audiences: BTreeSet<String>,
    /// How its access tokens look.
    pub form: TokenForm,
    /// What stands before the issuer's id of a user in a subject of ours; none begins as another's does.
    pub subject_prefix: String,
    /// The applications that may act for themselves with its tokens.
    pub system_clients: BTreeSet<ClientId>,
    /// Where its keys are; absent: discovered.
    pub jwks_url: Option<Url>,
}

/// Somebody whose access tokens sign users in.
#[derive(Clone, Debug)]
pub struct Partner {
    /// What stands in the address: `[A-Za-z0-9._-]{1,64}`.
    pub name: String,
    /// Its applications, by the `client_id` they were given.
    pub clients: BTreeMap<ClientId, PartnerClient>,
}

/// An application of a partner's. Two may have one identity: an account there is then one user, whichever it came by, and
/// whoever answers at the one's `user_info_url` can sign in as any user of the other.
#[derive(Clone, Debug)]
pub struct PartnerClient {
    /// What its users' links are to: the type is `partner`, the name the kind of identity.
    pub identity: ProviderId,
    /// Where the partner tells whose a token is.
    pub user_info_url: Url,
    /// What of that is believed: what the partner and this client are both trusted with.
    pub trust: Trust,
    /// Whether a first sign-in takes a phone number that was confirmed here.
    pub require_confirmed_phone: bool,
    /// Whether a first sign-in takes a confirmed e-mail address.
    pub require_confirmed_email: bool,
    /// Whose word userinfo is; absent: that of whoever answers at its address, and nothing that is signed is read.
    pub signed_by: Option<SignedBy>,
    /// Whom a token must have been made for; absent: nobody looks.
    pub audience: Option<String>,
    /// Where the partner is asked about a token before userinfo is.
    pub introspection: Option<Introspection>,
    /// Where userinfo has what.
    pub fields: Fields,
}

impl PartnerClient {
    /// Whether a first sign-in takes such an address, confirmed here.
    pub fn wants_confirmed(&self, kind: AddressKind) -> bool {
        match kind {
            AddressKind::Email => self.require_confirmed_email,
            AddressKind::Phone => self.require_confirmed_phone,
        }
    }
}

/// Who signs a partner's userinfo (OpenID Connect Core §5.3.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedBy {
    /// What it calls itself.
    pub issuer: String,
    /// Where its keys are; absent: where its metadata says.
    pub jwks_url: Option<Url>,
}

/// A partner's introspection endpoint (RFC 7662).
#[derive(Clone, Debug)]
pub struct Introspection {
    /// Where it is.
    pub url: Url,
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: SecretString,
}
