//! Reads `[[providers]]`: the external identity providers, each over its preset.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use toml::Value;

use super::catalogue::PRESETS;
use super::error::suggestion;
use super::reader::Reader;
use super::scalar::{Given, boolean, choice, duration, text, text_as, title};
use super::types::{ClaimsIn, ClientAuth, Endpoints, Provider, ProviderKind};
use super::{address, asking, client_auth, template};
use domain::Error;
use domain::dead_error::DeadError;
use domain::expiry::{LONGEST_LIFE, Lifetime};
use domain::ids::{PARTNER_TYPE, ProviderId};
use domain::scope::is_scope_char;

const SEPARATORS: [(&str, char); 3] = [(" ", ' '), (",", ','), (";", ';')];

const CLAIMS_IN: [(&str, ClaimsIn); 2] = [("access_token", ClaimsIn::AccessToken), ("id_token", ClaimsIn::IdToken)];

const KINDS: [(&str, ProviderKind); 2] = [("oidc", ProviderKind::Oidc), ("oauth2", ProviderKind::OAuth2)];

/// What of a token answer, or of what came with a code, is nobody's but ours.
const OUR_MEMBERS: [&str; 15] = [
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "client_assertion",
    "code_verifier",
    "device_secret",
    "token_type",
    "expires_in",
    "scope",
    "code",
    "state",
    "iss",
    "error",
    "error_description",
];

/// Whoever waits for an answer to a refresh less long than for any other throws tokens away.
const SHORTEST_WAIT: Duration = Duration::from_secs(10);
/// Nobody answers after this.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// The providers, and what of them is known even where their settings are wrong.
pub(super) struct Providers {
    /// Those without a mistake.
    pub(super) whole: BTreeMap<ProviderId, Provider>,
    /// The names of all that have a valid one.
    pub(super) ids: BTreeSet<ProviderId>,
    /// Whether all have a valid name.
    pub(super) all_named: bool,
}

/// Reads all of them.
pub(super) fn read(top: &mut Reader<'_>) -> Providers {
    let mut providers = Providers { whole: BTreeMap::new(), ids: BTreeSet::new(), all_named: true };
    let mut seen: BTreeMap<ProviderId, String> = BTreeMap::new();
    for mut reader in top.entries("providers") {
        let id = read_id(&mut reader);
        match &id {
            None => providers.all_named = false,
            Some(id) => match seen.get(id) {
                Some(first) => reader.wrong("name", format!("is taken by {first}: type and name must differ")),
                None => drop(seen.insert(id.clone(), reader.path().to_owned())),
            },
        }
        if let Some(provider) = read_one(reader, id) {
            providers.whole.insert(provider.id.clone(), provider);
        }
    }
    providers.ids = seen.into_keys().collect();
    providers
}

fn read_one(mut reader: Reader<'_>, id: Option<ProviderId>) -> Option<Provider> {
    read_preset(&mut reader);
    let kind = read_kind(&mut reader);
    let is_oidc = kind == Some(ProviderKind::Oidc);
    if is_oidc {
        reader.demand("issuer", "set it to the provider's issuer, letter by letter as its metadata has it");
    }
    let issuer = reader.optional("issuer", text_as(address::issuer));
    let endpoints = read_endpoints(&mut reader, kind);
    let scopes = reader.list("scopes", scope);
    if is_oidc && scopes.as_ref().is_some_and(|scopes| !scopes.iter().any(|scope| scope == "openid")) {
        // OpenID Connect Core §3.1.2.1: without it the answer has no id_token.
        reader.wrong("scopes", "must include \"openid\"");
    }
    let default_scopes = || if is_oidc { vec!["openid".to_owned()] } else { Vec::new() };
    let client_id = reader.required("client_id", "set it to our id at the provider", text_as(title));
    let proof = client_auth::read(&mut reader);
    let name = reader.optional("title", text_as(title));
    let remember_tokens = reader.with_default("remember_tokens", true, boolean);
    let exclusive = reader.with_default("exclusive", true, boolean);
    let par = reader.with_default("par", false, boolean);
    let pkce = reader.with_default("pkce", true, boolean);
    if !pkce && proof.auth == ClientAuth::None && proof.tls.is_none() {
        // RFC 9700 §2.1.1: a nonce is no help where whoever has the code may redeem it.
        reader.wrong(
            "pkce",
            "must not be false where client_auth is \"none\": nothing else keeps a stolen code from being redeemed",
        );
    }
    let nonce = reader.with_default("nonce", true, boolean);
    let confirm = reader.with_default("confirm", true, boolean);
    let claims_in = reader.optional("claims_in", choice(&CLAIMS_IN));
    if is_oidc && claims_in.is_some() {
        reader.wrong("claims_in", "goes with kind = \"oauth2\": an OpenID provider's id_token is verified");
    }
    let own = if reader.has("tenants") { "{tid}.{sub}" } else { "{sub}" };
    let sid = reader.with_default("sid", own.to_owned(), text_as(template::sid));
    if reader.has("tenants") && !sid.contains("{tid}") {
        reader.wrong("sid", "must have {tid}: an account is one of its tenant's");
    }
    let user_name = reader.with_default("user_name", "{email}".to_owned(), text_as(template::user_name));
    let lifetime = reader.optional("lifetime", lifetime);
    let rotates = reader.with_default("rotates", true, boolean);
    let reuse_window = reader.optional("reuse_window", duration(Duration::from_secs(1)..=LONGEST_LIFE));
    let answer_within = reader.optional("answer_within", duration(SHORTEST_WAIT..=LONGEST_WAIT));
    let idle_life = reader.optional("idle_life", duration(Duration::from_secs(1)..=LONGEST_LIFE));
    let revoke = reader.with_default("revoke", true, boolean);
    let refresh_dies_with_access = reader.with_default("refresh_dies_with_access", false, boolean);
    let authorize_params = reader.texts("authorize_params", refuse_ours).unwrap_or_default();
    let scope_separator = reader.with_default("scope_separator", ' ', choice(&SEPARATORS));
    let scope_aliases = reader.texts("scope_aliases", |_| None).unwrap_or_default();
    let resent_params = asking::resent_params(&mut reader);
    let asking = asking::read(&mut reader, &resent_params);
    asking::judge(&reader, &asking, client_id.as_deref().unwrap_or_default(), proof.secret.is_some());
    let token_path = reader.optional("token_path", text_as(path));
    let tenants = read_tenants(&mut reader, kind, &endpoints);
    let dead_errors = reader.list("dead_errors", DeadError::parse).unwrap_or_default();
    let dead_access_errors = reader.list("dead_access_errors", DeadError::parse).unwrap_or_default();
    let response_fields = reader.list("response_fields", response_field).unwrap_or_default();
    let callback_fields = reader.list("callback_fields", response_field).unwrap_or_default();
    reader.finish();
    let id = id?;
    Some(Provider {
        title: name.unwrap_or_else(|| id.fp_name().to_owned()),
        id,
        kind: kind?,
        issuer,
        client_id: client_id?,
        client_secret: proof.secret,
        client_key: proof.key,
        client_auth: proof.auth,
        client_command: proof.command,
        tls: proof.tls,
        scopes: scopes.unwrap_or_else(default_scopes),
        remember_tokens,
        exclusive,
        asking,
        claims_in,
        sid,
        user_name,
        par,
        pkce,
        nonce,
        confirm,
        endpoints,
        lifetime,
        rotates,
        reuse_window,
        answer_within,
        idle_life,
        revoke,
        refresh_dies_with_access,
        authorize_params,
        scope_aliases,
        scope_separator,
        resent_params,
        dead_errors,
        dead_access_errors,
        response_fields,
        callback_fields,
        token_path,
        tenants,
    })
}

fn read_id(reader: &mut Reader<'_>) -> Option<ProviderId> {
    let label: Vec<&str> = ["type", "name"].into_iter().filter_map(|key| reader.value(key)?.as_str()).collect();
    if !label.is_empty() {
        reader.set_label(&label.join(":"));
    }
    // Each half is checked on its own, so that both can be wrong at once.
    let fp_type = reader.required(
        "type",
        "set it to the provider's type (fpType), such as \"google\"",
        text_as(|text| match ProviderId::parse(text, "x") {
            Ok(_) if text == PARTNER_TYPE => {
                Err(format!("{PARTNER_TYPE:?} is kept for sign-in partners: choose another"))
            }
            checked => checked.map(|_id| text.to_owned()).map_err(problem),
        }),
    );
    let fp_name = reader.required(
        "name",
        "set it to the provider's name (fpName), such as \"google_1\"",
        text_as(|text| ProviderId::parse("x", text).map(|_id| text.to_owned()).map_err(problem)),
    );
    ProviderId::parse(&fp_type?, &fp_name?).ok()
}

fn problem(error: Error) -> String {
    match error {
        Error::Input { problem, .. } => problem,
        other => other.to_string(),
    }
}

/// Takes what the preset says, if there is one.
fn read_preset(reader: &mut Reader<'_>) {
    let preset = reader.optional("preset", |given| {
        let name = text(given)?;
        let Some(Value::Table(preset)) = PRESETS.get(&name) else {
            return Err(format!("{name:?} is no preset; {}", suggestion(&name, PRESETS.keys().map(String::as_str))));
        };
        Ok(preset)
    });
    let Some(preset) = preset else { return };
    reader.set_preset(preset);
    for (key, _) in preset.get("wants").and_then(Value::as_table).into_iter().flatten() {
        reader.demand(key, "the provider wants it");
    }
}

fn read_kind(reader: &mut Reader<'_>) -> Option<ProviderKind> {
    if !reader.has("preset") {
        reader.demand("kind", "set it to \"oidc\" or \"oauth2\", or choose a preset");
    }
    reader.optional("kind", choice(&KINDS))
}

fn read_endpoints(reader: &mut Reader<'_>, kind: Option<ProviderKind>) -> Endpoints {
    // With an issuer they may be discovered: RFC 8414 is plain OAuth's as well.
    if kind == Some(ProviderKind::OAuth2) && !reader.has("issuer") {
        reader.demand("authorization_endpoint", "or set issuer, where it can be discovered");
        reader.demand("token_endpoint", "or set issuer, where it can be discovered");
        if !reader.has("sid") {
            reader.demand("userinfo_endpoint", "set it, or sid to a template over the token response");
        }
    }
    let mut endpoint = |key| reader.optional(key, text_as(address::endpoint));
    Endpoints {
        authorization: endpoint("authorization_endpoint"),
        token: endpoint("token_endpoint"),
        userinfo: endpoint("userinfo_endpoint"),
        jwks: endpoint("jwks_uri"),
        revocation: endpoint("revocation_endpoint"),
        introspection: endpoint("introspection_endpoint"),
        pushed: endpoint("pushed_authorization_request_endpoint"),
    }
}

/// Whose tokens are good: the tenants' that are listed, or everybody's.
fn read_tenants(reader: &mut Reader<'_>, kind: Option<ProviderKind>, endpoints: &Endpoints) -> Option<Vec<String>> {
    let tenants = reader.list("tenants", tenant)?;
    if kind == Some(ProviderKind::OAuth2) {
        reader.wrong("tenants", "goes with kind = \"oidc\": it is an id_token that says whose tenant somebody is of");
    }
    let by_hand = [&endpoints.authorization, &endpoints.token, &endpoints.jwks];
    if by_hand.into_iter().all(Option::is_some) {
        let problem = "needs the issuer's metadata, which say what each tenant calls itself: leave jwks_uri out";
        reader.wrong("tenants", problem);
    }
    let is_none = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    if reader.value("tenants").is_some_and(is_none) {
        reader.wrong("tenants", "must name tenants by their ids, or be [\"*\"] for every tenant there is");
    }
    let is_any = tenants.iter().any(|tenant| tenant == "*");
    if is_any && tenants.len() > 1 {
        reader.wrong("tenants", "must be [\"*\"] alone, or name tenants by their ids");
    }
    Some(if is_any { Vec::new() } else { tenants })
}

/// An id as Entra has it: a UUID, in small letters.
fn tenant(text: &str) -> Result<String, String> {
    match uuid::Uuid::try_parse(text) {
        _ if text == "*" => Ok(text.to_owned()),
        Ok(id) if id.hyphenated().to_string() == text.to_ascii_lowercase() => Ok(text.to_ascii_lowercase()),
        _ => Err("must be a tenant's id, such as \"9122040d-6c67-4c5b-b112-36a304b66dad\", or \"*\"".to_owned()),
    }
}

/// Names of members, with dots between them.
fn path(text: &str) -> Result<String, String> {
    let is_name = |name: &str| !name.is_empty() && name.trim() == name;
    if text.split('.').all(is_name) {
        Ok(text.to_owned())
    } else {
        Err("must be names of members with dots between them, such as \"authed_user\"".to_owned())
    }
}

/// Such a path, of what is no secret.
fn response_field(text: &str) -> Result<String, String> {
    let last = text.rsplit('.').next().unwrap_or_default();
    if OUR_MEMBERS.iter().any(|ours| ours.eq_ignore_ascii_case(last)) {
        return Err("must not be handed on: it is a secret, or stands in the answer already".to_owned());
    }
    path(text)
}

/// A length of time, or "never". Beyond reason, it is a slip of the pen.
fn lifetime(given: &Given<'_>) -> Result<Lifetime, String> {
    if text(given).is_ok_and(|text| text == "never") {
        return Ok(Lifetime::Endless);
    }
    let lasts = duration(Duration::from_secs(1)..=LONGEST_LIFE)(given).map(Lifetime::Lasts);
    lasts.map_err(|problem| format!("{problem}; or \"never\" where tokens don't end by themselves"))
}

/// RFC 6749 §3.3: printable ASCII without space, quote and backslash.
fn scope(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(is_scope_char) {
        Ok(text.to_owned())
    } else {
        Err("must be one scope, without spaces, quotes and backslashes; write several as several texts".to_owned())
    }
}

fn refuse_ours(parameter: &str) -> Option<String> {
    if parameter == "scope" {
        Some("must not be set here: write the scopes under `scopes`".to_owned())
    } else {
        asking::OUR_PARAMS
            .contains(&parameter)
            .then(|| "must not be set: it is part of what protects a bind".to_owned())
    }
}
