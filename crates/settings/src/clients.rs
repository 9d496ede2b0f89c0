//! Reads `[[clients]]`: the applications that call us.

use std::collections::{BTreeMap, BTreeSet};

use super::error::suggestion;
use super::providers::Providers;
use super::reader::Reader;
use super::scalar::{boolean, text, text_as, title, whole};
use super::secret::own_secret;
use super::types::{Client, SubjectTokens};
use super::{address, at, client_proof};
use domain::Error;
use domain::ids::ClientId;
use domain::scope::Scope;

/// More than anybody fetches in a minute; and within what is counted.
const MOST_TOKENS: usize = 1_000_000_000;

/// Reads all of them; `providers` are those their scopes may name.
pub(super) fn read(top: &mut Reader<'_>, providers: &Providers) -> BTreeMap<ClientId, Client> {
    let mut clients = BTreeMap::new();
    let mut seen: BTreeMap<ClientId, String> = BTreeMap::new();
    for mut reader in top.entries("clients") {
        let id = read_id(&mut reader);
        if let Some(id) = &id {
            if let Some(first) = seen.get(id) {
                reader.wrong("id", format!("is taken by {first}: each client needs its own"));
            } else {
                seen.insert(id.clone(), reader.path().to_owned());
            }
        }
        if let Some(client) = read_one(reader, id, providers) {
            clients.insert(client.id.clone(), client);
        }
    }
    clients
}

fn read_one(mut reader: Reader<'_>, id: Option<ClientId>, providers: &Providers) -> Option<Client> {
    let name = reader.optional("name", text_as(title));
    let proof = client_proof::read(&mut reader);
    let rest_password = own_secret(&mut reader, "rest_password");
    let scopes = reader.list("scopes", |text| scope(text, providers)).unwrap_or_default();
    let callbacks = reader.list("callbacks", address::callback).unwrap_or_default();
    let redirect_uris = reader.list("redirect_uris", address::callback).unwrap_or_default();
    let proves_itself =
        reader.has("secret") || reader.has("secrets") || proof.keys.is_some() || proof.workload.is_some();
    if !redirect_uris.is_empty() && !proves_itself {
        reader.wrong("redirect_uris", "are of no use without secret, which codes are redeemed with");
    }
    let tokens_per_minute = reader.optional("tokens_per_minute", whole(1..=MOST_TOKENS));
    let introspect_any = reader.with_default("introspect_any", false, boolean);
    let subject_tokens = read_subject_tokens(&mut reader);
    let at = at::read(&mut reader, id.as_ref());
    reader.finish();
    let id = id?;
    Some(Client {
        name: name.unwrap_or_else(|| id.as_str().to_owned()),
        id,
        secrets: proof.secrets,
        secret_ends: proof.secret_ends,
        keys: proof.keys,
        takes_endpoint_audience: proof.takes_endpoint_audience,
        workload: proof.workload,
        tokens_per_minute,
        rest_password,
        scopes,
        callbacks,
        redirect_uris,
        introspect_any,
        subject_tokens,
        at,
    })
}

fn read_subject_tokens(reader: &mut Reader<'_>) -> SubjectTokens {
    let kinds = [("access_token", false), ("subject", true)];
    let known = |word: &str| {
        let kind = kinds.iter().find(|(kind, _)| *kind == word);
        kind.map(|(_, in_clear)| *in_clear)
            .ok_or_else(|| format!("{word:?} is no choice; {}", suggestion(word, kinds.iter().map(|(kind, _)| *kind))))
    };
    let Some(kinds) = reader.list("subject_tokens", known) else { return SubjectTokens::Access };
    if !kinds.contains(&false) {
        reader.wrong("subject_tokens", "must have \"access_token\": [\"access_token\", \"subject\"] takes either");
    }
    if kinds.contains(&true) { SubjectTokens::InClearToo } else { SubjectTokens::Access }
}

fn read_id(reader: &mut Reader<'_>) -> Option<ClientId> {
    if let Some(label) = reader.value("id").and_then(toml::Value::as_str) {
        reader.set_label(label);
    }
    let text = reader.required("id", "set it to the name the client calls itself by", text)?;
    // RFC 7617 §2: Basic ends the id at its first colon. RFC 6749 A.1: a client id is printable ASCII.
    if !text.chars().all(|c| matches!(c, ' '..='~') && c != ':') {
        reader.wrong("id", "must be printable ASCII without a colon, since it has to fit into a Basic header");
        return None;
    }
    match ClientId::parse(text) {
        Ok(id) => Some(id),
        Err(Error::Input { problem, .. }) => {
            reader.wrong("id", problem);
            None
        }
        Err(other) => {
            reader.wrong("id", other.to_string());
            None
        }
    }
}

fn scope(text: &str, providers: &Providers) -> Result<Scope, String> {
    let of_providers = providers.ids.iter().cloned().map(Scope::TokenOf);
    let known = || -> BTreeSet<String> {
        Scope::FIXED.into_iter().chain(of_providers).map(|scope| scope.to_string()).collect()
    };
    match Scope::parse(text) {
        // If some provider's own name is wrong, this may well be the one: one mistake, one message.
        Some(Scope::TokenOf(id)) if providers.all_named && !providers.ids.contains(&id) => {
            let known = known();
            Err(format!(
                "{text:?} names no configured provider; {}",
                suggestion(text, known.iter().map(String::as_str))
            ))
        }
        Some(scope) => Ok(scope),
        None => {
            let known = known();
            Err(format!("{text:?} is no scope; {}", suggestion(text, known.iter().map(String::as_str))))
        }
    }
}
