//! Reads `[[partners]]`: whose access tokens sign users in, and how far what they say is believed.

use std::collections::BTreeMap;

use super::address;
use super::reader::Reader;
use super::scalar::{boolean, text_as, title};
use super::secret::secret;
use super::types::{Introspection, Partner, PartnerClient, SignedBy};
use domain::Error;
use domain::ids::{ClientId, PARTNER_TYPE, ProviderId};
use domain::partner::{FieldPath, Fields, Trust};

/// Reads all of them, by name.
pub(super) fn read(top: &mut Reader<'_>) -> BTreeMap<String, Partner> {
    let mut partners = BTreeMap::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    if top.has("partners") && !top.has("session") {
        top.wrong("session", "is missing: [[partners]] sign users in, and its secret signs their sessions");
    }
    for mut reader in top.entries("partners") {
        let name = read_name(&mut reader);
        if let Some(name) = &name {
            if let Some(first) = seen.get(name) {
                reader.wrong("name", format!("is taken by {first}: each partner needs its own"));
            } else {
                seen.insert(name.clone(), reader.path().to_owned());
            }
        }
        let place = reader.path().to_owned();
        if let Some(partner) = read_one(reader, name) {
            for (client, shared) in shared(&partner, &partners) {
                let problem =
                    format!("is another partner's ({shared}): who answers for one would sign in the other's users");
                top.wrong(&format!("{place}.clients.{client}.identity_type"), problem);
            }
            if !top.has("email") {
                for (client, _) in partner.clients.iter().filter(|(_, client)| client.require_confirmed_email) {
                    let key = format!("{place}.clients.{client}.require_confirmed_email");
                    top.wrong(&key, "needs [email]: codes are sent by it");
                }
            }
            partners.insert(partner.name.clone(), partner);
        }
    }
    partners
}

/// The clients whose identity is also one of a partner before, with that partner.
fn shared<'p>(partner: &'p Partner, others: &'p BTreeMap<String, Partner>) -> Vec<(&'p str, &'p str)> {
    let mut shared = Vec::new();
    for (id, client) in &partner.clients {
        let same = |other: &&Partner| other.clients.values().any(|theirs| theirs.identity == client.identity);
        if let Some(other) = others.values().filter(|other| other.name != partner.name).find(same) {
            shared.push((id.as_str(), other.name.as_str()));
        }
    }
    shared
}

fn read_name(reader: &mut Reader<'_>) -> Option<String> {
    if let Some(label) = reader.value("name").and_then(toml::Value::as_str) {
        reader.set_label(label);
    }
    let hint = "set it to what stands in the address, as test-sdk in /api/auth/test-sdk";
    reader.required("name", hint, text_as(name))
}

/// A name as an `fpName` has it: neither needs escaping in an address.
fn name(text: &str) -> Result<String, String> {
    match ProviderId::parse(PARTNER_TYPE, text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("must be 1 to 64 of A-Z a-z 0-9 . _ -".to_owned()),
    }
}

fn read_one(mut reader: Reader<'_>, name: Option<String>) -> Option<Partner> {
    let trust = read_trust(&mut reader);
    let hint = "write [partners.clients.ID] for each client_id you give the partner";
    reader.demand("clients", hint);
    let tables = reader.tables("clients");
    if tables.is_empty() && reader.value("clients").is_some_and(toml::Value::is_table) {
        reader.wrong("clients", format!("must not be empty: {hint}"));
    }
    let mut clients = BTreeMap::new();
    for (id, client) in tables {
        let id = ClientId::parse(id).map_err(|error| client.wrong("", problem(error))).ok();
        let client = read_client(client, trust);
        if let (Some(id), Some(client)) = (id, client) {
            clients.insert(id, client);
        }
    }
    reader.finish();
    Some(Partner { name: name?, clients })
}

fn read_trust(reader: &mut Reader<'_>) -> Trust {
    Trust {
        phone: reader.with_default("trust_phone", false, boolean),
        email: reader.with_default("trust_email", false, boolean),
    }
}

fn read_client(mut reader: Reader<'_>, partner: Trust) -> Option<PartnerClient> {
    let hint = "set it to the kind of identity its users have; it becomes their links' fpName";
    let identity = reader.required("identity_type", hint, text_as(identity));
    let hint = "set it to where the partner tells whose an access token is";
    let user_info_url = reader.required("user_info_url", hint, text_as(address::endpoint));
    let client = read_trust(&mut reader);
    let require_confirmed_phone = reader.with_default("require_confirmed_phone", true, boolean);
    let require_confirmed_email = reader.with_default("require_confirmed_email", false, boolean);
    let signed_by = read_signed_by(&mut reader);
    let audience = reader.optional("audience", text_as(title));
    let introspection = read_introspection(&mut reader);
    let absent_means_verified = reader.with_default("absent_means_verified", true, boolean);
    let text_booleans = reader.with_default("text_booleans", false, boolean);
    let fields = read_fields(reader.section("fields"), absent_means_verified, text_booleans);
    reader.finish();
    Some(PartnerClient {
        identity: identity?,
        user_info_url: user_info_url?,
        trust: Trust { phone: partner.phone && client.phone, email: partner.email && client.email },
        require_confirmed_phone,
        require_confirmed_email,
        signed_by,
        audience,
        introspection,
        fields: fields?,
    })
}

fn identity(text: &str) -> Result<ProviderId, String> {
    ProviderId::parse(PARTNER_TYPE, text).map_err(|_malformed| "must be 1 to 64 of A-Z a-z 0-9 . _ -".to_owned())
}

fn read_signed_by(reader: &mut Reader<'_>) -> Option<SignedBy> {
    if reader.has("jwks_url") && !reader.has("issuer") {
        reader.wrong("jwks_url", "must be left out where there is no issuer: userinfo that is signed has to name it");
    }
    let jwks_url = reader.optional("jwks_url", text_as(address::endpoint));
    let issuer = reader.optional("issuer", text_as(address::issuer));
    Some(SignedBy { issuer: issuer?, jwks_url })
}

/// RFC 7662 §2.1: the endpoint wants to know who asks.
fn read_introspection(reader: &mut Reader<'_>) -> Option<Introspection> {
    let (id_key, secret_key) = ("introspection_client_id", "introspection_client_secret");
    if reader.has("introspection_url") {
        reader.demand(id_key, "set it to our id at the partner");
        reader.demand(secret_key, "write { env = \"NAME\" } or { file = \"PATH\" }");
    } else {
        for key in [id_key, secret_key] {
            if reader.has(key) {
                reader.wrong(key, "must be left out where there is no introspection_url");
            }
        }
    }
    let url = reader.optional("introspection_url", text_as(address::endpoint));
    let client_id = reader.optional(id_key, text_as(title));
    let client_secret = secret(reader, secret_key);
    Some(Introspection { url: url?, client_id: client_id?, client_secret: client_secret? })
}

/// The names are OpenID's (OpenID Connect Core §5.1) where nothing else is said.
fn read_fields(mut reader: Reader<'_>, absent_means_verified: bool, text_booleans: bool) -> Option<Fields> {
    let mut path = |key, default| match reader.optional(key, text_as(field_path)) {
        Some(path) => Some(path),
        None => FieldPath::parse(default).ok(),
    };
    let fields = Fields {
        id: path("id", "sub")?,
        name: path("name", "name")?,
        phone: path("phone", "phone_number")?,
        phone_verified: path("phone_verified", "phone_number_verified")?,
        email: path("email", "email")?,
        email_verified: path("email_verified", "email_verified")?,
        absent_means_verified,
        text_booleans,
    };
    reader.finish();
    Some(fields)
}

fn field_path(text: &str) -> Result<FieldPath, String> {
    FieldPath::parse(text).map_err(problem)
}

fn problem(error: Error) -> String {
    match error {
        Error::Input { problem, .. } => problem,
        other => other.to_string(),
    }
}
