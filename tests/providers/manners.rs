//! How vendors behave (`manners.toml`), and the sandbox that behaves so.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use sandbox::{
    ClientAuth, ClientKey, IdTokenForm, Offline, Pkce, Refusal, Rotation, Settings, Signed, Userinfo, UserinfoCall,
    Wording,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use settings::Provider;

/// Every vendor's, by the name of its preset.
pub(super) static MANNERS: LazyLock<BTreeMap<String, Manners>> =
    LazyLock::new(|| toml::from_str(include_str!("manners.toml")).unwrap_or_else(|error| panic!("{error}")));

/// One vendor's; `manners.toml` says what each is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manners {
    pub(super) pages: Vec<String>,
    pub(super) checked: String,
    pub(super) issuer: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) token: Option<String>,
    pub(super) userinfo: Option<String>,
    pub(super) revocation: Option<String>,
    #[serde(default)]
    client_auth: Vec<String>,
    pkce: Option<String>,
    nonce: Option<bool>,
    scope_separator: Option<char>,
    #[serde(default)]
    scopes: Vec<String>,
    offline: Option<Asked>,
    authorize_param: Option<Param>,
    #[serde(default)]
    resent: Vec<String>,
    userinfo_call: Option<String>,
    #[serde(default)]
    userinfo_headers: BTreeMap<String, String>,
    expires_in: Option<u64>,
    refresh: Option<String>,
    old_refresh: Option<String>,
    #[serde(default)]
    dies_with_access: bool,
    dead_refresh: Option<Dead>,
    declined: Option<String>,
    client_id_param: Option<String>,
    token_body: Option<String>,
    #[serde(default)]
    token_headers: BTreeMap<String, String>,
    #[serde(default)]
    userinfo_params: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) tls_client: bool,
    signed: Option<SignedBy>,
    access_claims: Option<String>,
    callback_more: Option<String>,
    dead_access: Option<DeadAccess>,
    #[serde(default)]
    pub(super) form_post: bool,
    token_more: Option<String>,
    id_token_more: Option<String>,
    userinfo_answer: Option<String>,
    pub(super) sid: String,
    pub(super) name: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Asked {
    Word(String),
    Scope { scope: String },
    Param(Param),
}

#[derive(Clone, Debug, Deserialize)]
struct Param {
    param: String,
    value: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Dead {
    status: Option<u16>,
    error: String,
}

#[derive(Clone, Debug, Deserialize)]
struct SignedBy {
    parts: Vec<String>,
    timestamp: String,
    authorize: bool,
    token: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct DeadAccess {
    status: u16,
    body: String,
}

/// What a client of the walk proves itself by.
pub(super) struct Proofs {
    /// What it writes as `client_auth`.
    pub(super) way: String,
    /// The public half of its key.
    pub(super) key: ClientKey,
    /// The same of the key that its program signs by.
    pub(super) signer: Vec<u8>,
}

/// What becomes of a refresh token when it is spent and the answer gets lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It was the last one.
    ForGood,
    /// It works on.
    Nothing,
}

impl Manners {
    /// Of a provider of which nothing is known but this, that its userinfo and its token answer have.
    pub(super) fn of_anybody(answer: &Value, sid: &str) -> Self {
        let text = format!("pages = []\nchecked = \"\"\npkce = \"taken\"\nsid = {}", json!(sid));
        let plain: Self = toml::from_str(&text).expect("it is whole");
        Self { token_more: Some(answer.to_string()), userinfo_answer: Some(answer.to_string()), ..plain }
    }

    /// Whether refresh tokens are given at all.
    pub(super) fn refreshes(&self) -> bool {
        !matches!(&self.offline, Some(Asked::Word(word)) if word == "never") && self.refresh.as_deref() != Some("none")
    }

    /// Whether the refresh token dies with the access token.
    pub(super) fn dies_with_access(&self) -> bool {
        self.dies_with_access
    }

    /// The life of an access token, in seconds.
    pub(super) fn life(&self) -> u64 {
        self.expires_in.unwrap_or(3600)
    }

    /// What a lost answer does.
    pub(super) fn lost(&self) -> Lost {
        if self.rotation() == Rotation::Strict { Lost::ForGood } else { Lost::Nothing }
    }

    /// How an ended refresh token is refused.
    pub(super) fn dead_refresh(&self) -> Refusal {
        let told = self.dead_refresh.as_ref().map(|dead| Refusal::new(dead.status.unwrap_or(400), &dead.error));
        told.unwrap_or_else(|| Refusal::new(400, "invalid_grant"))
    }

    fn rotation(&self) -> Rotation {
        match (self.refresh.as_deref(), self.old_refresh.as_deref()) {
            (Some("same"), _) => Rotation::Never,
            (Some("left out"), _) => Rotation::OmitOnRefresh,
            (_, None | Some("dies")) => Rotation::Strict,
            (_, Some("lives")) => Rotation::Grace(Duration::from_hours(24 * 365)),
            (_, Some(window)) => Rotation::Grace(span(window)),
        }
    }

    /// The way in which the token endpoint takes a client that uses `way`; where it takes others alone, the first of those.
    fn client_auth(&self, way: &str) -> ClientAuth {
        let taken = self.client_auth.iter().find(|taken| *taken == way).or(self.client_auth.first());
        match taken.map_or("any", String::as_str) {
            "any" => ClientAuth::Any,
            "basic" => ClientAuth::Basic,
            "post" => ClientAuth::Post,
            "none" => ClientAuth::None,
            "signed_secret" => ClientAuth::SignedSecret,
            "signature" => ClientAuth::Signature,
            other => panic!("{other} is no way"),
        }
    }

    /// What of the callback and of token answers is handed on.
    pub(super) fn handed_on(&self, provider: &Provider) -> Map<String, Value> {
        let mut told = object(self.callback_more.as_deref());
        told.retain(|name, _| provider.callback_fields.contains(name));
        let mut of_answer = object(self.token_more.as_deref());
        of_answer.retain(|name, _| provider.response_fields.contains(name));
        told.extend(of_answer);
        told
    }

    /// Whether its pages say how userinfo refuses an access token.
    pub(super) fn refuses_access(&self) -> bool {
        self.dead_access.is_some()
    }

    /// Has the sandbox behave so, to a client that proves itself by these.
    pub(super) fn play(&self, to: &mut Settings, Proofs { way, key, signer }: Proofs) {
        *to = Settings { client_auth: Some(self.client_auth(&way)), client_key: Some(key), ..Settings::default() };
        self.word(&mut to.wording, signer);
        to.rotation = self.rotation();
        to.refresh_tokens = self.refreshes();
        to.refresh_dies_with_access = self.dies_with_access;
        to.dead_refresh = self.dead_refresh();
        to.access_token_lifetime = Some(Duration::from_secs(self.life()));
        to.pkce = match self.pkce.as_deref() {
            Some("required") => Pkce::Required,
            Some("refused") => Pkce::Refused,
            _ => Pkce::Optional,
        };
        to.scope_separator = self.scope_separator.unwrap_or(' ');
        to.scopes = Some(self.scopes.clone());
        match &self.offline {
            Some(Asked::Scope { scope }) => {
                to.offline = Offline::Scope(scope.clone());
                to.scopes.get_or_insert_default().push(scope.clone());
            }
            Some(Asked::Param(Param { param, value })) => to.offline = Offline::Param(param.clone(), value.clone()),
            Some(Asked::Word(_)) | None => {}
        }
        to.authorize_param = self.authorize_param.as_ref().map(|wanted| (wanted.param.clone(), wanted.value.clone()));
        to.only_form_post = self.form_post;
        to.device_id = self.resent.iter().any(|name| name == "device_id").then(|| "device 1".to_owned());
        to.declined = self.declined.clone().unwrap_or_else(|| "access_denied".to_owned());
        to.extra_fields = object(self.token_more.as_deref());
        self.tell(to);
    }

    /// What requests look like.
    fn word(&self, to: &mut Wording, public: Vec<u8>) {
        let pairs = |texts: &BTreeMap<String, String>| texts.clone().into_iter().collect();
        to.client_id_param = self.client_id_param.clone().unwrap_or_else(|| "client_id".to_owned());
        to.token_json = match self.token_body.as_deref() {
            None => false,
            Some("json") => true,
            Some(other) => panic!("{other} is no form"),
        };
        to.token_headers = pairs(&self.token_headers);
        to.userinfo_params = pairs(&self.userinfo_params);
        to.signed = self.signed.clone().map(|SignedBy { parts, timestamp, authorize, token }| {
            assert!(token, "whoever signs signs here");
            Signed { parts, timestamp, public, authorize }
        });
        to.access_claims = self.access_claims.as_deref().map(|claims| object(Some(claims)));
        let more = object(self.callback_more.as_deref()).into_iter();
        to.callback_more = more.map(|(name, value)| (name, value.as_str().expect("a text").to_owned())).collect();
        to.dead_access = self.dead_access.clone().map(|DeadAccess { status, body }| (status, body));
    }

    /// What the sandbox tells of its user.
    fn tell(&self, to: &mut Settings) {
        to.lean_id_token = true;
        to.id_token_claims = object(self.id_token_more.as_deref());
        let answer = object(self.userinfo_answer.as_deref());
        let sub = answer.get("sub").cloned().unwrap_or_else(|| json!(self.sid));
        to.id_token_claims.entry("sub").or_insert(sub);
        if self.nonce == Some(false) {
            to.id_token = IdTokenForm::MissingNonce;
        }
        if self.userinfo_answer.is_none() {
            to.userinfo = Userinfo::Absent;
        }
        to.userinfo_answer = Some(answer);
        to.userinfo_call = match self.userinfo_call.as_deref() {
            None | Some("bearer") => UserinfoCall::Bearer,
            Some("oauth") => UserinfoCall::OAuth,
            Some("post") => UserinfoCall::Post,
            Some("post_client") => UserinfoCall::PostClient,
            Some("post_bearer") => UserinfoCall::PostBearer,
            Some("post_json") => UserinfoCall::PostJson,
            Some("query") => UserinfoCall::Query,
            Some("ok") => UserinfoCall::Ok,
            Some(other) => panic!("{other} is no way"),
        };
        to.userinfo_headers = self.userinfo_headers.clone().into_iter().collect();
    }
}

fn object(json: Option<&str>) -> Map<String, Value> {
    json.map_or_else(Map::new, |json| serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}")))
}

/// A span of time such as `30s`, `30m` or `24h`.
fn span(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("{text} is no span"));
    Duration::from_secs(
        number
            * match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => panic!("{text} is no span"),
            },
    )
}
