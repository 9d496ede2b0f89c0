//! The external identity providers, as data.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use domain::dead_error::DeadError;
use domain::expiry::Lifetime;
use domain::ids::ProviderId;

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
    /// By what a program of the operator's answers to each request: ESIA's signature by a certified module.
    External,
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
    /// POST with a bearer token and no body: Dropbox.
    PostBearer,
    /// POST with a bearer token, the operator's parameters as a JSON object in the body: a GraphQL query, as Linear wants it.
    PostJson,
    /// GET with the token in the address, where whoever is on the way may log it: Mail.ru.
    Query,
    /// POST with the token and a signature of all other parameters in the body: Odnoklassniki.
    Ok,
}

/// Which token of an answer tells its own members, where a provider says nowhere else whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsIn {
    /// The access token, a JWT: ESIA.
    AccessToken,
    /// The `id_token` of a provider that publishes no keys.
    IdToken,
}

/// How requests to the token endpoint, and to those beside it, are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenBody {
    /// As a form, as RFC 6749 has it.
    Form,
    /// As a JSON object with the same members: Notion.
    Json,
}

/// How a provider wants to be asked, where that differs from the specifications. In the value of a header `{client_id}` stands for our id
/// there and `{request_id}` for 32 hexadecimal digits that no other request has.
#[derive(Clone, Debug)]
pub struct Asking {
    /// What `client_id` is called there: `client_key` at `TikTok`.
    pub client_id_param: String,
    /// Sent along with requests for tokens.
    pub token_headers: BTreeMap<String, String>,
    /// Sent to the token endpoint as they are, with a code and at each refresh.
    pub token_params: BTreeMap<String, String>,
    /// How those requests are written down.
    pub token_body: TokenBody,
    /// How userinfo is asked.
    pub userinfo_call: UserinfoCall,
    /// Sent along when userinfo is asked.
    pub userinfo_headers: BTreeMap<String, String>,
    /// Parameters that userinfo is asked with.
    pub userinfo_params: BTreeMap<String, String>,
}

/// Our TLS client certificate (RFC 8446 §4.4.2), and the key to it: PEM.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// The certificate, and those that lead to its authority.
    pub certificate: SecretString,
    /// The private key.
    pub key: SecretString,
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
    /// Whose tokens are good, where the issuer is one for many tenants: these tenants' (`tid`), or anybody's if it is empty; absent: the
    /// issuer's own.
    pub tenants: Option<Vec<String>>,
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: Option<SecretString>,
    /// Our key there, where it is a key that proves us.
    pub client_key: Option<ClientKey>,
    /// How we authenticate.
    pub client_auth: ClientAuth,
    /// The program that proves us, and its arguments; empty where none does.
    pub client_command: Vec<String>,
    /// Our TLS client certificate there, if it wants one.
    pub tls: Option<TlsIdentity>,
    /// The scopes we ask for.
    pub scopes: Vec<String>,
    /// Other names that it has for scopes, with the one we ask by.
    pub scope_aliases: BTreeMap<String, String>,
    /// Whether its tokens are kept.
    pub remember_tokens: bool,
    /// Whether an external account belongs to one subject only.
    pub exclusive: bool,
    /// How it wants to be asked.
    pub asking: Asking,
    /// Which token of an answer says whose account it is. It is as good as the connection that it came by (OpenID Connect Core
    /// §3.1.3.7 (6)).
    pub claims_in: Option<ClaimsIn>,
    /// Template of the account's id, such as `{sub}`: names in braces are claims (dotted paths), the rest stands as it is.
    pub sid: String,
    /// Template of the user's name, such as `{email}`.
    pub user_name: String,
    /// Whether authorization requests are pushed (RFC 9126) even where the metadata doesn't require it.
    pub par: bool,
    /// Whether codes are bound to our request by PKCE (RFC 7636); false: the provider refuses its parameters.
    pub pkce: bool,
    /// Whether an `id_token` has to repeat our nonce (OpenID Connect Core §3.1.3.7 (11)); false: the provider's have none.
    pub nonce: bool,
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
    /// Where a token answer has the user's tokens, as a dotted path; absent: at its top.
    pub token_path: Option<String>,
    /// What stands between the scopes of a request: a blank (RFC 6749 §3.3), a comma or a semicolon.
    pub scope_separator: char,
    /// Names of parameters that come back with the code and are sent again at exchange and refresh.
    pub resent_params: Vec<String>,
    /// What means that the refresh token is dead, beside `invalid_grant`.
    pub dead_errors: Vec<DeadError>,
    /// How userinfo says that an access token is dead, beside 401 and `invalid_token`.
    pub dead_access_errors: Vec<DeadError>,
    /// Members of token answers that callers get beside an access token: names, with dots between them.
    pub response_fields: Vec<String>,
    /// Parameters that came with the code, by way of the user's browser, that callers get beside an access token.
    pub callback_fields: Vec<String>,
}

impl Provider {
    /// Whether something is handed on beside its tokens.
    pub fn hands_on_any(&self) -> bool {
        !self.response_fields.is_empty() || !self.callback_fields.is_empty()
    }

    /// Whether what has this name is.
    pub fn hands_on(&self, name: &str) -> bool {
        self.response_fields.iter().chain(&self.callback_fields).any(|known| known == name)
    }
}

/// A provider's endpoints, as far as they are set by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// RFC 7662.
    pub introspection: Option<Url>,
    /// RFC 9126.
    pub pushed: Option<Url>,
}
