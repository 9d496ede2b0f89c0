//! Reads what an application proves itself by at our token endpoint: secrets, a key of its own, or what its platform gives it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use secrecy::SecretString;
use toml::Value;

use super::reader::Reader;
use super::scalar::{Given, article, boolean, text, text_as, title};
use super::secret::{own_secret, own_secrets};
use super::types::{Client, ClientKeys, Workload, WorkloadKeys};
use super::{address, jwt_rule};
use domain::ids::ClientId;

/// All of it.
pub(super) struct Proof {
    pub(super) secrets: Vec<SecretString>,
    pub(super) secret_ends: Option<NaiveDate>,
    pub(super) keys: Option<ClientKeys>,
    pub(super) takes_endpoint_audience: bool,
    pub(super) workload: Option<Workload>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Proof {
    let secrets = read_secrets(reader);
    let secret_ends = reader.optional("secret_ends", date);
    let keys = read_keys(reader);
    let takes_endpoint_audience = reader.with_default("assertion_for_token_endpoint", false, boolean);
    if takes_endpoint_audience && keys.is_none() {
        reader.wrong("assertion_for_token_endpoint", "is of no use without public_key or jwks_url");
    }
    let workload = reader.value("workload").is_some().then(|| read_workload(reader.section("workload"))).flatten();
    Proof { secrets, secret_ends, keys, takes_endpoint_audience, workload }
}

/// Refuses a workload that two clients name: nobody could tell whose it is.
pub(super) fn check(top: &Reader<'_>, clients: &BTreeMap<ClientId, Client>) {
    let mut whose: BTreeMap<(&str, &str), &ClientId> = BTreeMap::new();
    for client in clients.values() {
        let Some(workload) = &client.workload else { continue };
        if let Some(other) = whose.insert((&workload.issuer, &workload.subject), &client.id) {
            let place = format!("clients ({}).workload.subject", client.id);
            top.wrong(&place, format!("is {other}'s as well: a workload is one client"));
        }
    }
}

fn read_secrets(reader: &mut Reader<'_>) -> Vec<SecretString> {
    if reader.has("secret") && reader.has("secrets") {
        reader.wrong("secrets", "must not stand beside secret: list both, the new one first");
    }
    let one = own_secret(reader, "secret");
    let several = own_secrets(reader, "secrets");
    one.into_iter().chain(several).collect()
}

fn read_keys(reader: &mut Reader<'_>) -> Option<ClientKeys> {
    if reader.has("public_key") && reader.has("jwks_url") {
        reader.wrong("jwks_url", "must not stand beside public_key: the keys come from one place");
    }
    let pem = match reader.value("public_key") {
        Some(Value::Table(_)) => {
            let mut place = reader.section("public_key");
            let base_dir = place.context.base_dir;
            let path = place.required("file", "set it to a PEM file", text).map(|path| base_dir.join(path));
            let read = path.and_then(|path| {
                std::fs::read_to_string(&path)
                    .map_err(|error| place.wrong("file", format!("cannot be read: {error}")))
                    .ok()
            });
            place.finish();
            read
        }
        Some(_) => reader.optional("public_key", text),
        None => None,
    };
    if pem.as_ref().is_some_and(|pem| !pem.contains("-----BEGIN PUBLIC KEY-----")) {
        reader.wrong(
            "public_key",
            "must be PEM that begins with -----BEGIN PUBLIC KEY-----, or { file = \"…\" } of such",
        );
    }
    pem.map(ClientKeys::Pem).or_else(|| reader.optional("jwks_url", text_as(address::endpoint)).map(ClientKeys::At))
}

fn read_workload(mut reader: Reader<'_>) -> Option<Workload> {
    let issuer = reader.required(
        "issuer",
        "set it to what stands in the tokens' `iss`, such as \"https://kubernetes.default.svc.cluster.local\"",
        text_as(address::issuer),
    );
    let hint = "set it to the program's own, such as \"system:serviceaccount:orders:orders\"";
    let subject = reader.required("subject", hint, text_as(title));
    let hint = "set it to what the token is asked for with, such as \"https://fedlink.company.com\"";
    let audience = reader.required("audience", hint, text_as(title));
    let require = jwt_rule::read(&mut reader, "require");
    let keys = match reader.value("jwks") {
        Some(Value::Table(_)) => {
            let mut place = reader.section("jwks");
            let base_dir = place.context.base_dir;
            let path = place.required("file", "set it to a file with the issuer's key set", text);
            place.finish();
            path.map(|path| WorkloadKeys::File(base_dir.join(path)))
        }
        Some(other) => {
            reader.wrong("jwks", format!("must be {{ file = \"…\" }}, not {}", article(other)));
            None
        }
        None => match reader.optional("jwks_url", text_as(address::endpoint)) {
            Some(url) => Some(WorkloadKeys::At(url)),
            None => Some(WorkloadKeys::Discovered),
        },
    };
    reader.finish();
    Some(Workload { issuer: issuer?, subject: subject?, audience: audience?, require, keys: keys? })
}

/// A day, as TOML has it, or as text.
fn date(given: &Given<'_>) -> Result<NaiveDate, String> {
    let written = match given {
        Given::File(Value::Datetime(date)) => date.to_string(),
        Given::File(Value::String(written)) => written.clone(),
        Given::Environment(written) => written.clone(),
        Given::File(_) => String::new(),
    };
    written.parse().map_err(|_not_a_day| "must be a day, such as 2027-03-01".to_owned())
}
