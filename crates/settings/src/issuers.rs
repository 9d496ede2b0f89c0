//! Reads `[[issuers]]`: the authorization servers whose JWTs stand for a caller.

use std::collections::BTreeMap;

use super::address;
use super::error::suggestion;
use super::reader::Reader;
use super::scalar::{text_as, title};
use super::types::{Client, Issuer};
use domain::ids::ClientId;

/// The longest prefix, in bytes: a subject has 255, and the issuer's own id has to fit behind it.
const PREFIX_LIMIT: usize = 64;

/// Reads all of them; `clients` are those that may be named.
pub(super) fn read(top: &mut Reader<'_>, clients: &BTreeMap<ClientId, Client>) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for mut reader in top.entries("issuers") {
        if let Some(label) = reader.value("issuer").and_then(toml::Value::as_str) {
            reader.set_label(label);
        }
        let hint = "set it to what stands in the tokens' `iss`, letter by letter";
        let issuer = reader.required("issuer", hint, text_as(address::issuer));
        let hint = "set it to what the tokens' `aud` calls us, such as \"fedlink\"";
        let audience = reader.required("audience", hint, text_as(title));
        let subject_prefix = reader.with_default("subject_prefix", String::new(), text_as(prefix));
        let jwks_url = reader.optional("jwks_url", text_as(address::endpoint));
        let system_clients = reader.list("system_clients", |id| client(id, clients)).unwrap_or_default();
        for other in &issuers {
            if issuer.as_ref() == Some(&other.issuer) {
                reader.wrong("issuer", "stands in another [[issuers]] as well");
            }
            if let Some(problem) = clash(&subject_prefix, &other.subject_prefix) {
                reader.wrong("subject_prefix", format!("{problem} (as {} has it)", other.issuer));
            }
        }
        reader.finish();
        if let (Some(issuer), Some(audience)) = (issuer, audience) {
            let system_clients = system_clients.into_iter().collect();
            issuers.push(Issuer { issuer, audience, subject_prefix, system_clients, jwks_url });
        }
    }
    issuers
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
