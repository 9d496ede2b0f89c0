//! Which of what the contract promises a call of the tests has brought about.
//!
//! `scripts/test` names a file in `FEDLINK_WALKED`: what is promised goes to `….promised`, what came goes to it, a line each,
//! and what is in the one and not in the other fails the run. Each process of the tests adds to both.

use std::collections::BTreeSet;
use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value;

use super::{Answer, Contract, Judged, METHODS, Operation, entries};

/// The lines that were written already.
static WRITTEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What is promised, and where lines go; nothing is written where nobody named a file.
static FILE: LazyLock<Option<String>> = LazyLock::new(|| {
    let file = env::var_os("FEDLINK_WALKED")?.into_string().expect("a path in UTF-8");
    let mut promised = promised(&super::CONTRACT);
    promised.extend(super::commands::promised());
    append(&format!("{file}.promised"), promised.iter());
    Some(file)
});

fn append<'a>(file: &str, lines: impl Iterator<Item = &'a String>) {
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).expect("the folder of FEDLINK_WALKED takes files");
}

/// Tells what came.
pub(super) fn tell(came: &BTreeSet<String>) {
    let Some(file) = FILE.as_ref() else { return };
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let new: Vec<String> = came.difference(&written).cloned().collect();
    append(file, new.iter());
    written.extend(new);
}

/// Whether anybody wants to know.
pub(crate) fn is_wanted() -> bool {
    FILE.is_some()
}

/// Every status, header, parameter, property and word of openapi.yaml.
///
/// But 500: it is a fault of ours, and a call that brings one about is mended.
pub(super) fn promised(contract: &Contract) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (template, item) in entries(&contract.document["paths"]) {
        for (method, operation) in entries(item).filter(|(method, _)| METHODS.contains(&method.as_str())) {
            let operation_name = Operation::of(method, template);
            for (status, response) in entries(&operation["responses"]).filter(|(status, _)| *status != "500") {
                let place = format!("{operation_name} {status}");
                let response = contract.resolve(response);
                found.extend(entries(&response["headers"]).map(|(name, _)| format!("{place} {name}")));
                for (_, media) in entries(&response["content"]) {
                    promised_of(contract, &media["schema"], &place, &mut found);
                }
                found.insert(place);
            }
            for parameter in contract.parameters(item, operation).filter(|parameter| parameter["in"] != "path") {
                found.insert(format!("{operation_name} ?{}", parameter["name"].as_str().unwrap_or_default()));
            }
            for (_, media) in entries(&contract.resolve(&operation["requestBody"])["content"]) {
                promised_of(contract, &media["schema"], &operation_name.to_string(), &mut found);
            }
        }
    }
    for (name, webhook) in entries(&contract.document["webhooks"]) {
        for (_, media) in entries(&webhook["post"]["requestBody"]["content"]) {
            promised_of(contract, &media["schema"], &format!("webhook {name}"), &mut found);
        }
    }
    found
}

/// What a schema promises, and those that it refers to. A schema with a name has one place, wherever it stands.
fn promised_of(contract: &Contract, schema: &Value, place: &str, found: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = name_of(reference);
        if found.insert(name.to_owned()) {
            promised_of(contract, contract.resolve(schema), name, found);
        }
        return;
    }
    found.extend(words(schema).map(|word| format!("{place} = {word}")));
    for (name, property) in entries(&schema["properties"]) {
        let place = format!("{place}.{name}");
        promised_of(contract, property, &place, found);
        found.insert(place);
    }
    for (part, suffix) in PARTS {
        if schema[part].is_object() {
            promised_of(contract, &schema[part], &format!("{place}{suffix}"), found);
        }
    }
    for branch in branches(schema) {
        promised_of(contract, branch, place, found);
    }
}

/// Schemas of what an instance holds, and how their place is called.
const PARTS: [(&str, &str); 2] = [("items", "[]"), ("additionalProperties", ".*")];

fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn words(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"))
}

fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|of| schema[of].as_array()).flatten()
}

/// What an instance shows of its schema.
fn shown(contract: &Contract, schema: &Value, value: &Value, place: &str, came: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        came.insert(name_of(reference).to_owned());
        return shown(contract, contract.resolve(schema), value, name_of(reference), came);
    }
    came.extend(words(schema).filter(|word| *word == value).map(|word| format!("{place} = {word}")));
    for (name, given) in entries(value) {
        if let Some(property) = schema["properties"].get(name) {
            let place = format!("{place}.{name}");
            shown(contract, property, given, &place, came);
            came.insert(place);
        } else if schema["additionalProperties"].is_object() {
            shown(contract, &schema["additionalProperties"], given, &format!("{place}.*"), came);
        }
    }
    for given in value.as_array().into_iter().flatten() {
        shown(contract, &schema["items"], given, &format!("{place}[]"), came);
    }
    for branch in branches(schema).filter(|branch| contract.fits(branch, value).is_ok()) {
        shown(contract, branch, value, place, came);
    }
}

impl Contract {
    /// The parameters of an operation, its path's among them.
    fn parameters<'a>(&'a self, item: &'a Value, operation: &'a Value) -> impl Iterator<Item = &'a Value> {
        [operation, item]
            .into_iter()
            .filter_map(|of| of["parameters"].as_array())
            .flatten()
            .map(|parameter| self.resolve(parameter))
    }

    /// What an answer shows, and the query that it was given to if that was understood.
    pub(super) fn shown_by(&self, judged: &Judged<'_>, answer: &Answer<'_>) -> BTreeSet<String> {
        let operation = &judged.operation;
        let place = format!("{operation} {}", answer.status);
        let mut came = BTreeSet::from([place.clone()]);
        let stated = entries(&judged.response["headers"]).map(|(name, _)| name);
        came.extend(stated.filter(|name| !answer.header_values(name).is_empty()).map(|name| format!("{place} {name}")));
        if let Some((schema, body)) = &judged.body {
            shown(self, schema, body, &place, &mut came);
        }
        let query = answer.target.split_once('?').filter(|_| answer.status < 400).map_or("", |(_, query)| query);
        let names = query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty());
        came.extend(names.map(|name| format!("{operation} ?{name}")));
        came
    }

    /// What the body of a request shows.
    pub(super) fn shown_by_body(&self, operation: &Operation, content_type: &str, body: &Value) -> BTreeSet<String> {
        let mut came = BTreeSet::new();
        let schema = &self.content_of(operation)[content_type]["schema"];
        shown(self, schema, body, &operation.to_string(), &mut came);
        came
    }

    /// What was sent to a webhook shows.
    pub(super) fn shown_by_webhook(&self, name: &str, schema: &Value, body: &Value) -> BTreeSet<String> {
        let mut came = BTreeSet::new();
        shown(self, schema, body, &format!("webhook {name}"), &mut came);
        came
    }
}
