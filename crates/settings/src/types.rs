//! The settings as the rest of the program reads them: checked, complete, with every default filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;
use ipnet::IpNet;
use secrecy::{SecretSlice, SecretString};
use tokio::sync::mpsc::UnboundedSender;
use url::Url;

use domain::confirmation::ShortMessage;
use domain::expiry::Lifetime;
use domain::failure::DeadError;
use domain::ids::{ClientId, ProviderId};
use domain::jwt::{Rule, TokenForm};
use domain::partner::{Fields, Trust};
use domain::scope::Scope;

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
    pub sms: Option<Sms>,
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
    /// Points that a user has for lists, in an hour (`domain::points`).
    pub list_points_per_hour: usize,
    /// How long a list may take.
    pub list_timeout: Duration,
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
    /// One, as PEM (SubjectPublicKeyInfo).
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

/// What kind of protocol a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenID Connect: discovery, `id_token`.
    Oidc,
    /// Plain OAuth 2.0: identity comes from a userinfo call or the token response.
    OAuth2,
}

/// How we authenticate at a provider's token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Basic with form-encoded id and secret (RFC 6749 §2.3.1).
    Basic,
    /// Basic with id and secret as they are.
    BasicRaw,
    /// In the body.
    Post,
    /// By an assertion that our key signs (RFC 7523 §2.2, OpenID Connect Core §9).
    PrivateKeyJwt,
    /// In the body, the secret itself being a JWT that our key signs: Apple's way.
    SignedSecret,
    /// A public client: only `client_id`, in the body.
    None,
}

/// How a provider is asked who an access token's owner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserinfoCall {
    /// GET with a bearer token (RFC 6750 §2.1), as OpenID Connect Core §5.3 has it.
    Bearer,
    /// GET with `Authorization: OAuth`: Yandex.
    OAuth,
    /// POST with the token and our id in the body: VK ID.
    Post,
    /// POST with a bearer token, our id and secret in the body: T-ID.
    PostClient,
}

/// A key of ours that a provider knows the public half of.
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// The private key: PEM, PKCS#8.
    pub pem: SecretString,
    /// What the provider calls it (`kid`).
    pub id: Option<String>,
    /// How it signs; absent: ES256 or RS256, as the key is.
    pub algorithm: Option<KeyAlgorithm>,
    /// Whom it belongs to (`iss`), where that is not the client itself.
    pub issuer: Option<String>,
}

/// A signature algorithm (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    Es256,
    /// RSA, PKCS #1 v1.5.
    Rs256,
    /// RSA, PSS.
    Ps256,
}

/// An external identity provider, as data.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own under the name the settings give it")]
pub struct Provider {
    /// Its type and name.
    pub id: ProviderId,
    /// What people read.
    pub title: String,
    /// What it speaks.
    pub kind: ProviderKind,
    /// Its issuer identifier, compared exactly; always there for [`ProviderKind::Oidc`]. Text, since a URL type would add or drop a slash.
    pub issuer: Option<String>,
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: Option<SecretString>,
    /// Our key there, where it is a key that proves us.
    pub client_key: Option<ClientKey>,
    /// How we authenticate.
    pub client_auth: ClientAuth,
    /// The scopes we ask for.
    pub scopes: Vec<String>,
    /// Other names that it has for scopes, with the one we ask by.
    pub scope_aliases: BTreeMap<String, String>,
    /// Whether its tokens are kept.
    pub remember_tokens: bool,
    /// Whether an external account belongs to one subject only.
    pub exclusive: bool,
    /// How userinfo is asked.
    pub userinfo_call: UserinfoCall,
    /// Template of the account's id, such as `{sub}`: names in braces are claims (dotted paths), the rest stands as it is.
    pub sid: String,
    /// Template of the user's name, such as `{email}`.
    pub user_name: String,
    /// Whether authorization requests are pushed (RFC 9126) even where the metadata doesn't require it.
    pub par: bool,
    /// Whether a bind that the app completes shows the confirm page.
    pub confirm: bool,
    /// Endpoints set by hand or by the preset; they win over discovery.
    pub endpoints: Endpoints,
    /// How long an access token lives where the provider doesn't say; absent: nobody knows.
    pub lifetime: Option<Lifetime>,
    /// Whether a refresh may replace the refresh token (RFC 6749 §6): the spent one is then taken for dead.
    pub rotates: bool,
    /// How long a spent refresh token still works; absent: not at all, as far as is known.
    pub reuse_window: Option<Duration>,
    /// How long the answer to a refresh is waited for; without it as [`domain::patience::patience`] says.
    pub answer_within: Option<Duration>,
    /// How long a refresh token may go unused before it dies; absent: it doesn't, as far as is known.
    pub idle_life: Option<Duration>,
    /// Whether tokens that no link needs any more are revoked there.
    pub revoke: bool,
    /// Whether the refresh token dies with the access token: refreshed ahead, or never.
    pub refresh_dies_with_access: bool,
    /// Sent to the authorization endpoint as they are.
    pub authorize_params: BTreeMap<String, String>,
    /// Names of parameters that come back with the code and are sent again at exchange and refresh.
    pub resent_params: Vec<String>,
    /// What means that the refresh token is dead, beside `invalid_grant`.
    pub dead_errors: Vec<DeadError>,
}

/// A provider's endpoints, as far as they are set by hand.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// RFC 6749 §3.1.
    pub authorization: Option<Url>,
    /// RFC 6749 §3.2.
    pub token: Option<Url>,
    /// OpenID Connect Core §5.3.
    pub userinfo: Option<Url>,
    /// RFC 7517 key set.
    pub jwks: Option<Url>,
    /// RFC 7009.
    pub revocation: Option<Url>,
    /// RFC 9126.
    pub pushed: Option<Url>,
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
    /// Whom a token must have been made for; absent: nobody looks.
    pub audience: Option<String>,
    /// Where the partner is asked about a token before userinfo is.
    pub introspection: Option<Introspection>,
    /// Where userinfo has what.
    pub fields: Fields,
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

/// Who sends short messages for us.
#[derive(Clone, Debug)]
pub enum Sms {
    /// The operator's webhook.
    Webhook {
        /// Where it listens.
        url: Url,
        /// What each call is signed with.
        key: SecretSlice<u8>,
    },
    /// This process itself, which shows them: for the demo alone, no file can say so.
    Handed(UnboundedSender<ShortMessage>),
}

/// A proxy whose signed word we take for where a request comes from.
#[derive(Clone, Debug)]
pub struct IpProxy {
    /// Where it calls from.
    pub addresses: Vec<IpNet>,
    /// What it signs with.
    pub secret: SecretString,
}
