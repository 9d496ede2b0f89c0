//! Reads `[[issuers]]`: the authorization servers whose JWTs stand for a caller.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use toml::{Table, Value};

use super::error::suggestion;
use super::reader::Reader;
use super::scalar::{text, text_as, title};
use super::types::{Client, Issuer};
use super::{address, jwt_rule};
use domain::ids::ClientId;
use domain::jwt::{ACCESS_TOKEN, TokenForm};

/// The presets, by name. A test parses each of them.
pub(super) static PRESETS: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("issuer_presets.toml")).unwrap_or_default());

/// Claims that are given to somebody else one day, or that users choose themselves.
const NO_SUBJECT: [&str; 7] = ["email", "upn", "unique_name", "preferred_username", "name", "login", "nickname"];

/// The longest prefix, in bytes: a subject has 255, and the issuer's own id has to fit behind it.
const PREFIX_LIMIT: usize = 64;

/// Reads all of them; `clients` are those that may be named.
pub(super) fn read(top: &mut Reader<'_>, clients: &BTreeMap<ClientId, Client>) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for reader in top.entries("issuers") {
        let issuer = read_one(reader, clients, &issuers);
        issuers.extend(issuer);
    }
    issuers
}

fn read_one(mut reader: Reader<'_>, clients: &BTreeMap<ClientId, Client>, others: &[Issuer]) -> Option<Issuer> {
    if let Some(label) = reader.value("issuer").and_then(Value::as_str) {
        reader.set_label(label);
    }
    let preset = read_preset(&mut reader);
    let hint = "set it to what stands in the tokens' `iss`, letter by letter";
    let issuer = reader.required("issuer", hint, text_as(address::issuer));
    let audiences = reader.one_or_list("audience", title).unwrap_or_default();
    let form = read_form(&mut reader);
    let subject_prefix = reader.with_default("subject_prefix", String::new(), text_as(prefix));
    let jwks_url = reader.optional("jwks_url", text_as(address::endpoint));
    let system_clients = reader.list("system_clients", |id| client(id, clients)).unwrap_or_default();
    if let Some(issuer) = &issuer {
        for audience in &audiences {
            if let Some(why) = is_for_everybody(audience, issuer) {
                reader.wrong("audience", format!("must not be {audience:?}, {why}"));
            }
        }
        let several = ["/common/", "/organizations/", "/consumers/"];
        if preset.as_deref() == Some("entra") && several.iter().any(|tenants| issuer.contains(tenants)) {
            reader.wrong("issuer", "must be the tenant's own: an `oid` is a user's of one tenant");
        }
    }
    for other in others {
        if issuer.as_ref() == Some(&other.issuer) {
            reader.wrong("issuer", "stands in another [[issuers]] as well");
        }
        if let Some(problem) = clash(&subject_prefix, &other.subject_prefix) {
            reader.wrong("subject_prefix", format!("{problem} (as {} has it)", other.issuer));
        }
    }
    // Where none of its tokens are for us, it may have tokens for a client's own API.
    let is_named = |client: &Client| issuer.as_ref().is_some_and(|issuer| client.at.contains_key(issuer));
    let says_nothing = reader.value("audience").is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
    if says_nothing && !clients.values().any(is_named) {
        let hint = "set it to what the tokens' `aud` calls us, such as \"fedlink\"";
        reader.wrong("audience", format!("is missing: {hint}, or name the issuer in a client's `at`"));
    }
    reader.finish();
    let audiences = audiences.into_iter().collect();
    let system_clients = system_clients.into_iter().collect();
    Some(Issuer { issuer: issuer?, audiences, form, subject_prefix, system_clients, jwks_url })
}

/// Takes what the preset says, if there is one; its name.
fn read_preset(reader: &mut Reader<'_>) -> Option<String> {
    let (name, preset) = reader.optional("preset", |given| {
        let name = text(given)?;
        let Some(Value::Table(preset)) = PRESETS.get(&name) else {
            return Err(format!("{name:?} is no preset; {}", suggestion(&name, PRESETS.keys().map(String::as_str))));
        };
        Ok((name, preset))
    })?;
    reader.set_preset(preset);
    Some(name)
}

fn read_form(reader: &mut Reader<'_>) -> TokenForm {
    let default = TokenForm::default();
    let form = TokenForm {
        kinds: reader.one_or_list("typ", kind).unwrap_or(default.kinds),
        client_claims: reader.one_or_list("client_claim", title).unwrap_or(default.client_claims),
        scope_claims: reader.one_or_list("scope_claim", title).unwrap_or(default.scope_claims),
        scope_prefix: reader.with_default("scope_prefix", default.scope_prefix, text_as(title)),
        subject_claim: reader.with_default("subject_claim", default.subject_claim, text_as(subject_claim)),
        audience_claim: reader.with_default("audience_claim", default.audience_claim, text_as(title)),
        require: jwt_rule::read(reader, "require"),
        machine: jwt_rule::read(reader, "machine"),
    };
    if form.require.is_empty() && form.kinds.iter().any(|kind| kind != ACCESS_TOKEN) {
        reader.wrong(
            "require",
            "is missing: where typ is not at+jwt alone, it has to say what an ID token never does, such as { token_use = \"access\" }",
        );
    }
    form
}

/// As a header's `typ` is compared: in small letters, without `application/`; empty: none.
fn kind(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    if text.chars().any(|c| !c.is_ascii_graphic()) {
        return Err("must be a media type such as \"at+jwt\", or \"\" for none".to_owned());
    }
    Ok(text.strip_prefix("application/").map(str::to_owned).unwrap_or(text))
}

fn subject_claim(text: &str) -> Result<String, String> {
    if NO_SUBJECT.contains(&text) {
        return Err(format!(
            "must not be {text:?}: it may be somebody else's one day; take the id that the issuer never gives twice"
        ));
    }
    title(text)
}

/// Why an audience is nobody's own: tokens for it are in everybody's hands.
pub(super) fn is_for_everybody(audience: &str, issuer: &str) -> Option<&'static str> {
    match audience {
        "account" | "account-console" | "broker" | "realm-management" | "security-admin-console" => {
            Some("which Keycloak puts into the tokens of every application")
        }
        "00000003-0000-0000-c000-000000000000" | "https://graph.microsoft.com" => {
            Some("which is Microsoft Graph: whoever reads mail has such a token")
        }
        _ if audience.ends_with(".auth0.com/api/v2/") => Some("which is Auth0's own API"),
        _ if audience.ends_with("/userinfo") => Some("which every application that signs users in has tokens for"),
        _ if audience.trim_end_matches('/') == issuer.trim_end_matches('/') => {
            Some("which is the issuer itself: every application has tokens for it")
        }
        _ => None,
    }
}

fn prefix(text: &str) -> Result<String, String> {
    if text.len() > PREFIX_LIMIT {
        return Err(format!("must have at most {PREFIX_LIMIT} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not have control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn client(id: &str, clients: &BTreeMap<ClientId, Client>) -> Result<ClientId, String> {
    let known = ClientId::parse(id).ok().filter(|id| clients.contains_key(id));
    known.ok_or_else(|| {
        format!("{id:?} is none of [[clients]]; {}", suggestion(id, clients.keys().map(ClientId::as_str)))
    })
}

/// Why a user of one could pass for a user of the other.
fn clash(one: &str, other: &str) -> Option<&'static str> {
    match (one.is_empty(), other.is_empty()) {
        (true, true) => Some("must not be empty twice: the same id would be two users"),
        (false, false) if one.starts_with(other) || other.starts_with(one) => {
            Some("must not begin as another does: the same id could be two users")
        }
        _ => None,
    }
}
