//! The peculiarities that the provider can be told to have.

use std::time::Duration;

use serde_json::{Map, Value};

use super::asking::{Offline, Pkce, UserinfoCall};
use super::client_key::ClientKey;
use super::clients::ClientAuth;
use super::odd::Odd;
use super::wording::Wording;

/// What a refresh does to the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// A new one each time; one that was used before revokes the whole family.
    Strict,
    /// A new one each time; the old one still works for this long after its first use, then revokes the family.
    Grace(Duration),
    /// The same one is answered again.
    Never,
    /// It stays as it is, and the answer does not repeat it (RFC 6749 §6).
    OmitOnRefresh,
}

/// How a token answer says how long the access token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiresIn {
    /// As RFC 6749 §5.1 has it.
    Number,
    /// The number in quotes.
    Text,
    /// Not at all.
    Absent,
    /// As 0, although the token lives on.
    Zero,
}

/// Where a token answer names the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptedScope {
    /// In every answer.
    Always,
    /// In answers to a code only.
    NotOnRefresh,
    /// Nowhere.
    Never,
}

/// The shape of a token answer. A failure is answered instead of the work, unless `works_before_failing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// As RFC 6749 §5.1 has it.
    Json,
    /// The same fields, form-encoded.
    FormEncoded,
    /// 200 with `{"error": …}`.
    OkWithError(String),
    /// 502 with an HTML page.
    Html502,
    /// This status with no body.
    EmptyStatus(u16),
    /// This status with `{"error": "temporarily_unavailable"}` and, if given, `Retry-After` in seconds.
    Status(u16, Option<u32>),
    /// The work is done; the connection closes in the middle of the answer.
    CloseMidBody,
    /// This status with this body, whatever it is.
    Body(u16, &'static str),
    /// The work is done, and the answer is not as it should be.
    Odd(Odd),
    /// No answer, until the caller gives up or the provider stops.
    Hang,
    /// The work is done; the answer is complete for HTTP, but half of its JSON is missing.
    TruncatedJson,
    /// 307 to another address, which counts as `followed_redirect` whoever comes.
    Redirect,
}

impl Answer {
    /// Whether the answer carries (some of) the tokens, so that the work must be done for it.
    pub(super) fn carries_tokens(&self) -> bool {
        matches!(self, Self::Json | Self::FormEncoded | Self::CloseMidBody | Self::TruncatedJson | Self::Odd(_))
    }
}

/// A refusal at the token endpoint: the status, and the error code in a JSON body. Without a code the body is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error code of RFC 6749 §5.2, or whatever the provider calls it.
    pub error: Option<String>,
}

impl Refusal {
    /// A refusal with an error code.
    pub fn new(status: u16, error: &str) -> Self {
        Self { status, error: Some(error.to_owned()) }
    }

    /// A refusal with an empty body.
    pub fn empty(status: u16) -> Self {
        Self { status, error: None }
    }
}

/// Which signature `id_tokens` carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// ECDSA over P-256.
    Es256,
    /// RSA of 2048 bits, PKCS #1 v1.5. Its first key is made when it is first needed.
    Rs256,
}

/// What is wrong with an `id_token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdTokenForm {
    /// Nothing.
    Good,
    /// Another issuer's.
    WrongIss,
    /// Made for another client.
    WrongAud,
    /// The nonce of another flow.
    WrongNonce,
    /// `alg: none`, and no signature.
    AlgNone,
    /// HMAC with the public key as its secret.
    Hs256WithPublicKey,
    /// The right algorithm, a spoilt signature.
    BadSignature,
    /// No `iss`.
    MissingIss,
    /// No `sub`.
    MissingSub,
    /// No `aud`.
    MissingAud,
    /// No `iat`.
    MissingIat,
    /// No `exp`.
    MissingExp,
    /// No `nonce`, although one was sent.
    MissingNonce,
    /// Expired an hour ago.
    Expired,
    /// Right, but its header names no key.
    NoKid,
    /// Its header names a key nobody published.
    UnknownKid,
    /// The hash of another access token.
    WrongAtHash,
    /// Right, but without `at_hash`, which OpenID leaves optional here.
    NoAtHash,
    /// There is none, although `openid` was granted.
    Absent,
}

/// The `iss` parameter of authorization answers (RFC 9207).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssParameter {
    /// Sent with codes and errors.
    Send,
    /// Sent with codes, not with errors.
    OmitOnErrors,
    /// Never sent.
    Omit,
    /// Another issuer's.
    Wrong,
}

/// How userinfo answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Userinfo {
    /// With the claims of the token's user.
    Good,
    /// With another `sub`.
    WrongSub,
    /// There is no such endpoint, and the metadata names none.
    Absent,
    /// With this status and no body.
    Status(u16),
    /// With a page instead of JSON.
    Html,
    /// With half of its JSON.
    HalfJson,
    /// With a list instead of an object.
    List,
    /// With claims that name nobody: there is no `sub`.
    NoSub,
    /// With a JWT that the provider has signed (OpenID Connect Core §5.3.2), of which this is wrong: signature, key, `iss` or `aud`.
    Signed(IdTokenForm),
    /// With a JWT that only somebody else could decrypt.
    Encrypted,
    /// With more than a mebibyte of JSON.
    Big,
    /// With a redirect to another address, which counts as `followed_redirect` whoever comes.
    Redirect,
    /// Not at all, until the caller gives up or the provider stops.
    Hang,
}

/// The provider's behaviour: every field can be changed while it runs.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent peculiarity")]
pub struct Settings {
    /// What a refresh does to the refresh token. `Strict` at first.
    pub rotation: Rotation,
    /// Whether refresh tokens are issued at all. True at first.
    pub refresh_tokens: bool,
    /// The life of access tokens, instead of the one of `Options`.
    pub access_token_lifetime: Option<Duration>,
    /// How answers say how long the access token lives.
    pub expires_in: ExpiresIn,
    /// The shape of token answers, when none is queued by [`super::Script::next_answers`].
    pub answer: Answer,
    /// A scripted failure comes after the work was done, as when an answer is lost. False at first.
    pub works_before_failing: bool,
    /// `token_type` in answers; `None` leaves it out.
    pub token_type: Option<String>,
    /// Where token answers name the scope.
    pub scope: ScriptedScope,
    /// Grants this instead of the scope that was asked for, and at a refresh instead of what was granted.
    pub granted_scope: Option<String>,
    /// The length of tokens in bytes, where they would be shorter; 0 leaves them as they are (43).
    pub token_length: usize,
    /// Tokens end in characters that are not ASCII.
    pub non_ascii_tokens: bool,
    /// More fields in token answers, such as VK's `user_id`.
    pub extra_fields: Map<String, Value>,
    /// Refuses every refresh like this, without spending anything.
    pub refuse_refresh: Option<Refusal>,
    /// How a refresh token that is unknown, spent or revoked is refused.
    pub dead_refresh: Refusal,
    /// A refresh ends the access tokens issued before.
    pub refresh_ends_old_access: bool,
    /// A refresh token dies when the latest access token of its family has expired.
    pub refresh_dies_with_access: bool,
    /// Revoking one token revokes all that the user ever granted to the client.
    pub revokes_all_grants: bool,
    /// How clients authenticate, instead of as they are registered.
    pub client_auth: Option<ClientAuth>,
    /// Their secret, instead of the registered one.
    pub client_secret: Option<String>,
    /// Their key, for the two signed ways.
    pub client_key: Option<ClientKey>,
    /// Token answers take a time between these two, at random; it is the machine's.
    pub answer_delay: Option<(Duration, Duration)>,
    /// Handed to the callback as `device_id`, and wanted again at exchange and refresh, as VK ID does.
    pub device_id: Option<String>,
    /// What stands between the scopes of a request; answers have blanks.
    pub scope_separator: char,
    /// Wanted with a code and at each refresh, by name and value.
    pub token_param: Option<(String, String)>,
    /// What is made of PKCE.
    pub pkce: Pkce,
    /// The scopes that there are, instead of the usual ones, and a request may leave them out; an empty list: any.
    pub scopes: Option<Vec<String>>,
    /// What a refresh token is asked for by.
    pub offline: Offline,
    /// Wanted in an authorization request, by name and value.
    pub authorize_param: Option<(String, String)>,
    /// Answers to authorization requests come by form alone.
    pub only_form_post: bool,
    /// Which signature `id_tokens` carry.
    pub signing: Signing,
    /// What is wrong with `id_tokens`.
    pub id_token: IdTokenForm,
    /// `id_tokens` carry no name and no e-mail address; userinfo does.
    pub lean_id_token: bool,
    /// Claims that replace or join those of `id_token` and userinfo.
    pub claims: Map<String, Value>,
    /// Claims that replace or join those of userinfo alone.
    pub userinfo_claims: Map<String, Value>,
    /// Claims that replace or join those of the `id_token` alone.
    pub id_token_claims: Map<String, Value>,
    /// How userinfo answers.
    pub userinfo: Userinfo,
    /// How it is asked.
    pub userinfo_call: UserinfoCall,
    /// Headers that it is asked with, by name and value.
    pub userinfo_headers: Vec<(String, String)>,
    /// What it answers, instead of the claims of the token's user.
    pub userinfo_answer: Option<Map<String, Value>>,
    /// Members that replace or join those of both metadata documents.
    pub metadata: Map<String, Value>,
    /// What is published beside the signing keys.
    pub more_keys: Vec<Value>,
    /// Members that replace or join those of an introspection that finds the token active.
    pub introspection: Map<String, Value>,
    /// The issuer ends in a slash, everywhere.
    pub issuer_ends_in_slash: bool,
    /// Serves many tenants: the metadata have `{tenantid}` in the issuer, and `id_tokens` are of this one (`tid`).
    pub tenant: Option<String>,
    /// Answers to codes have the user's tokens in this member, and a bot's at the top; answers to refreshes have them at the top.
    pub tokens_in: Option<&'static str>,
    /// The issuer the metadata states, instead of the real one.
    pub discovery_issuer: Option<String>,
    /// The `iss` parameter of authorization answers.
    pub iss: IssParameter,
    /// The metadata says that authorization answers carry `iss`.
    pub advertise_iss: bool,
    /// Authorization requests have to be pushed (RFC 9126), and the metadata says so. False at first.
    pub require_par: bool,
    /// The revocation endpoint stands in RFC 8414's metadata only.
    pub revocation_in_oauth_metadata_only: bool,
    /// What it wants written otherwise.
    pub wording: Wording,
    /// The error that says consent was declined.
    pub declined: String,
    /// By how many seconds the provider's clock is ahead; negative if it is behind.
    pub clock_ahead_seconds: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rotation: Rotation::Strict,
            refresh_tokens: true,
            access_token_lifetime: None,
            expires_in: ExpiresIn::Number,
            answer: Answer::Json,
            works_before_failing: false,
            token_type: Some("Bearer".to_owned()),
            scope: ScriptedScope::Always,
            granted_scope: None,
            token_length: 0,
            non_ascii_tokens: false,
            extra_fields: Map::new(),
            refuse_refresh: None,
            dead_refresh: Refusal::new(400, "invalid_grant"),
            refresh_ends_old_access: false,
            refresh_dies_with_access: false,
            revokes_all_grants: false,
            client_auth: None,
            client_secret: None,
            client_key: None,
            answer_delay: None,
            device_id: None,
            scope_separator: ' ',
            token_param: None,
            pkce: Pkce::Required,
            scopes: None,
            offline: Offline::Always,
            authorize_param: None,
            only_form_post: false,
            signing: Signing::Es256,
            id_token: IdTokenForm::Good,
            lean_id_token: false,
            claims: Map::new(),
            userinfo_claims: Map::new(),
            id_token_claims: Map::new(),
            userinfo: Userinfo::Good,
            userinfo_call: UserinfoCall::Bearer,
            userinfo_headers: Vec::new(),
            userinfo_answer: None,
            metadata: Map::new(),
            more_keys: Vec::new(),
            introspection: Map::new(),
            issuer_ends_in_slash: false,
            tenant: None,
            tokens_in: None,
            discovery_issuer: None,
            iss: IssParameter::Send,
            advertise_iss: true,
            require_par: false,
            revocation_in_oauth_metadata_only: false,
            wording: Wording::default(),
            declined: "access_denied".to_owned(),
            clock_ahead_seconds: 0,
        }
    }
}
