//! Reads `[[webhooks]]`: who is told of events, and which.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use secrecy::SecretSlice;
use url::{Host, Url};

use super::error::suggestion;
use super::reader::Reader;
use super::scalar::text_as;
use super::secret::secrets;
use super::types::Webhook;
use super::{address, whsec};
use domain::destination::may_connect;
use domain::event::Event;

/// One that signs, and one that it takes the place of.
const MOST_SECRETS: usize = 2;
const NAME: usize = 64;

/// Reads all of them, by name.
pub(super) fn read(top: &mut Reader<'_>) -> BTreeMap<String, Webhook> {
    let mut webhooks = BTreeMap::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for mut reader in top.entries("webhooks") {
        if let Some(label) = reader.value("name").and_then(toml::Value::as_str) {
            reader.set_label(label);
        }
        let hint = "set it to what you call it; its events wait under this name, whatever its address";
        let name = reader.required("name", hint, text_as(name));
        if let Some(name) = &name {
            if let Some(first) = seen.get(name) {
                reader.wrong("name", format!("is taken by {first}: each webhook needs its own"));
            } else {
                seen.insert(name.clone(), reader.path().to_owned());
            }
        }
        if let Some(webhook) = read_one(reader, name) {
            webhooks.insert(webhook.name.clone(), webhook);
        }
    }
    webhooks
}

fn read_one(mut reader: Reader<'_>, name: Option<String>) -> Option<Webhook> {
    let hint = "set it to where events are sent, such as \"https://app.company.com/events\"";
    let url = reader.required("url", hint, text_as(address::endpoint));
    let allow = reader.list("allow", address::network).unwrap_or_default();
    if let Some(url) = &url
        && let Err(problem) = may_go_to(url, &allow)
    {
        reader.wrong("url", problem);
    }
    let keys = read_keys(&mut reader);
    let events = read_events(&mut reader);
    reader.finish();
    Some(Webhook { name: name?, url: url?, keys, events, allow })
}

/// It stands in logs, in the database and in addresses.
fn name(text: &str) -> Result<String, String> {
    let is_name = (1..=NAME).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if is_name { Ok(text.to_owned()) } else { Err(format!("must be 1 to {NAME} of A-Z a-z 0-9 - . _")) }
}

/// What an address says by itself is told now, not at the first event. Others are judged by what their name resolves to, each time.
fn may_go_to(url: &Url, allow: &[IpNet]) -> Result<(), String> {
    let written = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
        Some(Host::Domain(_)) | None => None,
    };
    match written {
        Some(address) if !may_connect(address, allow) => {
            Err(format!("is no public address: if it is meant, write allow = [\"{address}\"]"))
        }
        None if url.scheme() == "http" && !allow.iter().any(|network| network.addr().is_loopback()) => {
            Err("is this machine: if it is meant, write allow = [\"127.0.0.1\", \"::1\"]".to_owned())
        }
        _ => Ok(()),
    }
}

fn read_keys(reader: &mut Reader<'_>) -> Vec<SecretSlice<u8>> {
    reader.demand(
        "secrets",
        "list what deliveries are signed with, whsec_ and base64: the newest first, two while it changes",
    );
    let mut keys = Vec::new();
    let found = secrets(reader, "secrets");
    for (place, secret) in &found {
        match whsec::key(secret) {
            Ok(key) => keys.push(key),
            Err(problem) => reader.wrong("secrets", format!("{place} {problem}")),
        }
    }
    if reader
        .value("secrets")
        .and_then(toml::Value::as_array)
        .is_some_and(|list| !(1..=MOST_SECRETS).contains(&list.len()))
    {
        reader.wrong("secrets", format!("must be one, or {MOST_SECRETS} while one takes the place of the other"));
    }
    keys
}

/// Those it names, or all that anybody is told of.
fn read_events(reader: &mut Reader<'_>) -> Vec<Event> {
    let told = || Event::ALL.iter().copied().filter(|event| event.rule().is_told);
    let known = |text: &str| match Event::parse(text) {
        Some(event) if event.rule().is_told => Ok(event),
        Some(_) => {
            let names: Vec<&str> = told().map(Event::as_str).collect();
            Err(format!("{text:?} is told to nobody; told are {}", names.join(", ")))
        }
        None => Err(format!("{text:?} is no event; {}", suggestion(text, told().map(Event::as_str)))),
    };
    let Some(events) = reader.list("events", known) else { return told().collect() };
    if reader.value("events").and_then(toml::Value::as_array).is_some_and(Vec::is_empty) {
        reader.wrong("events", "must name an event; without it, all are told");
    }
    events
}
